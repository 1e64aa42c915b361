"""One whole connector, in this process and as a process of its own, on the loopback and in real time."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.config.model import Service as ServiceSettings
from haconn_cli.config.paths import Paths
from haconn_cli.control import StatusReport, ask_status
from haconn_cli.resetpath.client import NotAnswered, open_requester
from haconn_cli.resetpath.client import Path as ResetPathToIt
from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode, Role, Standing
from haconn_daemon import systemd
from haconn_daemon.fence.record import Intent, Record
from haconn_daemon.journal import Journal
from haconn_daemon.service import Service
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.fakes.clock import run_in_virtual_time
from tests.haconn_daemon.installed import KEYS, NOBODY_LISTENS, configure, free_port
from tests.haconn_daemon.managed import a_board


class Site:
    """Two servers' BMCs, and the connector that watches them."""

    def __init__(self, root: Path, nursery: trio.Nursery) -> None:
        self.paths = Paths(root)
        self.boards: list[SimulatedBmc] = []
        self.ended = trio.Event()
        self.ready = trio.Event()
        self.settings: Any = None
        self.service: Any = None
        self._nursery = nursery

    async def start(self) -> None:
        bmcs = []
        for number in (1, 2):
            self.boards.append(a_board(guid=bytes([number]) * 16))
            bmcs.append(await self._nursery.start(serve_bmc, self.boards[-1]))
        settings = ServiceSettings(syslog=str(self.paths.root / "no-syslog"), poll_interval=0.2)
        self.settings = configure(self.paths.root, free_port(), *bmcs, service=settings)
        await self.start_connector()

    async def start_connector(self) -> None:
        """A new life of it."""
        self.ready, self.ended = trio.Event(), trio.Event()
        self._nursery.start_soon(self._run)
        await self.ready.wait()

    async def _run(self) -> None:
        with Journal(self.paths.log, self.settings.service.syslog) as journal:
            self.service = Service(self.settings, self.paths, journal)
            await self.service.run()
        self.ended.set()

    def note(self, *messages: str) -> bool:
        """In the place of `systemd.notify`."""
        if systemd.READY in messages:
            self.ready.set()
        return True

    async def stop(self) -> float:
        """As systemd does; returns how long it took."""
        began = trio.current_time()
        os.kill(os.getpid(), signal.SIGTERM)
        await self.ended.wait()
        return trio.current_time() - began

    async def status(self) -> StatusReport:
        return await trio.to_thread.run_sync(ask_status, self.paths)

    async def until_monitored(self) -> StatusReport:
        while not all(server.link == "OK" for server in (await self.status()).servers):
            await trio.sleep(0.02)
        return await self.status()

    @asynccontextmanager
    async def monitor(self, name: str = "PSERVER1", standing: Standing = Standing.LOCAL) -> AsyncIterator[ResetPathToIt]:
        """HA Monitor, known to the connector."""
        path = self.settings.reset_path
        async with open_requester(
            KEYS, Role.MONITOR, name, (path.address, path.port), digest=self.settings.servers.digest(), standing=standing
        ) as requester:
            await requester.hello()
            yield requester

    @property
    def events(self) -> str:
        return (self.paths.log / "eventlog").read_text()


