"""The RMCP+ session header and trailer (IPMI 2.0, table 13-8, RMCP+ column)."""

from __future__ import annotations

from dataclasses import dataclass

from construct import Byte, Bytes, Const, GreedyBytes, Int16ul, Int32ul, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.fields import malformed
from ipmi_lan.wire.rmcp import IPMI_HEADER, expect_ipmi_untrusted

RMCP_SIZE, HEADER_SIZE = 4, 16
ENCRYPTED, AUTHENTICATED, TYPE_MASK = 0x80, 0x40, 0x3F
NEXT_HEADER = 0x07
_MOST_PAD = 4

_PACKET = Struct(
    "rmcp" / Bytes(RMCP_SIZE),
    "auth_type" / Const(bytes((AuthType.RMCP_PLUS,))),
    "flags" / Byte,             # encrypted, authenticated, payload type
    "session_id" / Int32ul,
    "sequence" / Int32ul,
    "length" / Int16ul,
    "rest" / GreedyBytes,       # the payload, then pad, pad length, next header and authentication code
)


@dataclass(frozen=True, slots=True)
class Packet:
    """One RMCP+ packet, its payload as it travels (encrypted where the flag says so)."""

    payload_type: int
    payload: bytes
    session_id: int = 0
    sequence: int = 0
    encrypted: bool = False
    authenticated: bool = False


def parse_packet_untrusted(datagram: bytes) -> Packet:
    """An RMCP+ packet; of an authenticated one the trailer is left for `split_code_untrusted`.

    Octets beyond the declared payload of an unauthenticated packet are ignored: some BMCs append them to error replies.
    Raises `Malformed`.
    """
    expect_ipmi_untrusted(datagram)
    with malformed("RMCP+ packet"):
        fields = _PACKET.parse(datagram)
    length, rest, flags = fields["length"], fields["rest"], fields["flags"]
    if length > len(rest):
        raise Malformed(f"RMCP+ packet: payload of {length} octets declared, {len(rest)} there")
    return Packet(
        payload_type=flags & TYPE_MASK,
        payload=rest[:length],
        session_id=fields["session_id"],
        sequence=fields["sequence"],
        encrypted=bool(flags & ENCRYPTED),
        authenticated=bool(flags & AUTHENTICATED),
    )


def build_packet(packet: Packet) -> bytes:
    """The datagram; of an authenticated packet all but the authentication code, which covers it from octet 4 on."""
    flags = packet.payload_type | (ENCRYPTED if packet.encrypted else 0) | (AUTHENTICATED if packet.authenticated else 0)
    datagram = bytes(
        _PACKET.build(
            {
                "rmcp": IPMI_HEADER,
                "flags": flags,
                "session_id": packet.session_id,
                "sequence": packet.sequence,
                "length": len(packet.payload),
                "rest": packet.payload,
            }
        )
    )
    if not packet.authenticated:
        return datagram
    pad = -(len(datagram) - RMCP_SIZE + 2) % 4   # what is covered must fill whole groups of four octets
    return datagram + b"\xff" * pad + bytes((pad, NEXT_HEADER))


def split_code_untrusted(datagram: bytes, code_size: int) -> tuple[bytes, bytes]:
    """What the authentication code of an authenticated packet covers, and the code. Raises `Malformed`.

    The pad length is taken at its word up to 4: OpenBMC sends 4 where 0 would do.
    """
    declared = int.from_bytes(datagram[HEADER_SIZE - 2 : HEADER_SIZE], "little")
    covered, code = datagram[RMCP_SIZE:-code_size], datagram[-code_size:]
    trailer = len(datagram) - code_size - HEADER_SIZE - declared
    if trailer < 2 or covered[-1] != NEXT_HEADER or covered[-2] != trailer - 2 or covered[-2] > _MOST_PAD:
        raise Malformed("RMCP+ packet: the trailer does not fit")
    return covered, code
