"""Carries a plan out: opens the BMC, does the next step, tells the plan what came of it.

The watcher's open session is used first, where there is one: then a power command leaves one round trip after the request. It may
hang, so its first answer gets little time, and everything after that goes through a session of the reset's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from haconn_cli.resetpath.vocabulary import ResultCode
from haconn_daemon.bmcs.bmc import Bmc, WrongIdentity
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.steps import Done, Look, Read, ReadCause, Switch, Wait
from ipmi_lan import (
    Client,
    CommandRefused,
    IpmiError,
    Malformed,
    NoAnswer,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.commands.chassis import Control, RestartCause, chassis_control, get_chassis_status, get_system_restart_cause

LOGIN_TIMEOUT = 5.0
READ_TIMEOUT = 2.0
WARM_TIMEOUT = 0.4
"""Seconds for the first reading over the watcher's session: a lost datagram is sent again within it, and a session that hangs
costs no more than that."""
SWITCH_TIMEOUT = 1.5
"""Seconds for the answer to a power command, which is sent once; after that the power state is read instead."""
_MOST_MISSES = 2
_BETWEEN_LOGINS = 0.3
_AFTER_WRONG_PASSWORD = 2.0
"""Seconds: one more attempt, then the plan gives up. BMCs lock an account after five."""
_AFTER_MANY_WRONG_PASSWORDS = 10.0
"""Seconds: only where a power command was taken by a BMC that now refuses the same password, as one that restarts may."""

_CODES: tuple[tuple[type[IpmiError], ResultCode], ...] = (
    (WrongPassword, ResultCode.WRONG_PASSWORD),
    (WrongKg, ResultCode.WRONG_PASSWORD),
    (PrivilegeTooHigh, ResultCode.REFUSED_BY_BMC),
    (SuiteRefused, ResultCode.REFUSED_BY_BMC),
)
"""What a login that stays refused amounts to. All else is tried again until the budget is over: BMCs restart, lose packets, run
out of slots."""

Sleep = Callable[[float], Awaitable[None]]
"""Until that moment, or until there is news for the plan."""
LookForDump = Callable[[Client], Awaitable[bool | None]]
"""Into the event log, over this session: whether the server was started anew and writes no dump; None: nothing was learned."""


async def look_nowhere(client: Client) -> bool | None:
    """Where nobody knows of event logs."""
    return None


async def carry_out(
    plan: Plan,
    bmc: Bmc,
    on_news: Callable[[], None],
    sleep_until: Sleep = trio.sleep_until,
    look_for_dump: LookForDump = look_nowhere,
) -> None:
    """Returns when `plan.result` is there, which is by `plan.deadline`; `on_news` is called after every step.

    The session is closed before this returns; whoever waits for the result watches `plan.result` instead.
    """
    with bmc.sharing.taken():
        while plan.result is None:
            with trio.move_on_at(plan.deadline):    # which somebody who joins may have moved meanwhile
                await _Courier(plan, bmc, on_news, sleep_until, look_for_dump).try_all()
            plan.expire(trio.current_time())
    on_news()


class _Courier:
    """Between one plan and one BMC."""

    def __init__(
        self, plan: Plan, bmc: Bmc, on_news: Callable[[], None], sleep_until: Sleep, look_for_dump: LookForDump
    ) -> None:
        self._plan, self._bmc, self._on_news, self._sleep_until = plan, bmc, on_news, sleep_until
        self._look_for_dump = look_for_dump
        self._sharing = bmc.sharing

    async def try_all(self) -> None:
        """The session that is lent, then session after session of our own, until there is a result."""
        await self._try_warm()
        while self._plan.result is None:
            try:
                async with self._bmc.open(min(LOGIN_TIMEOUT, self._left())) as client:
                    await self._take_steps(client, READ_TIMEOUT)
            except IpmiError as error:
                self._weigh_failure(error)
                self._on_news()
                await trio.sleep(self._pause_after(error))

    async def _try_warm(self) -> None:
        client = self._sharing.warm
        if client is None:
            return
        try:
            self._bmc.expect_right()
            await self._take_steps(client, WARM_TIMEOUT)
        except IpmiError as error:
            self._sharing.spoilt(client)
            self._plan.findings.remark(f"the session that was open already was of no use ({error})")

    async def _take_steps(self, client: Client, first_timeout: float) -> None:
        """Step by step until the end, or until the session is of no use any more (raises what it failed with)."""
        plan = self._plan
        self._bmc.expect_right()
        assert client.peer.suite is not None, "IPMI 1.5 is never asked for"
        plan.logged_in(client.peer.guid, client.peer.suite.id, trio.current_time())
        timeout, misses, most_misses = first_timeout, 0, 1 if first_timeout < READ_TIMEOUT else _MOST_MISSES
        while True:
            match plan.next_step(trio.current_time()):
                case Done():
                    self._on_news()
                    return
                case Wait(until):
                    await self._sleep_until(until)
                case Switch(control):
                    self._bmc.expect_right()
                    plan.switching(trio.current_time())
                    self._on_news()
                    await self._switch(client, control)
                case Look(until):
                    await self._look(client, until)
                case ReadCause():
                    await self._read_cause(client)
                case Read():
                    has_answered = await self._read(client, timeout)
                    misses = 0 if has_answered else misses + 1
                    if misses == most_misses:
                        raise SessionLost(f"{misses} readings in a row were not answered")
                    timeout, most_misses = READ_TIMEOUT, _MOST_MISSES
            self._on_news()

    async def _read(self, client: Client, timeout: float) -> bool:
        """Read the power state; whether there was an answer. One that was lost on the way does not cost the session."""
        asked = trio.current_time()
        try:
            status = await client.run(get_chassis_status(), min(timeout, self._left()))
        except NoAnswer as silence:
            self._plan.heard_nothing(str(silence), trio.current_time())
            if timeout >= READ_TIMEOUT:
                self._sharing.on_failure(silence)
            return False
        self._plan.saw_power(status.power_is_on, asked, trio.current_time())
        self._sharing.on_reading(status.power_is_on, asked)
        return True

    async def _switch(self, client: Client, control: Control) -> None:
        """Send a power command, once. Silence is no news of the power: the next reading is."""
        try:
            await client.run(chassis_control(control), min(SWITCH_TIMEOUT, self._left()))
        except CommandRefused as refusal:
            self._plan.switch_refused(refusal.code, refusal.meaning, trio.current_time())
            if control is not Control.DIAGNOSTIC_INTERRUPT:     # which many BMCs do not have
                self._sharing.on_control(refusal.code)
        except NoAnswer:
            return
        else:
            self._plan.switch_accepted(trio.current_time())
            self._sharing.on_control(None)

    async def _look(self, client: Client, until: float) -> None:
        """Whatever the event log does wrong costs time and nothing else."""
        has_restarted: bool | None = None
        with trio.move_on_at(until):
            has_restarted = await self._look_for_dump(client)
        self._plan.looked(has_restarted, trio.current_time())

    async def _read_cause(self, client: Client) -> None:
        """Why the system started last, as evidence only: whatever comes, the plan ends."""
        try:
            answer = await client.run(get_system_restart_cause(), self._left())
        except (CommandRefused, NoAnswer, Malformed) as error:
            self._plan.saw_no_cause(str(error))
        else:
            cause = answer.cause
            self._plan.saw_cause(cause.name.lower().replace("_", " ") if isinstance(cause, RestartCause) else f"{cause:X}h")

    def _weigh_failure(self, error: IpmiError) -> None:
        plan = self._plan
        self._sharing.on_failure(error)
        if isinstance(error, WrongIdentity) and not plan.has_switched:
            plan.give_up(ResultCode.WRONG_IDENTITY, str(error))
            return
        code = next((code for kind, code in _CODES if isinstance(error, kind)), ResultCode.UNREACHABLE)
        plan.heard_nothing(str(error), trio.current_time(), code)
        if isinstance(error, WrongPassword) and self._sharing.spares_the_account and not plan.has_switched:
            plan.give_up(code, str(error))

    def _pause_after(self, error: IpmiError) -> float:
        """Before the next login."""
        if not isinstance(error, WrongPassword):
            return _BETWEEN_LOGINS
        return _AFTER_MANY_WRONG_PASSWORDS if self._sharing.spares_the_account else _AFTER_WRONG_PASSWORD

    def _left(self) -> float:
        return max(self._plan.deadline - trio.current_time(), 0.01)
