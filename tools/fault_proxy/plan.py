"""What a bad network does to a datagram, out of a seed. Sans-IO: a datagram goes in, its copies come out, each with its delay.

Every datagram draws the same number of chances, whatever becomes of it and whatever it holds: the n-th datagram of a way meets
the same fate in every run with the same seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields

WAYS = ("there", "back")
"""Toward the far end, and from it."""
OVERTAKEN = (0.01, 0.2)
"""Seconds, least and most, that a reordered datagram is held: whatever is sent meanwhile passes it."""


class WrongRate(ValueError):  # noqa: N818 - errors here are named for the fact
    """A fault that cannot be; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Of one way. Chances from 0 to 1, each for one datagram."""

    loss: float = 0.0
    duplication: float = 0.0
    """Of coming twice; the second one some time later."""
    reorder: float = 0.0
    delay: float = 0.0
    """Of being late by up to `longest_delay`."""
    corruption: float = 0.0
    """Of one flipped bit."""
    longest_delay: float = 1.0
    """Seconds."""
    latency: float = 0.0
    """Seconds that every datagram takes."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            most = 60.0 if each.name in {"longest_delay", "latency"} else 1.0
            if not 0.0 <= value <= most:
                raise WrongRate(f"{each.name} {value}: must be 0 to {most:g}")

    @property
    def slowest(self) -> float:
        """Seconds that a datagram may be on its way, at most."""
        late = self.longest_delay if self.delay else 0.0
        return self.latency + late + OVERTAKEN[1] * (bool(self.reorder) + bool(self.duplication))


@dataclass(frozen=True, slots=True)
class Copy:
    """What arrives of a datagram, and how many seconds after it was sent."""

    datagram: bytes
    delay: float


Note = Callable[[str, str, int], None]
"""Told of every fault: way, fault, and the octets of the datagram."""


class Fate:
    """The faults of one way, one datagram after the other."""

    def __init__(self, faults: Faults, seed: object, way: str, note: Note = lambda way, fault, size: None) -> None:
        """`faults` may be set anew at any time; the seed and the name of the way decide everything else."""
        self.faults = faults
        self.counts: Counter[str] = Counter()
        """Datagrams by what became of them."""
        self._chance = random.Random(f"{seed} {way}")   # noqa: S311 - a seed is wanted
        self._way, self._note = way, note

    def judge(self, datagram: bytes) -> list[Copy]:
        """The copies that arrive: none, one, or two."""
        lost, spoilt, late, passed, twice, where, how_late, how_passed, how_twice = (self._chance.random() for _ in range(9))
        faults, size = self.faults, len(datagram)
        self.counts["datagrams"] += 1
        if lost < faults.loss:
            self._tell("lost", size)
            return []
        if spoilt < faults.corruption and datagram:
            self._tell("corrupted", size)
            datagram = flipped(datagram, int(where * 8 * size))
        delay = faults.latency
        if late < faults.delay:
            self._tell("delayed", size)
            delay += how_late * faults.longest_delay
        if passed < faults.reorder:
            self._tell("reordered", size)
            delay += _between(OVERTAKEN, how_passed)
        copies = [Copy(datagram, delay)]
        if twice < faults.duplication:
            self._tell("duplicated", size)
            copies.append(Copy(datagram, delay + _between(OVERTAKEN, how_twice)))
        return copies

    def _tell(self, fault: str, size: int) -> None:
        self.counts[fault] += 1
        self._note(self._way, fault, size)


def flipped(datagram: bytes, bit: int) -> bytes:
    """`datagram` with one bit the other way."""
    changed = bytearray(datagram)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _between(ends: tuple[float, float], part: float) -> float:
    return ends[0] + part * (ends[1] - ends[0])
