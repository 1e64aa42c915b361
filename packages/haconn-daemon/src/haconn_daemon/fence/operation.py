"""One reset that runs: what was ordered, its plan, and who waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from haconn_cli.config.model import BmcAddress
from haconn_cli.resetpath.vocabulary import Action, ResetResult
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.race import Race


@dataclass(frozen=True, slots=True)
class Order:
    """A reset that somebody entitled asks for."""

    target: str
    action: Action
    budget: float
    """Seconds; one outside the shortest and longest is moved to the nearer end."""
    requester: str
    reason: str
    ticket: str
    """What the requester finds its answer by; kept in the record."""
    force: bool = False
    """Even if the target is our own server."""


@dataclass(slots=True)
class Operation:
    """A reset that runs."""

    id: bytes
    order: Order
    plan: Plan
    address: BmcAddress | None = None
    """Where the BMC is; under the target's name there may be another one by now."""
    done: trio.Event = field(default_factory=trio.Event)
    writing: trio.Lock = field(default_factory=trio.Lock)
    """So that the record has its lines in their order: nobody joins what is not on the disk yet."""
    race: Race | None = None
    """None: the other connectors are not told, and nobody is given way to."""
    _news: trio.Event = field(default_factory=trio.Event)

    def stir(self) -> None:
        """Wake whoever waits for the plan's result or its next step."""
        self._news.set()
        self._news = trio.Event()

    async def sleep_until(self, moment: float) -> None:
        """Until then, or until it is stirred."""
        with trio.move_on_at(moment):
            await self._news.wait()

    async def result(self) -> ResetResult:
        """The plan's result, at its deadline at the latest."""
        while self.plan.result is None:
            await self.sleep_until(self.plan.deadline)
            self.plan.expire(trio.current_time())
        return self.plan.result
