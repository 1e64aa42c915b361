"""Dumps of several servers: whose sign it is, when the event logs are looked into, and the port of fence_kdump."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import trio

from haconn_cli.config.model import BmcAddress, ManagedServer, Servers, Service
from haconn_daemon.monitor import dumps as dumps_module
from haconn_daemon.monitor import kdump
from haconn_daemon.monitor.dump import DumpChange
from haconn_daemon.monitor.dumps import LOOK_AGAIN, Dumps
from ipmi_lan import NoAnswer
from tests.fakes.clock import run_in_virtual_time
from tests.haconn_daemon.managed import ACCOUNT
from tests.haconn_daemon.monitor.test_crash_log import BOOT, FAN, PANIC, Log
from tests.haconn_daemon.monitor.test_kdump import KDUMP, free_port, send

SERVERS = tuple(
    ManagedServer(f"PSERVER{number}", BmcAddress(f"192.0.2.5{number}"), addresses=(f"127.0.0.{number}", f"127.0.1.{number}"))
    for number in (1, 2)
)
SERVICE = Service(sel_interval=10.0)


class Journal:
    """One that remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def event(self, name: str, level: int = 20, /, **fields: Any) -> None:
        self.told.append(name)

    periodic = event


class Client:
    """A session with the BMC whose event log this is."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.is_silent = False

    async def run(self, command: Any, timeout: float) -> Any:
        await trio.lowlevel.checkpoint()
        if self.is_silent:
            await trio.sleep(timeout)
            raise NoAnswer(command.name, timeout)
        return self.log.answer(command)


class Scene:
    """The dumps of two servers, and their event logs."""

    def __init__(self, service: Service = SERVICE) -> None:
        self.told: list[tuple[float, str, DumpChange, str]] = []
        self.journal = Journal()
        self.logs = {server.name: Log() for server in SERVERS}
        self.clients = {name: Client(log) for name, log in self.logs.items()}
        self.dumps = Dumps(Servers(SERVERS, ACCOUNT), service, self.tell, self.journal)  # type: ignore[arg-type]

    def tell(self, server: str, change: DumpChange, sign: str) -> None:
        self.told.append((trio.current_time(), server, change, sign))

    async def poll(self, seconds: float, power_is_on: bool = True) -> None:
        """As two watchers do, every second."""
        for _ in range(int(seconds)):
            for name, client in self.clients.items():
                await self.dumps.look(name, client, power_is_on)  # type: ignore[arg-type]
            await trio.sleep(1.0)


def played(scene: Scene, main: Callable[[], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.dumps.run)
            await main()
            nursery.cancel_scope.cancel()

    run_in_virtual_time(opened)


def test_a_crash_in_one_event_log() -> None:
    scene = Scene()

    async def main() -> None:
        await scene.poll(15)
        scene.logs["PSERVER2"].add(PANIC)
        await scene.poll(15)
        assert (scene.dumps.is_dumping("PSERVER1"), scene.dumps.is_dumping("PSERVER2")) == (False, True)
        assert "record 1" in scene.dumps.dump_sign("PSERVER2")
        scene.dumps.restarted("PSERVER2")
        assert not scene.dumps.is_dumping("PSERVER2")

    played(scene, main)
    assert [(server, change) for _, server, change, _ in scene.told] == [
        ("PSERVER2", DumpChange.STARTED),
        ("PSERVER2", DumpChange.ENDED),
    ]


def test_it_ends_by_itself_and_that_is_told() -> None:
    scene = Scene()

    async def main() -> None:
        await scene.poll(5)
        scene.logs["PSERVER1"].add(PANIC)
        await scene.poll(10)
        await trio.sleep(1000)

    played(scene, main)
    assert [change for _, _, change, _ in scene.told] == [DumpChange.STARTED, DumpChange.ENDED]
    assert 500 < scene.told[1][0] - scene.told[0][0] < 600


def test_a_server_that_is_off_writes_no_dump() -> None:
    scene = Scene()

    async def main() -> None:
        await scene.poll(5)
        scene.logs["PSERVER1"].add(PANIC)
        await scene.poll(20, power_is_on=False)

    played(scene, main)
    assert scene.told == []


def test_how_often_it_is_looked() -> None:
    scene = Scene()
    played(scene, lambda: scene.poll(100))
    assert [log.asked for log in scene.logs.values()] == [10, 10]


def test_never_where_it_is_not_wanted() -> None:
    scene = Scene(replace(SERVICE, sel_interval=0.0))
    played(scene, lambda: scene.poll(100))
    assert [log.asked for log in scene.logs.values()] == [0, 0]


def test_a_bmc_without_an_event_log_is_left_alone() -> None:
    scene = Scene()
    scene.logs["PSERVER1"].refusal = 0xC1

    async def main() -> None:
        await scene.poll(200)
        assert scene.logs["PSERVER1"].asked == 1
        scene.logs["PSERVER1"].refusal = None
        await trio.sleep(LOOK_AGAIN)
        await scene.poll(1)
        assert scene.logs["PSERVER1"].asked == 2

    played(scene, main)


def test_one_that_does_not_answer_spoils_nothing() -> None:
    scene = Scene()

    async def main() -> None:
        await scene.poll(5)
        scene.clients["PSERVER1"].is_silent = True
        scene.logs["PSERVER1"].add(PANIC)
        await scene.poll(30)
        assert not scene.told
        scene.clients["PSERVER1"].is_silent = False
        await scene.poll(30)
        assert scene.dumps.is_dumping("PSERVER1")

    played(scene, main)


def test_other_settings_forget_nothing() -> None:
    """Renamed, and looked at more often: what was in its event log before is still old."""
    scene = Scene()

    async def main() -> None:
        scene.logs["PSERVER1"].add(PANIC)
        await scene.poll(15)
        scene.logs["PSERVER1"].add(FAN)
        servers = Servers((replace(SERVERS[0], name="RENAMED"),), ACCOUNT)
        scene.dumps.change(servers, replace(SERVICE, sel_interval=2.0))
        scene.clients = {"RENAMED": scene.clients["PSERVER1"], "PSERVER2": scene.clients["PSERVER2"]}
        await scene.poll(15)
        assert not scene.dumps.is_dumping("RENAMED")
        assert scene.told == []
        scene.logs["PSERVER1"].add(PANIC)
        await scene.poll(3)
        assert scene.dumps.is_dumping("RENAMED")

    played(scene, main)


# ── fence_kdump, on the loopback ──────────────────────────────────────────────


@pytest.fixture(autouse=True)
def on_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kdump, "ANY_ADDRESS", ("127.0.0.1",))
    monkeypatch.setattr(dumps_module, "LISTEN_AGAIN", 0.05)


def in_real_time(scene: Scene, main: Callable[[], Awaitable[None]]) -> None:
    async def opened() -> None:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.dumps.run)
                await main()
                nursery.cancel_scope.cancel()

    trio.run(opened)


async def until(is_so: Callable[[], object], do: Callable[[], object] = lambda: None) -> None:
    while not is_so():
        do()
        await trio.sleep(0.01)


@pytest.mark.parametrize("sender", ["127.0.0.2", "127.0.1.2"])
def test_the_server_itself_says_so(sender: str) -> None:
    scene = Scene(replace(SERVICE, kdump_port=free_port()))

    async def main() -> None:
        await until(lambda: scene.told, lambda: send(KDUMP, scene.dumps._port, sender))

    in_real_time(scene, main)
    ((_, server, change, sign),) = scene.told
    assert (server, change) == ("PSERVER2", DumpChange.STARTED)
    assert sign.startswith("fence_kdump, ")


def test_a_stranger_says_nothing() -> None:
    scene = Scene(replace(SERVICE, kdump_port=free_port()))

    async def main() -> None:
        await until(lambda: scene.journal.told, lambda: send(KDUMP, scene.dumps._port, "127.0.0.99"))

    in_real_time(scene, main)
    assert scene.told == []
    assert set(scene.journal.told) == {"kdump_of_nobody"}


def test_the_port_changes_and_goes() -> None:
    scene = Scene()
    servers = Servers(SERVERS, ACCOUNT)

    async def main() -> None:
        await trio.sleep(0.05)
        for server in (1, 2):
            scene.dumps.change(servers, replace(SERVICE, kdump_port=free_port()))
            await until(lambda: len(scene.told) == server, lambda: send(KDUMP, scene.dumps._port, f"127.0.0.{server}"))  # noqa: B023
        port = scene.dumps._port
        scene.dumps.change(servers, SERVICE)
        await until(lambda: is_free(port))

    in_real_time(scene, main)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        try:
            somebody.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_port_that_somebody_has_is_said_once_and_had_later() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind(("127.0.0.1", 0))
        scene = Scene(replace(SERVICE, kdump_port=somebody.getsockname()[1]))

        async def main() -> None:
            await until(lambda: scene.dumps.why_deaf)
            assert "in use" in scene.dumps.why_deaf
            await trio.sleep(0.2)
            somebody.close()
            await until(lambda: scene.told, lambda: send(KDUMP, scene.dumps._port, "127.0.0.1"))
            assert scene.dumps.why_deaf == ""

        in_real_time(scene, main)
    assert scene.journal.told == ["kdump_not_heard"]


def test_any_number_of_strangers_does_not_fill_the_log() -> None:
    scene = Scene()

    async def main() -> None:
        for _ in range(100):
            for number in range(20):
                scene.dumps._hear(f"192.0.2.{number}")
            await trio.sleep(0.3)

    played(scene, main)
    assert scene.journal.told == ["kdump_of_nobody"] * 3


def test_the_event_log_is_read_again_when_a_reset_has_ended() -> None:
    """The crash was a moment before the reset. The server runs again, and writes no dump."""
    scene = Scene()

    async def main() -> None:
        await scene.poll(15)
        for log in scene.logs.values():
            log.add(PANIC, timestamp=log.clock)
            log.clock += 20
        await trio.sleep(20)        # the reset has the BMC to itself
        scene.dumps.restarted("PSERVER2")
        await scene.poll(15)

    played(scene, main)
    assert [(server, change) for _, server, change, _ in scene.told] == [("PSERVER1", DumpChange.STARTED)]


def test_a_crash_that_is_over_already_is_no_alarm() -> None:
    scene = Scene()

    async def main() -> None:
        await scene.poll(15)
        for kind in (PANIC, BOOT):
            scene.logs["PSERVER1"].add(kind)
        await scene.poll(15)

    played(scene, main)
    assert scene.told == []
