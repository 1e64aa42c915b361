"""Settings read anew: taken whole or refused whole, and nothing else is disturbed."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from haconn_cli.config.model import Account, Key, KeyRing, ManagedServer, ResetPath, Servers, Settings, parse_interface
from haconn_cli.config.paths import Paths
from haconn_cli.control import ask_reload
from haconn_cli.resetpath.client import open_requester
from haconn_cli.resetpath.vocabulary import Action, ResetResult, ResultCode, Role, Standing
from haconn_daemon.logs.journal import Journal
from haconn_daemon.reloading import Reloading
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.disk import SlowDisk
from tests.haconn_daemon.installed import KEYS, NOBODY_LISTENS, configure, free_port
from tests.haconn_daemon.sites import Site, Test


def servers_of(site: Site) -> tuple[ManagedServer, ...]:
    return tuple(site.settings.servers.servers)


async def hang_up(site: Site) -> None:
    """SIGHUP, and wait until it had its effect."""
    before = len(site.notified)
    os.kill(os.getpid(), signal.SIGHUP)
    await site.until(lambda: "READY=1" in site.notified[before:])


@pytest.mark.shows("O1")
def test_a_server_is_added_and_another_removed(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        first, second = servers_of(site)
        site.write_servers(second)
        await hang_up(site)
        assert [server.name for server in (await site.status()).servers] == ["PSERVER2"]
        await site.until(lambda: not site.boards[0].open_sessions(trio.current_time()))
        site.write_servers(second, first)
        await hang_up(site)
        report = await site.until_monitored()
        assert [server.name for server in report.servers] == ["PSERVER2", "PSERVER1"]
        assert report.settings_refused == ""
        assert any(note.startswith("RELOADING=1\nMONOTONIC_USEC=") for note in site.notified)
        async with open_requester(
            KEYS, Role.MONITOR, "PSERVER1", (site.settings.reset_path.address, site.settings.reset_path.port),
            digest=Servers((second, first), site.settings.servers.default_account).digest(), standing=Standing.ELSEWHERE,
        ) as path:  # fmt: skip
            await path.hello()
            result = await path.reset("PSERVER2", Action.OFF, 20.0)
            assert result.code is ResultCode.OFF_CONFIRMED
        await site.stop()
        assert "configurations_differ" not in site.events

    site(main)


def test_what_is_known_of_a_bmc_stays_known(site: Test) -> None:
    """Another name and another pace: the session is a new one, but nothing has to be seen again."""

    async def main(site: Site) -> None:
        await site.until_monitored()
        first, second = servers_of(site)
        site.write_servers(first, replace(second, name="RENAMED"))
        await hang_up(site)
        renamed = (await site.status()).servers[1]
        assert (renamed.name, renamed.link, renamed.status) == ("RENAMED", "OK", "monitoring")
        await site.stop()
        assert site.events.count("link_back") == 0
        assert site.events.count("identity_pinned") == 2, "its BMC is the same"

    site(main)


def test_an_account_is_changed(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        first, second = servers_of(site)
        site.write_servers(first, replace(second, account=Account("hitachi", "no longer right")))
        await hang_up(site)
        while (await site.status()).servers[1].link != "NG":
            await trio.sleep(0.02)
        assert (await site.status()).servers[0].link == "OK"
        site.write_servers(first, second)
        await hang_up(site)
        await site.until_monitored()

    site(main)


def test_a_bad_file_is_refused_whole(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        site.write(replace(site.settings, service=replace(site.settings.service, poll_interval=0.3)))
        site.paths.conf_pserver.write_text('format = 1\npserver = "nonsense"\n')
        await hang_up(site)
        report = await site.status()
        assert "conf_pserver: pserver: must be tables" in report.settings_refused
        assert len(report.servers) == 2
        site.write(site.settings)
        assert await trio.to_thread.run_sync(ask_reload, site.paths) == ""
        assert (await site.status()).settings_refused == ""
        await site.stop()
        assert "ERROR settings_refused why=" in site.events
        assert "INFO settings_taken servers=PSERVER1,PSERVER2 keys=1" in site.events

    site(main)


def test_no_path_check_is_lost_by_reloads(site: Test) -> None:
    """Checks follow each other without a pause, while keys and servers change again and again."""
    checks: list[int] = []

    async def check(site: Site, key: KeyRing, done: trio.Event) -> None:
        path = site.settings.reset_path
        async with open_requester(
            key, Role.MONITOR, "PSERVER1", (path.address, path.port), digest=bytes(8), standing=Standing.LOCAL
        ) as monitor:
            await monitor.hello()
            while not done.is_set():
                await monitor.check()
                checks[-1] += 1
                await trio.sleep(0.012)     # within what a participant may send

    async def main(site: Site) -> None:
        await site.until_monitored()
        first, second = servers_of(site)
        new = Key(2, bytes(range(100, 132)))
        both, turned = KeyRing(KEYS.cluster, (*KEYS.keys, new)), KeyRing(KEYS.cluster, (new, *KEYS.keys))
        for asks_with, after in ((KEYS, both), (both, turned), (turned, turned)):
            done = trio.Event()
            checks.append(0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(check, site, asks_with, done)
                await site.until(lambda: checks[-1] > 5)
                for servers in ((first,), (first, second)):
                    site.write(Settings(site.settings.reset_path, Servers(servers, site.settings.servers.default_account), after,
                                        site.settings.service))  # fmt: skip
                    await hang_up(site)
                    seen = checks[-1]
                    await site.until(lambda seen=seen: checks[-1] > seen + 5)  # type: ignore[misc]
                done.set()
        report = await site.status()
        assert report.settings_refused == ""
        assert sum(report.counters.values()) == 0, "no datagram was without effect"

    site(main)
    assert min(checks) > 15


def test_a_reset_that_runs_goes_on_as_it_was_begun(site: Test) -> None:
    results: list[ResetResult] = []

    async def main(site: Site) -> None:
        await site.until_monitored()
        site.boards[1].faults.lag = 0.5
        async with site.monitor() as monitor, trio.open_nursery() as nursery:

            async def reset() -> None:
                results.append(await monitor.reset("PSERVER2", Action.OFF, 20.0))

            nursery.start_soon(reset)
            await site.until(lambda: bool(site.boards[1].power_commands))
            site.write_servers(servers_of(site)[0])
            await hang_up(site)
            assert len((await site.status()).servers) == 1
            assert not results
        assert (await monitor_of_another_life(site)) is ResultCode.UNKNOWN_TARGET

    async def monitor_of_another_life(site: Site) -> ResultCode:
        async with site.monitor() as monitor:
            return (await monitor.reset("PSERVER2", Action.OFF, 5.0)).code

    site(main)
    assert [result.code for result in results] == [ResultCode.OFF_CONFIRMED]


@pytest.mark.parametrize("what", ["reset path", "syslog", "cluster"])
def test_what_needs_a_restart_is_refused_and_says_so(tmp_path: Path, what: str) -> None:
    settings = configure(tmp_path, free_port(), NOBODY_LISTENS)
    site = Site(tmp_path, None)  # type: ignore[arg-type]
    changed = {
        "reset path": replace(settings, reset_path=ResetPath(parse_interface("127.0.0.2/8"), settings.reset_path.port)),
        "syslog": replace(settings, service=replace(settings.service, syslog="/elsewhere")),
        "cluster": replace(settings, keys=KeyRing(bytes(16), KEYS.keys)),
    }[what]
    taken: list[Settings] = []

    async def main() -> str:
        with Journal(site.paths.log, settings.service.syslog) as journal:
            reloading = Reloading(settings, site.paths, journal, taken.append)
            assert await reloading.reload() == ""
            site.write(changed)
            refused = await reloading.reload()
            assert reloading.settings == settings
            site.write(settings)
            assert await reloading.reload() == reloading.refused == ""
            return refused

    refused = trio.run(main)
    assert "needs a restart" in refused
    assert {"reset path": "resetpath", "syslog": "service.syslog", "cluster": "conf_key"}[what] in refused
    assert taken == [settings, settings]


def test_a_disk_that_hangs_does_not_hold_up_reloads_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configure(tmp_path, free_port(), NOBODY_LISTENS)
    paths, taken = Paths(tmp_path), list[Settings]()
    log: Any = SimpleNamespace(event=lambda *words, **fields: None)
    reloading = Reloading(settings, paths, log, taken.append)
    disk = SlowDisk(monkeypatch, 1000.0)

    async def main() -> None:
        for _ in range(3):
            assert "the disk takes longer than" in await reloading.reload()
        assert trio.current_time() < 60.0
        assert (disk.most_at_work, taken) == (1, []), "whoever waits for the disk does not take up threads"
        disk.seconds = 0.1
        await trio.sleep(1100.0)
        assert await reloading.reload() == ""

    run_in_virtual_time(main)
    assert taken == [settings]


def test_a_disk_that_fails_the_pins_costs_nothing(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(directory: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    async def main(site: Site) -> None:
        await site.until_monitored()
        with monkeypatch.context() as broken:
            broken.setattr("haconn_cli.config.pins.Path.is_dir", fail)
            await hang_up(site)
        await site.until_monitored()
        assert not site.ended.is_set()

    site(main)


def test_one_that_is_told_to_stop_reads_nothing_anew(site: Test) -> None:
    """READY after STOPPING would tell systemd that it lives on."""

    async def main(site: Site) -> None:
        await site.until_monitored()
        site.service._told_to_stop.set()
        assert "stop" in await site.service.reload()
        await site.ended.wait()

    site(main)


def test_reloads_go_one_after_the_other(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        before = len(site.notified)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(site.service.reload)
        said = [note.partition("=")[0] for note in site.notified[before:] if note.startswith(("RELOADING", "READY"))]
        assert said == ["RELOADING", "READY"] * 3

    site(main)
