"""Small changes to seeds, for the tests that run without a fuzzer. Seeded, so that a failure comes again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_TELLING = (0x00, 0x01, 0x02, 0x04, 0x06, 0x07, 0x0F, 0x10, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF)
"""Octets that mean something somewhere."""


def mutations(seeds: Sequence[bytes], count: int, chance: random.Random) -> Iterator[bytes]:
    """`count` inputs, each a seed with one to four changes."""
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            _change(data, seeds, chance)
        yield bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(8 if at < len(data) else 3):
        case 0:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        case 1:
            data[at:] = chance.choice(seeds)[at:]
        case 2:
            data[at:at] = bytes((chance.choice(_TELLING),)) * chance.choice((1, 2, 4, 16))
        case 3:
            del data[at:]
        case 4:
            del data[at : at + chance.randrange(1, 5)]
        case 5:
            data[at] = chance.choice(_TELLING)
        case 6:
            data[at] ^= 1 << chance.randrange(8)
        case 7:
            data[at] = (data[at] + chance.choice((1, -1))) & 0xFF
