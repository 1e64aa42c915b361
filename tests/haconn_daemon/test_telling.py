"""Who is told of what: the log, and the reset path."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode
from haconn_daemon.fence.operation import Operation, Order
from haconn_daemon.fence.plan import Plan
from haconn_daemon.monitor.dump import DumpChange
from haconn_daemon.monitor.health import Change, Judge, Silence
from haconn_daemon.telling import MOST_REASONS, Telling
from tests.fakes.clock import run_in_virtual_time


class Ears:
    """In the place of the journal, the responder and the endpoint: remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, dict[str, Any]]] = []
        self.announced: list[tuple[EventKind, str]] = []
        self.wakes = 0

    def event(self, name: str, level: int = logging.INFO, /, **fields: Any) -> None:
        self.events.append((name, level, fields))

    def periodic(self, name: str, /, **fields: Any) -> None:
        return

    def announce(self, kind: EventKind, server: str, now: float) -> None:
        self.announced.append((kind, server))

    def finished(self, operation: bytes, result: ResetResult, now: float) -> None:
        return

    def wake(self) -> None:
        self.wakes += 1


def told(*story: str) -> Ears:
    """The judge hears of a silence for each of these reasons; "" is a reading."""
    ears, judge = Ears(), Judge("PSERVER2", 1.0, 1)
    telling = Telling(ears, ears, ears)  # type: ignore[arg-type]

    async def main() -> None:
        for now, reason in enumerate(story):
            changes = judge.heard_nothing(Silence(reason), now) if reason else judge.saw_power(True, now, 0.01)
            telling.changed(judge, changes)
            await trio.sleep(1.0)

    run_in_virtual_time(main)
    return ears


def test_each_reason_is_said_once_until_the_link_is_back() -> None:
    ears = told("", "a", "a", "b", "a", "b", "", "b", "a")
    assert [(name, fields["reason"]) for name, _, fields in ears.events] == [
        ("link_lost", "a"),
        ("link_reason", "b"),
        ("link_back", ""),
        ("link_lost", "b"),
        ("link_reason", "a"),
    ]
    assert ears.announced == [
        (EventKind.LINK_LOST, "PSERVER2"),
        (EventKind.LINK_BACK, "PSERVER2"),
        (EventKind.LINK_LOST, "PSERVER2"),
    ]


def test_reasons_without_end_do_not_fill_the_log() -> None:
    assert len(told(*(f"after {number} s" for number in range(100))).events) <= MOST_REASONS


@pytest.mark.parametrize(
    ("change", "name", "kind"),
    [(DumpChange.STARTED, "dump_started", EventKind.DUMP_STARTED), (DumpChange.ENDED, "dump_ended", EventKind.DUMP_ENDED)],
)
def test_dumps(change: DumpChange, name: str, kind: EventKind) -> None:
    ears = Ears()

    async def main() -> EventKind:
        return Telling(ears, ears, ears).dump_changed("PSERVER2", change, "sign")  # type: ignore[arg-type]

    assert run_in_virtual_time(main) is kind
    assert ears.events == [(name, logging.WARNING, {"server": "PSERVER2", "sign": "sign"})]
    assert (ears.announced, ears.wakes) == ([(kind, "PSERVER2")], 1)


def test_power() -> None:
    ears = Ears()
    judge = Judge("PSERVER2", 1.0, 1)

    async def main() -> None:
        Telling(ears, ears, ears).changed(judge, [Change.POWER_OFF, Change.POWER_ON])  # type: ignore[arg-type]

    run_in_virtual_time(main)
    assert [kind for kind, _ in ears.announced] == [EventKind.POWER_OFF, EventKind.POWER_ON]
    assert [(name, level) for name, level, _ in ears.events] == [("power_off", logging.WARNING), ("power_on", logging.WARNING)]


@pytest.mark.parametrize(
    ("code", "is_restart"),
    [
        (ResultCode.CYCLED_CONFIRMED, True),
        (ResultCode.OFF_CONFIRMED, True),
        (ResultCode.RESET_UNVERIFIED, True),
        (ResultCode.TIMEOUT, False),
        (ResultCode.UNREACHABLE, False),
    ],
)
def test_a_reset_that_was_carried_out_ends_a_dump(code: ResultCode, is_restart: bool) -> None:
    """A hard reset changes no power that a watcher could see."""
    ears, restarted = Ears(), list[str]()

    async def main() -> None:
        plan = Plan(Action.RESET, trio.current_time(), 60.0)
        operation = Operation(bytes(16), Order("PSERVER2", Action.RESET, 60.0, "PSERVER1", "", "ticket"), plan)
        telling = Telling(ears, ears, ears, restarted.append)  # type: ignore[arg-type]
        telling.finished(operation, ResetResult(code))

    run_in_virtual_time(main)
    assert restarted == ["PSERVER2"] * is_restart
