"""The authentication codes of packets (IPMI 2.0, 13.28.4).

The hash that has swallowed the key is kept and copied for each packet: that costs a third of keying it anew.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, Hash, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from ipmi_lan.crypto.rakp import KEY_SIZE, SessionKeys
from ipmi_lan.crypto.suites import CipherSuite, Integrity
from ipmi_lan.errors import BadArgument

_HASHES: dict[Integrity, type[HashAlgorithm]] = {
    Integrity.HMAC_SHA1_96: SHA1,
    Integrity.HMAC_MD5_128: MD5,
    Integrity.HMAC_SHA256_128: SHA256,
}


def code_maker(suite: CipherSuite, keys: SessionKeys, password: bytes) -> Callable[[bytes], bytes]:
    """A function from what a code covers to the code; of a suite without integrity to an empty one.

    The password is the key of MD5-128 alone: MD5 over it (20 octets), what is covered, and it again. Raises `BadArgument` for
    a password that is longer.
    """
    if suite.integrity is Integrity.NONE:
        return lambda covered: b""
    if suite.integrity is Integrity.MD5_128:
        return _md5_maker(password)
    return _hmac_maker(HMAC(keys.k1, _HASHES[suite.integrity]()), suite.code_size)


def _hmac_maker(keyed: HMAC, size: int) -> Callable[[bytes], bytes]:
    copy = keyed.copy

    def code(covered: bytes) -> bytes:
        hmac = copy()
        hmac.update(covered)
        return hmac.finalize()[:size]

    return code


def _md5_maker(password: bytes) -> Callable[[bytes], bytes]:
    if len(password) > KEY_SIZE:
        raise BadArgument(f"a password of {len(password)} octets: IPMI takes {KEY_SIZE}")
    key = password.ljust(KEY_SIZE, b"\0")
    keyed = Hash(MD5())  # noqa: S303 - IPMI wants it
    keyed.update(key)

    def code(covered: bytes) -> bytes:
        md5 = keyed.copy()
        md5.update(covered + key)
        return md5.finalize()

    return code
