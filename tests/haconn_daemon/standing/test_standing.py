from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.guarded import write_whole
from haconn_cli.config.model import BmcAddress, ManagedServer, Servers
from haconn_cli.sighting import Sighting
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.standing import local_bmc
from haconn_daemon.standing.standing import AT_BOOT, LATER, Standing
from ipmi_lan import DeviceFailed, IpmiError, NoDevice
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.disk import SlowDisk
from tests.haconn_daemon.managed import ACCOUNT

GUIDS = {name: bytes([number]) * 15 + b"\x99" for number, name in enumerate("ABC", 1)}
SERVERS = Servers(tuple(ManagedServer(name, BmcAddress(f"10.0.0.{number}")) for number, name in enumerate("ABC", 1)), ACCOUNT)


class Host:
    """A connector's own server: its local BMC, or what keeps it from being seen, and what the log says."""

    def __init__(self, directory: Path, configured: str | None = None) -> None:
        self.file = directory / "state" / "own_server"
        self.configured = configured
        self.local: local_bmc.LocalSighting | IpmiError = NoDevice("/dev/ipmi0")
        self.looked: list[float] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.roster = Roster(SERVERS.servers, {})
        self.standing = self.new_life()

    def new_life(self) -> Standing:
        self.standing = Standing(SERVERS, self.configured, self.roster, self.file, self, self._open)  # type: ignore[arg-type]
        run_in_virtual_time(self.standing.load)
        return self.standing

    def event(self, name: str, level: int = 0, /, **fields: object) -> None:
        self.events.append((name, fields))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def sees(self, name: str) -> None:
        """The watcher of that server has logged in."""
        number = "ABC".index(name)
        assert self.roster.admit(SERVERS.servers[number], Sighting(GUIDS[name])) is None

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Any]:
        await trio.lowlevel.checkpoint()
        self.looked.append(trio.current_time())
        yield self

    async def look(self, open_device: object) -> local_bmc.LocalSighting:
        async with self._open():
            if isinstance(self.local, IpmiError):
                raise self.local
            return self.local

    def run(self, *moments: tuple[float, Any]) -> None:
        """Let it live; at each moment something is done."""

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.standing.run)
                for moment, do in moments:
                    await trio.sleep_until(moment)
                    do()
                nursery.cancel_scope.cancel()

        run_in_virtual_time(main)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    without_threads(monkeypatch)
    host = Host(tmp_path)
    monkeypatch.setattr("haconn_daemon.standing.standing.look_at_local_bmc", host.look)
    return host


def test_what_ha_monitor_says_outlives_the_process(host: Host) -> None:
    host.run((1.0, lambda: host.standing.heard("B")))
    assert host.file.read_text() == "B\n"
    assert host.file.stat().st_mode & 0o777 == 0o600
    assert host.new_life().decided == "B"


def test_the_local_bmc_is_compared_with_what_the_watchers_see(host: Host) -> None:
    host.local = local_bmc.LocalSighting(GUIDS["B"])
    before: list[str | None] = []
    host.run(
        (1.0, lambda: before.append(host.standing.decided)),
        (2.0, lambda: host.sees("A")),
        (3.0, lambda: before.append(host.standing.decided)),
        (4.0, lambda: host.sees("B")),
        (5.0, lambda: before.append(host.standing.decided)),
    )
    assert before == [None, None, "B"]
    assert not host.file.exists(), "it can be seen anew at any time"


def test_the_address_of_the_local_bmc_is_enough(host: Host) -> None:
    """Get System GUID is answered by many BMCs over the network only."""
    host.local = local_bmc.LocalSighting(addresses=("10.0.0.3",))
    host.run((1.0, lambda: None))
    assert host.standing.decided == "C"


def test_a_shared_guid_says_nothing(host: Host) -> None:
    host.local = local_bmc.LocalSighting(GUIDS["A"])
    host.sees("A")
    assert host.roster.admit(SERVERS.servers[1], Sighting(GUIDS["A"], b"mac of")) is not None
    host.run((1.0, lambda: None))
    assert host.standing.decided is None


def test_a_contradiction_is_an_alarm_once_and_its_end_is_said(host: Host) -> None:
    host.sees("A")
    host.standing.heard("B")
    assert host.standing.note() == ""
    host.local = local_bmc.LocalSighting(GUIDS["A"])
    host.run((10.0, lambda: None), (700.0, lambda: None))
    assert host.standing.servers == ("B", "A")
    assert (host.standing.decided, host.standing.is_disputed()) == (None, True)
    assert "the BMC in this server is that of A" in host.standing.note()
    assert [fields["claims"] for name, fields in host.events if name == "own_server_unclear"] == ["B,A"]
    host.standing.change(Servers(SERVERS.servers[:1], ACCOUNT), None)
    assert host.events[-1] == ("own_server_clear", {"own_server": "A"})
    assert host.standing.note() == ""


