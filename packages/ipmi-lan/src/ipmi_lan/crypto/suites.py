"""Cipher suites (IPMI 2.0, tables 22-20 and 13-17 to 13-19)."""

from __future__ import annotations

from dataclasses import dataclass

from ipmi_lan.wire.handshake import Algorithms


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite: what authenticates the login, what protects each packet, what encrypts it."""

    id: int
    algorithms: Algorithms
    hash_name: str
    """Of RAKP and of the packets' codes alike."""
    digest_size: int
    """Octets of a RAKP 2 or RAKP 3 code."""
    check_size: int
    """Octets of a RAKP 4 integrity check value and of a packet's code: the digest, cut."""


SUITE_3 = CipherSuite(3, Algorithms(authentication=1, integrity=1, confidentiality=1), "sha1", 20, 12)
"""RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128."""
SUITE_17 = CipherSuite(17, Algorithms(authentication=3, integrity=4, confidentiality=1), "sha256", 32, 16)
"""RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128."""

DEFAULT_SUITES = (SUITE_17, SUITE_3)
"""Tried in this order; every one authenticates and encrypts."""
