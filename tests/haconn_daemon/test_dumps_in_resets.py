"""A reset that waits for dumps looks into the event log itself: watcher, dumps and desk at one BMC, as the service joins them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio

from haconn_cli.config.model import Servers, Service
from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResultCode
from haconn_daemon.fence.desk import Desk
from haconn_daemon.fence.rules import Rules
from haconn_daemon.monitor.dump import DumpChange
from haconn_daemon.monitor.dumps import Dumps
from haconn_daemon.monitor.health import Judge
from haconn_daemon.monitor.watcher import Watcher
from ipmi_lan.commands.chassis import Control
from ipmi_lan.commands.sel import SENSOR_SPECIFIC, SelEvent, build_event
from ipmi_lan.simulator import SimulatedBmc
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import Bench, run
from tests.haconn_daemon.managed import ACCOUNT, NAME, a_board
from tests.haconn_daemon.monitor.test_dumps import Journal

NMI, OFF, ON = Control.DIAGNOSTIC_INTERRUPT, Control.POWER_OFF, Control.POWER_ON
SERVICE = Service(sel_interval=2.0)
Main = Callable[["Site"], Awaitable[None]]


def log_start(board: SimulatedBmc) -> None:
    """The firmware logs that the system was started."""
    board.log.add(build_event(SelEvent(0, 0, 0x1D, 1, True, SENSOR_SPECIFIC, 0, bytes(3))), trio.current_time())


class Site(Bench):
    """One managed server, all that looks at it, and how long its dumps take."""

    def __init__(self, lan: Lan, service: Service = SERVICE, dump_time: float = 5.0) -> None:
        super().__init__(lan, a_board())
        self.board.faults.host.dump_time = dump_time
        self.service = service
        servers = Servers((self.way._server,), ACCOUNT)
        self.dumps = Dumps(servers, service, self.tell, Journal())  # type: ignore[arg-type]
        self.watcher = Watcher(
            self.way, Judge(NAME, 1.0, 3), lambda judge, changes: None,
            lambda judge, client: self.dumps.look(NAME, client, judge.power_is_on is not False),
        )   # fmt: skip
        self.desk = Desk(
            {NAME: self.way}, self.record, lambda: self.own, self.teller,
            is_dumping=self.dumps.is_dumping, look_for_dump=self.dumps.look_for_reset, rules=Rules.of(servers, service),
        )   # fmt: skip
        self.told: list[tuple[float, DumpChange]] = []

    def tell(self, server: str, change: DumpChange, sign: str) -> None:
        self.told.append((trio.current_time(), change))
        self.desk.dump_sign(server, EventKind.DUMP_STARTED if change is DumpChange.STARTED else EventKind.DUMP_ENDED)

    def when(self, control: Control) -> float:
        return next(at for at, sent in self.board.power_commands if sent is control)

    @property
    def dump_is_whole(self) -> bool:
        (dump,) = self.board.dumps(trio.current_time())
        return dump.is_whole

    async def log_start_after(self, seconds: float) -> None:
        await trio.sleep(seconds)
        log_start(self.board)


def play(site: Site, monkeypatch: pytest.MonkeyPatch, main: Main) -> None:
    """A while after the watcher's first look."""

    async def opened(bench: Bench) -> None:
        async with site.open(), trio.open_nursery() as nursery:
            nursery.start_soon(site.dumps.run)
            nursery.start_soon(site.watcher.run)
            await trio.sleep(20.5)
            await main(site)
            nursery.cancel_scope.cancel()

    run(site, monkeypatch, opened)


