"""Whole connectors in one process, on a virtual clock, through histories out of seeds (`make soak` plays many more of them).

`python -m tests.haconn_daemon.cluster.test_machine SEED` tells one history.
"""

from __future__ import annotations

import sys

import pytest

from tests.haconn_daemon.cluster.history import play
from tests.haconn_daemon.cluster.plants import PLANTS, Plant
from tests.haconn_daemon.cluster.split import race

HISTORIES, FEW = 10, 60
RACES = 6


def test_nothing_that_should_not_be_happens_in_any_history() -> None:
    """The invariants of the fence: no false success, one answer, no command without a request, nothing torn or leaked."""
    verdicts = [play(seed) for seed in range(HISTORIES)]
    for verdict in verdicts:
        assert verdict.faults == [], "\n".join([f"seed {verdict.seed}", *verdict.story])
    assert sum(verdict.successes for verdict in verdicts) > HISTORIES / 2, "histories in which nothing succeeds prove nothing"
    assert sum(verdict.answers - verdict.successes for verdict in verdicts) > HISTORIES / 4


def test_the_same_seed_is_the_same_history() -> None:
    """Down to the last datagram."""
    first, again = play(5), play(5)
    assert first == again
    assert first.commands > 0


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_the_judge_bites(plant: Plant) -> None:
    """Each planted fault is found, and for what it is."""
    invariant, table = PLANTS[plant]
    found: list[str] = []
    for seed in range(FEW):
        found = [fault for fault in play(seed, plant, table).faults if fault.startswith(f"{invariant}:")]
        if found:
            break
    assert found, f"{plant.__name__} goes unnoticed in {FEW} histories"


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_of_two_that_reset_each_other_one_lives(loss: float) -> None:
    for seed in range(RACES):
        split = race(seed, loss)
        print(split)
        assert len(split.dead) == 1, split


def test_without_an_announcement_both_die() -> None:
    """So the races above are races."""
    assert sum(len(race(seed, 0.0, arbitration_wait=0.0).dead) == 2 for seed in range(RACES)) > RACES / 4


if __name__ == "__main__":
    told = play(int(sys.argv[1]))
    print("\n".join([*told.story, *told.faults]))
