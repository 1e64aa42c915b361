"""Seeds out of the vectors: what programs and firmware that are not ours have said."""

from __future__ import annotations

from functools import cache

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.vectors import load


@cache
def datagrams() -> tuple[bytes, ...]:
    """Every datagram recorded, whole."""
    groups = [load.document()[name] for name in ("published", "lab", "sessionless")]
    rows = [each.get("frames") for group in groups for each in group]
    return tuple(dict.fromkeys(bytes.fromhex(row[1]) for frames in rows if isinstance(frames, list) for row in frames))


@cache
def login_payloads() -> tuple[bytes, ...]:
    """Open Session and RAKP 1 to 4, without packet."""
    packets = [packet for datagram in datagrams() if (packet := _packet(datagram)) is not None]
    return tuple(dict.fromkeys(payload for kind, payload in packets if kind >= 0x10))


@cache
def messages() -> tuple[bytes, ...]:
    """LAN messages in plain, questions and answers."""
    asked = [message for each in load.exchanges() for message in (each.request, each.reply)]
    sealed = [each.message for trace in load.traces() for each in trace.sealed]
    plain = [each.message for trace in load.traces15() for each in trace.messages]
    return tuple(dict.fromkeys(asked + sealed + plain))


@cache
def command_data() -> tuple[tuple[int, int, bool, bytes], ...]:
    """Network function of the request, command, whether it is a reply, and data (of replies behind the completion code)."""
    return tuple(dict.fromkeys(_data_of(message) for message in messages() if len(message) > 8))


def _packet(datagram: bytes) -> tuple[int, bytes] | None:
    try:
        packet = parse_packet_untrusted(datagram)
    except Malformed:
        return None
    return packet.payload_type, packet.payload


def _data_of(message: bytes) -> tuple[int, int, bool, bytes]:
    is_reply = bool(message[1] & 0x04)
    return message[1] >> 2 & ~1, message[5], is_reply, message[6 + is_reply : -1]
