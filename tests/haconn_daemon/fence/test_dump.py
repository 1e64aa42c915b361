"""Waiting for a crash dump, asked for or found under way: never longer than the reset can bear, and never a proof of anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResultCode
from haconn_daemon.fence.desk import Admitted, Desk
from haconn_daemon.fence.rules import Rules
from ipmi_lan.commands.chassis import Control
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import Bench, run
from tests.haconn_daemon.managed import NAME

STARTED, ENDED = EventKind.DUMP_STARTED, EventKind.DUMP_ENDED
NMI, OFF, ON = Control.DIAGNOSTIC_INTERRUPT, Control.POWER_OFF, Control.POWER_ON


class Dumping(Bench):
    """A server that may write a dump."""

    def __init__(self, lan: Lan, dump_wait: float = 0.0, dump_limit: float = 20.0) -> None:
        super().__init__(lan)
        self.is_dumping = False
        rules = Rules(dump_wait=dump_wait, dump_limit=dump_limit)
        self.desk = Desk(
            {NAME: self.way}, self.record, lambda: self.own, self.teller, is_dumping=lambda target: self.is_dumping, rules=rules
        )

    def when(self, control: Control) -> float:
        return next(at for at, sent in self.board.power_commands if sent is control)

    @property
    def off_seen(self) -> bool:
        """Whether the reset that runs has read "off"."""
        (running,) = self.desk.running
        return not all(reading.power_is_on for reading in running.plan.findings.readings)



async def signs(bench: Dumping, *signs: tuple[float, EventKind]) -> None:
    for at, kind in signs:
        await trio.sleep_until(at)
        bench.desk.dump_sign(NAME, kind)


def reset(
    bench: Dumping, monkeypatch: pytest.MonkeyPatch, action: Action, *row: tuple[float, EventKind], budget: float = 60.0
) -> ResultCode:
    """Reset it while the monitor tells these signs; the result is checked against the truth."""

    async def main(bench: Bench) -> ResultCode:
        assert isinstance(bench, Dumping)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(signs, bench, *row)
            result = await bench.reset(action, budget)
            nursery.cancel_scope.cancel()
        return result.code

    code: ResultCode = run(bench, monkeypatch, main)
    return code


def test_dump_then_cycle(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE, (1.0, STARTED), (7.0, ENDED)) is ResultCode.CYCLED_CONFIRMED
    assert bench.commands == [NMI, OFF, ON]
    assert bench.when(NMI) < 0.2
    assert bench.when(OFF) == pytest.approx(7.0, abs=0.1)
    assert Phase.DUMPING in bench.teller.phases
    steps = dict(bench.record.courses[-1].steps)
    assert steps["dump"] == pytest.approx(7.0, abs=0.2)


def test_no_sign_of_a_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_limit=20.0)
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE) is ResultCode.CYCLED_CONFIRMED
    assert bench.when(OFF) - bench.when(NMI) == pytest.approx(20.0, abs=0.1)


def test_the_budget_is_shorter_than_the_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_limit=60.0)
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE, (1.0, STARTED), budget=30.0) is ResultCode.CYCLED_CONFIRMED
    assert bench.when(OFF) == pytest.approx(18.0, abs=0.1)


def test_no_time_for_a_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE, budget=10.0) is ResultCode.CYCLED_CONFIRMED
    assert bench.commands == [NMI, OFF, ON]
    assert bench.when(OFF) < 0.5


@pytest.mark.parametrize("code", [0xC1, 0xCC, 0xD4, 0xC0])
def test_a_bmc_without_the_diagnostic_interrupt(lan: Lan, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    bench = Dumping(lan)
    lan.latency = 0.01

    async def main(bench: Bench) -> None:
        async with bench.open():
            bench.board.faults.refuses_control = code
            admitted = await bench.order(Action.DUMP_CYCLE)
            while not bench.commands:
                await trio.sleep(0.001)
            bench.board.faults.refuses_control = None
            result = await bench.result(admitted)
            assert result.code is ResultCode.CYCLED_CONFIRMED
            assert "no dump" in result.evidence.detail
            assert f"{code:02X}h" in result.evidence.power_commands[0]

    run(bench, monkeypatch, main)
    assert bench.commands == [NMI, OFF, ON]
    assert bench.when(OFF) < 1.0


def test_an_interrupt_without_an_answer_is_not_sent_again(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    bench.board.faults.loses_control_reply = True
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE) is ResultCode.CYCLED_CONFIRMED
    assert bench.commands.count(NMI) == 1


def test_off_by_itself_while_it_dumps(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dump ends with a shutdown: proven off is proven off, and it is switched on again."""
    bench = Dumping(lan)

    async def main(bench: Bench) -> None:
        async with bench.open():
            admitted = await bench.order(Action.DUMP_CYCLE, 60.0)
            await trio.sleep(5.0)
            bench.board.chassis.lose_power(trio.current_time())
            result = await bench.result(admitted)
            assert (result.code, result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)

    run(bench, monkeypatch, main)
    assert bench.commands == [NMI, ON]


@pytest.mark.parametrize("is_dumping", [False, True])
def test_off_already(lan: Lan, monkeypatch: pytest.MonkeyPatch, is_dumping: bool) -> None:
    bench = Dumping(lan)
    bench.is_dumping = is_dumping
    bench.board.chassis.lose_power(0.0)
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE) is ResultCode.ALREADY_OFF
    assert bench.commands == []


