"""What the RAKP codes cover and how the session's keys come of them (IPMI 2.0, 13.28 to 13.32).

Every digest goes over octets that both ends know: the two session ids, the two random numbers, the BMC's GUID, role and
name, so that a code is worth nothing outside this one login. Verification compares in constant time, and wrong lengths
fail first: a code that is empty, cut or all zero proves nothing.

The suite 0 has no digest at all: every code and every key of it is empty, and nothing of it ever verifies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from ipmi_lan.crypto.suites import Authentication, CipherSuite, Integrity
from ipmi_lan.errors import NotAuthentic, SuiteUnavailable
from ipmi_lan.wire.handshake import NAME_ONLY_LOOKUP

__all__ = [
    "KEY_SIZE",
    "Login",
    "NotAuthentic",
    "SessionKeys",
    "Variation",
    "digest",
    "rakp_2_code",
    "rakp_3_code",
    "rakp_4_code",
    "session_keys",
    "verify_code",
]

KEY_SIZE = 20
"""Passwords and Kg are keys of 20 octets, filled up with zeros (13.31)."""

_HASHES: dict[Authentication, type[HashAlgorithm]] = {
    Authentication.HMAC_SHA1: SHA1,
    Authentication.HMAC_MD5: MD5,
    Authentication.HMAC_SHA256: SHA256,
}
_BY_INTEGRITY = {
    Integrity.HMAC_SHA1_96: (Authentication.HMAC_SHA1, 12),
    Integrity.HMAC_MD5_128: (Authentication.HMAC_MD5, 16),
    Integrity.HMAC_SHA256_128: (Authentication.HMAC_SHA256, 16),
}
_K1_CONSTANT, _K2_CONSTANT = b"\x01" * 20, b"\x02" * 20   # 20 octets for every hash, as all firmware has it (13.32)
_NAME_SIZE, _MD5_PASSWORD_SIZE, _PRIVILEGE_MASK = 16, 16, 0x0F


@dataclass(frozen=True, slots=True)
class Variation:
    """How the digests of some firmware differ. Both ends still prove the same secret; only what is hashed varies."""

    pads_name: bool = False
    """RAKP 2 and the session key hash the name as 16 octets, filled up with zeros, and its length as 16."""
    bare_role_3: bool = False
    """RAKP 3 hashes the privilege alone, without the lookup bit."""
    bare_role_2: bool = False
    """RAKP 2 and the session key hash the role with the lookup bit cleared."""
    cuts_md5_password: bool = False
    """With HMAC-MD5 the key is made of the first 16 octets of the password."""
    checks_by_integrity: bool = False
    """The code of RAKP 4 is made by the integrity algorithm, with its length."""


@dataclass(frozen=True, slots=True)
class Login:
    """What the digests of one login cover."""

    suite: CipherSuite
    user: bytes
    password: bytes = field(repr=False)
    kg: bytes = field(repr=False)
    """Empty: one-key login, the password takes its place."""
    role: int = 0
    """Privilege and lookup bit as sent in RAKP 1."""
    console_id: int = 0
    bmc_id: int = 0
    console_random: bytes = b""
    bmc_random: bytes = b""
    guid: bytes = b""
    variation: Variation = Variation()

    @property
    def _role_and_user(self) -> bytes:
        role = self.role & ~NAME_ONLY_LOOKUP if self.variation.bare_role_2 else self.role
        user = self.user.ljust(_NAME_SIZE, b"\0") if self.variation.pads_name else self.user
        return bytes((role, len(user))) + user

    @property
    def _role_and_user_3(self) -> bytes:
        role = self.role & _PRIVILEGE_MASK if self.variation.bare_role_3 else self.role
        return bytes((role, len(self.user))) + self.user

    @property
    def _password_key(self) -> bytes:
        is_cut = self.variation.cuts_md5_password and self.suite.authentication is Authentication.HMAC_MD5
        return (self.password[:_MD5_PASSWORD_SIZE] if is_cut else self.password).ljust(KEY_SIZE, b"\0")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The session integrity key and the two keys made of it. All empty with suite 0."""

    sik: bytes = field(repr=False)
    k1: bytes = field(repr=False)
    """Of the packets' codes."""
    k2: bytes = field(repr=False)
    """Of the encryption: the first 16 octets."""


def digest(suite: CipherSuite, key: bytes, data: bytes) -> bytes:
    """HMAC of the suite's hash, whole; empty for suite 0."""
    return _hmac(suite.authentication, key, data)


def rakp_2_code(login: Login) -> bytes:
    """By which the BMC proves that it knows the password (13.31)."""
    return digest(
        login.suite,
        login._password_key,
        _id(login.console_id) + _id(login.bmc_id) + login.console_random + login.bmc_random + login.guid + login._role_and_user,
    )


def rakp_3_code(login: Login) -> bytes:
    """By which the console proves that it knows the password (13.31)."""
    return digest(login.suite, login._password_key, login.bmc_random + _id(login.console_id) + login._role_and_user_3)


def session_keys(login: Login) -> SessionKeys:
    """The keys of the session, under Kg where there is one (13.31, 13.32)."""
    kg = login.kg.ljust(KEY_SIZE, b"\0") if login.kg else login._password_key
    sik = digest(login.suite, kg, login.console_random + login.bmc_random + login._role_and_user)
    return SessionKeys(sik, digest(login.suite, sik, _K1_CONSTANT), digest(login.suite, sik, _K2_CONSTANT))


def rakp_4_code(login: Login, keys: SessionKeys) -> bytes:
    """By which the BMC proves that it has the same session integrity key (13.31): a digest, cut.

    With `checks_by_integrity` it is empty for a suite without integrity; raises `SuiteUnavailable` for MD5-128, which is no HMAC.
    """
    algorithm, size = login.suite.authentication, login.suite.check_size
    if login.variation.checks_by_integrity:
        algorithm, size = _by_integrity(login.suite)
    return _hmac(algorithm, keys.sik, login.console_random + _id(login.bmc_id) + login.guid)[:size]


def _by_integrity(suite: CipherSuite) -> tuple[Authentication, int]:
    if suite.integrity is Integrity.NONE:
        return Authentication.NONE, 0
    if suite.integrity not in _BY_INTEGRITY:
        raise SuiteUnavailable(suite.id, "MD5-128 makes no code of RAKP 4")
    return _BY_INTEGRITY[suite.integrity]


def _hmac(algorithm: Authentication, key: bytes, data: bytes) -> bytes:
    if algorithm is Authentication.NONE:
        return b""
    hmac = HMAC(key, _HASHES[algorithm]())
    hmac.update(data)
    return hmac.finalize()


def verify_code(received: bytes, expected: bytes) -> None:
    """Raises `NotAuthentic` unless the two are the same, whole, and not all zero. Constant time over the octets."""
    if not expected or len(received) != len(expected) or not any(received) or not bytes_eq(received, expected):
        raise NotAuthentic("code does not verify")


def _id(session_id: int) -> bytes:
    return session_id.to_bytes(4, "little")
