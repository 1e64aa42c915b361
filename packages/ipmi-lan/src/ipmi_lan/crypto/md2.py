"""The MD2 digest (RFC 1319). IPMI 1.5 has it as an authentication type; nothing else should.

It is broken as a hash, and slow in Python: a third of a millisecond for a message. It is here for BMCs that have nothing else.
"""

from __future__ import annotations

BLOCK, _ROUNDS = 16, 18
_PI = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca"
    "1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a"
    "a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1"
    "459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f"
    "5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)
"""The substitution of RFC 1319, 3.2, drawn from the digits of pi."""


def md2(data: bytes) -> bytes:
    """The digest of `data`, 16 octets."""
    pad = BLOCK - len(data) % BLOCK
    padded = data + bytes((pad,)) * pad
    state = bytes(BLOCK)
    for block in _blocks(padded + _checksum(padded)):
        state = _mix(state, block)
    return state


def _blocks(data: bytes) -> list[bytes]:
    return [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]


def _checksum(padded: bytes) -> bytes:
    """Step 2 (3.2)."""
    checksum, last = bytearray(BLOCK), 0
    for block in _blocks(padded):
        for place, octet in enumerate(block):
            checksum[place] ^= _PI[octet ^ last]
            last = checksum[place]
    return bytes(checksum)


def _mix(state: bytes, block: bytes) -> bytes:
    """Step 4 for one block (3.4)."""
    work = bytearray(state + block + bytes(old ^ new for old, new in zip(state, block, strict=True)))
    octet = 0
    for turn in range(_ROUNDS):
        for place in range(len(work)):
            octet = work[place] = work[place] ^ _PI[octet]
        octet = (octet + turn) & 0xFF
    return bytes(work[:BLOCK])
