"""What a command is: its number, the layout of its request and of its reply, and whether it may be sent twice."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from construct import Construct, Struct

from ipmi_lan.errors import BadArgument
from ipmi_lan.wire.codes import NetFn
from ipmi_lan.wire.fields import malformed
from ipmi_lan.wire.fuse import Fused, fuse

Value = TypeVar("Value")
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

_KEPT = 64   # values of each layout
_MOST_HOPS = 2


@dataclass(frozen=True, slots=True)
class Empty:
    """The data of a request or reply that has none."""


class Layout(Generic[Value]):
    """A construct layout and the named tuple (or frozen dataclass) that it stands for; no caller ever sees a `Container`.

    The layout names every field of it. Octets beyond it are ignored: IPMI replies may be longer than we read.
    The last values are kept by their octets: a poll sees the same three nearly always, and construct takes 30 µs for them.
    """

    def __init__(self, struct: Construct, kind: type[Value]) -> None:
        self.struct = struct
        self.kind = kind
        self._names = tuple(_names(kind))
        self._fused = _fused(struct, self._names)
        self._parse = lru_cache(_KEPT)(self._parse_anew_untrusted)
        self._build = lru_cache(_KEPT)(self._build_anew)

    def parse_untrusted(self, data: bytes) -> Value:
        """The value in `data`. Raises `Malformed`."""
        return self._parse(data)

    def build(self, value: Value) -> bytes:
        """The octets of `value`."""
        return self._build(value)

    def _parse_anew_untrusted(self, data: bytes) -> Value:
        if self._fused is not None:
            return self.kind(*self._fused.parse_untrusted(data))
        with malformed(self.kind.__name__):
            parsed = self.struct.parse(data)
        return self.kind(**{name: parsed[name] for name in self._names})

    def _build_anew(self, value: Value) -> bytes:
        if self._fused is not None:
            return self._fused.build(*(getattr(value, name) for name in self._names))
        return bytes(self.struct.build({name: getattr(value, name) for name in self._names}))


def _fused(struct: Construct, names: tuple[str, ...]) -> Fused | None:
    """The fast functions of a layout of plain fields that stand in the order of the value's; None for any other."""
    try:
        fused = fuse(struct)
    except TypeError:
        return None
    return fused if fused.names == names else None


def _names(kind: type[Any]) -> list[str]:
    if issubclass(kind, tuple):
        return list(kind._fields)  # type: ignore[attr-defined]
    assert is_dataclass(kind)
    return [field.name for field in fields(kind)]


NOTHING: Layout[Empty] = Layout(Struct(), Empty)


class Definition(NamedTuple, Generic[Asked, Answered]):
    """One row of the command tables (IPMI 2.0, appendix G). Both ends, client and simulator, stand on it."""

    name: str
    netfn: NetFn
    code: int
    request: Layout[Asked]
    reply: Layout[Answered]
    is_repeatable: bool = True
    """Whether it may be sent again when no answer came. Never so for what switches power."""

    def __call__(self, asked: Asked) -> Command[Answered]:
        """The command with its arguments."""
        return Command(self.name, self.netfn, self.code, self.request.build(asked), self.reply, self.is_repeatable)


class Hop(NamedTuple):
    """One step from the BMC to a controller behind it (6.12.4): out on `channel`, to the slave address `address`."""

    channel: int
    """0 is the primary IPMB."""
    address: int
    """An even octet, like 82h."""


class Command(NamedTuple, Generic[Answered]):
    """A command ready to be sent; `Client.run` returns what its reply becomes."""

    name: str
    netfn: int
    code: int
    data: bytes
    reply: Layout[Answered]
    is_repeatable: bool = True
    via: tuple[Hop, ...] = ()
    """The way to the controller that is to do it, at most two hops; empty: the BMC itself."""

    def through(self, *hops: Hop) -> Command[Answered]:
        """The same command for the controller at the end of `hops` (bridging, 6.12.4). Raises `BadArgument` for more than two."""
        if len(hops) > _MOST_HOPS:
            raise BadArgument(f"{len(hops)} hops: Send Message is bridged over at most {_MOST_HOPS}")
        return self._replace(via=hops)
