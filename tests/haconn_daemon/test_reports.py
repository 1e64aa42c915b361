"""What the connector answers on its control socket, from a whole one in this process."""

from __future__ import annotations

import pytest
import trio

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.config.store import keys_text
from haconn_cli.control import ask_history, ask_reload
from haconn_cli.resetpath.vocabulary import Action, ResultCode
from haconn_daemon.reports import read_history
from tests.haconn_daemon.installed import KEYS
from tests.haconn_daemon.sites import Site, Test


def test_the_status_has_what_is_known_of_each_bmc(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        while (await site.status()).servers[0].free_sessions is None:
            await trio.sleep(0.02)
        report = await site.status()
        for number, server in enumerate(report.servers, 1):
            assert server.bmc is not None
            assert server.bmc.startswith("127.0.0.1:")
            assert server.identity == f"guid {bytes([number]).hex() * 16}"
            assert (server.suite, server.privilege) == (17, "operator")
            assert server.since is not None
            assert server.proof_age is not None
            assert server.round_trip is not None
            assert server.dump is None
            assert server.reason == ""
        assert report.started == report.settings_read
        assert report.settings_refused == ""
        assert [(key.id, key.is_sent, key.heard) for key in report.keys] == [(1, True, {})]
        async with site.monitor():
            (key,) = (await site.status()).keys
            assert list(key.heard) == ["monitor PSERVER1"]

    site(main)


def test_a_link_counts_from_its_last_change(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.READ_TIMEOUT", 0.2)
    monkeypatch.setattr("haconn_daemon.monitor.watcher.LOGIN_TIMEOUT", 0.2)

    async def main(site: Site) -> None:
        await site.until_monitored()
        await trio.sleep(0.5)
        site.boards[1].faults.silent = True
        while (report := await site.status()).servers[1].link != "NG":
            await trio.sleep(0.05)
        first, second = report.servers
        assert first.since is not None
        assert second.since is not None
        assert second.since < first.since
        assert second.reason

    site(main)


def test_the_history_tells_of_a_reset_and_its_steps(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        async with site.monitor() as monitor:
            assert (await monitor.reset("PSERVER2", Action.OFF, 20.0, reason="failed")).code is ResultCode.OFF_CONFIRMED
        (entry,) = (await trio.to_thread.run_sync(ask_history, site.paths)).entries
        assert (entry.target, entry.action, entry.code, entry.reason) == ("PSERVER2", "OFF", "OFF_CONFIRMED", "failed")
        assert entry.requesters == ("monitor PSERVER1",)
        assert entry.guid == (bytes([2]) * 16).hex()
        assert entry.suite == 17
        assert entry.readings[-1][1] is False
        assert entry.power_commands
        assert entry.seconds is not None
        assert entry.recorded
        assert (await trio.to_thread.run_sync(ask_history, site.paths, "PSERVER1")).entries == ()

    site(main)


def test_a_reload_takes_keys_in_their_order_only(site: Test) -> None:
    """HA Monitor's checks go on through it: it never says hello anew."""
    second = Key(2, bytes(reversed(range(32))))

    async def reload(site: Site, *keys: Key) -> str:
        site.paths.conf_key.write_text(keys_text(KeyRing(KEYS.cluster, keys)))
        return await trio.to_thread.run_sync(ask_reload, site.paths)

    async def main(site: Site) -> None:
        (first,) = KEYS.keys
        async with site.monitor() as monitor:
            assert "key 2 would be sent with before" in await reload(site, second, first)
            for keys in ((first, second), (second, first)):
                assert await reload(site, *keys) == ""
                await monitor.check()
            refused = await reload(site, second)
            assert "key 1 is gone, but monitor PSERVER1 used it" in refused
            await monitor.check()
        report = await site.status()
        assert [(key.id, key.is_sent) for key in report.keys] == [(2, True), (1, False)]
        assert report.settings_refused == refused
        assert second.secret.hex() not in site.events

    site(main)


def test_a_history_without_a_thread_to_read_it_ends_nothing(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_thread(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    async def main(site: Site) -> None:
        await site.until_monitored()
        with monkeypatch.context() as exhausted:
            exhausted.setattr("haconn_daemon.reports.trio.to_thread.run_sync", no_thread)
            with pytest.raises(OSError, match="thread"):
                await read_history(site.service._record, None)

    site(main)
