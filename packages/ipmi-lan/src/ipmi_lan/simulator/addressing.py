"""Whom a LAN message is from and to, where that is not the usual pair (IPMI 2.0, 5.5 and 13.8)."""

from __future__ import annotations

from ipmi_lan.wire.fields import checksum


def readdress(message: bytes, to: int, sender: int) -> bytes:
    """`message` with other addresses, and the checksums that go with them."""
    head, body = bytes((to, message[1])), bytes((sender,)) + message[4:-1]
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))
