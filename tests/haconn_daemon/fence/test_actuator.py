"""Whole resets through the desk, the actuator and the client, against every fault that the simulated BMC has."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from haconn_cli.config.identity import Identity
from haconn_cli.resetpath.vocabulary import Action, Phase, ResetResult, ResultCode
from haconn_daemon.fence.actuator import carry_out
from haconn_daemon.fence.plan import Plan
from ipmi_lan import Privilege
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import Chassis, Faults
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import Bench, run
from tests.haconn_daemon.managed import ACCOUNT, GUID, HOST, a_board, the_way

OFF, ON = Control.POWER_OFF, Control.POWER_ON

Reset = Callable[..., ResetResult]


@pytest.fixture
def bench(lan: Lan) -> Bench:
    return Bench(lan)


@pytest.fixture
def reset(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Reset:
    """Reset the bench's server in virtual time."""

    def do(*words: Any, **changes: Any) -> ResetResult:
        result: ResetResult = run(bench, monkeypatch, lambda bench: bench.reset(*words, **changes))
        return result

    return do


def test_plain(bench: Bench, reset: Reset) -> None:
    result = reset()
    assert (result.code, result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)
    assert bench.commands == [OFF, ON]
    assert [change.is_on for change in bench.board.chassis.trace] == [False, True]
    assert (result.evidence.bmc_guid, result.evidence.cipher_suite) == (GUID, 17)
    assert bench.teller.phases[0] is Phase.SWITCHING_OFF
    assert bench.teller.phases[-1] is Phase.CONFIRMING_ON
    assert bench.teller.phases == sorted(bench.teller.phases)


def test_plain_is_fast(bench: Bench, reset: Reset) -> None:
    bench.lan.latency = 0.001
    reset(Action.OFF)
    assert bench.teller.finishes[0][0] < 1.0


def test_the_session_is_closed(bench: Bench, reset: Reset) -> None:
    reset(Action.OFF)
    assert bench.lan.open_connections == 0
    assert bench.board.open_sessions(30.0) == 0


def test_off(bench: Bench, reset: Reset) -> None:
    assert reset(Action.OFF).code is ResultCode.OFF_CONFIRMED
    assert bench.commands == [OFF]


def test_plain_reset(bench: Bench, reset: Reset) -> None:
    assert reset(Action.RESET).code is ResultCode.RESET_UNVERIFIED
    assert bench.commands == [Control.HARD_RESET]
    assert bench.board.chassis.resets


@pytest.mark.parametrize("action", Action)
def test_powered_off(bench: Bench, reset: Reset, action: Action) -> None:
    bench.board.chassis.lose_power(0.0)
    assert reset(action).code is ResultCode.ALREADY_OFF
    assert bench.commands == []
    assert bench.board.chassis.trace[1:] == []


@pytest.mark.parametrize("budget", [1.0, 3.0, 12.0, 60.0])
def test_silent(bench: Bench, reset: Reset, budget: float) -> None:
    bench.board.faults.silent = True
    result = reset(budget=budget)
    assert result.code is ResultCode.UNREACHABLE
    assert bench.teller.finishes[0][0] == pytest.approx(budget, abs=0.001)
    assert result.evidence.readings == ()
    assert ("no answer" if budget > 5 else "budget was over") in result.evidence.detail


@pytest.mark.shows("R1")
def test_acknowledges_and_does_nothing(bench: Bench, reset: Reset) -> None:
    bench.board.faults.ignores_power_commands = True
    assert reset().code is ResultCode.STILL_ON
    assert bench.commands == [OFF, OFF]


def test_lags_five_seconds(bench: Bench, reset: Reset) -> None:
    bench.board.faults.lag = 5.0
    result = reset()
    assert result.code is ResultCode.CYCLED_CONFIRMED
    off_at = next(change.at for change in bench.board.chassis.trace if not change.is_on)
    assert off_at >= 5.0
    first_off = next(reading.after for reading in result.evidence.readings if not reading.power_is_on)
    assert first_off >= off_at - 0.001


def test_lags_longer_than_the_budget(bench: Bench, reset: Reset) -> None:
    bench.board.faults.lag = 19.0
    assert reset(budget=10.0).code is ResultCode.STILL_ON


@pytest.mark.shows("R1")
def test_silent_after_the_off_command(bench: Bench, reset: Reset) -> None:
    bench.board.faults.silent_after_off = True
    result = reset()
    assert result.code is ResultCode.UNREACHABLE
    assert bench.commands == [OFF]
    assert not bench.board.chassis.power_is_on(30.0), "it obeyed, and could not prove it"
    assert result.evidence.power_commands[0].endswith("no answer")


