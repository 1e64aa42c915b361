from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.packet15 import (
    Packet15,
    build_packet15,
    build_sessionless,
    parse_packet15_untrusted,
    parse_sessionless_untrusted,
)
from tests.ipmi_lan.wire.octets import hostile, word
from tests.vectors.load import Frame, Trace15, frames, traces15

RECORDED = [frame for name in ("lab-capabilities-15", "lab-capabilities-15-user") for frame in frames(name)]
VALID = RECORDED[0].datagram
CODED = [AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM]

payloads = st.binary(max_size=255)
coded = st.builds(Packet15, st.sampled_from(CODED), word, word, st.binary(min_size=16, max_size=16), payloads)
plain = st.builds(Packet15, st.just(0), word, word, st.just(b""), payloads)


@given(coded | plain)
def test_a_packet_comes_back(packet: Packet15) -> None:
    assert parse_packet15_untrusted(build_packet15(packet)) == packet


def test_the_header_is_laid_out_as_table_13_8_has_it() -> None:
    code = bytes(range(16))
    packet = Packet15(AuthType.MD5, 0x01020304, 0x05060708, code, b"\xaa\xbb")
    assert build_packet15(packet).hex() == "0600ff07" + "02" + "04030201" + "08070605" + code.hex() + "02" + "aabb"
    without = Packet15(AuthType.NONE, 0x01020304, 0x05060708, b"", b"\xaa\xbb")
    assert build_packet15(without).hex() == "0600ff07" + "00" + "04030201" + "08070605" + "02" + "aabb"


@pytest.mark.parametrize("trace", traces15(), ids=lambda trace: trace.id)
def test_every_recorded_packet_is_rebuilt_and_holds_what_was_recorded(trace: Trace15) -> None:
    for frame, sealed in zip(trace.frames, trace.messages, strict=True):
        packet = parse_packet15_untrusted(frame.datagram)
        assert build_packet15(packet) == frame.datagram
        assert (packet.sequence, packet.payload) == (sealed.sequence, sealed.message)


@pytest.mark.parametrize("auth_type", [3, AuthType.RMCP_PLUS, 7, 0x12, 0xFF])
def test_another_authentication_type_is_refused(auth_type: int) -> None:
    with pytest.raises(Malformed):
        parse_packet15_untrusted(VALID[:4] + bytes((auth_type,)) + VALID[5:] + bytes(16))
    with pytest.raises(BadArgument):
        build_packet15(Packet15(auth_type, 0, 0, bytes(16), b""))


@pytest.mark.parametrize(
    ("auth_type", "size"), [(AuthType.NONE, 16), (AuthType.NONE, 1), (AuthType.MD5, 0), (AuthType.MD5, 15), (AuthType.MD5, 17)]
)
def test_a_code_of_another_length_is_not_sent(auth_type: AuthType, size: int) -> None:
    with pytest.raises(BadArgument):
        build_packet15(Packet15(auth_type, 0, 0, bytes(size), b""))


def test_a_message_too_long_for_its_length_is_not_sent() -> None:
    with pytest.raises(BadArgument):
        build_sessionless(bytes(256))


@given(hostile((coded | plain).map(build_packet15)))
def test_the_door_of_a_session_raises_malformed_only(datagram: bytes) -> None:
    with suppress(Malformed):
        parse_packet15_untrusted(datagram)


@pytest.mark.parametrize("frame", RECORDED)
def test_a_recorded_packet_is_rebuilt_octet_for_octet(frame: Frame) -> None:
    assert build_sessionless(parse_sessionless_untrusted(frame.datagram)) == frame.datagram


@given(st.binary(max_size=255))
def test_a_message_comes_back(message: bytes) -> None:
    assert parse_sessionless_untrusted(build_sessionless(message)) == message


@given(st.binary(max_size=40), st.binary(max_size=8))
def test_octets_behind_the_message_are_ignored(message: bytes, more: bytes) -> None:
    assert parse_sessionless_untrusted(build_sessionless(message) + more) == message


def test_reserved_octet_and_sequence_of_rmcp_are_not_read() -> None:
    assert parse_sessionless_untrusted(VALID[:1] + b"\x55\x00" + VALID[3:]) == VALID[14:]


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(VALID[:9] + b"\x01" + VALID[10:], id="in a session"),
        pytest.param(VALID[:4] + b"\x02" + VALID[5:], id="authenticated with MD5"),
        pytest.param(VALID[:-1], id="shorter than it says"),
        pytest.param(VALID[:13], id="no length"),
        pytest.param(VALID[:3] + b"\x06" + VALID[4:], id="class ASF"),
    ],
)
def test_what_is_no_sessionless_packet_is_refused(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        parse_sessionless_untrusted(datagram)


@given(hostile(st.sampled_from([frame.datagram for frame in RECORDED])))
def test_the_door_raises_malformed_only(datagram: bytes) -> None:
    with suppress(Malformed):
        parse_sessionless_untrusted(datagram)
