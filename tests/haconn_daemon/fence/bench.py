"""The desk with one managed server, everything it tells and writes kept, on a network in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, Phase, ResetResult, ResultCode
from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.fence.desk import Admitted, Desk
from haconn_daemon.fence.operation import Operation, Order
from haconn_daemon.fence.record import Course, Intent, Record
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.lan import Lan
from tests.haconn_daemon.managed import HOST, NAME, a_board, the_way

TICKET = "0011223344556677:8899aabbccddeeff"


class MemoryRecord(Record):
    """Keeps what it is told, with how many power commands the BMC had had by then; `fault` is what the disk says."""

    def __init__(self, board: SimulatedBmc) -> None:
        super().__init__(Path("/nonexistent/record"))
        self.kept: list[tuple[str, object, int]] = []
        self.courses: list[Course] = []
        self.fault: OSError | None = None
        self._board = board

    def intend(self, intent: Intent) -> None:
        self._keep("intend", intent)

    def join(self, operation: str, ticket: str, requester: str) -> None:
        self._keep("join", ticket)

    def conclude(self, operation: str, result: ResetResult, course: Course | None = None) -> None:
        self.courses.append(course or Course())
        self._keep("conclude", result)

    def tidy(self) -> None:
        pass

    def _keep(self, what: str, value: object) -> None:
        if self.fault is not None:
            raise self.fault
        self.kept.append((what, value, len(self._board.power_commands)))

    @property
    def course(self) -> list[str]:
        return [what for what, _, _ in self.kept]


@dataclass
class KeepingTeller:
    """Keeps what it is told and when."""

    phases: list[Phase] = field(default_factory=list)
    finishes: list[tuple[float, Operation, ResetResult]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    announcements: list[tuple[float, str, str, int]] = field(default_factory=list)
    news: trio.Event = field(default_factory=trio.Event)

    def announce(self, operation: Operation, requester: str, priority: int) -> None:
        self.announcements.append((trio.current_time(), operation.order.target, requester, priority))

    def progress(self, operation: Operation, phase: Phase, reads: int) -> None:
        assert not self.of(operation.id), "no progress after the end"
        self.phases.append(phase)

    def finished(self, operation: Operation, result: ResetResult) -> None:
        assert not self.of(operation.id), "the final answer once"
        self.finishes.append((trio.current_time(), operation, result))
        self.news.set()
        self.news = trio.Event()

    def not_recorded(self, operation: Operation, why: str) -> None:
        self.complaints.append(why)

    def of(self, operation: bytes) -> list[ResetResult]:
        return [result for _, other, result in self.finishes if other.id == operation]


class Bench:
    """One managed server, and the desk that resets it."""

    def __init__(self, lan: Lan, board: SimulatedBmc | None = None, way: Bmc | None = None) -> None:
        self.lan = lan
        self.board = board or a_board()
        self.way = way or the_way()
        self.own: frozenset[str] = frozenset()
        self.record = MemoryRecord(self.board)
        self.teller = KeepingTeller()
        self.desk = Desk({NAME: self.way}, self.record, lambda: self.own, self.teller)
        lan.put(self.board, HOST)

    @property
    def commands(self) -> list[Control | int]:
        """The power commands that the BMC got."""
        return [control for _, control in self.board.power_commands]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        """The desk at work."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.desk.run)
            yield self.desk
            nursery.cancel_scope.cancel()

    async def order(self, action: Action = Action.CYCLE, budget: float = 30.0, **changes: Any) -> Admitted | ResultCode:
        settings: dict[str, Any] = {"target": NAME, "requester": "monitor PSERVER1", "reason": "test", "ticket": TICKET}
        return await self.desk.admit(Order(action=action, budget=budget, **(settings | changes)))

    async def result(self, admission: Admitted | ResultCode, patience: float = 700.0) -> ResetResult:
        """The final answer of an order that was admitted."""
        assert isinstance(admission, Admitted), admission
        with trio.fail_after(patience):
            while not self.teller.of(admission.operation):
                await self.teller.news.wait()
        return self.teller.of(admission.operation)[0]

    async def reset(self, action: Action = Action.CYCLE, budget: float = 30.0, **changes: Any) -> ResetResult:
        """Ask and wait; in time, and true, whatever the result."""
        asked = trio.current_time()
        async with self.open():
            result = await self.result(await self.order(action, budget, **changes))
        answered = self.teller.finishes[-1][0]
        assert answered - asked <= budget + 0.1, "the budget holds"
        self.check_truth(result, asked)
        return result

    def check_truth(self, result: ResetResult, asked: float) -> None:
        """Each reading is held against when the power was really off, and a success has its two."""
        for reading in result.evidence.readings:
            sampled = asked + reading.after - self.lan.latency
            near = (sampled - 0.001, sampled + 0.001)   # the evidence is in milliseconds
            assert reading.power_is_on in {self.board.chassis.power_is_on(moment) for moment in near}
        if result.code.is_success:
            assert sum(not reading.power_is_on for reading in result.evidence.readings) >= 2


def run(bench: Bench, monkeypatch: pytest.MonkeyPatch, main: Callable[[Bench], Any]) -> Any:
    """Run a test of the desk in virtual time."""
    without_threads(monkeypatch)
    return run_in_virtual_time(lambda: main(bench))
