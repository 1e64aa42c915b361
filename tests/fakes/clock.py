"""Time for tests: it stands still while anything happens and jumps to the next deadline when nothing does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import pytest
import trio
from trio.testing import MockClock

Outcome = TypeVar("Outcome")
Words = TypeVarTuple("Words")


def run_in_virtual_time(main: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Run `main` on a clock that begins at 0; a day takes no time."""
    return trio.run(main, clock=MockClock(autojump_threshold=0))


def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads work in real time, so a virtual clock runs away while one does: do their work at once instead."""

    async def run_sync(
        work: Callable[[*Words], Outcome],
        *words: *Words,
        abandon_on_cancel: bool = False,
        limiter: trio.CapacityLimiter | None = None,
    ) -> Outcome:
        await trio.lowlevel.checkpoint()
        return work(*words)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