def test_how_often_the_local_bmc_is_looked_at(host: Host) -> None:
    host.local = DeviceFailed("/dev/ipmi0", "busy")

    def boots() -> None:
        host.local = local_bmc.LocalSighting(GUIDS["A"])

    host.run((50.0, boots), (1000.0, lambda: None))
    seen = 3 * AT_BOOT
    assert host.looked == [0.0, AT_BOOT, 2 * AT_BOOT, seen, seen + LATER, seen + 2 * LATER, seen + 3 * LATER]
    assert host.names.count("local_bmc_not_seen") == 1


def test_no_device_is_said_once_and_looked_for_rarely(host: Host) -> None:
    host.run((1000.0, lambda: None))
    assert host.looked == [0.0, LATER, 2 * LATER, 3 * LATER]
    assert host.names == ["local_bmc_not_seen"]


def test_a_bmc_that_fails_later_is_still_where_it_was(host: Host) -> None:
    host.sees("A")
    host.local = local_bmc.LocalSighting(GUIDS["A"])

    def fail() -> None:
        host.local = DeviceFailed("/dev/ipmi0", "busy")

    host.run((10.0, fail), (1000.0, lambda: None))
    assert host.standing.decided == "A"


@pytest.mark.parametrize(("content", "decided"), [(b"", None), (b"Z\n", None), (b"A\nZ\n", "A"), (b"\xff", None)])
def test_what_stands_in_the_file(host: Host, content: bytes, decided: str | None) -> None:
    host.file.parent.mkdir()
    host.file.write_bytes(content)
    host.file.chmod(0o600)
    assert host.new_life().decided == decided
    assert host.names == (["own_server_not_read"] if content == b"\xff" else [])


def test_a_file_that_others_could_have_written_is_not_believed(host: Host) -> None:
    host.file.parent.mkdir()
    host.file.write_text("A\n")
    host.file.chmod(0o666)
    assert host.new_life().decided is None
    assert host.names == ["own_server_not_read"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("can't start new thread")])
def test_a_disk_that_takes_nothing_is_tried_again_until_it_does(
    host: Host, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """HA Monitor says it only once; without the file the next life would reset its own server."""
    full = [True]

    def write(file: Path, text: str) -> None:
        if full:
            raise error
        write_whole(file, text)

    monkeypatch.setattr("haconn_daemon.standing.standing.write_whole", write)
    notes: list[str] = []
    host.run(
        (1.0, lambda: host.standing.heard("B")),
        (300.0, lambda: notes.append(host.standing.why_not_kept)),
        (301.0, full.clear),
        (400.0, lambda: notes.append(host.standing.why_not_kept)),
    )
    assert host.standing.decided == "B"
    assert [name for name in host.names if name.startswith("own_server")] == ["own_server_not_kept", "own_server_kept"]
    assert notes == [str(error), ""]
    assert host.new_life().decided == "B"


@pytest.mark.parametrize("seconds", [1.5, 30.0])
def test_a_slow_disk_is_an_alarm_and_has_one_writer(
    host: Host, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """A second writer would tear the first one's new file."""
    disk = SlowDisk(monkeypatch, seconds)
    notes: list[str] = []
    host.run(
        (1.0, lambda: host.standing.heard("B")),
        (2.4, lambda: notes.append(host.standing.why_not_kept)),
        (3.0, lambda: host.standing.heard("C")),
        (400.0, lambda: notes.append(host.standing.why_not_kept)),
    )
    assert host.file.read_text() == "B\nC\n"
    assert disk.most_at_work == 1
    assert host.names.count("own_server_not_kept") == host.names.count("own_server_kept") >= 1
    assert "longer than" in notes[0]
    assert notes[1] == ""


def test_the_end_waits_for_the_disk_and_not_for_one_that_hangs(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SlowDisk(monkeypatch, 0.5)
    host.run((1.0, lambda: host.standing.heard("B")))
    assert host.file.read_text() == "B\n"
    disk.seconds = 1000.0
    ended: list[float] = []

    async def main() -> None:
        host.standing.heard("C")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.standing.run)
            await trio.sleep(100.0)
            nursery.cancel_scope.cancel()
        ended.append(trio.current_time())

    run_in_virtual_time(main)
    assert ended[0] <= 101.0


def test_what_is_read_late_is_taken_and_kept_beside_what_was_heard_since(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk hung at the start, and HA Monitor said something else meanwhile: nobody is forgotten."""
    host.file.parent.mkdir()
    host.file.write_text("A\n")
    host.file.chmod(0o600)
    host.standing = Standing(SERVERS, None, host.roster, host.file, host, host._open)  # type: ignore[arg-type]
    SlowDisk(monkeypatch, 1.5)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.standing.run)
            nursery.start_soon(host.standing.load)
            await trio.sleep(1.0)
            host.standing.heard("B")
            await trio.sleep(200.0)
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
    assert host.standing.servers == ("B", "A")
    assert host.file.read_text() == "B\nA\n"
