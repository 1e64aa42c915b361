"""Small pieces that the bodies share. What they refuse leaves as construct's `ValidationError`."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from construct import Adapter, Byte, Construct, GreedyBytes, Int32ub, Prefixed, PrefixedArray, Struct, ValidationError

_NEVER = 0xFFFF_FFFF


class _Text(Adapter):
    """Printable UTF-8 of at most `most` bytes behind its length."""

    def __init__(self, most: int) -> None:
        super().__init__(Prefixed(Byte, GreedyBytes))
        self._most = most

    def _decode(self, obj: bytes, context: Any, path: str) -> str:
        try:
            text = obj.decode()
        except UnicodeDecodeError:
            raise ValidationError("text is not UTF-8") from None
        if len(obj) > self._most or not text.isprintable():
            raise ValidationError("text is too long or not printable")
        return text


class Name(_Text):
    """A text that says who is meant. It is never cut: what is left could be the name of another server.

    Writing one that does not fit is a `ValueError`: whoever hands it in has not checked it.
    """

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        encoded = obj.encode(errors="backslashreplace")
        if len(encoded) > self._most or not obj.isprintable():
            raise ValueError(f"name {obj!a}: must be printable and at most {self._most} bytes; a name is never cut")
        return encoded


class FreeText(_Text):
    """A text for people to read; what is written is cut and cleaned to what fits."""

    def _encode(self, obj: str, context: Any, path: str) -> bytes:
        clean = "".join(letter if letter.isprintable() else "?" for letter in obj)
        return clean.encode()[: self._most].decode(errors="ignore").encode()


class Moment(Adapter):
    """Seconds as a count of milliseconds in 32 bits; what does not fit is cut to what does."""

    _most = 0xFFFF_FFFF

    def __init__(self) -> None:
        super().__init__(Int32ub)

    def _decode(self, obj: int, context: Any, path: str) -> float | None:
        return obj / 1000

    def _encode(self, obj: float | None, context: Any, path: str) -> int:
        return min(max(round((obj or 0.0) * 1000), 0), self._most)


class Seconds(Moment):
    """The same, or None (never) as all ones."""

    _most = _NEVER - 1

    def _decode(self, obj: int, context: Any, path: str) -> float | None:
        return None if obj == _NEVER else super()._decode(obj, context, path)

    def _encode(self, obj: float | None, context: Any, path: str) -> int:
        return _NEVER if obj is None else super()._encode(obj, context, path)


class Member(Adapter):
    """A byte as a member of `kind`; an unknown one is `otherwise`, or no valid body at all where that is None."""

    def __init__(self, kind: type[IntEnum], otherwise: IntEnum | None = None) -> None:
        super().__init__(Byte)
        self._kind, self._otherwise = kind, otherwise

    def _decode(self, obj: int, context: Any, path: str) -> IntEnum:
        try:
            return self._kind(obj)
        except ValueError:
            if self._otherwise is None:
                raise ValidationError(f"{obj} is no {self._kind.__name__}") from None
            return self._otherwise

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return int(obj)


class Row(Adapter):
    """A tuple behind its length; a longer one is shortened in the middle when written, never at its end."""

    def __init__(self, most: int, item: Construct) -> None:
        super().__init__(PrefixedArray(Byte, item))
        self._most = most

    def _decode(self, obj: Any, context: Any, path: str) -> tuple[Any, ...]:
        if len(obj) > self._most:
            raise ValidationError("a row is too long")
        return tuple(obj)

    def _encode(self, obj: tuple[Any, ...], context: Any, path: str) -> tuple[Any, ...]:
        spare = len(obj) - self._most
        first = self._most // 2
        return obj if spare <= 0 else obj[:first] + obj[first + spare :]


class Record(Adapter):
    """The dataclass `kind`, its fields laid out by name; bytes beyond the layout are left alone (fields are only appended)."""

    def __init__(self, kind: Callable[..., Any], *layout: Construct) -> None:
        super().__init__(Struct(*layout))
        self._kind = kind
        self._names = [field.name for field in layout if field.name]

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self._kind(**{name: obj[name] for name in self._names})

    def _encode(self, obj: Any, context: Any, path: str) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in self._names}


class Guid(Adapter):
    """16 bytes, or none."""

    def __init__(self) -> None:
        super().__init__(Prefixed(Byte, GreedyBytes))

    def _decode(self, obj: bytes, context: Any, path: str) -> bytes:
        if len(obj) not in (0, 16):
            raise ValidationError("a GUID has 16 bytes")
        return bytes(obj)

    def _encode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj
