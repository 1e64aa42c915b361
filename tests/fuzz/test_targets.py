"""Every door has a target, and every target stands a few thousand mutations of its seeds, without a fuzzer."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.corpus import seeds_of
from tests.fuzz.doors import NOT_ENTERED, Entered, doors
from tests.fuzz.mutations import mutations
from tests.fuzz.targets import TARGETS

_MUTATIONS, _WATCHED = 2500, 250
_SEED = 20_26


def test_every_door_is_entered_by_a_target_or_has_a_reason() -> None:
    chance = random.Random(_SEED)
    with Entered() as entered:
        for name, target in TARGETS.items():
            seeds = seeds_of(name)
            for data in (*seeds, *mutations(seeds, _WATCHED, chance)):
                target.run(data)
    assert doors() - entered.doors == set(NOT_ENTERED)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_their_mutations(name: str) -> None:
    target, seeds = TARGETS[name], seeds_of(name)
    assert seeds
    assert max(map(len, seeds)) <= target.longest
    for data in (*seeds, *mutations(seeds, _MUTATIONS, random.Random(_SEED))):
        try:
            target.run(data)
        except Exception as finding:
            finding.add_note(f"target {name}, input {data.hex()}")
            raise
