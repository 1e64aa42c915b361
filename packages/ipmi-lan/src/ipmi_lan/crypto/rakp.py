"""What the RAKP codes cover and how the session's keys come of them (IPMI 2.0, 13.28 to 13.32).

Every digest goes over octets that both ends know: the two session ids, the two random numbers, the BMC's GUID, role and
name, so that a code is worth nothing outside this one login. Verification compares in constant time, and wrong lengths
fail first: a code that is empty, cut or all zero proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import IpmiError

KEY_SIZE = 20
"""Passwords and Kg are keys of 20 octets, filled up with zeros (13.31)."""

_HASHES: dict[str, type[HashAlgorithm]] = {"sha1": SHA1, "sha256": SHA256}
_K1_CONSTANT, _K2_CONSTANT = b"\x01" * 20, b"\x02" * 20   # 20 octets for every hash, as all firmware has it (13.32)


class NotAuthentic(IpmiError):  # noqa: N818 - errors here are named for the fact
    """A code does not verify."""


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

    @property
    def _role_and_user(self) -> bytes:
        return bytes((self.role, len(self.user))) + self.user

    @property
    def _password_key(self) -> bytes:
        return self.password.ljust(KEY_SIZE, b"\0")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The session integrity key and the two keys made of it."""

    sik: bytes = field(repr=False)
    k1: bytes = field(repr=False)
    """Of the packets' codes."""
    k2: bytes = field(repr=False)
    """Of AES: the first 16 octets."""


def digest(suite: CipherSuite, key: bytes, data: bytes) -> bytes:
    """HMAC of the suite's hash, whole."""
    hmac = HMAC(key, _HASHES[suite.hash_name]())
    hmac.update(data)
    return hmac.finalize()


def rakp_2_code(login: Login) -> bytes:
    """By which the BMC proves that it knows the password (13.31)."""
    return digest(
        login.suite,
        login._password_key,
        _id(login.console_id) + _id(login.bmc_id) + login.console_random + login.bmc_random + login.guid + login._role_and_user,
    )


def rakp_3_code(login: Login) -> bytes:
    """By which the console proves that it knows the password (13.31)."""
    return digest(login.suite, login._password_key, login.bmc_random + _id(login.console_id) + login._role_and_user)


def session_keys(login: Login) -> SessionKeys:
    """The keys of the session, under Kg where there is one (13.31, 13.32)."""
    kg = login.kg.ljust(KEY_SIZE, b"\0") if login.kg else login._password_key
    sik = digest(login.suite, kg, login.console_random + login.bmc_random + login._role_and_user)
    return SessionKeys(sik, digest(login.suite, sik, _K1_CONSTANT), digest(login.suite, sik, _K2_CONSTANT))


def rakp_4_code(login: Login, keys: SessionKeys) -> bytes:
    """By which the BMC proves that it has the same session integrity key (13.31): a digest, cut."""
    whole = digest(login.suite, keys.sik, login.console_random + _id(login.bmc_id) + login.guid)
    return whole[: login.suite.check_size]


def verify_code(received: bytes, expected: bytes) -> None:
    """Raises `NotAuthentic` unless the two are the same, whole, and not all zero. Constant time over the octets."""
    if not expected or len(received) != len(expected) or not any(received) or not bytes_eq(received, expected):
        raise NotAuthentic("code does not verify")


def _id(session_id: int) -> bytes:
    return session_id.to_bytes(4, "little")
