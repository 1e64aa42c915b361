"""The RMCP+ session header and trailer (IPMI 2.0, table 13-8, RMCP+ column)."""

from __future__ import annotations

from typing import NamedTuple

from construct import Byte, GreedyBytes, Int16ul, Int32ul, Padding, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.fuse import fuse
from ipmi_lan.wire.rmcp import CLASS_IPMI, NO_ACK_WANTED, VERSION_1

RMCP_SIZE, HEADER_SIZE = 4, 16
ENCRYPTED, AUTHENTICATED, TYPE_MASK = 0x80, 0x40, 0x3F
NEXT_HEADER = 0x07
_RMCP_PLUS = int(AuthType.RMCP_PLUS)
_MOST_PAD = 4

_PACKET = "RMCP+ packet" / Struct(
    "version" / Byte,
    Padding(1),
    "rmcp_sequence" / Byte,
    "rmcp_class" / Byte,
    "auth_type" / Byte,
    "flags" / Byte,             # encrypted, authenticated, payload type
    "session_id" / Int32ul,
    "sequence" / Int32ul,
    "length" / Int16ul,
    "rest" / GreedyBytes,       # the payload, then pad, pad length, next header and authentication code
)
_parse_untrusted, _build = fuse(_PACKET).parse_untrusted, fuse(_PACKET).build
_TRAILERS = tuple(b"\xff" * pad + bytes((pad, NEXT_HEADER)) for pad in range(_MOST_PAD))


class Packet(NamedTuple):
    """One RMCP+ packet, its payload as it travels (encrypted where the flag says so)."""

    payload_type: int
    payload: bytes
    session_id: int = 0
    sequence: int = 0
    encrypted: bool = False
    authenticated: bool = False


def parse_packet_untrusted(datagram: bytes) -> Packet:
    """An RMCP+ packet; of an authenticated one the trailer is left for `expect_trailer_untrusted`.

    Octets beyond the declared payload of an unauthenticated packet are ignored: some BMCs append them to error replies.
    Raises `Malformed`.
    """
    flags, session_id, sequence, payload = parse_fields_untrusted(datagram)
    return Packet(flags & TYPE_MASK, payload, session_id, sequence, flags >= ENCRYPTED, flags & AUTHENTICATED != 0)


def parse_fields_untrusted(datagram: bytes) -> tuple[int, int, int, bytes]:
    """Flags, session id, sequence and payload of an RMCP+ packet, for whoever takes the flags as they are."""
    version, _, rmcp_class, auth_type, flags, session_id, sequence, length, rest = _parse_untrusted(datagram)
    if version != VERSION_1 or rmcp_class != CLASS_IPMI or auth_type != _RMCP_PLUS:
        raise Malformed("not an RMCP+ packet")
    if length > len(rest):
        raise Malformed(f"RMCP+ packet: payload of {length} octets declared, {len(rest)} there")
    return flags, session_id, sequence, rest[:length]


def build_packet(packet: Packet, pads_short: bool = False) -> bytes:
    """The datagram; of an authenticated packet all but the authentication code, which covers it from octet 4 on.

    `pads_short`: the pad fills header and payload up to groups of four octets, without the two octets after it (Intel's ICTS).
    """
    payload_type, payload, session_id, sequence, encrypted, authenticated = packet
    flags = payload_type | (ENCRYPTED if encrypted else 0) | (AUTHENTICATED if authenticated else 0)
    return build_fields(flags, session_id, sequence, payload, pads_short)


def build_fields(flags: int, session_id: int, sequence: int, payload: bytes, pads_short: bool) -> bytes:
    """The same of the flags as they travel. Raises `BadArgument` for what does not fit."""
    length = len(payload)
    if flags & AUTHENTICATED:   # what is covered must fill whole groups of four octets
        payload += _TRAILERS[-length % 4 if pads_short else (2 - length) % 4]
    return _build(VERSION_1, NO_ACK_WANTED, CLASS_IPMI, _RMCP_PLUS, flags, session_id, sequence, length, payload)


def expect_trailer_untrusted(datagram: bytes, payload_size: int, code_size: int) -> None:
    """Raises `Malformed` unless pad, pad length and next header stand between payload and code.

    The pad length is taken at its word up to 4: OpenBMC sends 4 where 0 would do.
    """
    trailer = len(datagram) - code_size - HEADER_SIZE - payload_size
    end = len(datagram) - code_size
    if not 2 <= trailer <= 2 + _MOST_PAD or datagram[end - 1] != NEXT_HEADER or datagram[end - 2] != trailer - 2:
        raise Malformed("RMCP+ packet: the trailer does not fit")
