"""Where resets are asked for: one operation per target at a time, the record before the deed, and each result once."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVarTuple

import trio

from haconn_cli.resetpath.vocabulary import LONGEST_BUDGET, SHORTEST_BUDGET, Action, EventKind, Phase, ResetResult, ResultCode
from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.fence.actuator import carry_out
from haconn_daemon.fence.arbitration import Arbitration
from haconn_daemon.fence.dump import DumpWait
from haconn_daemon.fence.hold import Hold
from haconn_daemon.fence.operation import Operation, Order
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.race import Race
from haconn_daemon.fence.record import Course, Intent, Record
from haconn_daemon.fence.rules import Rules
from haconn_daemon.fence.steps import Timing
from ipmi_lan import Client

Words = TypeVarTuple("Words")

RECORD_PATIENCE = 0.4
"""Seconds that a reset waits for the disk. After that it goes on without a record: a dying disk must not keep a server alive."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The order is on the disk and begins now, or has joined one that runs."""

    operation: bytes
    joined: bool


LookForDump = Callable[[str, Client], Awaitable[bool | None]]
"""As the actuator's, with the server's name first."""


async def _look_nowhere(target: str, client: Client) -> bool | None:
    return None


class Teller(Protocol):
    """Who is told of an operation's course."""

    def announce(self, operation: Operation, requester: str, priority: int) -> None:
        """The other connectors should know of it, on whose side, and with what right; `requester` may be empty."""

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
        is_dumping: Callable[[str], bool] = lambda target: False,
        look_for_dump: LookForDump = _look_nowhere,
        timing: Timing | None = None,
        rules: Rules | None = None,
    ) -> None:
        """`is_settled(target)`: whether its BMC has answered without a gap lately; `is_dumping`: whether it writes a dump.

        `look_for_dump` is only called by resets that wait for dumps; what it finds of one comes back by `dump_sign`.
        """
        self._bmcs = bmcs
        self._record = record
        self._own_servers = own_servers
        self._teller = teller
        self._is_settled, self._is_dumping, self._look_for_dump = is_settled, is_dumping, look_for_dump
        self._timing = timing or Timing()
        self.rules = rules or Rules()
        """May be replaced at any time; it holds for operations that begin afterwards."""
        self._arbitration = Arbitration()
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
        while (running := self._in_the_way(order.target)) is not None:
            if running.order.action is not order.action:
                return ResultCode.BUSY
            if running.plan.may_be_joined and self._is_of(running, order.target):
                running.plan.extend(deadline)
                running.stir()
                await self._keep(running, self._record.join, running.id.hex(), order.ticket, order.requester)
                return Admitted(running.id, joined=True)
            with trio.move_on_at(deadline):
                await running.done.wait()
            if trio.current_time() >= deadline:
                return ResultCode.BUSY
        if order.target not in self._bmcs:
            return ResultCode.UNKNOWN_TARGET
        own = self._own_servers()
        if order.target in own and (not order.force or len(own) > 1):   # disputed: it may be anybody's BMC
            return ResultCode.OWN_SERVER
        if self._is_closing or self._nursery is None or trio.current_time() >= deadline:
            return ResultCode.BUSY
        operation = self._begin(order, deadline)
        self._nursery.start_soon(self._see_through, operation, self._bmcs[order.target])
        await self._write_intent(operation)
        return Admitted(operation.id, joined=False)

    def _in_the_way(self, target: str) -> Operation | None:
        """What runs under that name, or under another one at that server's BMC: a reload may have renamed it."""
        way = self._bmcs.get(target)
        return self._running.get(target) or next(
            (each for each in self.running if way is not None and each.address == way.address), None
        )

    def _is_of(self, operation: Operation, target: str) -> bool:
        way = self._bmcs.get(target)
        return operation.order.target == target and way is not None and operation.address == way.address

    async def leave(self, operation: bytes, ticket: str) -> None:
        """Have the record keep that somebody who joined goes without the result; he may be told when this returns."""
        for running in self.running:
            if running.id == operation:
                await self._keep(running, self._record.leave, operation.hex(), ticket)

    def heard_intent(self, target: str, requester: str, priority: int, sender: Hashable, now: float) -> None:
        """Another connector announces that it resets `target`, for the server that it stands on (empty: it does not know)."""
        self._arbitration.heard(target, requester, priority, sender, now)
        for operation in self.running:
            if operation.race is not None:
                operation.race.weigh(self._arbitration, now)
                operation.stir()

    def dump_sign(self, target: str, kind: EventKind) -> None:
        """`target` began to write a crash dump (DUMP_STARTED), or has ended (DUMP_ENDED)."""
        if (operation := self._running.get(target)) is not None:
            operation.plan.dump_sign(kind, trio.current_time())
            operation.stir()

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

    # ── the beginning ─────────────────────────────────────────────────────────

    def _begin(self, order: Order, deadline: float) -> Operation:
        now, rules, target = trio.current_time(), self.rules, order.target
        plan = Plan(
            order.action, now, deadline - now, self._timing,
            is_settled=self._is_settled(target),
            hold=Hold(is_recorded=False, delayed_until=now + rules.delays.get(target, 0.0)),
            dump=DumpWait(
                rules.dump_wait, rules.dump_limit, self._is_dumping(target),
                look_interval=rules.look_interval if rules.dump_wait or order.action is Action.DUMP_CYCLE else 0.0,
            ),
        )  # fmt: skip
        operation = self._running[target] = Operation(os.urandom(16), order, plan, self._bmcs[target].address)
        if rules.arbitration_wait:
            self._enter_race(operation, rules, now)
        return operation

    def _enter_race(self, operation: Operation, rules: Rules, now: float) -> None:
        """Who would be reset with more right gives way now; else the others are told, and the power command waits for them."""
        own, target = self._own() or "", operation.order.target
        if own == target:
            return
        operation.race = race = Race(operation.plan, target, own, rules.priorities.get(own, 0), rules.arbitration_wait)
        race.weigh(self._arbitration, now)
        if operation.plan.result is None and race.enter(now):
            self._teller.announce(operation, race.own, race.right)

    def _own(self) -> str | None:
        """The server that we stand on, where exactly one is known."""
        own = self._own_servers()
        return next(iter(own)) if len(own) == 1 else None

    async def _write_intent(self, operation: Operation) -> None:
        """While the login and the first reading go on; only the power command waits for it."""
        began = trio.current_time()
        await self._keep(operation, self._record.intend, _intent(operation))
        operation.plan.findings.took("recorded", trio.current_time() - began)
        operation.plan.hold.is_recorded = True
        operation.stir()

    # ── the course and the end ────────────────────────────────────────────────

    async def _see_through(self, operation: Operation, bmc: Bmc) -> None:
        """From the first step to the answer. The session's close, which may be slow, does not hold the answer back."""

        def on_news() -> None:
            self._tell(operation)

        look = partial(self._look_for_dump, operation.order.target)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carry_out, operation.plan, bmc, on_news, operation.sleep_until, look)
            if operation.race is not None:
                nursery.start_soon(self._repeat_announcements, operation, operation.race)
            await self._conclude(operation, await operation.result())

    async def _repeat_announcements(self, operation: Operation, race: Race) -> None:
        """While the others are listened to, and after the power command left."""
        while operation.plan.result is None:
            await trio.sleep(race.interval)
            if race.has_to_repeat(trio.current_time()):
                self._teller.announce(operation, race.own, race.right)

    def _tell(self, operation: Operation) -> None:
        plan, race = operation.plan, operation.race
        if race is not None and plan.result is None and (race.commits() or race.has_to_announce(trio.current_time())):
            self._teller.announce(operation, race.own, race.right)
        operation.stir()
        if not operation.done.is_set():
            self._teller.progress(operation, plan.phase, plan.reads)

    async def _conclude(self, operation: Operation, result: ResetResult) -> None:
        plan = operation.plan
        course = Course(round(trio.current_time() - plan.started, 6), tuple(plan.findings.steps))
        why = await self._keep(operation, self._record.conclude, operation.id.hex(), result, course)
        if why:
            told = f"{result.evidence.detail}; not durable: {why}"
            result = replace(result, evidence=replace(result.evidence, detail=told))
        del self._running[operation.order.target]
        operation.done.set()
        self._teller.finished(operation, result)
        await self._tidy()

    async def _keep(self, operation: Operation, write: Callable[[*Words], None], *words: *Words) -> str:
        """Have the record write, in a thread and not for long: no disk may hold up a path check or a reset.

        Returns why it did not, or nothing.
        """
        why = f"the disk took longer than {RECORD_PATIENCE:g} s"
        with trio.move_on_after(RECORD_PATIENCE):
            try:
                async with operation.writing:
                    await trio.to_thread.run_sync(write, *words, abandon_on_cancel=True)
            except (OSError, RuntimeError) as error:     # RuntimeError: no thread to be had
                why = str(error)
            else:
                return ""
        operation.plan.findings.remark(f"not durable: {why}")
        self._teller.not_recorded(operation, why)
        return why

    async def _tidy(self) -> None:
        """Shorten the record, after the answer: nobody waits for that."""
        with trio.move_on_after(RECORD_PATIENCE):
            try:
                await trio.to_thread.run_sync(self._record.tidy, abandon_on_cancel=True)
            except (OSError, RuntimeError):
                return      # the next line that does not fit says so


def _intent(operation: Operation) -> Intent:
    order = operation.order
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    action = order.action.name
    return Intent(operation.id.hex(), order.target, action, order.requester, order.budget, order.reason, order.ticket, now)