@pytest.mark.parametrize("action", [Action.OFF, Action.CYCLE, Action.DUMP_CYCLE])
def test_a_crash_just_before_the_request(lan: Lan, monkeypatch: pytest.MonkeyPatch, action: Action) -> None:
    """Nobody has seen it yet; the reset looks, waits, and sees the end as well."""
    site = Site(lan, replace(SERVICE, dump_wait=30.0))

    async def main(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            began = trio.current_time()
            site.board.host_crashes(began)
            nursery.start_soon(site.log_start_after, 5.0)
            await trio.sleep(0.3)
            assert not site.dumps.is_dumping(NAME)
            result = await site.result(await site.order(action, 60.0))
        assert result.code is (ResultCode.OFF_CONFIRMED if action is Action.OFF else ResultCode.CYCLED_CONFIRMED)
        assert site.dump_is_whole
        assert 5.0 <= site.when(OFF) - began < 5.0 + 2.0 + 1.3
        assert NMI not in site.commands
        assert (Phase.DUMPING if action is Action.DUMP_CYCLE else Phase.WAITING_FOR_DUMP) in site.teller.phases

    play(site, monkeypatch, main)


def test_the_crash_of_our_own_interrupt_and_its_end(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(lan, replace(SERVICE, dump_limit=40.0))

    async def main(site: Site) -> None:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.log_start_after, 5.1)
            result = await site.result(await site.order(Action.DUMP_CYCLE, 60.0))
        assert result.code is ResultCode.CYCLED_CONFIRMED
        assert site.commands == [NMI, OFF, ON]
        assert site.dump_is_whole
        assert 5.0 < site.when(OFF) - began < 5.1 + 2.0 + 1.3
        assert DumpChange.STARTED in [change for _, change in site.told]

    play(site, monkeypatch, main)


def test_a_dump_that_ends_between_two_looks(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning and its end are found at once: that is an end all the same."""
    site = Site(lan, replace(SERVICE, dump_limit=40.0), dump_time=1.0)

    async def main(site: Site) -> None:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.log_start_after, 1.1)
            await site.result(await site.order(Action.DUMP_CYCLE, 60.0))
        assert site.dump_is_whole
        assert site.when(OFF) - began < 4.0

    play(site, monkeypatch, main)


def test_a_start_from_before_the_interrupt_ends_nothing(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(lan, replace(SERVICE, dump_limit=20.0), dump_time=12.0)

    async def main(site: Site) -> None:
        log_start(site.board)
        await site.result(await site.order(Action.DUMP_CYCLE, 60.0))
        assert site.dump_is_whole
        assert site.when(OFF) - site.when(NMI) == pytest.approx(20.0, abs=0.1), "nothing tells its end"

    play(site, monkeypatch, main)


def test_no_reset_looks_that_does_not_wait_for_dumps(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(lan)

    async def main(site: Site) -> None:
        site.board.host_crashes(began := trio.current_time())
        await site.result(await site.order(Action.OFF, 60.0))
        assert site.when(OFF) - began < 0.2
        assert site.told == []

    play(site, monkeypatch, main)


def test_after_many_other_events(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dying machine logs a lot before it crashes."""
    site = Site(lan, replace(SERVICE, dump_wait=8.0), dump_time=7.0)

    async def main(site: Site) -> None:
        for _ in range(60):
            event = SelEvent(0, 0, 0x0C, 1, True, SENSOR_SPECIFIC, 0, bytes(3))
            site.board.log.add(build_event(event), trio.current_time())
        site.board.host_crashes(trio.current_time())
        await site.result(await site.order(Action.OFF, 60.0))
        assert site.dump_is_whole

    play(site, monkeypatch, main)


@pytest.mark.parametrize("action", [Action.OFF, Action.DUMP_CYCLE])
@pytest.mark.parametrize("code", [0xC1, 0xD4, 0xC0, None])
def test_a_bmc_that_tells_nothing_costs_little(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, action: Action, code: int | None
) -> None:
    """No event log, none just now, or one that never answers."""
    site = Site(lan, replace(SERVICE, dump_wait=8.0, dump_limit=10.0))
    looks = 0

    async def silent(name: str, client: object) -> bool | None:
        nonlocal looks
        looks += 1
        if code is None:
            await trio.sleep_forever()
        return None

    site.desk._look_for_dump = silent

    async def main(site: Site) -> None:
        began = trio.current_time()
        result = await site.result(await site.order(action, 60.0))
        assert result.code.is_success
        first = site.board.power_commands[0][0]
        assert first - began < (1.2 if code is None else 0.2)
        assert looks == 1
        if action is Action.DUMP_CYCLE:
            assert site.when(OFF) - site.when(NMI) == pytest.approx(10.0, abs=0.1)

    play(site, monkeypatch, main)


def test_the_wait_is_over_though_the_event_log_hangs(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first look may cost time; a later one ends with the wait."""
    site = Site(lan, replace(SERVICE, sel_interval=4.9, dump_wait=10.0), dump_time=60.0)
    real = site.dumps.look_for_reset

    async def then_silent(name: str, client: object) -> bool | None:
        site.desk._look_for_dump = hangs
        return await real(name, client)     # type: ignore[arg-type]

    async def hangs(name: str, client: object) -> bool | None:
        await trio.sleep_forever()

    async def main(site: Site) -> None:
        began = trio.current_time()
        site.board.host_crashes(began)
        await site.result(await site.order(Action.OFF, 60.0))
        assert site.when(OFF) - began == pytest.approx(10.0, abs=0.1)

    play(site, monkeypatch, main)
