from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import LONGEST_BUDGET, SHORTEST_BUDGET, Action, Phase, ResultCode
from haconn_daemon.fence.desk import RECORD_PATIENCE, Admitted, Desk
from haconn_daemon.fence.record import Intent, Record
from haconn_daemon.fence.rules import Rules
from ipmi_lan.commands.chassis import Control
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import TICKET, Bench, run
from tests.haconn_daemon.managed import HOST, NAME

Test = Callable[[Callable[[Bench], Awaitable[Any]]], Any]


@pytest.fixture
def bench(lan: Lan) -> Bench:
    return Bench(lan)


@pytest.fixture
def test(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Test:
    """Run a test with the desk open, in virtual time."""

    async def opened(main: Callable[[Bench], Awaitable[Any]]) -> Any:
        async with bench.open():
            return await main(bench)

    return lambda main: run(bench, monkeypatch, lambda bench: opened(main))


def test_the_record_comes_before_the_deed_and_the_result_before_the_answer(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        admitted = await bench.order(reason="server failure")
        assert bench.record.course == ["intend"], "on return it is on the disk"
        assert bench.commands == []
        result = await bench.result(admitted)
        assert bench.record.kept[-1] == ("conclude", result, 2)

    test(main)
    _, intent, commands_by_then = bench.record.kept[0]
    assert commands_by_then == 0
    assert isinstance(intent, Intent)
    assert (intent.target, intent.action, intent.requester) == (NAME, "CYCLE", "monitor PSERVER1")
    assert (intent.budget, intent.reason, intent.ticket) == (30.0, "server failure", TICKET)
    assert bytes.fromhex(intent.operation) == bench.teller.finishes[0][1].id
    assert bench.record.course == ["intend", "conclude"]


@pytest.mark.shows("R4")
def test_the_same_again_joins(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        first = await bench.order()
        second = await bench.order(ticket="another", requester="monitor PSERVER3")
        await trio.sleep(0.3)
        third = await bench.order(ticket="a third")
        assert isinstance(first, Admitted)
        assert not first.joined
        assert second == third == Admitted(first.operation, joined=True)
        assert len(bench.desk.running) == 1
        assert (await bench.result(second)).code is ResultCode.CYCLED_CONFIRMED

    test(main)
    assert bench.commands == [Control.POWER_OFF, Control.POWER_ON]
    assert len(bench.teller.finishes) == 1
    assert bench.record.course == ["intend", "join", "join", "conclude"]


@pytest.mark.shows("R1")
def test_who_comes_after_the_proof_gets_one_of_its_own(bench: Bench, test: Test) -> None:
    """Readings made before a request prove nothing to it: the server may have been switched on again meanwhile."""

    async def main(bench: Bench) -> None:
        first = await bench.order()
        await trio.sleep(0.9)
        assert [operation.plan.phase for operation in bench.desk.running] == [Phase.CONFIRMING_ON]
        second = await bench.order(ticket="another")
        assert isinstance(first, Admitted)
        assert isinstance(second, Admitted)
        assert second.operation != first.operation
        assert not second.joined
        assert (await bench.result(second)).code is ResultCode.CYCLED_CONFIRMED

    test(main)
    assert bench.commands == [Control.POWER_OFF, Control.POWER_ON] * 2


def test_who_joins_with_more_time_gives_it_to_all(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.board.faults.silent = True
        first = await bench.order(budget=2.0)
        await trio.sleep(0.5)
        second = await bench.order(budget=20.0, ticket="another")
        await trio.sleep(5.0)
        bench.board.faults.silent = False
        assert isinstance(first, Admitted)
        assert second == Admitted(first.operation, joined=True)
        assert (await bench.result(second)).code is ResultCode.CYCLED_CONFIRMED

    test(main)


@pytest.mark.shows("R4")
def test_two_at_the_same_moment(bench: Bench, test: Test) -> None:
    """The second finds the first one not yet on the disk; it waits for that."""
    admissions: list[Admitted | ResultCode] = []

    async def ask() -> None:
        admissions.append(await bench.order())

    async def main(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        await bench.result(admissions[0])

    test(main)
    assert len({admitted.operation for admitted in admissions if isinstance(admitted, Admitted)}) == 1
    assert bench.record.course == ["intend", "join", "join", "conclude"]


@pytest.mark.shows("R4")
@pytest.mark.parametrize("other", [Action.OFF, Action.RESET])
def test_another_action_meanwhile(bench: Bench, test: Test, other: Action) -> None:
    async def main(bench: Bench) -> None:
        admitted = await bench.order(Action.CYCLE)
        assert await bench.order(other) is ResultCode.BUSY
        await bench.result(admitted)
        assert isinstance(await bench.order(other), Admitted), "and afterwards it may"

    test(main)


def test_after_the_end_a_new_one_begins(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        first, second = [await bench.order(Action.OFF) for _ in range(2)]
        assert first != second
        assert (await bench.result(first)).code is ResultCode.OFF_CONFIRMED
        third = await bench.order(Action.OFF)
        assert isinstance(third, Admitted)
        assert not third.joined
        assert (await bench.result(third)).code is ResultCode.ALREADY_OFF
        assert bench.desk.running == []

    test(main)


def test_the_own_server(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.own = frozenset({NAME})
        assert await bench.order() is ResultCode.OWN_SERVER
        assert (bench.record.kept, bench.lan.connections) == ([], 0)
        assert (await bench.result(await bench.order(force=True))).code is ResultCode.CYCLED_CONFIRMED

    test(main)


def test_own_servers_that_are_disputed_are_not_reset_by_force_either(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.own = frozenset({NAME, "PSERVER1"})
        assert await bench.order() is ResultCode.OWN_SERVER
        assert await bench.order(force=True) is ResultCode.OWN_SERVER
        assert (bench.record.kept, bench.lan.connections) == ([], 0)

    test(main)


def test_another_one_is_the_own_server(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.own = frozenset({"PSERVER1"})
        assert isinstance(await bench.order(), Admitted)

    test(main)


def test_unknown_target(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        assert await bench.order(target="PSERVER9") is ResultCode.UNKNOWN_TARGET
        assert bench.record.kept == []

    test(main)


@pytest.mark.parametrize(("asked", "given"), [(0.001, SHORTEST_BUDGET), (5.0, 5.0), (1e9, LONGEST_BUDGET)])
def test_budgets_have_their_limits(bench: Bench, test: Test, asked: float, given: float) -> None:
    async def main(bench: Bench) -> None:
        bench.lan.put(None, HOST)
        await bench.result(await bench.order(budget=asked))
        assert bench.teller.finishes[0][0] == pytest.approx(given, abs=0.001)

    test(main)


def test_a_disk_that_is_full_does_not_stop_the_reset(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.record.fault = OSError(errno.ENOSPC, "No space left on device")
        admitted = await bench.order()
        assert await bench.order() == Admitted(admitted.operation, joined=True)   # type: ignore[union-attr]
        assert (await bench.result(admitted)).code is ResultCode.CYCLED_CONFIRMED

    test(main)
    assert len(bench.teller.complaints) == 3, "the intent, the join and the result"
    assert all("No space left" in why for why in bench.teller.complaints)
    assert "not durable: [Errno 28] No space left" in bench.teller.finishes[0][2].evidence.detail


def test_a_result_that_alone_is_not_on_the_disk_says_so(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        admitted = await bench.order()
        await trio.sleep(0.3)
        bench.record.fault = OSError(errno.EIO, "Input/output error")
        result = await bench.result(admitted)
        assert result.code is ResultCode.CYCLED_CONFIRMED
        assert result.evidence.detail.endswith("not durable: [Errno 5] Input/output error")

    test(main)


def test_the_login_and_the_reading_do_not_wait_for_the_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the power command does, and it leaves as soon as the record is there."""

    async def slowly(work: Callable[..., None], *words: object, abandon_on_cancel: bool = False) -> None:
        await trio.sleep(0.25)
        work(*words)

    monkeypatch.setattr(trio.to_thread, "run_sync", slowly)
    bench.lan.latency = 0.01

    async def main() -> None:
        async with bench.open():
            admitted = await bench.order(Action.OFF)
            (operation,) = bench.desk.running
            assert operation.plan.reads == 1
            await bench.result(admitted)

    run_in_virtual_time(main)
    assert bench.board.power_commands[0][0] == pytest.approx(0.26, abs=0.001), "when it was recorded, and on its way"


def test_how_long_each_step_took_is_kept(bench: Bench, test: Test) -> None:
    bench.lan.latency = 0.01

    async def main(bench: Bench) -> None:
        await bench.result(await bench.order())

    test(main)
    (course,) = bench.record.courses
    steps = dict(course.steps)
    assert set(steps) == {
        "login", "recorded", "first reading", "before the power command", "power off answered", "seen off",
        "power on answered", "on",
    }  # fmt: skip
    assert steps["first reading"] == pytest.approx(0.02)
    assert steps["power off answered"] == pytest.approx(0.02)
    assert steps["seen off"] == pytest.approx(course.seconds - steps["before the power command"] - steps["on"], abs=0.6)
    assert course.seconds == pytest.approx(bench.teller.finishes[0][0], abs=0.001)


def test_the_arbitration_is_measured_apart_from_the_reading(bench: Bench, test: Test) -> None:
    bench.own, bench.desk.rules = frozenset({"PSERVER1"}), Rules(0.3)
    bench.lan.latency = 0.01

    async def main(bench: Bench) -> None:
        result = await bench.result(await bench.order(Action.OFF))
        assert Phase.ARBITRATING in bench.teller.phases
        assert result.code is ResultCode.OFF_CONFIRMED

    test(main)
    steps = dict(bench.record.courses[0].steps)
    assert steps["arbitration"] == pytest.approx(0.3)
    assert steps["first reading"] == pytest.approx(0.02)
    assert steps["before the power command"] == pytest.approx(0.3, abs=0.001)


def test_our_own_server_is_not_announced_as_its_own_enemy(bench: Bench, test: Test) -> None:
    bench.own, bench.desk.rules = frozenset({NAME}), Rules(0.3)

    async def main(bench: Bench) -> None:
        assert (await bench.result(await bench.order(Action.OFF, force=True))).code is ResultCode.OFF_CONFIRMED

    test(main)
    assert bench.teller.announcements == []
    assert bench.board.power_commands[0][0] < 0.1


def test_a_disk_that_hangs_does_not_stop_the_reset(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*words: object, abandon_on_cancel: bool = False) -> None:
        assert abandon_on_cancel
        await trio.sleep_forever()

    monkeypatch.setattr(trio.to_thread, "run_sync", hang)

    async def main() -> None:
        async with bench.open():
            admitted = await bench.order(Action.OFF)
            assert trio.current_time() == pytest.approx(RECORD_PATIENCE)
            assert (await bench.result(admitted)).code is ResultCode.OFF_CONFIRMED

    run_in_virtual_time(main)
    assert len(bench.teller.complaints) == 2
    assert bench.teller.finishes[0][0] < 1.0 + 2 * RECORD_PATIENCE


def test_a_slow_disk_is_waited_for_before_anything_is_switched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(work: Callable[..., None], *words: object, abandon_on_cancel: bool = False) -> None:
        await trio.sleep(0.9 * RECORD_PATIENCE)
        work(*words)

    monkeypatch.setattr(trio.to_thread, "run_sync", slowly)

    async def main() -> None:
        async with bench.open():
            await bench.result(await bench.order(Action.OFF))

    run_in_virtual_time(main)
    assert bench.record.kept[0][2] == 0, "no power command before the intent"
    assert bench.board.power_commands[0][0] >= 0.9 * RECORD_PATIENCE
    assert bench.teller.complaints == []


def test_closing_waits_for_what_runs(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        admitted = await bench.order()
        await bench.desk.close(patience=4.0)
        assert [result.code for result in bench.teller.of(admitted.operation)] == [ResultCode.CYCLED_CONFIRMED]  # type: ignore[union-attr]
        assert trio.current_time() < 2.0

    test(main)


def test_closing_interrupts_what_takes_too_long(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        bench.board.faults.lag = 20.0
        admitted = await bench.order()
        await trio.sleep(1.0)
        await bench.desk.close(patience=4.0)
        assert [result.code for result in bench.teller.of(admitted.operation)] == [ResultCode.INTERRUPTED]  # type: ignore[union-attr]
        assert trio.current_time() == pytest.approx(5.0, abs=0.1)
        assert bench.desk.running == []

    test(main)
    assert bench.record.course == ["intend", "conclude"]
    assert bench.lan.open_connections == 0


def test_closing_takes_no_more_orders(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            await bench.order()
            nursery.start_soon(bench.desk.close, 4.0)
            await trio.sleep(0.2)
            assert isinstance(await bench.order(), Admitted), "to join is no new one"
        assert await bench.order() is ResultCode.BUSY

    test(main)


def test_closing_with_nothing_to_do(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        await bench.desk.close(patience=4.0)
        assert trio.current_time() == 0.0

    test(main)


def test_not_yet_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(bench: Bench) -> None:
        assert await bench.order() is ResultCode.BUSY

    run(bench, monkeypatch, main)


def test_a_slow_close_of_the_session_does_not_hold_back_the_answer(bench: Bench, test: Test) -> None:
    async def main(bench: Bench) -> None:
        admitted = await bench.order(Action.OFF)
        (operation,) = bench.desk.running
        bench.lan.is_lost = lambda direction, datagram: operation.plan.result is not None
        await bench.result(admitted)
        assert bench.teller.finishes[0][0] < 0.7
        assert bench.lan.open_connections == 1, "still closing"

    test(main)
    assert bench.lan.open_connections == 0


def test_two_targets_do_not_wait_for_each_other(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = Bench(lan), Bench(lan)
    lan.put(None, HOST)
    quick.way.address = slow.way.address.__class__("192.0.2.53")
    lan.put(quick.board, "192.0.2.53")
    desk = Desk({"SLOW": slow.way, "QUICK": quick.way}, quick.record, frozenset, quick.teller)
    quick.desk = desk

    async def main(bench: Bench) -> None:
        async with bench.open():
            first = await bench.order(target="SLOW", budget=20.0)
            second = await bench.order(target="QUICK")
            assert (await bench.result(second)).code is ResultCode.CYCLED_CONFIRMED
            assert trio.current_time() < 2.0
            assert (await bench.result(first)).code is ResultCode.UNREACHABLE

    run(quick, monkeypatch, main)


def test_with_a_real_record_in_real_threads(lan: Lan, tmp_path: Any) -> None:
    bench = Bench(lan)
    record = Record(tmp_path / "state" / "record")
    record.open()
    bench.desk = Desk({NAME: bench.way}, record, frozenset, bench.teller)

    async def main() -> None:
        async with bench.open():
            admitted = await bench.order(Action.OFF)
            await bench.result(admitted)

    trio.run(main)
    record.close()
    (past,) = Record(tmp_path / "state" / "record").open()
    assert (past.result, past.was_cut_short) == (bench.teller.finishes[0][2], False)
    assert past.tickets == (TICKET,)
