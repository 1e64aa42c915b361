"""A cluster of two in a split: each connector is told to reset the other's server. Announcements travel, and power commands."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, Phase, ResetResult
from haconn_daemon.bmcs.sharing import Sharing
from haconn_daemon.fence.desk import Admitted, Desk
from haconn_daemon.fence.operation import Operation, Order
from haconn_daemon.fence.record import Course, Intent, Record
from haconn_daemon.fence.rules import Rules
from ipmi_lan.commands.chassis import CHASSIS_CONTROL, Accepted, ChassisStatus
from tests.fakes.clock import run_in_virtual_time, without_threads

WAIT = 0.3
DATAGRAMS = (0.0, 0.04, 0.14)
"""Seconds at which the reset path sends one announcement."""


class QuickBmc:
    """A server that obeys at once, behind a BMC without a network: what counts here is when its power command came."""

    def __init__(self, login: float) -> None:
        self.sharing = Sharing()
        self.address = id(self)
        self.is_on = True
        self.shots: list[float] = []
        self.on_login: Callable[[], None] = lambda: None
        self.on_shot: Callable[[], None] = lambda: None
        self.peer = SimpleNamespace(suite=SimpleNamespace(id=17), guid=bytes(16))
        self._login = login

    def expect_right(self) -> None:
        """It is."""

    @asynccontextmanager
    async def open(self, timeout: float) -> AsyncIterator[Any]:
        await trio.sleep(self._login)
        self.on_login()
        yield self

    async def run(self, command: Any, timeout: float = 1.0) -> Any:
        await trio.sleep(0.001)
        if command.code != CHASSIS_CONTROL.code:
            return ChassisStatus(self.is_on)
        self.shots.append(trio.current_time())
        self.is_on = False
        self.on_shot()
        return Accepted()


class NoRecord(Record):
    """On no disk."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent/record"))

    def intend(self, intent: Intent) -> None:
        pass

    def conclude(self, operation: str, result: ResetResult, course: Course | None = None) -> None:
        pass

    def tidy(self) -> None:
        pass


@dataclass
class Side:
    """One connector, on the server `own`."""

    own: str
    bmc: QuickBmc
    """Of its own server."""
    desk: Any = None
    other: Any = None
    knows_itself: bool = True
    results: list[ResetResult] = field(default_factory=list)
    finished_at: list[float] = field(default_factory=list)
    announced: list[tuple[float, int]] = field(default_factory=list)
    send: Callable[..., None] = lambda *words: None

    @property
    def was_shot(self) -> bool:
        return bool(self.bmc.shots)

    def announce(self, operation: Operation, requester: str, priority: int) -> None:
        self.announced.append((trio.current_time(), priority))
        self.send(self, operation.order.target, requester, priority)

    def progress(self, operation: Operation, phase: Phase, reads: int) -> None:
        pass

    def finished(self, operation: Operation, result: ResetResult) -> None:
        self.results.append(result)
        self.finished_at.append(trio.current_time())

    def not_recorded(self, operation: Operation, why: str) -> None:
        pass


@dataclass
class Split:
    """What happens; `latency` and `login` in seconds."""

    priorities: tuple[int, int] = (0, 0)
    latency: float = 0.005
    logins: tuple[float, float] = (0.02, 0.02)
    wait: float = WAIT
    is_lost: Callable[[], bool] = lambda: False
    know_themselves: tuple[bool, bool] = (True, True)
    sides: tuple[Side, Side] = field(init=False)

    def __post_init__(self) -> None:
        a, b = (Side(name, QuickBmc(login)) for name, login in zip(("A", "B"), self.logins, strict=True))
        self.sides = (a, b)
        for side, other, knows in ((a, b, self.know_themselves[0]), (b, a, self.know_themselves[1])):
            own = frozenset({side.own}) if knows else frozenset[str]()
            rules = Rules(self.wait, priorities=dict(zip("AB", self.priorities, strict=True)))
            bmcs: Any = {"A": a.bmc, "B": b.bmc}
            side.other, side.send = other, self._send
            side.desk = Desk(bmcs, NoRecord(), lambda own=own: own, side, rules=rules)   # type: ignore[misc]

    async def run(self, *starts: float | None, lasts: float = 3.0, budget: float = 20.0, force: bool = False) -> None:
        """Each side is asked at its moment (None: never) to reset the other."""
        async with trio.open_nursery() as self._nursery:
            for side in self.sides:
                await self._nursery.start(side.desk.run)
            for side, start in zip(self.sides, starts, strict=True):
                if start is not None:
                    self._nursery.start_soon(self._ask, side, start, budget, force)
            await trio.sleep(lasts)
            self._nursery.cancel_scope.cancel()

    async def _ask(self, side: Side, start: float, budget: float, force: bool) -> None:
        await trio.sleep(start)
        if side.bmc.is_on:      # else the server is dead, and its connector with it
            order = Order(side.other.own, Action.OFF, budget, "monitor", "split", "0:0", force)
            assert isinstance(await side.desk.admit(order), Admitted)

    def _send(self, side: Side, target: str, requester: str, priority: int) -> None:
        for after in DATAGRAMS:
            if not self.is_lost():
                self._nursery.start_soon(self._deliver, side, after, target, requester, priority)

    async def _deliver(self, side: Side, after: float, *words: Any) -> None:
        await trio.sleep(after)
        if not side.bmc.is_on:
            return      # the dead send nothing; this is the worst case, for what left does arrive
        await trio.sleep(self.latency)
        side.other.desk.heard_intent(*words, side.own, trio.current_time())


def play(monkeypatch: pytest.MonkeyPatch, split: Split, *starts: float | None, **more: Any) -> Split:
    """The whole of it, in virtual time. A server that is shot does nothing any more."""
    without_threads(monkeypatch)
    run_in_virtual_time(lambda: split.run(*starts, **more))
    return split


def seeded_loss(seed: int, share: float) -> Callable[[], bool]:
    chance = random.Random(seed)
    return lambda: chance.random() < share
