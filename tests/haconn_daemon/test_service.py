"""One whole connector, in this process and as a process of its own, on the loopback and in real time."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import load_pins
from haconn_cli.resetpath.client import NotAnswered, open_requester
from haconn_cli.resetpath.client import Path as ResetPathToIt
from haconn_cli.resetpath.seal import participant_id
from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode, Role, Standing
from haconn_daemon.fence.record import Intent, Record
from haconn_daemon.fence.steps import Timing
from ipmi_lan.commands.sel import SENSOR_SPECIFIC, SelEvent, build_event
from tests.haconn_daemon.installed import KEYS
from tests.haconn_daemon.sites import Site, Test


@pytest.mark.shows("M3")
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


@pytest.mark.shows("M3")
def test_a_server_loses_power_by_itself(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        async with site.monitor() as monitor:
            site.boards[1].chassis.lose_power(trio.current_time())
            event = await monitor.events.receive()
            assert (event.server, event.kind) == ("PSERVER2", EventKind.POWER_OFF)
            assert (await site.status()).servers[1].status == "poff detected"

    site(main)


@pytest.mark.shows("R3")
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
            while "first" not in results:
                await trio.sleep(0.02)
        await site.stop()
        with closing(Record(site.paths.state / "record")) as record:
            (past,) = record.open()
        assert past.result.code is ResultCode.STILL_ON
        assert len(past.tickets) == 2
        assert past.left == {past.tickets[1]}, "so that another life does not tell another answer"

    site(main)
    assert results["second"].code is ResultCode.TIMEOUT
    assert results["first"].code is ResultCode.STILL_ON


@pytest.mark.shows("L9")
def test_what_has_no_effect_is_counted_in_the_log(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that differs is the commonest mistake of a set-up: it must leave a line."""
    monkeypatch.setattr("haconn_daemon.upkeep.COUNTS_INTERVAL", 0.2)
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


@pytest.mark.shows("C12")
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


