"""The double of HA Monitor: what it prints, when it stops checking, and as a program on its pipe."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_interface
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from haconn_cli.config import store
from haconn_cli.config.model import ResetPath, Settings
from haconn_cli.config.paths import Paths
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode
from tests.haconn_cli.resetpath.cluster import KEYS, SERVERS
from tests.haconn_daemon.resetpath.in_thread import connector_in_thread
from tests.haconn_daemon.resetpath.network import OFF
from tests.haconn_daemon.resetpath.test_endpoint import Connector, free_address
from tools.ha_monitor import HaMonitor, Reset, UnknownServer, WrongCommand, checked_server, parse_reset

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Screen:
    """The lines said, and a way to wait for one."""

    lines: list[str] = field(default_factory=list)
    changed: trio.Event = field(default_factory=trio.Event)

    def say(self, line: str) -> None:
        self.lines.append(line)
        self.changed.set()

    async def until(self, text: str, times: int = 1) -> str:
        """The line with that text in it, the so manyth; waits for it."""
        with trio.fail_after(10):
            while len(found := [line for line in self.lines if text in line]) < times:
                self.changed = trio.Event()
                await self.changed.wait()
        return found[times - 1]


@dataclass
class Double:
    """A running double."""

    screen: Screen
    monitor: HaMonitor
    tell: Callable[[str], Awaitable[None]]


def settings_for(address: Address) -> Settings:
    return Settings(ResetPath(ip_interface(f"{address[0]}/8"), address[1]), SERVERS, KEYS)


@asynccontextmanager
async def double(address: Address, interval: float = 0.01) -> AsyncIterator[Double]:
    screen = Screen()
    monitor = HaMonitor(settings_for(address), "PSERVER1", interval, screen.say)
    send, receive = trio.open_memory_channel[str](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(monitor.run, receive)
        yield Double(screen, monitor, send.send)
        await send.send("quit")


@asynccontextmanager
async def connector() -> AsyncIterator[tuple[Connector, trio.CancelScope]]:
    one = Connector(free_address())
    async with trio.open_nursery() as nursery:
        await nursery.start(one.endpoint.run)
        yield one, nursery.cancel_scope
        nursery.cancel_scope.cancel()


def test_it_says_hello_checks_tells_events_and_resets() -> None:
    async def story() -> None:
        async with connector() as (one, _), double(one.address) as it, trio.open_nursery() as nursery:
            nursery.start_soon(one.serve_one_reset)
            line = await it.screen.until("reset path monitoring started; connector 0.1.0 on PSERVER1")
            assert re.match(r" +\d+\.\d{3} PSERVER1: ", line)
            one.responder.announce(EventKind.POWER_OFF, "PSERVER3", trio.current_time())
            one.endpoint.wake()
            await it.screen.until("event: PSERVER3 power off detected")
            await it.tell("status")
            await it.screen.until("status: PSERVER4 OK monitoring (last proof: 0.500 s ago)")
            await it.tell("reset PSERVER2 off budget=5")
            await it.screen.until("PSERVER2 has failed: asking for off, 5 s")
            await it.screen.until("reset of PSERVER2: accepted")
            await it.screen.until("reset of PSERVER2 succeeded: OFF_CONFIRMED")
            assert it.monitor.results == [("PSERVER2", OFF)]

    trio.run(story)


def test_every_kind_of_event_is_told() -> None:
    async def story() -> None:
        async with connector() as (one, _), double(one.address) as it:
            await it.screen.until("reset path monitoring started")
            for number, kind in enumerate(EventKind, 1):
                one.responder.announce(kind, "PSERVER3", trio.current_time())
                one.endpoint.wake()
                await it.screen.until("event: PSERVER3 ", number)
        assert len({line.partition("event: ")[2] for line in it.screen.lines if "event: " in line}) == len(EventKind)

    trio.run(story)


@pytest.mark.shows("M4")
def test_a_miss_stops_the_checks_until_monrp() -> None:
    async def story() -> None:
        address = free_address()
        async with trio.open_nursery() as nursery:
            first = Connector(address)
            with trio.CancelScope() as life:
                async with trio.open_nursery() as inner:
                    await inner.start(first.endpoint.run)
                    life.cancel()
            async with double(address) as it:
                await it.screen.until("reset path failure: no answer; monitoring stopped until monrp")
                second = Connector(address)
                await nursery.start(second.endpoint.run)
                assert second.responder.dropped.total() == 0
                await it.tell("monrp")
                await it.screen.until("reset path monitoring started")
                assert len([line for line in it.screen.lines if "stopped" in line]) == 1
            nursery.cancel_scope.cancel()

    trio.run(story)


def test_a_reset_without_an_answer_is_no_success() -> None:
    async def story() -> None:
        async with double(free_address()) as it:
            await it.tell("reset PSERVER2 budget=1")
            await it.screen.until("reset of PSERVER2 FAILED: no answer")
            assert it.monitor.results == [("PSERVER2", None)]

    trio.run(story, clock=MockClock(autojump_threshold=0))


def test_a_line_that_is_no_command_says_what_would_be_right() -> None:
    async def story() -> None:
        async with double(free_address()) as it:
            await it.tell("dance")
            await it.screen.until("'dance' is no command: monrp, reset, status or quit")
            await it.tell("")
            await it.tell("reset")
            await it.screen.until("reset: the name of a server is missing")
            await it.tell("reset PSERVER5")
            await it.screen.until("PSERVER5 is not in conf_pserver (did you mean PSERVER4?)")
            await it.tell("reset " + "PSERVER1" * 4)
            await it.screen.until("PSERVER1PSERVER1PSERVER1PSERVER1 is not in conf_pserver")
            assert it.monitor.results == []

    trio.run(story)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("PSERVER2", Reset("PSERVER2", Action.CYCLE, 60)),
        ("PSERVER2 off", Reset("PSERVER2", Action.OFF, 60)),
        ("PSERVER2 budget=2.5 reset", Reset("PSERVER2", Action.RESET, 2.5)),
    ],
)
def test_the_words_of_a_reset(text: str, wish: Reset) -> None:
    assert parse_reset(text.split()) == wish


WRONG_BUDGETS = [f"PSERVER2 budget={text}" for text in ("x", "0.9", "601", "nan")]


@pytest.mark.parametrize("text", ["", "PSERVER2 soft", *WRONG_BUDGETS, "PSERVER2 time=5"])
def test_wrong_words_of_a_reset(text: str) -> None:
    with pytest.raises(WrongCommand):
        parse_reset(text.split())


def test_a_server_that_is_not_configured() -> None:
    settings = settings_for(("127.0.0.1", 30000))
    assert checked_server("PSERVER4", settings) == "PSERVER4"
    with pytest.raises(UnknownServer, match=r"^NOPE is not in conf_pserver$"):
        checked_server("NOPE", settings)


def configure(root: Path, address: Address) -> None:
    paths = Paths(root)
    settings = settings_for(address)
    store.change_haconn(paths, lambda _: settings.reset_path)
    store.change_servers(paths, lambda _: settings.servers)
    store.create_keys(paths, settings.keys)


def program_words(root: Path) -> list[str]:
    return [sys.executable, str(ROOT / "tools/ha_monitor.py"), "--root", str(root), "--name", "PSERVER1"]


@pytest.mark.whole
def test_as_a_program_it_reads_the_files_and_obeys_its_input(tmp_path: Path) -> None:
    address = free_address()
    configure(tmp_path, address)
    words = [*program_words(tmp_path), "--bind", "127.0.1.1"]
    with (
        connector_in_thread(KEYS, SERVERS, address, ResetResult(ResultCode.ALREADY_OFF)),
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as program,
    ):
        assert program.stdin is not None
        assert program.stdout is not None
        assert "monitoring started" in program.stdout.readline()
        program.stdin.write("reset PSERVER2\n")
        lines = [program.stdout.readline() for _ in range(4)]
        assert "ALREADY_OFF" in lines[-1]
        program.stdin.write("quit\n")
        assert program.wait(10) == 0


@pytest.mark.whole
def test_as_a_program_it_ends_quietly_by_ctrl_c(tmp_path: Path) -> None:
    configure(tmp_path, free_address())
    with subprocess.Popen(
        program_words(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdin.write("dance\n")
        assert "no command" in program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 130
        assert program.stderr.read() == ""


@pytest.mark.whole
@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["--name", "PSERVER5"], 2, "--name: PSERVER5 is not in conf_pserver (did you mean PSERVER4?)"),
        (["--interval", "0"], 2, "--interval: must be more than 0 seconds"),
        (["--interval", "nan"], 2, "--interval: must be more than 0 seconds"),
        (["--bind", "192.0.2.1"], 1, "192.0.2.1 is no address to send from on this machine: Cannot assign requested address"),
    ],
)
def test_as_a_program_it_says_what_is_wrong_in_a_line(tmp_path: Path, words: list[str], code: int, complaint: str) -> None:
    configure(tmp_path, free_address())
    ended = subprocess.run(
        [*program_words(tmp_path), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", f"ha_monitor: {complaint}\n")


@pytest.mark.whole
def test_as_a_program_it_ends_with_its_input_and_says_what_is_wrong(tmp_path: Path) -> None:
    words = program_words(tmp_path)
    missing = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "conf_haconn" in missing.stderr
    configure(tmp_path, free_address())
    assert subprocess.run(words, stdin=subprocess.DEVNULL, timeout=20, check=False).returncode == 0
