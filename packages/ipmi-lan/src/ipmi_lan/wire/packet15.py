"""The IPMI 1.5 session header without a session (IPMI 2.0, table 13-8, IPMI 1.5 column, authentication type none)."""

from __future__ import annotations

from construct import Byte, Bytes, Const, GreedyBytes, Int32ul, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fields import malformed
from ipmi_lan.wire.rmcp import IPMI_HEADER, expect_ipmi_untrusted

_PACKET = Struct(
    "rmcp" / Bytes(len(IPMI_HEADER)),
    "auth_type" / Const(b"\0"),
    "sequence" / Int32ul,
    "session_id" / Int32ul,
    "length" / Byte,
    "rest" / GreedyBytes,
)


def parse_sessionless_untrusted(datagram: bytes) -> bytes:
    """The message in an IPMI 1.5 packet that belongs to no session. Raises `Malformed`."""
    expect_ipmi_untrusted(datagram)
    with malformed("IPMI 1.5 packet"):
        fields = _PACKET.parse(datagram)
    if fields["session_id"] or fields["length"] > len(fields["rest"]):
        raise Malformed("IPMI 1.5 packet: in a session, or shorter than it says")
    return bytes(fields["rest"][: fields["length"]])


def build_sessionless(message: bytes) -> bytes:
    """An IPMI 1.5 packet outside any session."""
    return bytes(_PACKET.build({"rmcp": IPMI_HEADER, "sequence": 0, "session_id": 0, "length": len(message), "rest": message}))
