from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.packet import (
    AUTHENTICATED,
    ENCRYPTED,
    NEXT_HEADER,
    Packet,
    build_packet,
    expect_trailer_untrusted,
    parse_fields_untrusted,
    parse_packet_untrusted,
)
from tests.ipmi_lan.wire.octets import hostile, word
from tests.vectors.load import traces

RECORDED = [frame.datagram for trace in traces() for frame in trace.frames if frame.datagram[4] == 6]
CODE_SIZES = st.sampled_from((12, 16))

packets = st.builds(
    Packet,
    payload_type=st.integers(0, 0x3F),
    payload=st.binary(max_size=100),
    session_id=word,
    sequence=word,
    encrypted=st.booleans(),
    authenticated=st.booleans(),
)


@given(packets)
def test_a_packet_comes_back(packet: Packet) -> None:
    assert parse_packet_untrusted(build_packet(packet)) == packet


def test_the_header_is_laid_out_as_table_13_8_has_it() -> None:
    packet = Packet(0x13, b"\xaa\xbb", session_id=0x01020304, sequence=0x05060708)
    assert build_packet(packet).hex(" ") == "06 00 ff 07 06 13 04 03 02 01 08 07 06 05 02 00 aa bb"


def test_bits_6_and_7_of_the_payload_type_are_authenticated_and_encrypted() -> None:
    assert build_packet(Packet(0, b"", encrypted=True))[5] == 0x80
    assert build_packet(Packet(0, b"", authenticated=True))[5] == 0x40


@given(packets)
def test_the_fields_are_the_packet_with_its_flags_as_they_travel(packet: Packet) -> None:
    flags, session_id, sequence, payload = parse_fields_untrusted(build_packet(packet))
    assert (session_id, sequence, payload) == (packet.session_id, packet.sequence, packet.payload)
    assert flags == packet.payload_type | ENCRYPTED * packet.encrypted | AUTHENTICATED * packet.authenticated


def test_a_packet_that_does_not_fit_is_refused() -> None:
    for packet in (Packet(0, bytes(0x10000)), Packet(0, b"", session_id=-1), Packet(0, b"", sequence=1 << 32)):
        with pytest.raises(BadArgument):
            build_packet(packet)


@given(st.binary(max_size=100), CODE_SIZES)
def test_what_the_code_covers_is_whole_groups_of_four_octets(payload: bytes, code_size: int) -> None:
    datagram = build_packet(Packet(0, payload, authenticated=True))
    assert len(datagram[4:]) % 4 == 0
    assert len(datagram) <= 16 + len(payload) + 3 + 2
    expect_trailer_untrusted(datagram + b"\xcc" * code_size, len(payload), code_size)


@given(st.binary(max_size=100), CODE_SIZES)
def test_a_short_pad_leaves_out_the_two_octets_behind_it(payload: bytes, code_size: int) -> None:
    datagram = build_packet(Packet(0, payload, authenticated=True), pads_short=True)
    assert (len(datagram) - 2) % 4 == 0
    assert datagram[-2] == -len(payload) % 4
    expect_trailer_untrusted(datagram + b"\xcc" * code_size, len(payload), code_size)


def test_a_pad_of_four_where_none_is_due_is_taken() -> None:
    datagram = build_packet(Packet(0, b"\xaa\xbb", authenticated=True))[:-2] + b"\xff" * 4 + bytes((4, NEXT_HEADER))
    expect_trailer_untrusted(datagram + b"\xcc" * 12, 2, 12)


@pytest.mark.parametrize("pad", [5, 6, 0x80, 0xFF])
def test_a_longer_pad_is_refused(pad: int) -> None:
    datagram = build_packet(Packet(0, b"\xaa\xbb", authenticated=True))[:-2] + b"\xff" * pad + bytes((pad, NEXT_HEADER))
    with pytest.raises(Malformed):
        expect_trailer_untrusted(datagram + b"\xcc" * 12, 2, 12)


@pytest.mark.parametrize(
    "trailer",
    [
        pytest.param(b"\x01\x07", id="pad length does not fit"),
        pytest.param(b"\x00\x06", id="another next header"),
        pytest.param(b"\x07", id="no pad length"),
        pytest.param(b"", id="no trailer"),
    ],
)
def test_a_trailer_that_does_not_fit_is_refused(trailer: bytes) -> None:
    datagram = build_packet(Packet(0, b"\xaa\xbb", authenticated=True))[:-2]
    with pytest.raises(Malformed):
        expect_trailer_untrusted(datagram + trailer + b"\xcc" * 12, 2, 12)


def test_octets_behind_the_payload_are_ignored_outside_a_session() -> None:
    packet = Packet(0x11, b"\x00\x12")
    assert parse_packet_untrusted(build_packet(packet) + b"\0\0\0\0") == packet


@pytest.mark.parametrize(
    ("offset", "octet"),
    [
        pytest.param(0, 0x05, id="RMCP version"),
        pytest.param(3, 0x06, id="class ASF"),
        pytest.param(3, 0x87, id="an RMCP acknowledgement"),
        pytest.param(4, 0x00, id="IPMI 1.5 framing"),
        pytest.param(14, 0xFF, id="a payload longer than the datagram"),
    ],
)
def test_another_kind_of_datagram_is_refused(offset: int, octet: int) -> None:
    datagram = bytearray(build_packet(Packet(0x11, b"\x00\x12")))
    datagram[offset] = octet
    with pytest.raises(Malformed):
        parse_packet_untrusted(bytes(datagram))


@given(hostile(st.sampled_from(RECORDED)), CODE_SIZES)
def test_the_doors_raise_malformed_only(datagram: bytes, code_size: int) -> None:
    with suppress(Malformed):
        parse_packet_untrusted(datagram)
    with suppress(Malformed):
        expect_trailer_untrusted(datagram, len(parse_packet_untrusted(datagram).payload), code_size)
