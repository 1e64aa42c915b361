"""Carries a plan out: opens the BMC, does the next step, tells the plan what came of it."""

from __future__ import annotations

from collections.abc import Callable

import trio

from haconn_cli.resetpath.vocabulary import ResultCode
from haconn_daemon.bmc import Bmc, WrongIdentity
from haconn_daemon.fence.plan import Done, Plan, Read, Switch, Wait
from ipmi_lan import (
    Client,
    CommandRefused,
    IpmiError,
    NoAnswer,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status

LOGIN_TIMEOUT = 5.0
READ_TIMEOUT = 2.0
SWITCH_TIMEOUT = 1.5
"""Seconds for the answer to a power command, which is sent once; after that the power state is read instead."""
_MOST_MISSES = 2
_BETWEEN_LOGINS = 0.3
_AFTER_WRONG_PASSWORD = 2.0
"""Seconds: one more attempt, then the plan gives up. BMCs lock an account after five."""

_CODES: tuple[tuple[type[IpmiError], ResultCode], ...] = (
    (WrongPassword, ResultCode.WRONG_PASSWORD),
    (WrongKg, ResultCode.WRONG_PASSWORD),
    (PrivilegeTooHigh, ResultCode.REFUSED_BY_BMC),
    (SuiteRefused, ResultCode.REFUSED_BY_BMC),
)
"""What a login that stays refused amounts to. All else is tried again until the budget is over: BMCs restart, lose packets, run
out of slots."""


async def carry_out(plan: Plan, bmc: Bmc, on_news: Callable[[], None]) -> None:
    """Returns when `plan.result` is there, which is by `plan.deadline`; `on_news` is called after every step.

    The session is closed before this returns; whoever waits for the result watches `plan.result` instead.
    """
    while plan.result is None:
        with trio.move_on_at(plan.deadline):    # which somebody who joins may have moved meanwhile
            await _try(plan, bmc, on_news)
        plan.expire(trio.current_time())
    on_news()


async def _try(plan: Plan, bmc: Bmc, on_news: Callable[[], None]) -> None:
    """Session after session, until there is a result."""
    while plan.result is None:
        try:
            async with bmc.open(min(LOGIN_TIMEOUT, _left(plan))) as client:
                assert client.peer.suite is not None, "IPMI 1.5 is never asked for"
                plan.logged_in(client.peer.guid, client.peer.suite.id)
                await _take_steps(plan, client, on_news)
        except IpmiError as error:
            _weigh_failure(plan, error)
            on_news()
            await trio.sleep(_AFTER_WRONG_PASSWORD if isinstance(error, WrongPassword) else _BETWEEN_LOGINS)


async def _take_steps(plan: Plan, client: Client, on_news: Callable[[], None]) -> None:
    """Step by step until the end, or until the session is of no use any more (raises what it failed with)."""
    misses = 0
    while True:
        match plan.next_step(trio.current_time()):
            case Done():
                on_news()
                return
            case Wait(until):
                await trio.sleep_until(until)
            case Switch(control):
                plan.switching(trio.current_time())
                on_news()
                await _switch(plan, client, control)
            case Read():
                misses = 0 if await _read(plan, client) else misses + 1
                if misses == _MOST_MISSES:
                    raise SessionLost(f"{misses} readings in a row were not answered")
        on_news()


async def _read(plan: Plan, client: Client) -> bool:
    """Read the power state; whether there was an answer. One that was lost on the way does not cost the session."""
    asked = trio.current_time()
    try:
        status = await client.run(get_chassis_status(), min(READ_TIMEOUT, _left(plan)))
    except NoAnswer as silence:
        plan.heard_nothing(str(silence), trio.current_time())
        return False
    plan.saw_power(status.power_is_on, asked, trio.current_time())
    return True


async def _switch(plan: Plan, client: Client, control: Control) -> None:
    """Send a power command, once. Silence is no news of the power: the next reading is."""
    try:
        await client.run(chassis_control(control), min(SWITCH_TIMEOUT, _left(plan)))
    except CommandRefused as refusal:
        plan.switch_refused(refusal.code, refusal.meaning)
    except NoAnswer:
        return
    else:
        plan.switch_accepted()


def _weigh_failure(plan: Plan, error: IpmiError) -> None:
    if isinstance(error, WrongIdentity) and not plan.has_switched:
        plan.give_up(ResultCode.WRONG_IDENTITY, str(error))
        return
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ResultCode.UNREACHABLE)
    plan.heard_nothing(str(error), trio.current_time(), code)


def _left(plan: Plan) -> float:
    return max(plan.deadline - trio.current_time(), 0.01)
