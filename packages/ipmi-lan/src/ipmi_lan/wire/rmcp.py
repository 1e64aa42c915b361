"""RMCP header and ASF presence ping (IPMI 2.0, 13.1 and 13.2; ASF 2.0, 3.2)."""

from __future__ import annotations

from construct import Byte, Bytes, Const, GreedyBytes, Int32ub, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fields import malformed

VERSION_1, NO_ACK_WANTED = 0x06, 0xFF
CLASS_ASF, CLASS_IPMI = 0x06, 0x07
IPMI_HEADER = bytes((VERSION_1, 0x00, NO_ACK_WANTED, CLASS_IPMI))
"""What every IPMI datagram begins with. The reserved octet and the sequence number are not checked on receipt."""

ASF_IANA = 4542
_PING, _PONG = 0x80, 0x40

_ASF = Struct(
    "version" / Const(bytes((VERSION_1,))),
    "reserved" / Bytes(1),
    "sequence" / Byte,
    "rmcp_class" / Const(bytes((CLASS_ASF,))),
    "iana" / Int32ub,
    "message_type" / Byte,
    "tag" / Byte,
    "reserved_2" / Bytes(1),
    "length" / Byte,
    "data" / GreedyBytes,
)


def rmcp_class_untrusted(datagram: bytes) -> int:
    """The RMCP class (6 ASF, 7 IPMI) of a datagram. Raises `Malformed` for what is not RMCP version 1."""
    if len(datagram) < 4 or datagram[0] != VERSION_1:
        raise Malformed("not an RMCP version 1 datagram")
    return datagram[3]


def expect_ipmi_untrusted(datagram: bytes) -> None:
    """Raises `Malformed` for what is not an RMCP version 1 datagram of class IPMI."""
    if rmcp_class_untrusted(datagram) != CLASS_IPMI:
        raise Malformed("an RMCP datagram, but not of class IPMI")


def parse_ping_untrusted(datagram: bytes) -> int:
    """The tag of an ASF presence ping. Raises `Malformed` for anything else."""
    with malformed("presence ping"):
        asf = _ASF.parse(datagram)
    if asf["message_type"] != _PING or asf["iana"] != ASF_IANA:
        raise Malformed("not a presence ping")
    return int(asf["tag"])


def build_pong(tag: int) -> bytes:
    """A presence pong that says: IPMI supported, ASF 1.0 (ASF 2.0, 3.2.4.3)."""
    data = ASF_IANA.to_bytes(4, "big") + bytes((0, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0))
    return bytes(
        _ASF.build(
            {
                "reserved": b"\0",
                "sequence": NO_ACK_WANTED,
                "iana": ASF_IANA,
                "message_type": _PONG,
                "tag": tag,
                "reserved_2": b"\0",
                "length": len(data),
                "data": data,
            }
        )
    )