def test_slow_answers_do_not_stand_for_the_gap(bench: Bench, reset: Reset) -> None:
    """What counts is when the BMC looked, which is after the question and before the answer."""
    bench.lan.latency = 0.25
    result = reset(Action.OFF)
    looked = [reading.after - bench.lan.latency for reading in result.evidence.readings if not reading.power_is_on]
    assert result.code is ResultCode.OFF_CONFIRMED
    assert len(looked) == 3
    assert looked[-1] - looked[0] >= 0.5


def test_it_returns_with_the_budget_whatever_it_waits_for(lan: Lan) -> None:
    """A BMC that falls silent at the end of the login, where the client waits longest."""
    count = 0

    def is_lost(direction: str, datagram: bytes) -> bool:
        nonlocal count
        count += 1
        return count > 6

    async def main() -> None:
        plan = Plan(Action.OFF, 0.0, 2.0)
        with trio.fail_after(20):
            await carry_out(plan, the_way(), lambda: None)
        assert trio.current_time() <= 2.0 + 1.5, "and a last Close Session"
        assert plan.result is not None
        assert plan.result.code is ResultCode.UNREACHABLE

    lan.put(a_board(), HOST)
    lan.is_lost = is_lost
    run_in_virtual_time(main)


@pytest.mark.parametrize("flaps", range(1, 8))
@pytest.mark.parametrize("lag", [0.0, 0.1, 0.45])
def test_flaps(bench: Bench, reset: Reset, flaps: int, lag: float) -> None:
    bench.board.faults.flaps, bench.board.faults.lag = flaps, lag
    result = reset(Action.OFF, budget=20.0)
    assert result.code is (ResultCode.STILL_ON if flaps % 2 else ResultCode.OFF_CONFIRMED)


@pytest.mark.parametrize("code", [0xD4, 0xC1])
def test_refuses_control(bench: Bench, reset: Reset, code: int) -> None:
    bench.board.faults.refuses_control = code
    result = reset()
    assert result.code is ResultCode.REFUSED_BY_BMC
    assert f"{code:02X}h" in result.evidence.detail
    assert bench.commands == [OFF]
    assert bench.teller.finishes[0][0] < 1.0, "no waiting mends it"


