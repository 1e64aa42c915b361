"""The IPMI 1.5 session header (IPMI 2.0, table 13-8, IPMI 1.5 column)."""

from __future__ import annotations

from typing import NamedTuple

from construct import Byte, Bytes, Const, GreedyBytes, Int32ul, Padding, Struct

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.fuse import fuse
from ipmi_lan.wire.rmcp import CLASS_IPMI, NO_ACK_WANTED, VERSION_1

CODE_SIZE = 16
_AUTH_TYPE_AT = 4
_WITH_CODE = {AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM}

_HEAD = (
    "version" / Const(bytes((VERSION_1,))),
    Padding(1),
    "rmcp_sequence" / Byte,
    "rmcp_class" / Const(bytes((CLASS_IPMI,))),
    "auth_type" / Byte,
    "sequence" / Int32ul,
    "session_id" / Int32ul,
)
_REST = ("length" / Byte, "rest" / GreedyBytes)
_WITHOUT = "IPMI 1.5 packet" / Struct(*_HEAD, *_REST)
_CODED = "IPMI 1.5 packet" / Struct(*_HEAD, "code" / Bytes(CODE_SIZE), *_REST)
_FUSED_WITHOUT, _FUSED_CODED = fuse(_WITHOUT), fuse(_CODED)


class Packet15(NamedTuple):
    """One IPMI 1.5 packet."""

    auth_type: int
    sequence: int
    session_id: int
    code: bytes
    """16 octets; none when the authentication type is none."""
    payload: bytes


def parse_packet15_untrusted(datagram: bytes) -> Packet15:
    """An IPMI 1.5 packet. Octets beyond the declared payload are ignored: OpenBMC appends one. Raises `Malformed`."""
    auth_type = datagram[_AUTH_TYPE_AT] if len(datagram) > _AUTH_TYPE_AT else AuthType.NONE
    code = b""
    if auth_type == AuthType.NONE:
        _, _, sequence, session_id, length, rest = _FUSED_WITHOUT.parse_untrusted(datagram)
    elif auth_type in _WITH_CODE:
        _, _, sequence, session_id, code, length, rest = _FUSED_CODED.parse_untrusted(datagram)
    else:
        raise Malformed(f"IPMI 1.5 packet: authentication type {auth_type}")
    if length > len(rest):
        raise Malformed(f"IPMI 1.5 packet: payload of {length} octets declared, {len(rest)} there")
    return Packet15(auth_type, sequence, session_id, code, rest[:length])


def build_packet15(packet: Packet15) -> bytes:
    """The datagram. Raises `BadArgument` for what does not fit, a missing code or one too many among it."""
    auth_type, sequence, session_id, code, payload = packet
    head = (NO_ACK_WANTED, auth_type, sequence, session_id)
    if auth_type == AuthType.NONE and not code:
        return _FUSED_WITHOUT.build(*head, len(payload), payload)
    if auth_type not in _WITH_CODE:
        raise BadArgument(f"IPMI 1.5 packet: authentication type {auth_type} with a code of {len(code)} octets")
    return _FUSED_CODED.build(*head, code, len(payload), payload)


def parse_sessionless_untrusted(datagram: bytes) -> bytes:
    """The message in an IPMI 1.5 packet that belongs to no session. Raises `Malformed`."""
    packet = parse_packet15_untrusted(datagram)
    if packet.session_id or packet.auth_type != AuthType.NONE:
        raise Malformed("IPMI 1.5 packet: in a session")
    return packet.payload


def build_sessionless(message: bytes) -> bytes:
    """An IPMI 1.5 packet outside any session."""
    return build_packet15(Packet15(AuthType.NONE, 0, 0, b"", message))
