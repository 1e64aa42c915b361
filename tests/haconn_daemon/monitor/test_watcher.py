"""A watcher with its judge and the real client, against a simulated BMC in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status
from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.monitor.health import MOST_WRONG_PASSWORDS, WRONG_PASSWORD_PAUSE, Change, Judge
from haconn_daemon.monitor.watcher import Watcher
from ipmi_lan import Privilege, SessionBudget, Stay
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.login import SessionInfo, get_session_info
from ipmi_lan.simulator import Faults, SimulatedBmc
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.lan import Lan
from tests.haconn_daemon.managed import ACCOUNT, HOST, NAME, a_board, the_way

INTERVAL, PATIENCE = 1.0, 3


class Watch:
    """A watcher at work, and what it told."""

    def __init__(self, lan: Lan, board: SimulatedBmc | None = None, way: Bmc | None = None) -> None:
        self.lan = lan
        self.board = board or a_board()
        lan.put(self.board, HOST)
        self.told: list[tuple[float, Change]] = []
        self.polls: list[float] = []
        way = way or the_way()
        self.sharing = way.sharing
        self.watcher = Watcher(way, Judge(NAME, INTERVAL, PATIENCE), self._tell)

    def _tell(self, judge: Judge, changes: list[Change]) -> None:
        assert judge is self.watcher.judge
        self.polls.append(trio.current_time())
        self.told += [(trio.current_time(), change) for change in changes]

    @property
    def changes(self) -> list[Change]:
        return [change for _, change in self.told]

    def status(self) -> ServerStatus:
        return self.watcher.judge.status(trio.current_time(), is_own=False)

    @property
    def sessions(self) -> int:
        return self.board.open_sessions(trio.current_time())


def run(watch: Watch, main: Callable[[], Awaitable[Any]]) -> None:
    """With the watcher at work; afterwards nothing of it is left anywhere."""

    async def opened() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.watcher.run)
            await main()
            nursery.cancel_scope.cancel()
        await trio.sleep(0.1)
        assert watch.lan.open_connections == 0, "every socket is closed"
        if not watch.board.faults.silent:
            assert watch.sessions == 0, "and every session"

    run_in_virtual_time(opened)


@pytest.fixture
def watch(lan: Lan) -> Watch:
    return Watch(lan)


@pytest.mark.shows("M3")
def test_all_is_well(watch: Watch) -> None:
    async def main() -> None:
        await trio.sleep(30.5)
        assert (watch.status().link, watch.status().status, watch.status().reset_capable) == (Link.OK, Status.MONITORING, True)
        assert watch.status().proof_age == pytest.approx(0.5)
        assert watch.sessions == 1

    run(watch, main)
    assert watch.polls == pytest.approx([float(second) for second in range(31)])
    assert watch.changes == []
    assert watch.board.handshakes == 1, "one session for all the time"


@pytest.mark.shows("M3")
@pytest.mark.parametrize("moment", [5.01, 5.5, 5.99])
def test_power_loss_is_told_within_two_polls(watch: Watch, moment: float) -> None:
    async def main() -> None:
        await trio.sleep(moment)
        watch.board.chassis.lose_power(trio.current_time())
        await trio.sleep(2 * INTERVAL)
        assert watch.status().status is Status.POFF_DETECTED
        await trio.sleep(20)

    run(watch, main)
    ((at, change),) = watch.told
    assert change is Change.POWER_OFF
    assert moment <= at <= moment + 2 * INTERVAL


def test_power_comes_back(watch: Watch) -> None:
    async def main() -> None:
        await trio.sleep(3.5)
        watch.board.chassis.lose_power(trio.current_time())
        await trio.sleep(10)
        watch.board.chassis.gain_power(trio.current_time())
        await trio.sleep(3)
        assert watch.status().status is Status.MONITORING

    run(watch, main)
    assert watch.changes == [Change.POWER_OFF, Change.POWER_ON]


def test_found_off(watch: Watch) -> None:
    watch.board.chassis.lose_power(0.0)

    async def main() -> None:
        await trio.sleep(1.0)
        assert watch.status().status is Status.POFF_DETECTED

    run(watch, main)
    assert watch.changes == []


@pytest.mark.shows("O2")
def test_silence_is_ng_and_never_off_and_it_comes_back_by_itself(watch: Watch) -> None:
    async def main() -> None:
        await trio.sleep(5.5)
        watch.board.faults.silent = True
        await trio.sleep(60)
        assert (watch.status().link, watch.status().status) == (Link.NG, Status.MONITORING)
        assert not watch.status().reset_capable
        assert watch.watcher.judge.reason
        watch.board.faults.silent = False
        await trio.sleep(5.0)
        assert (watch.status().link, watch.status().status) == (Link.OK, Status.MONITORING)

    run(watch, main)
    assert watch.changes == [Change.LINK_LOST, Change.LINK_BACK]
    assert watch.told[0][0] < 25, "patience has an end"


def test_off_while_it_was_silent(watch: Watch) -> None:
    async def main() -> None:
        await trio.sleep(5.5)
        watch.board.faults.silent = True
        watch.board.chassis.lose_power(trio.current_time())
        await trio.sleep(60)
        assert watch.status().status is Status.MONITORING, "nobody has seen it off"
        watch.board.faults.silent = False
        await trio.sleep(6.0)
        assert watch.status().status is Status.MONITORING, "a BMC that was silent is not believed at once"
        await trio.sleep(60.0)
        assert watch.status().status is Status.POFF_DETECTED

    run(watch, main)
    assert watch.changes == [Change.LINK_LOST, Change.LINK_BACK, Change.POWER_OFF]


def test_silent_from_the_beginning(watch: Watch) -> None:
    watch.board.faults.silent = True

    async def main() -> None:
        assert watch.status().link is Link.NOT_YET
        await trio.sleep(60)
        assert (watch.status().link, watch.status().proof_age) == (Link.NG, None)

    run(watch, main)
    assert Change.POWER_OFF not in watch.changes


@pytest.mark.shows("O2")
@pytest.mark.parametrize("silence", [0.0, 2.0, 40.0])
def test_the_bmc_restarts(watch: Watch, silence: float) -> None:
    async def main() -> None:
        await trio.sleep(5.5)
        watch.board.restart(trio.current_time(), silence)
        await trio.sleep(silence + 15.0)
        assert (watch.status().link, watch.status().status) == (Link.OK, Status.MONITORING)
        assert watch.sessions == 1

    run(watch, main)
    assert Change.POWER_OFF not in watch.changes
    assert watch.board.handshakes == 2


def test_another_bmc_at_the_address(watch: Watch) -> None:
    other = a_board(guid=bytes(range(2, 18)))
    other.chassis.lose_power(0.0)

    async def main() -> None:
        await trio.sleep(5.5)
        watch.lan.put(other, HOST)
        await trio.sleep(40)
        assert (watch.status().link, watch.status().status) == (Link.NG, Status.MONITORING)
        assert "another BMC" in watch.watcher.judge.reason
        assert other.open_sessions(trio.current_time()) == 0

        watch.lan.put(watch.board, HOST)
        await trio.sleep(60)   # its lost session ends by itself
        assert watch.status().link is Link.OK

    run(watch, main)
    assert watch.changes == [Change.LINK_LOST, Change.LINK_BACK]


def test_a_wrong_password_is_tried_three_times_and_then_rarely(lan: Lan) -> None:
    watch = Watch(lan, way=the_way(replace(ACCOUNT, password="wrong")))

    async def main() -> None:
        await trio.sleep(WRONG_PASSWORD_PAUSE)
        assert watch.status().link is Link.NG
        assert len(watch.polls) == 3
        await trio.sleep(10)
        assert len(watch.polls) == 4
        assert trio.current_time() - watch.watcher.last_progress < watch.watcher.longest_silence

    run(watch, main)


@pytest.mark.parametrize(
    ("slots", "others", "stays"),
    [(4, 0, True), (4, 1, True), (4, 2, False), (4, 3, False), (2, 0, False), (3, 0, True)],
)
def test_a_session_is_kept_only_where_slots_are_to_spare(lan: Lan, slots: int, others: int, stays: bool) -> None:
    watch = Watch(lan, a_board(slots=slots))
    held = 0

    async def main() -> None:
        nonlocal held
        async with trio.open_nursery() as nursery:
            for _ in range(others):
                nursery.start_soon(_hold_a_slot)
            await trio.sleep(10.5)
            held = watch.sessions - others
            assert (watch.status().link, watch.status().status) == (Link.OK, Status.MONITORING)
            nursery.cancel_scope.cancel()

    async def _hold_a_slot() -> None:
        async with the_way().open(5.0):
            await trio.sleep_forever()

    run(watch, main)
    assert held == int(stays)
    assert (watch.board.handshakes - others == 1) is stays
    assert len(watch.polls) >= 9, "polled at the interval either way"


def test_no_free_slot_at_all(lan: Lan) -> None:
    watch = Watch(lan, a_board(slots=0))

    async def main() -> None:
        await trio.sleep(30)
        assert watch.status().link is Link.NG
        assert "no free session" in watch.watcher.judge.reason

    run(watch, main)


def test_a_slow_bmc_is_asked_less_often(watch: Watch) -> None:
    watch.lan.latency = 0.25

    async def main() -> None:
        await trio.sleep(60)
        assert watch.status().link is Link.OK

    run(watch, main)
    spacing = [later - earlier for earlier, later in zip(watch.polls[1:], watch.polls[2:], strict=False)]
    assert min(spacing) >= 2.0


def test_progress_is_made_whatever_the_bmc_does(watch: Watch) -> None:
    """The watchdog's question, asked all the time, while the BMC comes and goes."""

    async def main() -> None:
        watch.watcher.last_progress = trio.current_time()
        for second in range(400):
            watch.board.faults.silent = second // 40 % 2 == 1
            watch.lan.latency = 0.7 if second // 80 % 2 else 0.0
            await trio.sleep(1.0)
            assert trio.current_time() - watch.watcher.last_progress <= watch.watcher.longest_silence
        watch.lan.latency = 0.0
        watch.board.faults.silent = False
        await trio.sleep(70)   # its lost sessions end by themselves

    run(watch, main)


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.025, 0.065, 0.085, 0.105, 0.125, 0.5, 1.01, 1.015])
def test_stopped_at_any_moment_no_session_is_left(lan: Lan, moment: float) -> None:
    """But for the moment between RAKP 3 and its answer, when the client does not yet know of its session."""
    watch = Watch(lan)
    lan.latency = 0.01
    run(watch, lambda: trio.sleep(moment))


