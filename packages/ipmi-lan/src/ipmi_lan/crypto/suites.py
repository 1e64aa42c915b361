"""Cipher suites (IPMI 2.0, tables 22-20 and 13-17 to 13-19)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ipmi_lan.crypto.xrc4 import lack_of_rc4
from ipmi_lan.errors import SuiteUnavailable
from ipmi_lan.wire.handshake import Algorithms


class Authentication(IntEnum):
    """What the login's codes and all keys are made with (table 13-17)."""

    NONE = 0
    HMAC_SHA1 = 1
    HMAC_MD5 = 2
    HMAC_SHA256 = 3


class Integrity(IntEnum):
    """What the packets' codes are made with (table 13-18)."""

    NONE = 0
    HMAC_SHA1_96 = 1
    HMAC_MD5_128 = 2
    MD5_128 = 3
    HMAC_SHA256_128 = 4


class Confidentiality(IntEnum):
    """What encrypts the packets' payloads (table 13-19)."""

    NONE = 0
    AES_CBC_128 = 1
    XRC4_128 = 2
    XRC4_40 = 3


_DIGEST_SIZES = (0, 20, 16, 32)
_CHECK_SIZES = (0, 12, 16, 16)
_CODE_SIZES = (0, 12, 16, 16, 16)


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite: what authenticates the login, what protects each packet, what encrypts it."""

    id: int
    authentication: Authentication
    integrity: Integrity
    confidentiality: Confidentiality

    @property
    def algorithms(self) -> Algorithms:
        """As the Open Session messages name it."""
        return Algorithms(self.authentication, self.integrity, self.confidentiality)

    @property
    def digest_size(self) -> int:
        """Octets of a RAKP 2 or RAKP 3 code."""
        return _DIGEST_SIZES[self.authentication]

    @property
    def check_size(self) -> int:
        """Octets of a RAKP 4 integrity check value: by the authentication algorithm, whatever protects the packets."""
        return _CHECK_SIZES[self.authentication]

    @property
    def code_size(self) -> int:
        """Octets of a packet's code."""
        return _CODE_SIZES[self.integrity]

    @property
    def is_authenticated(self) -> bool:
        """Does each packet carry a code?"""
        return self.integrity is not Integrity.NONE

    @property
    def is_encrypted(self) -> bool:
        """Is each payload encrypted?"""
        return self.confidentiality is not Confidentiality.NONE


_TABLE = (
    (0, 0, 0),
    (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 1, 3),
    (2, 0, 0), (2, 2, 0), (2, 2, 1), (2, 2, 2), (2, 2, 3),
    (2, 3, 0), (2, 3, 1), (2, 3, 2), (2, 3, 3),
    (3, 0, 0), (3, 4, 0), (3, 4, 1), (3, 4, 2), (3, 4, 3),
)
SUITES: dict[int, CipherSuite] = {
    number: CipherSuite(number, Authentication(login), Integrity(packet), Confidentiality(payload))
    for number, (login, packet, payload) in enumerate(_TABLE)
}
"""Every suite of table 22-20 by its id."""

SUITE_3 = SUITES[3]
"""RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128."""
SUITE_17 = SUITES[17]
"""RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128."""

DEFAULT_SUITES = (SUITE_17, SUITE_3)
"""Tried in this order; every one authenticates and encrypts."""


def expect_available(suite: CipherSuite) -> None:
    """Raises `SuiteUnavailable` when the suite encrypts with xRC4 and the cryptography package carries no RC4."""
    if suite.confidentiality in (Confidentiality.XRC4_128, Confidentiality.XRC4_40):
        lack = lack_of_rc4()
        if lack:
            raise SuiteUnavailable(suite.id, lack)
