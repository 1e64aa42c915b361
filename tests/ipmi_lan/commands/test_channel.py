from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.channel import (
    GET_CHANNEL_CIPHER_SUITES,
    GET_CHANNEL_INFO,
    ChannelInfo,
    CipherSuites,
    CipherSuitesRequest,
    get_channel_cipher_suites,
    get_channel_info,
)
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.message import parse_request_untrusted, parse_response_untrusted
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.ipmi_lan.commands.recorded import is_asked_by
from tests.vectors.load import frames

QUESTION, ANSWER = (
    parse_packet_untrusted(frame.datagram).payload for frame in frames("handshake-suite17-gigabyte-framing")[2:4]
)


def test_cipher_suites_are_asked_with_ipmitool_s_octets() -> None:
    request = parse_request_untrusted(QUESTION)
    assert is_asked_by(get_channel_cipher_suites(0), request)
    assert GET_CHANNEL_CIPHER_SUITES.request.parse_untrusted(request.data) == CipherSuitesRequest(0)


def test_the_suites_of_a_gigabyte_board_are_read() -> None:
    suites = GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(parse_response_untrusted(ANSWER).data)
    assert suites == CipherSuites(channel=1, records=bytes.fromhex("c003014181c011034481"))


@given(st.integers(0, 63), st.integers(0, 15), st.integers(0, 63), st.booleans())
def test_a_request_for_suites_comes_back(index: int, channel: int, payload_type: int, lists_suites: bool) -> None:
    request = CipherSuitesRequest(index, channel, payload_type, lists_suites)
    octets = GET_CHANNEL_CIPHER_SUITES.request.build(request)
    assert octets == bytes((channel, payload_type, lists_suites << 7 | index))
    assert GET_CHANNEL_CIPHER_SUITES.request.parse_untrusted(octets) == request


def test_an_answer_without_records_has_none_and_one_without_a_channel_is_malformed() -> None:
    assert GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(b"\x01") == CipherSuites(1, b"")
    with pytest.raises(Malformed):
        GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(b"")


def test_this_channel_is_asked_about_as_0eh() -> None:
    assert get_channel_info().data == b"\x0e"
    assert get_channel_info(3).data == b"\x03"


def test_the_octets_of_a_channel_s_info() -> None:
    octets = bytes.fromhex("01 04 01 82 f2 1b 00 00 00")
    info = ChannelInfo(channel=1, medium=4, protocol=1, session_support=2, active_sessions=2, vendor=7154)
    assert GET_CHANNEL_INFO.reply.parse_untrusted(octets) == info
    assert GET_CHANNEL_INFO.reply.build(info) == octets


def test_reserved_bits_of_a_channel_s_info_are_not_read() -> None:
    info = GET_CHANNEL_INFO.reply.parse_untrusted(bytes.fromhex("f1 84 e1 82 f2 1b 00 aa bb"))
    assert info == ChannelInfo(1, 4, 1, 2, 2)


@pytest.mark.parametrize("size", range(9))
def test_a_short_channel_info_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_CHANNEL_INFO.reply.parse_untrusted(bytes(size))
