"""What holds for a race beyond the moment: announcements grow old, and what was announced stays what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, ResultCode
from haconn_daemon.fence.desk import Admitted
from haconn_daemon.fence.operation import Order
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.haconn_daemon.fence.split import WAIT, Split, play


@pytest.mark.shows("R5")
@pytest.mark.parametrize("login", [2.3, 4.5])
def test_a_command_that_leaves_late_is_announced_anew(monkeypatch: pytest.MonkeyPatch, login: float) -> None:
    """A is asked around the moment at which B, which announced itself long ago, is logged in at last."""
    for skew in range(-400, 200, 15):
        split = play(monkeypatch, Split(logins=(0.02, login)), 0.0, max(0.0, login + skew / 1000), lasts=login + 5.0)
        assert split.sides[0].was_shot is not split.sides[1].was_shot, f"skew {skew} ms"


def test_announced_anew_only_where_the_command_could_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    split = play(monkeypatch, Split(logins=(0.02, 99.0)), 0.0, None, lasts=15.0)
    assert max(at for at, _ in split.sides[0].announced) < WAIT


def test_a_delayed_reset_is_announced_when_its_delay_is_nearly_over(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split()
    a, b = split.sides
    a.desk.rules = replace(a.desk.rules, delays={"B": 8.0})
    play(monkeypatch, split, 0.0, None, lasts=15.0)
    assert a.announced[0][0] == pytest.approx(8.0 - WAIT, abs=0.3)
    assert b.bmc.shots == [pytest.approx(8.0, abs=0.35)]
    assert b.bmc.shots[0] - a.announced[0][0] >= WAIT


@pytest.mark.shows("R5")
def test_who_learns_its_own_server_in_the_middle_goes_on_as_it_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(know_themselves=(True, False), logins=(1.0, 0.02))
    a, b = split.sides
    known: set[str] = set()
    b.desk._own_servers = lambda: frozenset(known)
    _play_with(monkeypatch, split, 0.0, lambda: known.add("B"), at=0.02)
    assert a.was_shot is not b.was_shot


@pytest.mark.shows("R5")
def test_priorities_that_change_in_the_middle_count_for_later_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(priorities=(0, 10))
    a, b = split.sides

    def change() -> None:
        a.desk.rules = replace(a.desk.rules, priorities={"A": 50, "B": 10})

    _play_with(monkeypatch, split, 0.002, change, at=0.004)
    assert (a.was_shot, b.was_shot) == (True, False)


@pytest.mark.shows("R3")
def test_who_comes_while_the_power_returns_and_has_no_time_is_answered_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split()
    desk = split.sides[0].desk
    answers: list[Any] = []

    async def main() -> None:
        async with trio.open_nursery() as split._nursery:
            await split._nursery.start(desk.run)
            assert isinstance(await desk.admit(Order("B", Action.CYCLE, 30.0, "monitor", "", "0:0")), Admitted)
            await trio.sleep(1.2)
            began = trio.current_time()
            with trio.fail_after(10.0):
                answers.append(await desk.admit(Order("B", Action.CYCLE, 2.0, "monitor", "", "0:1")))
            answers.append(trio.current_time() - began)
            split._nursery.cancel_scope.cancel()

    without_threads(monkeypatch)
    run_in_virtual_time(main)
    assert answers == [ResultCode.BUSY, pytest.approx(2.0, abs=0.5)]


def _play_with(monkeypatch: pytest.MonkeyPatch, split: Split, skew: float, change: Any, at: float) -> None:
    """A is asked at once and B after `skew`; `change` is called in the middle."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: split.run(0.0, skew, lasts=5.0))
            await trio.sleep(at)
            change()

    without_threads(monkeypatch)
    run_in_virtual_time(main)
