"""The doors of `ipmi_lan.wire`: whatever they read, written and read again, is the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ipmi_lan.errors import Malformed
from ipmi_lan.session.attempt import console_id_of_untrusted
from ipmi_lan.wire import handshake
from ipmi_lan.wire.fields import checksum
from ipmi_lan.wire.message import build_request, build_response, parse_request_untrusted, parse_response_untrusted
from ipmi_lan.wire.packet import HEADER_SIZE, build_packet, expect_trailer_untrusted, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_packet15, build_sessionless, parse_packet15_untrusted, parse_sessionless_untrusted
from ipmi_lan.wire.rmcp import (
    build_ping,
    build_pong,
    expect_ipmi_untrusted,
    parse_ping_untrusted,
    parse_pong_untrusted,
    rmcp_class_untrusted,
)
from tests.fuzz import recorded
from tests.fuzz.finding import Target, expect, expect_same

Value = TypeVar("Value")
_CODE_SIZES = (0, 12, 16)
_MESSAGE_HEAD, _HEAD_AND_CHECKSUM, _SHORTEST_MESSAGE = 2, 3, 7


def read(parse: Callable[[bytes], Value], data: bytes) -> Value | None:
    """What `parse` makes of it; None where it is `Malformed`."""
    try:
        return parse(data)
    except Malformed:
        return None


def _same_again(parse: Callable[[bytes], Value], build: Callable[[Value], bytes], data: bytes, what: str) -> Value | None:
    value = read(parse, data)
    if value is not None:
        expect_same(value, parse(build(value)), what)
    return value


def rmcp(data: bytes) -> None:
    """Class, presence ping and pong."""
    kind = read(rmcp_class_untrusted, data)
    is_ipmi = read(expect_ipmi_untrusted, data) is None and kind == 0x07
    tag = _same_again(parse_ping_untrusted, build_ping, data, "ping")
    pong = _same_again(parse_pong_untrusted, lambda pong: build_pong(pong.tag), data, "pong") if _says_ipmi(data) else None
    expect(not is_ipmi or (tag is None and pong is None), "both of class IPMI and of class ASF")


def _says_ipmi(data: bytes) -> bool:
    """Our own pong always says that IPMI is supported, so only such a one comes back the same."""
    pong = read(parse_pong_untrusted, data)
    return pong is not None and pong.supports_ipmi


def packet(data: bytes) -> None:
    """RMCP+ header and trailer."""
    parsed = _same_again(parse_packet_untrusted, build_packet, data, "RMCP+ packet")
    if parsed is None:
        return
    for size in _CODE_SIZES:
        _try_trailer(data, len(parsed.payload), size)
    if parsed.authenticated:
        whole = build_packet(parsed) + bytes(_CODE_SIZES[1])
        expect_trailer_untrusted(whole, len(parsed.payload), _CODE_SIZES[1])
    expect(len(data) >= HEADER_SIZE + len(parsed.payload), "a payload longer than the datagram")


def _try_trailer(data: bytes, payload_size: int, code_size: int) -> None:
    with suppress(Malformed):
        expect_trailer_untrusted(data, payload_size, code_size)


def packet15(data: bytes) -> None:
    """IPMI 1.5 header, in a session and outside."""
    parsed = _same_again(parse_packet15_untrusted, build_packet15, data, "IPMI 1.5 packet")
    message = _same_again(parse_sessionless_untrusted, build_sessionless, data, "message of no session")
    expect(message is None or (parsed is not None and parsed.payload == message), "two readings of one packet")


def message(data: bytes) -> None:
    """The LAN message: as it is, and with its checksums mended."""
    for octets in (data, mended(data)):
        request = _same_again(parse_request_untrusted, build_request, octets, "request")
        response = _same_again(parse_response_untrusted, build_response, octets, "response")
        is_whole = not (sum(octets[:_HEAD_AND_CHECKSUM]) & 0xFF or sum(octets) & 0xFF)
        expect(is_whole or (request is None and response is None), "wrong checksums")
        lenient = read(lambda message: parse_response_untrusted(message, checks=False), octets)
        expect(response is None or response == lenient, "looking away from checksums changes what is read")


def mended(data: bytes) -> bytes:
    """`data` with both checksums right, where it is long enough to have them."""
    if len(data) < _SHORTEST_MESSAGE:
        return data
    head, body = data[:_MESSAGE_HEAD], data[_MESSAGE_HEAD + 1 : -1]
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))


_HANDSHAKE: tuple[tuple[Callable[[bytes], object], Callable[..., bytes], str], ...] = (
    (handshake.parse_open_session_request_untrusted, handshake.build_open_session_request, "Open Session Request"),
    (handshake.parse_open_session_response_untrusted, handshake.build_open_session_response, "Open Session Response"),
    (handshake.parse_rakp_1_untrusted, handshake.build_rakp_1, "RAKP 1"),
    (handshake.parse_rakp_2_untrusted, handshake.build_rakp_2, "RAKP 2"),
    (handshake.parse_rakp_3_untrusted, handshake.build_rakp_3, "RAKP 3"),
    (handshake.parse_rakp_4_untrusted, handshake.build_rakp_4, "RAKP 4"),
)


def login_messages(data: bytes) -> None:
    """All six messages of a login, each made of the same octets."""
    for parse, build, what in _HANDSHAKE:
        _same_again(parse, build, data, what)
    console_id = read(console_id_of_untrusted, data)
    expect(console_id is None or 0 <= console_id < 1 << 32, "a session id beyond its 32 bits")


TARGETS = {
    "rmcp": Target(rmcp, recorded.datagrams, longest=96),
    "packet": Target(packet, recorded.datagrams),
    "packet15": Target(packet15, recorded.datagrams),
    "message": Target(message, recorded.messages, longest=128),
    "login-messages": Target(login_messages, recorded.login_payloads, longest=96),
}