def test_busy_and_then_not(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(bench: Bench) -> ResetResult:
        async with trio.open_nursery() as nursery:
            bench.board.faults.refuses_control = 0xC0
            nursery.start_soon(_later, 2.0, lambda: setattr(bench.board.faults, "refuses_control", None))
            return await bench.reset(Action.OFF)

    bench = Bench(lan)
    assert run(bench, monkeypatch, main).code is ResultCode.OFF_CONFIRMED
    assert bench.commands == [OFF, OFF]


def test_may_not_switch_power(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lan, a_board(users={ACCOUNT.name: (ACCOUNT.password, Privilege.USER)}))
    assert run(bench, monkeypatch, lambda bench: bench.reset()).code is ResultCode.REFUSED_BY_BMC
    assert bench.commands == []


@pytest.mark.parametrize("account", [replace(ACCOUNT, password="wrong"), replace(ACCOUNT, name="nobody")])
def test_wrong_password(lan: Lan, monkeypatch: pytest.MonkeyPatch, account: Any) -> None:
    bench = Bench(lan, way=the_way(account))
    assert run(bench, monkeypatch, lambda bench: bench.reset()).code is ResultCode.WRONG_PASSWORD
    assert 2.0 <= bench.teller.finishes[0][0] < 3.0, "one more attempt, and not five: BMCs lock accounts"
    assert bench.board.handshakes == 0


@pytest.mark.parametrize("other", [bytes(range(2, 18)), bytes(16)])
def test_another_bmc_at_the_address(lan: Lan, monkeypatch: pytest.MonkeyPatch, other: bytes) -> None:
    bench = Bench(lan, a_board(guid=other), way=the_way(identity=Identity("guid", GUID)))
    assert run(bench, monkeypatch, lambda bench: bench.reset()).code is ResultCode.WRONG_IDENTITY
    assert bench.commands == []


def test_addresses_swapped_in_the_middle(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the off command another BMC answers at the address, with the same account: it is not touched."""
    bench = Bench(lan)
    stranger = a_board(guid=bytes(range(2, 18)))

    async def main(bench: Bench) -> ResetResult:
        async with trio.open_nursery() as nursery:
            bench.board.faults.lag = 60.0
            nursery.start_soon(_later, 1.0, lambda: lan.put(stranger, HOST))
            return await bench.reset()

    assert run(bench, monkeypatch, main).code is ResultCode.UNREACHABLE
    assert stranger.power_commands == []
    assert bench.commands == [OFF]


@pytest.mark.parametrize("action", [Action.OFF, Action.CYCLE])
def test_loses_the_control_reply(bench: Bench, reset: Reset, action: Action) -> None:
    bench.board.faults.loses_control_reply = True
    assert reset(action).code.is_success
    assert bench.commands == ([OFF] if action is Action.OFF else [OFF, ON])


def test_loses_the_reply_to_a_reset(bench: Bench, reset: Reset) -> None:
    bench.board.faults.loses_control_reply = True
    assert reset(Action.RESET).code is ResultCode.TIMEOUT
    assert bench.commands == [Control.HARD_RESET]


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.3, 0.6, 0.9, 1.1])
def test_the_bmc_restarts_in_the_middle(lan: Lan, monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    bench = Bench(lan)

    async def main(bench: Bench) -> ResetResult:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_later, moment, lambda: bench.board.restart(trio.current_time(), silence=4.0))
            return await bench.reset(budget=60.0)

    assert run(bench, monkeypatch, main).code is ResultCode.CYCLED_CONFIRMED
    assert bench.commands == [OFF, ON]


def test_the_bmc_dies_with_its_server(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lan)

    async def main(bench: Bench) -> ResetResult:
        async with trio.open_nursery() as nursery:
            bench.board.faults.lag = 1.0
            nursery.start_soon(_later, 1.05, lambda: lan.put(None, HOST))
            return await bench.reset(budget=20.0)

    assert run(bench, monkeypatch, main).code is ResultCode.UNREACHABLE


def test_it_comes_on_again_by_itself(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore policy that turns the server on at once: off is sent once more, and then it is told."""
    bench = Bench(lan, a_board(faults=Faults(flaps=1)))
    assert run(bench, monkeypatch, lambda bench: bench.reset(budget=12.0)).code is ResultCode.STILL_ON
    assert bench.commands == [OFF, OFF]


def test_no_free_session_at_first(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lan, a_board(slots=1))

    async def main(bench: Bench) -> ResetResult:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hold_a_slot, bench, 6.0)
            await trio.sleep(0.1)
            return await bench.reset()

    assert run(bench, monkeypatch, main).code is ResultCode.CYCLED_CONFIRMED


def test_never_a_free_session(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(lan, a_board(slots=0))
    result = run(bench, monkeypatch, lambda bench: bench.reset(budget=20.0))
    assert result.code is ResultCode.UNREACHABLE
    assert "no free session" in result.evidence.detail


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_a_terrible_network(bench: Bench, reset: Reset, seed: int, loss: float) -> None:
    """A little loss costs time; a lot may cost the reset, and never the truth (which `Bench.reset` checks)."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    bench.lan.latency = 0.02
    bench.lan.is_lost = lambda direction, datagram: chance.random() < loss
    result = reset(budget=60.0)
    if loss < 0.1:
        assert result.code is ResultCode.CYCLED_CONFIRMED
    assert bench.commands.count(OFF) <= 2
    assert bench.commands.count(ON) <= 2


def test_every_single_datagram_may_be_lost(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each datagram of a reset, one reset in which exactly that one is lost."""
    count = 0
    lan.is_lost = lambda direction, datagram: _count_up()

    def _count_up() -> bool:
        nonlocal count
        count += 1
        return count == lost

    for lost in range(1, 60):
        count = 0
        bench = Bench(lan, a_board(chassis=Chassis()))
        assert run(bench, monkeypatch, lambda bench: bench.reset(budget=40.0)).code is ResultCode.CYCLED_CONFIRMED, lost
        assert (bench.commands.count(OFF), bench.commands.count(ON)) in {(1, 1), (2, 1), (1, 2)}, lost
        if count < lost:
            return
    raise AssertionError("a reset has fewer datagrams than that")


async def _later(after: float, do: Callable[[], object]) -> None:
    await trio.sleep(after)
    do()


async def _hold_a_slot(bench: Bench, seconds: float) -> None:
    async with bench.way.open(5.0):
        await trio.sleep(seconds)
