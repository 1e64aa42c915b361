"""AES-CBC-128: payloads encrypted under the first 128 bits of K2 (IPMI 2.0, 13.29).

A payload travels as an initialization vector and whole blocks; within, the message is followed by a pad 01h, 02h, … and the
pad's length.

The two contexts of a session are made once and never finalized, for making them costs six times the encryption. CBC allows
it: a random block is encrypted before each message, and what comes of it is E(random xor the block before), as little to be
foreseen as the random block. It serves as the vector, and what follows is exactly CBC under it. The other way round, a
vector that is decrypted in the place of a block gives a block to be thrown away, and all behind it is right whatever stood
before: a context that saw a forged payload is none the worse.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ipmi_lan.errors import Malformed

BLOCK = 16
"""Octets of an AES block, of the key, and of its initialization vector."""

_PADS = tuple(bytes(range(1, pad + 1)) + bytes((pad,)) for pad in range(BLOCK + 1))
"""Pad and its length, by its length."""


class Aes:
    """Encrypts one session's payloads and decrypts the other end's."""

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, k2: bytes) -> None:
        cipher = Cipher(AES(k2[:BLOCK]), CBC(bytes(BLOCK)))
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, payload: bytes, randomness: Callable[[int], bytes]) -> bytes:
        """Initialization vector and ciphertext, padded with as few octets as may be: 0 to 15."""
        return self._encrypt(randomness(BLOCK) + payload + _PADS[~len(payload) % BLOCK])

    def decrypt_untrusted(self, payload: bytes, sequence: int = 0) -> bytes:
        """The plain payload. Raises `Malformed`. A pad of 16 is taken as well: OpenBMC pads a full block where none is due."""
        if len(payload) < 2 * BLOCK or len(payload) % BLOCK:
            raise Malformed("encrypted payload: not an IV and whole blocks")
        plain = self._decrypt(payload)[BLOCK:]
        pad = plain[-1]
        if pad > BLOCK or plain[-1 - pad :] != _PADS[pad]:
            raise Malformed("encrypted payload: wrong pad")
        return plain[: -1 - pad]
