"""What a target is, what a finding is, and small things that all targets need."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")
_TAPE = 1 << 14   # octets


class Broken(Exception):  # noqa: N818 - named for the fact
    """Something that must always hold does not."""


class Target(NamedTuple):
    """One way in for bytes from outside."""

    run: Callable[[bytes], None]
    """Feeds one input in. Whatever it raises is a finding: it catches the one error that each door documents."""
    seeds: Callable[[], Sequence[bytes]]
    """Inputs to begin with."""
    longest: int = 320
    """Octets of an input."""


def expect(holds: object, what: str) -> None:
    """Raises `Broken` unless it holds."""
    if not holds:
        raise Broken(what)


def expect_same(before: object, after: object, what: str) -> None:
    """Raises `Broken` unless what was read, written and read again is the same."""
    if before != after:
        raise Broken(f"{what}: read as {before!r}, written and read again as {after!r}")


def head_and_rest(data: bytes, count: int) -> tuple[bytes, bytes]:
    """The first `count` octets, missing ones as 0, which choose what is done with the rest."""
    return data[:count].ljust(count, b"\0"), data[count:]


class Tape:
    """Random octets that are the same for the same seed; cheap to begin anew."""

    __slots__ = ("_at", "_seed")

    def __init__(self, seed: int) -> None:
        self._seed, self._at = seed, 0

    def __call__(self, count: int) -> bytes:
        """The next `count` octets."""
        if self._at + count > _TAPE:
            self._at = 0
        self._at += count
        return _octets(self._seed)[self._at - count : self._at]


@cache
def _octets(seed: int) -> bytes:
    return random.Random(seed).randbytes(_TAPE)