Test = Callable[[Callable[[Site], Awaitable[Any]]], None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Test:
    """Run a test at a site where the connector is ready."""

    def run(main: Callable[[Site], Awaitable[Any]]) -> None:
        async def opened() -> None:
            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    here = Site(tmp_path, nursery)
                    monkeypatch.setattr(systemd, "notify", here.note)
                    await here.start()
                    await main(here)
                    if not here.ended.is_set():
                        await here.stop()
                    nursery.cancel_scope.cancel()

        trio.run(opened)

    return run


def test_from_the_request_to_the_proof(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        async with site.monitor() as monitor:
            result = await monitor.reset("PSERVER2", Action.CYCLE, 20.0, reason="server failure")
            assert (result.code, result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)
            assert result.evidence.bmc_guid == bytes([2]) * 16
            assert (await monitor.reset("PSERVER1")).code is ResultCode.OWN_SERVER
            assert (await monitor.reset("PSERVER9")).code is ResultCode.UNKNOWN_TARGET
        other, target = site.boards
        assert [change.is_on for change in target.chassis.trace] == [False, True]
        assert (other.chassis.trace, other.power_commands) == ([], [])
        while (await site.status()).servers[1].status == "poff detected":   # until the next two readings
            await trio.sleep(0.02)
        report = await site.status()
        assert report.own_server == "PSERVER1"
        assert [server.status for server in report.servers] == ["(own server)", "monitoring"]
        assert await site.stop() < 2.0
        assert "reset_finished" in site.events
        assert 'reason="server failure"' in site.events
        assert site.events.count("reset_refused") == 1, "an unknown target goes no further than the reset path"
        for board in site.boards:
            assert board.open_sessions(trio.current_time()) == 0

    site(main)


def test_a_server_loses_power_by_itself(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        async with site.monitor() as monitor:
            site.boards[1].chassis.lose_power(trio.current_time())
            event = await monitor.events.receive()
            assert (event.server, event.kind) == ("PSERVER2", EventKind.POWER_OFF)
            assert (await site.status()).servers[1].status == "poff detected"

    site(main)


def test_who_joins_with_less_time_is_answered_in_it(site: Test) -> None:
    results: dict[str, ResetResult] = {}

    async def ask(path: ResetPathToIt, name: str, budget: float) -> None:
        results[name] = await path.reset("PSERVER2", Action.OFF, budget)

    async def main(site: Site) -> None:
        site.boards[1].faults.ignores_power_commands = True
        elsewhere = site.monitor("PSERVER2", Standing.ELSEWHERE)
        async with site.monitor() as first, elsewhere as second, trio.open_nursery() as nursery:
            nursery.start_soon(ask, first, "first", 4.0)
            while not site.boards[1].power_commands:
                await trio.sleep(0.01)
            with trio.fail_after(2.0):
                await ask(second, "second", 1.0)
            assert "first" not in results

    site(main)
    assert results["second"].code is ResultCode.TIMEOUT
    assert results["first"].code is ResultCode.STILL_ON


def test_what_has_no_effect_is_counted_in_the_log(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that differs is the commonest mistake of a set-up: it must leave a line."""
    monkeypatch.setattr("haconn_daemon.service.COUNTS_INTERVAL", 0.2)
    stranger = KeyRing(KEYS.cluster, (Key(KEYS.keys[0].id, bytes(32)),))

    async def main(site: Site) -> None:
        path = site.settings.reset_path
        where = (path.address, path.port)
        async with site.monitor() as monitor:
            await monitor.check()
        async with open_requester(stranger, Role.MONITOR, "PSERVER2", where, digest=bytes(8), standing=Standing.LOCAL) as other:
            with pytest.raises(NotAnswered):
                await other.hello(patience=0.3)
        while "datagrams_dropped" not in site.events:
            await trio.sleep(0.05)
        assert "WARNING datagrams_dropped" in site.events
        assert "tag=" in site.events
        assert "path_checks PSERVER1=1" in (site.paths.log / "eventlogalt").read_text()

    site(main)


def test_told_to_stop_in_the_middle_of_a_reset(site: Test) -> None:
    """The reset gets its few seconds, and its requester the answer."""
    results: list[ResetResult] = []

    async def main(site: Site) -> None:
        site.boards[1].faults.lag = 0.5
        async with site.monitor() as monitor, trio.open_nursery() as nursery:

            async def reset() -> None:
                results.append(await monitor.reset("PSERVER2", Action.OFF, 20.0))

            nursery.start_soon(reset)
            while not site.boards[1].power_commands:
                await trio.sleep(0.01)
            assert 0.5 < await site.stop() < 4.0

    site(main)
    assert [result.code for result in results] == [ResultCode.OFF_CONFIRMED]


def test_what_a_crash_interrupted_is_said_at_the_next_start(site: Test, tmp_path: Path) -> None:
    record = Record(Paths(tmp_path).state / "record")
    record.open()
    record.intend(Intent("ab" * 16, "PSERVER2", "CYCLE", "monitor PSERVER1", 30.0, "", "0011:2233", "2026-01-02"))
    record.close()

    async def main(site: Site) -> None:
        await site.stop()
        assert f"reset_interrupted operation={'ab' * 16} target=PSERVER2" in site.events
        await site.start_connector()
        await site.stop()
        assert site.events.count("reset_interrupted") == 1

    site(main)


def test_a_disk_that_takes_no_record_costs_the_record_and_not_the_reset(site: Test, tmp_path: Path) -> None:
    Paths(tmp_path).state.parent.mkdir(parents=True)
    Paths(tmp_path).state.write_text("a file where the directory should be")

    async def main(site: Site) -> None:
        async with site.monitor() as monitor:
            assert (await monitor.reset("PSERVER2", Action.OFF, 20.0)).code is ResultCode.OFF_CONFIRMED
        await site.stop()
        assert "record_unavailable" in site.events
        assert "reset_not_recorded" in site.events

    site(main)


def test_a_new_life_knows_where_it_stands(site: Test) -> None:
    async def main(site: Site) -> None:
        async with site.monitor("PSERVER1"):
            pass
        await site.stop()
        await site.start_connector()
        assert (await site.status()).own_server == "PSERVER1"
        async with site.monitor("PSERVER2", Standing.ELSEWHERE) as monitor:
            assert (await monitor.reset("PSERVER1")).code is ResultCode.OWN_SERVER

    site(main)


def test_a_hangup_changes_nothing(site: Test) -> None:
    async def main(site: Site) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        await trio.sleep(0.1)
        assert (await site.until_monitored()).servers
        await site.stop()
        assert "hangup_ignored" in site.events

    site(main)


def test_the_link_of_a_bmc_that_is_not_there(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.READ_TIMEOUT", 0.2)
    monkeypatch.setattr("haconn_daemon.monitor.watcher.LOGIN_TIMEOUT", 0.2)

    async def main(site: Site) -> None:
        site.boards[1].faults.silent = True
        while (await site.status()).servers[1].link != "NG":
            await trio.sleep(0.05)
        report = await site.status()
        assert (report.servers[1].status, report.servers[0].link) == ("monitoring", "OK")
        assert "no answer" in report.servers[1].reason
        assert report.servers[0].reason == ""

    site(main)


def test_the_watchdog_is_fed_only_while_every_watcher_makes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[float] = []
    monkeypatch.setattr(systemd, "notify", lambda *messages: fed.append(trio.current_time()))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    settings = configure(tmp_path, free_port(), NOBODY_LISTENS, ("127.0.0.1", 10))

    async def main() -> None:
        with Journal(Paths(tmp_path).log, settings.service.syslog) as journal:
            service = Service(settings, Paths(tmp_path), journal)
            first, second = service._watchers.values()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(service._feed_watchdog)
                for _ in range(60):
                    first.last_progress = trio.current_time()
                    if trio.current_time() < 20:
                        second.last_progress = trio.current_time()
                    await trio.sleep(1.0)
                nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
    assert fed[:3] == [0.0, 1.0, 2.0]
    assert 20 < fed[-1] < 35, "then it was let go hungry"
