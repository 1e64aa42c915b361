"""A watcher and a reset at one BMC: the session that is lent, the polls that make way, and that neither harms the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, Link, ResultCode, Status
from haconn_daemon.fence.actuator import WARM_TIMEOUT
from haconn_daemon.fence.desk import Admitted
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.monitor.watcher import Watcher
from ipmi_lan.commands.chassis import Control
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import Bench, run
from tests.haconn_daemon.managed import ACCOUNT, GUID, HOST, NAME, a_board, the_way

Main = Callable[["Shared"], Awaitable[Any]]


class Shared(Bench):
    """The desk, and a watcher of the same BMC."""

    def __init__(self, lan: Lan, **more: Any) -> None:
        super().__init__(lan, **more)
        self.told: list[Change] = []
        self.watcher = Watcher(self.way, Judge(NAME, 1.0, 3), lambda judge, changes: self.told.extend(changes))
        self.scope = trio.CancelScope()

    async def watch(self) -> None:
        with self.scope:
            await self.watcher.run()

    @property
    def proof_age(self) -> float:
        age = self.watcher.judge.status(trio.current_time(), is_own=False).proof_age
        assert age is not None
        return age


@pytest.fixture
def shared(lan: Lan) -> Shared:
    return Shared(lan)


def play(shared: Shared, monkeypatch: pytest.MonkeyPatch, main: Main) -> None:
    """With desk and watcher at work, the latter since a while."""

    async def opened(bench: Bench) -> None:
        async with shared.open(), trio.open_nursery() as nursery:
            nursery.start_soon(shared.watch)
            await trio.sleep(5.5)
            await main(shared)
            nursery.cancel_scope.cancel()

    run(shared, monkeypatch, opened)


def test_a_reset_borrows_the_open_session(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.lan.latency = 0.003

    async def main(shared: Shared) -> None:
        asked = trio.current_time()
        result = await shared.result(await shared.order(Action.CYCLE))
        assert (result.code, result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)
        assert shared.board.power_commands[0][0] - asked == pytest.approx(0.009), "one reading, and on its way"
        assert result.evidence.bmc_guid == GUID
        await trio.sleep(3)
        assert shared.watcher.judge.status(trio.current_time(), is_own=False).link is Link.OK

    play(shared, monkeypatch, main)
    assert shared.board.handshakes == 1, "no login but the watcher's"


@pytest.mark.parametrize("moment", [0.0, 0.49, 0.5, 0.501, 0.505])
def test_no_poll_stands_before_it(shared: Shared, monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    """Whatever the watcher does just then; its question, which will not be answered, gives up its place."""
    shared.lan.latency = 0.003

    async def main(shared: Shared) -> None:
        await trio.sleep(moment)
        shared.lan.is_lost = lambda direction, datagram: direction == "out" and trio.current_time() <= asked
        asked = trio.current_time()
        result = await shared.result(await shared.order(Action.OFF))
        assert result.code is ResultCode.OFF_CONFIRMED
        assert shared.board.power_commands[0][0] - asked < 0.3 + 0.02

    play(shared, monkeypatch, main)


def test_polls_pause_and_what_the_reset_reads_is_known(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.board.faults.lag = 20.0

    async def main(shared: Shared) -> None:
        admitted = await shared.order(Action.OFF)
        assert isinstance(admitted, Admitted)
        for _ in range(18):
            await trio.sleep(1.0)
            assert shared.desk.running
            assert shared.proof_age < 0.5
            assert trio.current_time() - shared.watcher.last_progress <= 1.5, "the watchdog is content"
        assert (await shared.result(admitted)).code is ResultCode.OFF_CONFIRMED
        status = shared.watcher.judge.status(trio.current_time(), is_own=False)
        assert (status.link, status.status) == (Link.OK, Status.POFF_DETECTED)
        await trio.sleep(5)

    play(shared, monkeypatch, main)
    assert shared.told == [Change.POWER_OFF]
    assert shared.board.handshakes == 1


def test_a_session_that_hangs_costs_little(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        shared.board.restart(trio.current_time(), 0.0)     # it has forgotten the session, and says nothing in it
        asked = trio.current_time()
        result = await shared.result(await shared.order(Action.OFF))
        assert result.code is ResultCode.OFF_CONFIRMED
        assert shared.board.power_commands[0][0] - asked <= WARM_TIMEOUT + 0.1
        assert "of no use" in result.evidence.detail
        await trio.sleep(20)
        status = shared.watcher.judge.status(trio.current_time(), is_own=False)
        assert (status.link, status.status) == (Link.OK, Status.POFF_DETECTED)

    play(shared, monkeypatch, main)


def test_a_session_that_hung_is_not_lent_again(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        shared.board.restart(trio.current_time(), 0.0)
        assert (await shared.result(await shared.order(Action.OFF))).code is ResultCode.OFF_CONFIRMED
        result = await shared.result(await shared.order(Action.OFF))
        assert result.code is ResultCode.ALREADY_OFF
        assert result.evidence.readings[0].after < WARM_TIMEOUT, "though the watcher has not noticed yet"

    play(shared, monkeypatch, main)


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.004, 0.1, 0.3, 0.7, 1.2])
def test_the_watcher_ends_while_its_session_is_lent(shared: Shared, monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    shared.lan.latency = 0.001

    async def main(shared: Shared) -> None:
        admitted = await shared.order(Action.CYCLE)
        await trio.sleep(moment)
        shared.scope.cancel()
        assert (await shared.result(admitted)).code is ResultCode.CYCLED_CONFIRMED
        await trio.sleep(2)

    play(shared, monkeypatch, main)
    assert shared.commands == [Control.POWER_OFF, Control.POWER_ON]
    assert shared.lan.open_connections == 0


def test_two_resets_and_a_watcher_in_turn(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        for _ in range(3):
            assert (await shared.result(await shared.order(Action.CYCLE))).code is ResultCode.CYCLED_CONFIRMED
            await trio.sleep(0.7)

    play(shared, monkeypatch, main)
    assert shared.board.handshakes == 1
    assert shared.commands == [Control.POWER_OFF, Control.POWER_ON] * 3


def test_where_no_session_is_kept_the_reset_logs_in(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared(lan, board=a_board(slots=2))

    async def main(shared: Shared) -> None:
        await trio.sleep(0.2)
        before = shared.board.handshakes
        result = await shared.result(await shared.order(Action.OFF))
        assert result.code is ResultCode.OFF_CONFIRMED
        assert shared.board.handshakes == before + 1, "and the watcher does not meanwhile"

    play(shared, monkeypatch, main)


def test_a_bmc_that_falls_silent_is_ng_also_during_a_reset(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        shared.lan.put(None, HOST)
        result = await shared.result(await shared.order(Action.OFF, budget=25.0))
        assert result.code is ResultCode.UNREACHABLE
        assert shared.watcher.judge.status(trio.current_time(), is_own=False).link is Link.NG
        shared.lan.put(shared.board, HOST)
        await trio.sleep(70)
        assert shared.watcher.judge.status(trio.current_time(), is_own=False).link is Link.OK

    play(shared, monkeypatch, main)
    assert shared.told == [Change.LINK_LOST, Change.LINK_BACK]


def test_an_account_that_may_be_locked_is_tried_once_more_by_a_reset(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared(lan, way=the_way(replace(ACCOUNT, password="wrong")))

    async def main(shared: Shared) -> None:
        assert shared.lan.connections == 3, "the watcher pauses"
        for attempts in (4, 5):
            result = await shared.result(await shared.order(Action.OFF))
            assert result.code is ResultCode.WRONG_PASSWORD
            assert shared.lan.connections == attempts

    play(shared, monkeypatch, main)


def test_a_bmc_that_refuses_control_has_no_good_link(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        shared.board.faults.refuses_control = 0xD4
        assert (await shared.result(await shared.order(Action.OFF))).code is ResultCode.REFUSED_BY_BMC
        await trio.sleep(10)
        status = shared.watcher.judge.status(trio.current_time(), is_own=False)
        assert (status.link, status.reset_capable) == (Link.NG, False)
        assert "D4h" in shared.watcher.judge.why(trio.current_time())
        shared.board.faults.refuses_control = None
        assert (await shared.result(await shared.order(Action.OFF))).code is ResultCode.OFF_CONFIRMED
        await trio.sleep(2)
        assert shared.watcher.judge.status(trio.current_time(), is_own=False).link is Link.OK

    play(shared, monkeypatch, main)
    assert shared.told == [Change.LINK_LOST, Change.LINK_BACK, Change.POWER_OFF]


def test_a_bmc_that_is_only_busy_keeps_its_link(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(shared: Shared) -> None:
        shared.board.faults.refuses_control = 0xC0
        assert (await shared.result(await shared.order(Action.OFF, budget=8.0))).code is ResultCode.REFUSED_BY_BMC

    play(shared, monkeypatch, main)
    assert shared.told == []