def test_the_link_of_a_bmc_that_is_not_there(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.monitor.watcher.READ_TIMEOUT", 0.2)
    monkeypatch.setattr("haconn_daemon.monitor.watcher.LOGIN_TIMEOUT", 0.2)

    async def main(site: Site) -> None:
        site.boards[1].faults.silent = True
        while (await site.status()).servers[1].link != "NG":
            await trio.sleep(0.05)
        report = await site.status()
        assert (report.servers[1].status, report.servers[0].link) == ("monitoring", "OK")
        assert "not answer" in report.servers[1].reason
        assert report.servers[0].reason == ""

    site(main)


@pytest.mark.shows("C8")
def test_a_server_that_crashes(site: Test) -> None:
    """Its BMC's event log tells; then it is reset, and that ends it."""

    async def main(site: Site) -> None:
        await site.until_monitored()
        async with site.monitor() as monitor:
            site.service._dumps._interval = 0.05
            await trio.sleep(1.0)       # a look into the event log, so that what comes is new
            site.boards[1].host_crashes(trio.current_time())
            event = await monitor.events.receive()
            assert (event.server, event.kind) == ("PSERVER2", EventKind.DUMP_STARTED)
            server = (await site.status()).servers[1]
            assert server.status == "dump detected"
            assert server.dump is not None
            assert "critical stop" in server.dump
            assert (await monitor.reset("PSERVER2", Action.OFF, 20.0)).code is ResultCode.OFF_CONFIRMED
            kinds = {(await monitor.events.receive()).kind for _ in range(2)}
            assert kinds == {EventKind.POWER_OFF, EventKind.DUMP_ENDED}
            assert (await site.status()).servers[1].status == "poff detected"
        await site.stop()
        assert 'WARNING dump_started server=PSERVER2 sign="event log: critical stop' in site.events

    site(main)


def test_the_hook_is_told(site: Test, tmp_path: Path) -> None:
    got = tmp_path / "got"
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ncat >> {got}\n")
    hook.chmod(0o700)

    async def main(site: Site) -> None:
        site.write(replace(site.settings, service=replace(site.settings.service, hook=str(hook))))
        assert await site.service.reload() == ""
        await site.until_monitored()
        site.boards[1].chassis.lose_power(trio.current_time())
        await site.until(lambda: got.exists() and "power_off" in got.read_text())
        assert json.loads(got.read_text().splitlines()[0])["server"] == "PSERVER2"

    site(main)


def test_systemd_hears_how_things_stand(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.upkeep.LOOK_INTERVAL", 0.05)

    async def main(site: Site) -> None:
        await site.until(lambda: "STATUS=2 servers, all links OK" in site.notified)
        site.paths.conf_key.unlink()
        assert "conf_key" in await site.service.reload()
        await site.until(lambda: any("settings refused: " in told for told in site.notified))

    site(main)


def test_own_servers_that_are_disputed(site: Test) -> None:
    """Two HA Monitors say that they are on this server: an alarm, and neither is reset, not by force either."""

    async def main(site: Site) -> None:
        async with site.monitor("PSERVER1"), site.monitor("PSERVER2") as monitor:
            for target in ("PSERVER1", "PSERVER2"):
                for force in (False, True):
                    assert (await monitor.reset(target, force=force)).code is ResultCode.OWN_SERVER
        report = await site.until_monitored()
        assert report.own_server is None
        assert [server.status for server in report.servers] == ["(own server)", "(own server)"]
        assert any("which server is the own one is disputed" in note for note in report.notes)
        assert "own_server_unclear" in site.events
        assert [board.power_commands for board in site.boards] == [[], []]

    site(main)


def test_pins_that_are_damaged_while_it_was_down(site: Test) -> None:
    async def main(site: Site) -> None:
        await site.until_monitored()
        await site.stop()
        assert sorted(load_pins(site.paths)) == ["PSERVER1", "PSERVER2"]
        site.paths.pins.write_text("{")
        await site.start_connector()
        async with site.monitor("PSERVER1") as monitor:
            assert (await monitor.reset("PSERVER2")).code is ResultCode.WRONG_IDENTITY
        assert any("the pins are lost" in note for note in (await site.status()).notes)
        assert "pins_damaged" in site.events
        assert site.boards[1].power_commands == []
        assert site.paths.pins.read_text() == "{"

    site(main)


def test_a_crash_just_before_a_reset(site: Test) -> None:
    """Nobody has seen it when the reset begins, which lets the dump come to its end all the same."""
    start = build_event(SelEvent(0, 0, 0x1D, 1, True, SENSOR_SPECIFIC, 0, bytes(3)))

    async def main(site: Site) -> None:
        await site.until_monitored()
        site.write(replace(site.settings, service=replace(site.settings.service, dump_wait=10.0)))
        assert await site.service.reload() == ""
        await site.until(lambda: site.service._dumps._cases["PSERVER2"].looked > 0)    # so that what comes is new
        site.service._desk._timing = Timing(most_look=10.0)     # on a slow machine, too
        board = site.boards[1]
        board.faults.host.dump_time = 1.5
        async with site.monitor() as monitor, trio.open_nursery() as nursery:
            board.host_crashes(crashed := trio.current_time())

            async def log_start() -> None:
                await trio.sleep_until(crashed + 1.6)
                board.log.add(start, trio.current_time())

            nursery.start_soon(log_start)
            assert (await monitor.reset("PSERVER2", Action.OFF, 25.0)).code is ResultCode.OFF_CONFIRMED
        (dump,) = board.dumps(trio.current_time())
        assert dump.is_whole
        await site.stop()
        assert site.events.index("dump_started") < site.events.index("reset_finished")

    site(main)


def test_a_disk_that_hangs_at_the_start_costs_the_record_until_it_gives_it(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start goes on, a reset goes on, a stop goes on; and who had asked an earlier life gets its answer after all."""
    monkeypatch.setattr("haconn_daemon.past.PATIENCE", 0.2)
    may_read, read, answers = threading.Event(), Record._read, list[ResetResult]()

    def slow_read(record: Record) -> Any:
        assert may_read.wait(25)
        return read(record)

    async def main(site: Site) -> None:
        await site.until_monitored()
        await site.stop()
        asked_before = Record(site.paths.state / "record")
        asked_before.open()
        sender = participant_id(KEYS.cluster, Role.MONITOR, "PSERVER1").hex()
        ticket = f"{sender}:{'22' * 16}"
        asked_before.intend(Intent("ab" * 16, "PSERVER2", "CYCLE", "monitor PSERVER1", 30.0, "", ticket, "2026-01-02"))
        asked_before.close()
        monkeypatch.setattr(Record, "_read", slow_read)
        await site.start_connector()
        assert any("the record of resets is not read yet" in note for note in (await site.status()).notes)
        async with site.monitor() as monitor:
            answers.append(await monitor.reset("PSERVER2", Action.OFF, 20.0))
            await site.stop()
        assert "record_unavailable" in site.events
        assert "reset_interrupted" not in site.events
        await site.start_connector()
        may_read.set()
        await site.until(lambda: "reset_interrupted" in site.events)
        assert "record_available" in site.events
        assert not any("not read yet" in note for note in (await site.status()).notes)

    try:
        site(main)
    finally:
        may_read.set()
    assert [answer.code for answer in answers] == [ResultCode.OFF_CONFIRMED]


def test_told_to_stop_while_a_disk_holds_up_the_start(site: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    may_read, began, read = threading.Event(), threading.Event(), Record._read

    def slow_read(record: Record) -> Any:
        began.set()
        assert may_read.wait(25)
        return read(record)

    async def main(site: Site) -> None:
        await site.stop()
        monkeypatch.setattr("haconn_daemon.past.PATIENCE", 60.0)
        monkeypatch.setattr(Record, "_read", slow_read)
        site.notified.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.start_connector)
            await site.until(began.is_set)
            await site.stop()
            nursery.cancel_scope.cancel()
        assert "READY=1" not in site.notified

    try:
        site(main)
    finally:
        may_read.set()
