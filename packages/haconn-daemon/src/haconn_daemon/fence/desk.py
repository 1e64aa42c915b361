"""Where resets are asked for: one operation per target at a time, the record before the deed, and each result once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVarTuple

import trio

from haconn_cli.resetpath.vocabulary import LONGEST_BUDGET, SHORTEST_BUDGET, Action, Phase, ResetResult, ResultCode
from haconn_daemon.bmc import Bmc
from haconn_daemon.fence.actuator import carry_out
from haconn_daemon.fence.plan import Plan, Timing
from haconn_daemon.fence.record import Intent, Record

Words = TypeVarTuple("Words")

RECORD_PATIENCE = 0.4
"""Seconds that a reset waits for the disk. After that it goes on without a record: a dying disk must not keep a server alive."""


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


@dataclass(frozen=True, slots=True)
class Admitted:
    """The order is on the disk and begins now, or has joined one that runs."""

    operation: bytes
    joined: bool


@dataclass(slots=True)
class Operation:
    """A reset that runs."""

    id: bytes
    order: Order
    plan: Plan
    done: trio.Event = field(default_factory=trio.Event)
    writing: trio.Lock = field(default_factory=trio.Lock)
    """So that the record has its lines in their order: nobody joins what is not on the disk yet."""
    _news: trio.Event = field(default_factory=trio.Event)

    def stir(self) -> None:
        """Wake whoever waits for the plan's result."""
        self._news.set()
        self._news = trio.Event()

    async def result(self) -> ResetResult:
        """The plan's result, at its deadline at the latest."""
        while self.plan.result is None:
            with trio.move_on_at(self.plan.deadline):
                await self._news.wait()
            self.plan.expire(trio.current_time())
        return self.plan.result


class Teller(Protocol):
    """Who is told of an operation's course."""

    def progress(self, operation: Operation, phase: Phase, reads: int) -> None:
        """Something has been done or seen."""

    def finished(self, operation: Operation, result: ResetResult) -> None:
        """The final answer, exactly once."""

    def not_recorded(self, operation: Operation, why: str) -> None:
        """The disk does not take the record. The reset goes on: a full disk must not keep a failed server alive."""


class Desk:
    """Takes orders and has them carried out."""

    def __init__(
        self,
        bmcs: Mapping[str, Bmc],
        record: Record,
        own_servers: Callable[[], frozenset[str]],
        teller: Teller,
        is_settled: Callable[[str], bool] = lambda target: True,
        timing: Timing | None = None,
    ) -> None:
        """`is_settled(target)`: whether its BMC has answered without a gap lately."""
        self._bmcs = bmcs
        self._record = record
        self._own_servers = own_servers
        self._teller = teller
        self._is_settled = is_settled
        self._timing = timing or Timing()
        self._running: dict[str, Operation] = {}   # by target
        self._nursery: trio.Nursery | None = None
        self._is_closing = False

    @property
    def running(self) -> list[Operation]:
        """Operations whose result has not been told yet."""
        return list(self._running.values())

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hosts the operations until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    async def admit(self, order: Order) -> Admitted | ResultCode:
        """Begin, join, or refuse (the code says why). Nothing is switched before the record had its chance to keep the intent.

        Who comes when the running one has its proof already is not answered by it, but waits for its end and begins anew.
        """
        deadline = trio.current_time() + min(max(order.budget, SHORTEST_BUDGET), LONGEST_BUDGET)
        while (running := self._running.get(order.target)) is not None:
            if running.order.action is not order.action:
                return ResultCode.BUSY
            if running.plan.may_be_joined:
                running.plan.extend(deadline)
                running.stir()
                await self._keep(running, self._record.join, running.id.hex(), order.ticket)
                return Admitted(running.id, joined=True)
            with trio.move_on_at(deadline):
                await running.done.wait()
        if order.target not in self._bmcs:
            return ResultCode.UNKNOWN_TARGET
        if order.target in self._own_servers() and not order.force:
            return ResultCode.OWN_SERVER
        if self._is_closing or self._nursery is None or trio.current_time() >= deadline:
            return ResultCode.BUSY
        operation = self._begin(order, deadline)
        await self._keep(operation, self._record.intend, _intent(operation))
        self._nursery.start_soon(self._see_through, operation)
        return Admitted(operation.id, joined=False)

    async def close(self, patience: float) -> None:
        """Take no more orders; give running ones `patience` seconds, then they end as INTERRUPTED."""
        self._is_closing = True
        with trio.move_on_after(patience):
            for operation in self.running:
                await operation.done.wait()
        for operation in self.running:
            operation.plan.give_up(ResultCode.INTERRUPTED, "the connector was stopped")
            operation.stir()
        with trio.move_on_after(1.0):
            for operation in self.running:
                await operation.done.wait()

    def _begin(self, order: Order, deadline: float) -> Operation:
        now = trio.current_time()
        plan = Plan(order.action, now, deadline - now, self._timing, is_settled=self._is_settled(order.target))
        operation = self._running[order.target] = Operation(os.urandom(16), order, plan)
        return operation

    async def _see_through(self, operation: Operation) -> None:
        """From the first step to the answer. The session's close, which may be slow, does not hold the answer back."""
        plan = operation.plan

        def on_news() -> None:
            operation.stir()
            if not operation.done.is_set():
                self._teller.progress(operation, plan.phase, plan.reads)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(carry_out, plan, self._bmcs[operation.order.target], on_news)
            await self._conclude(operation, await operation.result())

    async def _conclude(self, operation: Operation, result: ResetResult) -> None:
        await self._keep(operation, self._record.conclude, operation.id.hex(), result)
        del self._running[operation.order.target]
        operation.done.set()
        self._teller.finished(operation, result)

    async def _keep(self, operation: Operation, write: Callable[[*Words], None], *words: *Words) -> None:
        """Have the record write, in a thread and not for long: no disk may hold up a path check or a reset."""
        why = f"the disk took longer than {RECORD_PATIENCE:g} s"
        with trio.move_on_after(RECORD_PATIENCE):
            try:
                async with operation.writing:
                    await trio.to_thread.run_sync(write, *words, abandon_on_cancel=True)
            except (OSError, RuntimeError) as error:     # RuntimeError: no thread to be had
                why = str(error)
            else:
                return
        self._teller.not_recorded(operation, why)


def _intent(operation: Operation) -> Intent:
    order = operation.order
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    action = order.action.name
    return Intent(operation.id.hex(), order.target, action, order.requester, order.budget, order.reason, order.ticket, now)
