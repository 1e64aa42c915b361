"""A disk that takes its time, in virtual time: what threads do on it ends later, also when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import pytest
import trio

Outcome = TypeVar("Outcome")
Words = TypeVarTuple("Words")


class SlowDisk:
    """In the place of trio's threads. Like them it keeps a limiter's token until the work is really done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.seconds = seconds
        """That a piece of work takes, which begins from now on."""
        self.at_work = self.most_at_work = 0
        monkeypatch.setattr(trio.to_thread, "run_sync", self._run_sync)

    async def _run_sync(
        self,
        work: Callable[[*Words], Outcome],
        *words: *Words,
        abandon_on_cancel: bool = False,
        limiter: trio.CapacityLimiter | None = None,
    ) -> Outcome:
        outcomes: list[Outcome] = []
        errors: list[Exception] = []
        done, who, tokens = trio.Event(), object(), limiter or trio.CapacityLimiter(1)

        async def thread() -> None:
            await trio.sleep(self.seconds)
            try:
                outcomes.append(work(*words))
            except Exception as error:  # it is raised where the work was asked for
                errors.append(error)
            self.at_work -= 1
            tokens.release_on_behalf_of(who)
            done.set()

        await tokens.acquire_on_behalf_of(who)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        trio.lowlevel.spawn_system_task(thread)
        with trio.CancelScope(shield=not abandon_on_cancel):
            await done.wait()
        if errors:
            raise errors[0]
        return outcomes[0]
