"""What lateness explains is what our own client does when it waits too long; this needs none of the programs."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.peers.interop import CASES, PASS, Case, Seen, fails
from tests.peers.interop_run import ALONE, run_column
from tests.peers.lateness import FIRST_WAIT, Gauge, unexplained

ROWS = list(CASES.values())[:6]
GOOD, BAD = Seen(True, "on"), Seen(False, "NoAnswer")


@pytest.mark.parametrize(
    ("dropped", "took", "left"),
    [
        (["answer to another login"], 2.0, set()),
        (["answer to another login"], 0.1, {"answer to another login"}),
        (["answer to another login", "not authentic"], 2.0, {"not authentic"}),
        ([], 0.1, set()),
    ],
)
def test_what_is_explained(dropped: list[str], took: float, left: set[str]) -> None:
    assert unexplained(dropped, took) == left


def test_nothing_is_said_twice_before_the_first_wait() -> None:
    assert 0.1 < FIRST_WAIT < 0.3


def test_a_gauge_explains_repeats_only_where_the_loop_was_late() -> None:
    async def main(late_by: float) -> Gauge:
        gauge = Gauge()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gauge.watch)
            await trio.testing.wait_all_tasks_blocked()
            clock.jump(0.05 + late_by)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return gauge

    clock = MockClock()
    assert trio.run(main, 0.1, clock=clock).unexplained(["replayed"]) == {"replayed"}
    clock = MockClock()
    late = trio.run(main, 3.0, clock=clock)
    assert late.worst == pytest.approx(3.0)
    assert late.unexplained(["replayed", "NotAuthentic", "Malformed"]) == {"Malformed"}


def a_column(results: dict[str, list[Seen]], calls: list[tuple[str, float]]) -> dict[str, Seen]:
    async def run_cell(case: Case, patience: float) -> Seen:
        calls.append((case.name, patience))
        return results.get(case.name, [GOOD]).pop(0) if results.get(case.name) else GOOD

    return run_column(ROWS, run_cell, {case.name: PASS for case in ROWS})


def test_a_cell_that_differs_is_run_again_alone_and_then_believed() -> None:
    calls: list[tuple[str, float]] = []
    late, broken = ROWS[1].name, ROWS[2].name
    seen = a_column({late: [BAD, GOOD], broken: [BAD, BAD, BAD]}, calls)
    assert (seen[late], seen[broken]) == (GOOD, BAD)
    assert calls[-2:] == [(late, ALONE), (broken, ALONE)]
    assert len(calls) == len(ROWS) + 2, "what is as expected is run once"


def test_a_pass_that_is_not_expected_is_run_again_too() -> None:
    calls: list[tuple[str, float]] = []

    async def run_cell(case: Case, patience: float) -> Seen:
        calls.append((case.name, patience))
        return GOOD

    assert run_column(ROWS[:1], run_cell, {ROWS[0].name: fails("drops everything", "NoAnswer")}) == {ROWS[0].name: GOOD}
    assert len(calls) == 2
