"""The watchdog's food and the status line, in virtual time and with everything around them played."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from haconn_daemon import systemd
from haconn_daemon.upkeep import OVERDUE, feed_watchdog, keep_posted, what_hangs
from tests.fakes.clock import run_in_virtual_time


class Log:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, dict[str, object]]] = []
        self.trouble = ""

    def event(self, name: str, level: int = logging.INFO, /, **fields: object) -> None:
        self.told.append((name, level, fields))


@pytest.fixture
def notified(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """What systemd was told, and when."""
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(systemd, "notify", lambda message: told.append((trio.current_time(), message)))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return told


def a_watcher(name: str, longest_silence: float = 10.0) -> Any:
    return SimpleNamespace(judge=SimpleNamespace(name=name), last_progress=0.0, longest_silence=longest_silence)


def a_reset(target: str, deadline: float) -> Any:
    return SimpleNamespace(order=SimpleNamespace(target=target), plan=SimpleNamespace(deadline=deadline))


def fed_for(seconds: float, log: Log, hanging: Callable[[], str]) -> None:
    async def main() -> None:
        with trio.move_on_after(seconds):
            await feed_watchdog(log, hanging)  # type: ignore[arg-type]

    run_in_virtual_time(main)


def test_fed_twice_in_the_time_that_systemd_allows(notified: list[tuple[float, str]]) -> None:
    fed_for(10.5, Log(), lambda: "")
    assert notified == [(float(second), "WATCHDOG=1") for second in range(11)]


@pytest.mark.shows("M4")
def test_a_watcher_that_stands_still_lets_it_go_hungry(notified: list[tuple[float, str]]) -> None:
    log, watchers = Log(), [a_watcher("PSERVER1"), a_watcher("PSERVER2")]
    desk: Any = SimpleNamespace(running=[])

    def hanging() -> str:
        watchers[0].last_progress = trio.current_time()
        watchers[1].last_progress = min(trio.current_time(), 20.0)
        return what_hangs(watchers, desk)  # type: ignore[arg-type]

    fed_for(60.0, log, hanging)
    assert notified[-1][0] == 30.0
    assert log.told == [("no_progress", logging.ERROR, {"who": "the watcher of PSERVER2"})], "said once"


def test_a_reset_that_does_not_end_does_so_too(notified: list[tuple[float, str]]) -> None:
    log, desk = Log(), SimpleNamespace(running=[a_reset("PSERVER1", 5.0), a_reset("PSERVER2", 500.0)])
    fed_for(60.0, log, lambda: what_hangs([], desk))  # type: ignore[arg-type]
    assert notified[-1][0] == 5.0 + OVERDUE
    assert log.told[0][2] == {"who": "the reset of PSERVER1"}


def test_who_recovers_is_fed_again_and_may_be_told_of_again(notified: list[tuple[float, str]]) -> None:
    log = Log()
    fed_for(40.0, log, lambda: "x" if 10.0 < trio.current_time() < 20.0 or trio.current_time() > 30.0 else "")
    assert [at for at, _ in notified] == [*range(11), *range(20, 31)]
    assert len(log.told) == 2


@pytest.mark.shows("M4")
def test_a_loop_that_is_blocked_feeds_nothing(notified: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """On the real clock: nothing but the loop itself can feed."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")

    async def main() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed_watchdog, Log(), lambda: "")  # type: ignore[arg-type]
            while not notified:
                await trio.sleep(0.01)
            before = len(notified)
            time.sleep(0.3)
            blocked = len(notified) - before
            nursery.cancel_scope.cancel()
        return blocked

    assert trio.run(main) == 0


def test_not_watched_but_told_all_the_same(notified: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC")
    log = Log()
    fed_for(5.0, log, lambda: "x")
    assert (notified, len(log.told)) == ([], 1)


def test_the_status_line_is_told_when_it_is_new(notified: list[tuple[float, str]]) -> None:
    log = Log()

    async def main() -> None:
        with trio.move_on_after(30.0):
            await keep_posted(log, lambda: "all well" if trio.current_time() < 10 else "two\nlines")  # type: ignore[arg-type]

    run_in_virtual_time(main)
    assert notified == [(0.0, "STATUS=all well"), (10.0, "STATUS=two lines")]


def test_one_alarm_for_a_log_that_cannot_be_written(notified: list[tuple[float, str]]) -> None:
    log = Log()

    async def trouble() -> None:
        for why in ("No space left", "No space left on another", "", ""):
            log.trouble = why
            await trio.sleep(5.0)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_posted, log, lambda: "")  # type: ignore[arg-type]
            await trouble()
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
    assert [(name, level) for name, level, _ in log.told] == [
        ("log_not_written", logging.ERROR),
        ("log_written_again", logging.INFO),
    ]


def test_who_was_stopped_as_a_whole_is_not_said_to_hang(notified: list[tuple[float, str]]) -> None:
    """SIGSTOP and SIGCONT: this task may be the first to run again, and the others have not had their turn yet."""
    log, watcher = Log(), a_watcher("PSERVER1")

    async def watches() -> None:
        while True:
            await trio.sleep(1.0)
            await trio.sleep(0.5)
            watcher.last_progress = trio.current_time()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watches)
            nursery.start_soon(feed_watchdog, log, lambda: what_hangs([watcher], SimpleNamespace(running=[])))  # type: ignore[arg-type]
            await trio.sleep(5.2)
            clock = trio.lowlevel.current_clock()
            assert isinstance(clock, MockClock)
            clock.jump(60.0)
            await trio.sleep(20.0)
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
    assert log.told == []
    assert notified[-1][0] > 80.0
