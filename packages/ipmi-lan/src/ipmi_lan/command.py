"""What a command is: its number, the layout of its request and of its reply, and whether it may be sent twice."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

from construct import Construct, Struct

from ipmi_lan.wire.codes import NetFn
from ipmi_lan.wire.fields import malformed

Value = TypeVar("Value")
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Empty:
    """The data of a request or reply that has none."""


@dataclass(frozen=True, slots=True)
class Layout(Generic[Value]):
    """A construct layout and the frozen dataclass that it stands for; no caller ever sees a `Container`.

    The layout names every field of the dataclass. Octets beyond it are ignored: IPMI replies may be longer than we read.
    """

    struct: Construct
    kind: type[Value]

    def parse_untrusted(self, data: bytes) -> Value:
        """The value in `data`. Raises `Malformed`."""
        with malformed(self.kind.__name__):
            parsed = self.struct.parse(data)
        return self.kind(**{name: parsed[name] for name in _names(self.kind)})

    def build(self, value: Value) -> bytes:
        """The octets of `value`."""
        return bytes(self.struct.build({name: getattr(value, name) for name in _names(self.kind)}))


def _names(kind: type[Any]) -> list[str]:
    assert is_dataclass(kind)
    return [field.name for field in fields(kind)]


NOTHING: Layout[Empty] = Layout(Struct(), Empty)


@dataclass(frozen=True, slots=True)
class Definition(Generic[Asked, Answered]):
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


@dataclass(frozen=True, slots=True)
class Command(Generic[Answered]):
    """A command ready to be sent; `Client.run` returns what its reply becomes."""

    name: str
    netfn: NetFn
    code: int
    data: bytes
    reply: Layout[Answered]
    is_repeatable: bool = True
