"""RMCP header and ASF presence ping (IPMI 2.0, 13.1 and 13.2; ASF 2.0, 3.2)."""

from __future__ import annotations

from typing import NamedTuple

from construct import Byte, Const, GreedyBytes, Int32ub, Padding, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fuse import fuse

VERSION_1, NO_ACK_WANTED = 0x06, 0xFF
CLASS_ASF, CLASS_IPMI = 0x06, 0x07
IPMI_HEADER = bytes((VERSION_1, 0x00, NO_ACK_WANTED, CLASS_IPMI))
"""What every IPMI datagram begins with. The reserved octet and the sequence number are not checked on receipt."""

ASF_IANA = 4542
_SWAPPED_IANA = int.from_bytes(ASF_IANA.to_bytes(4, "big"), "little")
_PING, _PONG = 0x80, 0x40
_SUPPORTS_IPMI, _ASF_1_0 = 0x80, 0x01

_ASF = "ASF message" / Struct(
    "version" / Const(bytes((VERSION_1,))),
    Padding(1),
    "sequence" / Byte,
    "rmcp_class" / Const(bytes((CLASS_ASF,))),
    "iana" / Int32ub,
    "message_type" / Byte,
    "tag" / Byte,
    Padding(1),
    "length" / Byte,
    "data" / GreedyBytes,
)
_PONG_DATA = "presence pong" / Struct(
    "iana" / Int32ub,
    "oem" / Int32ub,
    "entities" / Byte,
    "interactions" / Byte,
    Padding(6),
)
_FUSED_ASF, _FUSED_PONG = fuse(_ASF), fuse(_PONG_DATA)


class Pong(NamedTuple):
    """The answer to a presence ping."""

    tag: int
    supports_ipmi: bool


def rmcp_class_untrusted(datagram: bytes) -> int:
    """The RMCP class (6 ASF, 7 IPMI) of a datagram. Raises `Malformed` for what is not RMCP version 1."""
    if len(datagram) < 4 or datagram[0] != VERSION_1:
        raise Malformed("not an RMCP version 1 datagram")
    return datagram[3]


def expect_ipmi_untrusted(datagram: bytes) -> None:
    """Raises `Malformed` for what is not an RMCP version 1 datagram of class IPMI."""
    if rmcp_class_untrusted(datagram) != CLASS_IPMI:
        raise Malformed("an RMCP datagram, but not of class IPMI")


def build_ping(tag: int) -> bytes:
    """An ASF presence ping (ASF 2.0, 3.2.4.1). `tag`: 0 to 254; 255 asks for no answer."""
    return _FUSED_ASF.build(NO_ACK_WANTED, ASF_IANA, _PING, tag, 0, b"")


def parse_ping_untrusted(datagram: bytes) -> int:
    """The tag of an ASF presence ping. Raises `Malformed` for anything else."""
    _, iana, message_type, tag, _, _ = _FUSED_ASF.parse_untrusted(datagram)
    if message_type != _PING or iana != ASF_IANA:
        raise Malformed("not a presence ping")
    return int(tag)


def build_pong(tag: int) -> bytes:
    """A presence pong that says: IPMI supported, ASF 1.0 (ASF 2.0, 3.2.4.3)."""
    data = _FUSED_PONG.build(ASF_IANA, 0, _SUPPORTS_IPMI | _ASF_1_0, 0)
    return _FUSED_ASF.build(NO_ACK_WANTED, ASF_IANA, _PONG, tag, len(data), data)


def parse_pong_untrusted(datagram: bytes) -> Pong:
    """A presence pong. Raises `Malformed` for anything else. OpenBMC writes the enterprise number with its octets swapped."""
    _, iana, message_type, tag, _, data = _FUSED_ASF.parse_untrusted(datagram)
    if message_type != _PONG or iana not in (ASF_IANA, _SWAPPED_IANA):
        raise Malformed("not a presence pong")
    _, _, entities, _ = _FUSED_PONG.parse_untrusted(data)
    return Pong(tag, bool(entities & _SUPPORTS_IPMI))