def test_a_bmc_that_does_not_tell_its_slots_is_taken_for_a_small_one_and_asked_again_after_a_while(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.ASK_SLOTS_AGAIN", 60.0)
    info = get_session_info()
    board = a_board(faults=Faults(codes={(info.netfn, info.code): 0xC1}), slots=20)
    watch = Watch(lan, board)

    async def main() -> None:
        await trio.sleep(10.5)
        assert watch.sessions == 0
        assert (watch.status().link, watch.status().status) == (Link.OK, Status.MONITORING)
        assert board.handshakes == len(watch.polls) == 11
        board.faults.codes.clear()      # a lost answer, it was
        await trio.sleep(40)
        assert watch.sessions == 0
        await trio.sleep(20)
        assert watch.sessions == 1

    run(watch, main)


def test_look_now(watch: Watch) -> None:
    async def main() -> None:
        await trio.sleep(5.5)
        watch.watcher.look_now()
        await trio.sleep(0.1)
        assert watch.polls[-1] == 5.5
        await trio.sleep(2.0)

    run(watch, main)
    assert watch.polls[-3:] == pytest.approx([5.5, 6.5, 7.5])


def test_look_now_does_not_lock_an_account(lan: Lan) -> None:
    watch = Watch(lan, way=the_way(replace(ACCOUNT, password="wrong")))

    async def main() -> None:
        await trio.sleep(10.0)
        for _ in range(5):
            watch.watcher.look_now()
            await trio.sleep(1.0)
        assert len(watch.polls) == MOST_WRONG_PASSWORDS

    run(watch, main)


def test_a_firmware_update(watch: Watch) -> None:
    """A quarter of an hour of silence, and then a minute of answers that only say that something is wrong."""
    status = get_chassis_status()

    async def main() -> None:
        await trio.sleep(5.5)
        watch.board.faults.silent = True
        await trio.sleep(900)
        assert (watch.status().link, watch.status().status) == (Link.NG, Status.MONITORING)
        watch.board.faults.silent = False
        watch.board.faults.codes[status.netfn, status.code] = 0xFF
        await trio.sleep(60)
        assert watch.status().link is Link.NG
        assert "FFh" in watch.watcher.judge.why(trio.current_time())
        del watch.board.faults.codes[status.netfn, status.code]
        await trio.sleep(3 * INTERVAL)
        assert (watch.status().link, watch.status().status) == (Link.OK, Status.MONITORING)

    run(watch, main)
    assert watch.changes == [Change.LINK_LOST, Change.LINK_BACK]


@pytest.mark.parametrize(
    ("changes", "way", "words"),
    [
        ({}, the_way(replace(ACCOUNT, password="wrong")), "wrong password, or no such user 'hitachi'"),
        ({"slots": 0}, None, "no free session"),
        ({"users": {ACCOUNT.name: (ACCOUNT.password, Privilege.USER)}}, None, "may not be operator"),
        ({"faults": Faults(silent=True)}, None, "does not answer (never an answer yet)"),
    ],
)
def test_why_it_is_ng_in_plain_words(lan: Lan, changes: dict[str, Any], way: Bmc | None, words: str) -> None:
    watch = Watch(lan, a_board(**changes), way)

    async def main() -> None:
        await trio.sleep(45)
        assert watch.status().link is Link.NG
        assert words in watch.watcher.judge.why(trio.current_time())

    run(watch, main)


def test_a_session_with_less_privilege_than_it_was_opened_with(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The BMC says that we may only read: the link is there to reset, so it is not OK."""
    answer = SessionInfo(1, 4, 1, bytes((1, Privilege.USER)))
    watch = Watch(lan)

    async def told(client: object) -> SessionInfo:
        return answer

    monkeypatch.setattr(watch.watcher, "_ask_slots", told)

    async def main() -> None:
        await trio.sleep(5)
        assert (watch.status().link, watch.status().reset_capable) == (Link.NG, False)
        assert "operator" in watch.watcher.judge.why(trio.current_time())

    run(watch, main)
    assert watch.changes == [Change.LINK_LOST]


def test_a_session_that_is_kept_is_asked_again_whether_it_may_be(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.RECHECK", 60.0)
    watch = Watch(lan, a_board(slots=3))

    async def main() -> None:
        await trio.sleep(50)
        async with the_way().open(5.0), the_way().open(5.0):
            assert watch.sessions == 3
            await trio.sleep(20)
            assert watch.sessions == 2, "others need the slots now"

    run(watch, main)


@pytest.mark.parametrize(("stay", "handshakes"), [(Stay.WARM, 1), (Stay.SHORT, 11)])
def test_another_budget(lan: Lan, monkeypatch: pytest.MonkeyPatch, stay: Stay, handshakes: int) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.BUDGET", SessionBudget(stay=stay))
    watch = Watch(lan, a_board(slots=2))
    run(watch, lambda: trio.sleep(10.5))
    assert watch.board.handshakes == handshakes


@pytest.mark.shows("M4")
def test_a_pause_that_a_reset_makes_needless_is_no_standstill(lan: Lan) -> None:
    """It waits for minutes lest the account be locked. A reset finds that the password works by now; nothing hangs."""
    watch = Watch(lan, way=the_way(replace(ACCOUNT, password="wrong")))
    late: list[float] = []

    async def main() -> None:
        await trio.sleep(100.0)
        with watch.sharing.taken():
            watch.sharing.on_reading(True, trio.current_time())
            await trio.sleep(5.0)
        for _ in range(300):
            late.append(trio.current_time() - watch.watcher.last_progress - watch.watcher.longest_silence)
            await trio.sleep(1.0)

    run(watch, main)
    assert max(late) <= 0.0
