"""xRC4: payloads encrypted with RC4 under a key of K2 and an initialization vector (IPMI 2.0, 13.30).

A payload begins with a data offset of four octets, little-endian. At offset 0 an initialization vector of 16 octets follows
and the keystream begins anew; at any other offset the keystream goes on under the last vector, from that octet on, so that
lost packets do no harm. We begin anew in every packet: then no packet depends on another, and no keystream is used twice.

RC4 is broken as a cipher. These suites are here for BMCs that have nothing else, and only by name. No BMC is known that takes
them: zipmi is the one other program that speaks them so, and go-ipmi's client differs (all of K2 in the key, the offset
big-endian), which matters for it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.hashes import MD5, Hash

from ipmi_lan.errors import Malformed

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
except ImportError:  # pragma: no cover - RC4 is leaving the cryptography package
    ARC4 = None  # type: ignore[assignment,misc]

IV_SIZE, OFFSET_SIZE = 16, 4
MOST_OFFSET = 1 << 20
"""Octets of keystream that we skip for one packet at most; 3 ms. A sender that goes on farther must begin anew."""
KEY_SIZE_40, KEY_SIZE_128 = 5, 16
_K2_SIZE = 16   # as with AES, the first 128 bits of K2
_HALF = 1 << 31


@cache
def lack_of_rc4() -> str:
    """Why RC4 cannot be had here; empty when it can."""
    if ARC4 is None:
        return "the cryptography package carries no RC4"
    try:
        keystream(bytes(KEY_SIZE_128), 0, b"\0")
    except UnsupportedAlgorithm:
        return "the cryptography package's OpenSSL carries no RC4"
    return ""


def keystream(key: bytes, offset: int, data: bytes) -> bytes:
    """`data` under RC4's keystream from octet `offset` on: encryption and decryption alike."""
    context: Any = Cipher(ARC4(key), mode=None).encryptor()
    if offset:
        context.update(bytes(offset))
    return bytes(context.update(data))


class Xrc4:
    """Encrypts one session's payloads and decrypts the other end's.

    Only what a verified code covers may come here: a forged packet must not move the kept vector.
    """

    __slots__ = ("_k2", "_key_size", "_received_at", "_received_key")

    def __init__(self, k2: bytes, key_size: int) -> None:
        self._k2 = k2[:_K2_SIZE]
        self._key_size = key_size
        self._received_key = b""
        self._received_at = 0   # the sequence number of the packet that brought the vector

    def encrypt(self, payload: bytes, randomness: Callable[[int], bytes]) -> bytes:
        """Offset 0, a fresh vector, and the ciphertext."""
        iv = randomness(IV_SIZE)
        return bytes(OFFSET_SIZE) + iv + keystream(self._key(iv), 0, payload)

    def decrypt_untrusted(self, payload: bytes, sequence: int) -> bytes:
        """The plain payload of the packet of this sequence number. Raises `Malformed`."""
        if len(payload) < OFFSET_SIZE:
            raise Malformed("xRC4 payload: shorter than its offset")
        offset = int.from_bytes(payload[:OFFSET_SIZE], "little")
        if offset:
            return self._go_on(offset, payload[OFFSET_SIZE:])
        return self._begin(payload[OFFSET_SIZE : OFFSET_SIZE + IV_SIZE], payload[OFFSET_SIZE + IV_SIZE :], sequence)

    def _begin(self, iv: bytes, data: bytes, sequence: int) -> bytes:
        if len(iv) < IV_SIZE:
            raise Malformed("xRC4 payload: shorter than its initialization vector")
        key = self._key(iv)
        if not self._received_key or 0 < (sequence - self._received_at) & 0xFFFF_FFFF < _HALF:
            self._received_key, self._received_at = key, sequence   # an older or repeated packet does not take it back
        return keystream(key, 0, data)

    def _go_on(self, offset: int, data: bytes) -> bytes:
        if not self._received_key:
            raise Malformed("xRC4 payload: goes on where nothing began")
        if offset > MOST_OFFSET:
            raise Malformed("xRC4 payload: offset too far on")
        return keystream(self._received_key, offset, data)

    def _key(self, iv: bytes) -> bytes:
        md5 = Hash(MD5())  # noqa: S303 - IPMI wants it
        md5.update(self._k2 + iv)
        return md5.finalize()[: self._key_size]
