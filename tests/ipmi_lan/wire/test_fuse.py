"""The fused functions agree with construct on every layout of the wire: the same values, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from struct import calcsize
from typing import Any

import construct
import pytest
from construct import (
    Byte,
    Bytes,
    Computed,
    Const,
    ConstructError,
    Flag,
    Float32l,
    GreedyBytes,
    Int16sl,
    Int16ub,
    Int16ul,
    Int32ul,
    Int64ub,
    Padding,
    PrefixedArray,
    Struct,
    this,
)
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire import handshake, message, packet, packet15, rmcp
from ipmi_lan.wire.fuse import Fused, fuse
from tests.ipmi_lan.wire.octets import hostile

OWN = {
    "packet": packet._PACKET,
    "packet 1.5 without code": packet15._WITHOUT,
    "packet 1.5 with code": packet15._CODED,
    "LAN message": message._MESSAGE,
    "ASF": rmcp._ASF,
    "pong": rmcp._PONG_DATA,
    "Open Session Request": handshake._OPEN_REQUEST,
    "Open Session Response": handshake._OPEN_RESPONSE,
    "RAKP 1": handshake._RAKP_1,
    "RAKP reply": handshake._REPLY_HEAD,
    "RAKP 2": handshake._RAKP_2_REST,
}
OTHERS = {
    "nothing": Struct(),
    "one number": Struct("only" / Byte),
    "a constant alone": Struct(Const(b"\x06")),
    "a constant and one field": Struct("before" / Const(b"\x06\x07"), "only" / Int16ul),
    "a constant and the tail": Struct(Const(b"\x06"), "rest" / GreedyBytes),
    "the tail alone": Struct("rest" / GreedyBytes),
    "big-endian, signs and eight octets": Struct("short" / Int16ub, "signed" / construct.Int8sb, "long" / Int64ub),
    "little-endian and a sign": Struct("signed" / Int16sl, Padding(3), "four" / Int32ul),
    "layouts within": Struct(
        "in" / Struct("one" / Byte, Const(b"\xaa"), "deep" / Struct("two" / Bytes(2))),
        "rest" / GreedyBytes,
    ),
    "padding alone": Struct(Padding(2)),
}
LAYOUTS = OWN | OTHERS
every_layout = pytest.mark.parametrize("name", LAYOUTS)
FUSED = {name: fuse(layout) for name, layout in LAYOUTS.items()}


def pieces(layout: construct.Construct) -> Iterator[tuple[str, construct.Construct]]:
    """Every plain piece, in line, with its name."""
    inner = layout.subcon if isinstance(layout, construct.Renamed) else layout
    for piece in inner.subcons:
        bare = piece.subcon if isinstance(piece, construct.Renamed) else piece
        if isinstance(bare, Struct):
            yield from pieces(bare)
        else:
            yield piece.name or "", bare


def fields_of(layout: construct.Construct) -> list[tuple[str, construct.Construct]]:
    return [(name, piece) for name, piece in pieces(layout) if name and not isinstance(piece, construct.Const)]


def zeros(layout: construct.Construct) -> list[Any]:
    """A value for every field."""
    empty = {GreedyBytes: b""}
    return [empty.get(piece, bytes(piece.length) if isinstance(piece, Bytes) else 0) for _, piece in fields_of(layout)]


def flat(layout: construct.Construct, parsed: Any) -> tuple[Any, ...]:
    """The fields of what construct parsed, in line."""
    inner = layout.subcon if isinstance(layout, construct.Renamed) else layout
    values: list[Any] = []
    for piece in inner.subcons:
        bare = piece.subcon if isinstance(piece, construct.Renamed) else piece
        if isinstance(bare, Struct):
            values += flat(bare, parsed[piece.name])
        elif piece.name and not isinstance(bare, construct.Const):
            values.append(parsed[piece.name])
    return tuple(values)


def nested(layout: construct.Construct, values: Iterator[Any]) -> dict[str, Any]:
    """What construct builds of, of the fields in line."""
    inner = layout.subcon if isinstance(layout, construct.Renamed) else layout
    found: dict[str, Any] = {}
    for piece in inner.subcons:
        bare = piece.subcon if isinstance(piece, construct.Renamed) else piece
        if isinstance(bare, Struct):
            found[piece.name] = nested(bare, values)
        elif piece.name and not isinstance(bare, construct.Const):
            found[piece.name] = next(values)
    return found


def fitting(piece: construct.Construct) -> st.SearchStrategy[Any]:
    if piece is GreedyBytes:
        return st.binary(max_size=40)
    if isinstance(piece, Bytes):
        return st.binary(min_size=piece.length, max_size=piece.length)
    bits = 8 * calcsize("<" + piece.fmtstr[1])
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if piece.fmtstr[1].islower() else st.integers(0, (1 << bits) - 1)


def wild(piece: construct.Construct) -> st.SearchStrategy[Any]:
    """Values that may not fit."""
    if piece is GreedyBytes:
        return st.binary(max_size=40)
    if isinstance(piece, Bytes):
        return st.binary(max_size=piece.length + 2)
    return st.integers(-(1 << 65), 1 << 65) | st.sampled_from((-1, 0, 0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x100000000))


def parsed_by_construct(layout: construct.Construct, data: bytes) -> tuple[Any, ...] | None:
    try:
        return flat(layout, layout.parse(data))
    except ConstructError:
        return None


def parsed_by_fused(fused: Fused, data: bytes) -> tuple[Any, ...] | None:
    try:
        return fused.parse_untrusted(data)
    except Malformed:
        return None


@every_layout
@given(data=st.data())
def test_values_that_fit_are_built_and_parsed_alike(name: str, data: st.DataObject) -> None:
    layout, fused = LAYOUTS[name], FUSED[name]
    values = [data.draw(fitting(piece)) for _, piece in fields_of(layout)]
    built = fused.build(*values)
    assert built == layout.build(nested(layout, iter(values)))
    assert fused.parse_untrusted(built) == tuple(values) == flat(layout, layout.parse(built))


@every_layout
@given(data=st.data())
def test_octets_of_any_kind_are_parsed_or_refused_alike(name: str, data: st.DataObject) -> None:
    layout, fused = LAYOUTS[name], FUSED[name]
    values = [data.draw(fitting(piece)) for _, piece in fields_of(layout)]
    octets = data.draw(hostile(st.just(fused.build(*values))))
    assert parsed_by_fused(fused, octets) == parsed_by_construct(layout, octets)


@every_layout
@given(data=st.data())
def test_values_of_any_kind_are_built_or_refused_alike(name: str, data: st.DataObject) -> None:
    layout, fused = LAYOUTS[name], FUSED[name]
    values = [data.draw(wild(piece)) for _, piece in fields_of(layout)]
    try:
        expected = layout.build(nested(layout, iter(values)))
    except ConstructError:
        with pytest.raises(BadArgument):
            fused.build(*values)
    else:
        assert fused.build(*values) == expected


@every_layout
def test_names_and_size_are_those_of_the_layout(name: str) -> None:
    layout, fused = LAYOUTS[name], FUSED[name]
    assert list(fused.names) == [field for field, _ in fields_of(layout)]
    built = fused.build(*zeros(layout))
    assert len(built) == fused.size
    assert len(fused.parse_untrusted(built)) == len(fused.names)


@every_layout
def test_every_cut_is_refused(name: str) -> None:
    layout, fused = LAYOUTS[name], FUSED[name]
    for size in range(fused.size):
        assert parsed_by_construct(layout, bytes(size)) is None
        assert parsed_by_fused(fused, bytes(size)) is None


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(Byte, id="no Struct"),
        pytest.param(Struct("a" / Int16ul, "b" / Int32ul, "c" / Int16ub), id="both endiannesses"),
        pytest.param(Struct("rest" / GreedyBytes, "after" / Byte), id="a field behind the tail"),
        pytest.param(Struct("in" / Struct("rest" / GreedyBytes), "after" / Byte), id="a field behind a layout with a tail"),
        pytest.param(Struct("rest" / GreedyBytes, Padding(1)), id="padding behind the tail"),
        pytest.param(Struct(Byte), id="a number without a name"),
        pytest.param(Struct(Bytes(2)), id="octets without a name"),
        pytest.param(Struct(GreedyBytes), id="a tail without a name"),
        pytest.param(Struct("size" / Byte, "octets" / Bytes(this.size)), id="octets of a length that is parsed"),
        pytest.param(Struct("size" / Byte, Padding(this.size)), id="padding of a length that is parsed"),
        pytest.param(Struct(Padding(2, pattern=b"\xff")), id="padding of another pattern"),
        pytest.param(Struct("six" / Const(6, Byte)), id="a constant that is a number"),
        pytest.param(Struct("flag" / Flag), id="a flag"),
        pytest.param(Struct("real" / Float32l), id="a float"),
        pytest.param(Struct("native" / construct.Int16un), id="the machine's own endianness"),
        pytest.param(Struct("kind" / construct.Enum(Byte, one=1)), id="an enumeration"),
        pytest.param(Struct("bits" / construct.BitStruct("a" / construct.Nibble, "b" / construct.Nibble)), id="bits"),
        pytest.param(Struct("sum" / Computed(1)), id="a computed value"),
        pytest.param(Struct("many" / PrefixedArray(Byte, Byte)), id="an array"),
        pytest.param(Struct("checked" / construct.Checksum(Byte, lambda data: 0, this.checked)), id="a checksum"),
        pytest.param(Struct("padded" / construct.Padded(4, Byte)), id="a padded number"),
        pytest.param(Struct("maybe" / construct.Optional(Byte)), id="something optional"),
        pytest.param(Struct(construct.Terminated), id="an end"),
    ],
)
def test_a_layout_that_is_not_plain_is_no_layout(layout: construct.Construct) -> None:
    with pytest.raises(TypeError):
        fuse(layout)


@every_layout
def test_fields_too_many_or_too_few_are_refused(name: str) -> None:
    fused = FUSED[name]
    values = zeros(LAYOUTS[name])
    with pytest.raises((BadArgument, TypeError)):
        fused.build(*values, 0)
    if values:
        with pytest.raises((BadArgument, TypeError)):
            fused.build(*values[:-1])


def test_an_error_names_the_layout() -> None:
    fused = fuse("a thing" / Struct("number" / Int16ul))
    with pytest.raises(Malformed, match="a thing: too short"):
        fused.parse_untrusted(b"\0")
    with pytest.raises(BadArgument, match="a thing"):
        fused.build(0x10000)
