"""The seeds of a target as files: vectors that others recorded, and what our session and our simulator say to each other."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.fuzz.targets import TARGETS


def seeds_of(name: str) -> list[bytes]:
    """The inputs that a target begins with, each once."""
    return list(dict.fromkeys(TARGETS[name].seeds()))


def write_corpus(name: str, folder: Path) -> int:
    """One file for each seed, named as libFuzzer would; how many."""
    seeds = seeds_of(name)
    for seed in seeds:
        (folder / sha256(seed).hexdigest()[:40]).write_bytes(seed)
    return len(seeds)
