"""A construct layout of plain fields, made into two functions over one `struct.Struct`.

The layout stays the single truth: `fuse` walks it at import. construct takes 9 µs for a header of six plain fields, the fused
functions 0.1; and they leave no garbage. What a layout may hold: integers of one endianness, `Bytes(n)`, `Const(bytes)`,
`Padding`, layouts within it (their fields stand in line), and at its end `GreedyBytes`. Anything else is a `TypeError` at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from struct import Struct as Octets
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any, NamedTuple

import construct

from ipmi_lan.errors import BadArgument, Malformed

Fields = tuple[Any, ...]

_INTEGERS = "BHLQbhlq"
_ORDERS = "<>"


class Fused(NamedTuple):
    """Both directions of one layout. Constants and padding are no fields: they are checked or skipped, and written."""

    names: tuple[str, ...]
    """Of the fields, in their order, the greedy tail last."""
    size: int
    """Octets of all but the tail."""
    parse_untrusted: Callable[[bytes], Fields]
    """The fields. Raises `Malformed` for octets too few and for a constant that differs; octets beyond the layout are ignored."""
    build: Callable[..., bytes]
    """The octets of the fields, given in order. Raises `BadArgument` for a number or length that the layout has no room for."""


class _Part(NamedTuple):
    """One piece of a layout: a field where it has a name, a constant where it has a value, else padding or the tail."""

    code: str
    """As `struct` writes it; empty for the tail."""
    order: str = ""
    """`<` or `>` where it matters."""
    name: str = ""
    value: bytes | None = None
    size: int = 0
    """Of `Bytes(n)`."""


def fuse(layout: construct.Construct) -> Fused:
    """The functions of `layout`; errors name it as it is named. Raises `TypeError` for a layout that is not plain."""
    what, inner = _unwrap(layout)
    if not isinstance(inner, construct.Struct):
        raise TypeError(f"{inner!r} is not a Struct")
    parts = list(_parts(inner))
    if any(not part.code for part in parts[:-1]):
        raise TypeError(f"{what}: GreedyBytes stands before the end")
    orders = {part.order for part in parts} - {""}
    if len(orders) > 1:
        raise TypeError(f"{what}: integers of both endiannesses")
    names = tuple(part.name for part in parts if part.name)
    octets = Octets((orders.pop() if orders else "<") + "".join(part.code for part in parts))
    return Fused(names, octets.size, _parser(what or "layout", parts, octets), _builder(what or "layout", parts, octets))


def _unwrap(piece: construct.Construct) -> tuple[str, construct.Construct]:
    if isinstance(piece, construct.Renamed):
        return piece.name or "", piece.subcon
    return "", piece


def _parts(layout: construct.Construct) -> Iterator[_Part]:
    for piece in layout.subcons:
        name, inner = _unwrap(piece)
        if isinstance(inner, construct.Struct):
            yield from _parts(inner)
        else:
            yield _part(name, inner)


def _part(name: str, piece: construct.Construct) -> _Part:
    if type(piece) is construct.Const and isinstance(piece.value, bytes) and _is_bytes(piece.subcon):
        return _Part(f"{len(piece.value)}s", value=piece.value)
    if _is_padding(piece):
        return _Part(f"{piece.length}x")
    if not name:
        raise TypeError(f"{piece!r} has no name")
    if piece is construct.GreedyBytes:
        return _Part("", name=name)
    if _is_bytes(piece):
        return _Part(f"{piece.length}s", name=name, size=piece.length)
    return _integer(name, piece)


def _integer(name: str, piece: construct.Construct) -> _Part:
    if type(piece) is construct.FormatField and len(piece.fmtstr) == 2:
        order, code = piece.fmtstr
        if order in _ORDERS and code in _INTEGERS:
            return _Part(code, "" if code in "Bb" else order, name)
    raise TypeError(f"'{name}' cannot be fused: {piece!r}")


def _is_bytes(piece: construct.Construct) -> bool:
    return type(piece) is construct.Bytes and isinstance(piece.length, int)


def _is_padding(piece: construct.Construct) -> bool:
    is_padded = type(piece) is construct.Padded and isinstance(piece.length, int)
    return is_padded and piece.subcon is construct.Pass and piece.pattern == b"\0"


def _stored(parts: list[_Part]) -> list[_Part]:
    """What `struct` gives and takes a value for: all but padding and tail."""
    return [part for part in parts if part.code and (part.name or part.value is not None)]


def _parser(what: str, parts: list[_Part], octets: Octets) -> Callable[[bytes], Fields]:
    """Its own function for each shape: a branch or a call more would be paid for by every datagram."""
    if any(part.value is not None for part in parts):
        return _parser_with_constants(what, parts, octets)
    unpack, beyond = octets.unpack_from, slice(octets.size, None)

    def parse_with_tail(data: bytes) -> Fields:
        try:
            return unpack(data) + (data[beyond],)  # noqa: RUF005 - half as fast the other way
        except StructError:
            raise Malformed(f"{what}: too short") from None

    def parse_without_tail(data: bytes) -> Fields:
        try:
            return unpack(data)
        except StructError:
            raise Malformed(f"{what}: too short") from None

    return parse_with_tail if _has_tail(parts) else parse_without_tail


def _parser_with_constants(what: str, parts: list[_Part], octets: Octets) -> Callable[[bytes], Fields]:
    unpack, beyond, stored = octets.unpack_from, slice(octets.size, None), _stored(parts)
    expected = tuple(part.value for part in stored if part.value is not None)
    constants_of = _picker([place for place, part in enumerate(stored) if part.value is not None])
    fields_of = _picker([place for place, part in enumerate(stored) if part.value is None] + [len(stored)] * _has_tail(parts))

    def parse(data: bytes) -> Fields:
        try:
            values = (*unpack(data), data[beyond])
        except StructError:
            raise Malformed(f"{what}: too short") from None
        if constants_of(values) != expected:
            raise Malformed(f"{what}: a constant differs")
        return fields_of(values)

    return parse


def _builder(what: str, parts: list[_Part], octets: Octets) -> Callable[..., bytes]:
    """Its own function for layouts of numbers and a tail; `struct` would cut or fill `Bytes(n)`, so their sizes are looked at."""
    if not _stored(parts) or any(part.value is not None or part.size for part in parts):
        return _builder_with_octets(what, parts, octets)
    pack = octets.pack

    def build_with_tail(*fields: Any) -> bytes:
        try:
            return pack(*fields[:-1]) + fields[-1]
        except StructError as error:
            raise BadArgument(f"{what}: {error}") from None

    def build_without_tail(*fields: Any) -> bytes:
        try:
            return pack(*fields)
        except StructError as error:
            raise BadArgument(f"{what}: {error}") from None

    return build_with_tail if _has_tail(parts) else build_without_tail


def _builder_with_octets(what: str, parts: list[_Part], octets: Octets) -> Callable[..., bytes]:
    named = [part for part in parts if part.name]
    sizes = [(place, part.size) for place, part in enumerate(named) if part.size]
    constants = tuple(part.value for part in parts if part.value is not None)
    arrange = _picker(list(_arrangement(_stored(parts), len(constants))))
    has_tail = _has_tail(parts)

    def build(*fields: Any) -> bytes:
        if len(fields) != len(named) or any(len(fields[place]) != size for place, size in sizes):
            raise BadArgument(f"{what}: not as many fields or octets as belong there")
        try:
            head = octets.pack(*arrange(constants + fields))
        except StructError as error:
            raise BadArgument(f"{what}: {error}") from None
        return head + fields[-1] if has_tail else head

    return build


def _has_tail(parts: list[_Part]) -> bool:
    return bool(parts) and not parts[-1].code


def _picker(places: list[int]) -> Callable[[Fields], Fields]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def _arrangement(stored: list[_Part], constants: int) -> Iterator[int]:
    """Where the value of each stands among the constants and the fields after them."""
    constant, field = 0, constants
    for part in stored:
        if part.value is not None:
            yield constant
            constant += 1
        else:
            yield field
            field += 1