def test_a_dump_that_runs_is_taken_for_the_one_wanted(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    bench.is_dumping = True
    assert reset(bench, monkeypatch, Action.DUMP_CYCLE, (9.0, ENDED)) is ResultCode.CYCLED_CONFIRMED
    assert bench.commands == [OFF, ON]
    assert bench.when(OFF) == pytest.approx(9.0, abs=0.1)


@pytest.mark.parametrize(("action", "code"), [
    (Action.DUMP_CYCLE, ResultCode.CYCLED_CONFIRMED), (Action.CYCLE, ResultCode.ALREADY_OFF),
])  # fmt: skip
def test_off_by_itself_without_a_command_of_ours(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, action: Action, code: ResultCode
) -> None:
    """A dump that was found under way ends with a shutdown. Dump-then-cycle promises a server that runs again."""
    bench = Dumping(lan, dump_wait=40.0, dump_limit=40.0)
    bench.is_dumping = True
    bench.desk.rules = replace(bench.desk.rules, arbitration_wait=0.3)

    async def main(bench: Bench) -> None:
        async with bench.open():
            admitted = await bench.order(action, 60.0)
            await trio.sleep(5.0)
            bench.board.chassis.lose_power(trio.current_time())
            result = await bench.result(admitted)
            assert (result.code, result.back_on) == (code, code is ResultCode.CYCLED_CONFIRMED)
            assert ("by itself" in result.evidence.detail) is result.back_on

    run(bench, monkeypatch, main)
    assert bench.commands == ([ON] if code is ResultCode.CYCLED_CONFIRMED else [])
    assert bench.teller.finishes[0][0] < 8.0


def test_off_and_on_again_by_itself_is_the_end_of_a_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_limit=40.0)

    async def main(bench: Bench) -> None:
        assert isinstance(bench, Dumping)
        async with bench.open():
            admitted = await bench.order(Action.DUMP_CYCLE, 60.0)
            await trio.sleep(5.25)
            bench.board.chassis.lose_power(trio.current_time())
            while not bench.off_seen:
                await trio.sleep(0.01)
            bench.board.chassis.gain_power(trio.current_time())
            assert (await bench.result(admitted)).code is ResultCode.CYCLED_CONFIRMED

    run(bench, monkeypatch, main)
    assert bench.commands == [NMI, OFF, ON]
    assert bench.when(OFF) < 8.0


# ── dump_wait: a reset that finds a dump under way ────────────────────────────


@pytest.mark.parametrize("action", [Action.OFF, Action.CYCLE, Action.RESET])
def test_a_reset_waits_for_a_dump(lan: Lan, monkeypatch: pytest.MonkeyPatch, action: Action) -> None:
    bench = Dumping(lan, dump_wait=30.0)
    bench.is_dumping = True
    reset(bench, monkeypatch, action, (8.0, ENDED))
    assert bench.board.power_commands[0][0] == pytest.approx(8.0, abs=0.1)
    assert Phase.WAITING_FOR_DUMP in bench.teller.phases


def test_not_for_longer_than_dump_wait(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_wait=10.0)
    bench.is_dumping = True
    assert reset(bench, monkeypatch, Action.OFF) is ResultCode.OFF_CONFIRMED
    assert bench.when(OFF) == pytest.approx(10.0, abs=0.1)


def test_not_for_longer_than_the_reset_can_bear(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is enough for an off command that has to be sent twice."""
    bench = Dumping(lan, dump_wait=100.0)
    bench.is_dumping = True
    bench.board.faults.lag = 4.0
    assert reset(bench, monkeypatch, Action.OFF, budget=40.0) is ResultCode.OFF_CONFIRMED
    assert bench.when(OFF) == pytest.approx(28.0, abs=0.1)


def test_usually_not_at_all(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    bench.is_dumping = True
    assert reset(bench, monkeypatch, Action.OFF) is ResultCode.OFF_CONFIRMED
    assert bench.when(OFF) < 0.2


def test_a_dump_that_begins_after_the_off_command_is_too_late(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_wait=30.0)
    bench.board.faults.lag = 7.0
    assert reset(bench, monkeypatch, Action.OFF, (1.0, STARTED)) is ResultCode.OFF_CONFIRMED
    assert bench.commands == [OFF, OFF]
    assert bench.teller.finishes[0][0] < 10.0


def test_off_while_it_is_waited_for(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_wait=40.0)
    bench.is_dumping = True

    async def main(bench: Bench) -> None:
        async with bench.open():
            admitted = await bench.order(Action.CYCLE, 60.0)
            await trio.sleep(5.0)
            bench.board.chassis.lose_power(trio.current_time())
            result = await bench.result(admitted)
            assert result.code is ResultCode.ALREADY_OFF
            assert isinstance(admitted, Admitted)

    run(bench, monkeypatch, main)
    assert bench.commands == []


def test_bmcs_are_not_hurried_meanwhile(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan, dump_wait=30.0)
    bench.is_dumping = True
    reset(bench, monkeypatch, Action.OFF)
    (_, _, result) = bench.teller.finishes[0]
    assert sum(reading.after < 29.0 for reading in result.evidence.readings) <= 31


def test_a_sign_for_nobody(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    bench.desk.dump_sign("PSERVER9", STARTED)
    assert reset(bench, monkeypatch, Action.OFF) is ResultCode.OFF_CONFIRMED


def test_a_delay_counts_within_the_budget(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Dumping(lan)
    bench.desk.rules = Rules(delays={NAME: 3.0})
    assert reset(bench, monkeypatch, Action.OFF) is ResultCode.OFF_CONFIRMED
    assert bench.when(OFF) == pytest.approx(3.0, abs=0.05)
    late = Dumping(lan)
    late.desk.rules = Rules(delays={NAME: 30.0, "PSERVER9": 0.0})
    assert reset(late, monkeypatch, Action.OFF, budget=5.0) is ResultCode.STILL_ON
    assert late.commands == []
    assert "no power command was sent: the delay" in late.teller.finishes[0][2].evidence.detail
