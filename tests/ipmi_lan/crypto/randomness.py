"""Randomness that a test knows beforehand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from ipmi_lan.crypto.suites import CipherSuite, Confidentiality

BLOCK = 16


def counting() -> Callable[[int], bytes]:
    """Another value each time, and the same in every run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def leading_to(iv: bytes, suite: CipherSuite, k2: bytes) -> Callable[[int], bytes]:
    """What to hand to a fresh sealing so that its first packet has this initialization vector.

    The kept AES context encrypts the random block, and what comes of it is the vector.
    """
    if suite.confidentiality is not Confidentiality.AES_CBC_128:
        return lambda size: iv
    decryptor = Cipher(AES(k2[:BLOCK]), ECB()).decryptor()
    random = decryptor.update(iv) + decryptor.finalize()
    return lambda size: random
