"""The connector as a process, as systemd starts and stops it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from haconn_cli.config.model import ResetPath, parse_interface
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import haconn_text
from haconn_cli.control import ask_status
from tests.haconn_daemon.installed import NOBODY_LISTENS, command, configure, environment, free_port, run_to_its_end


@pytest.fixture
def manager(short_directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(short_directory / "notify"))
        listener.settimeout(10)
        yield listener


def told(manager: socket.socket, wanted: bytes, passing: tuple[bytes, ...] = (b"STATUS=", b"WATCHDOG=1")) -> None:
    """Wait until systemd is told that; in between only what may come at any time."""
    while (message := manager.recv(1000)) != wanted:
        assert message.startswith(passing), message


def started(root: Path, manager: socket.socket) -> subprocess.Popen[str]:
    surroundings = environment(root, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="400000")
    return subprocess.Popen(command(), env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.shows("M4")
def test_as_systemd_starts_and_stops_it(tmp_path: Path, manager: socket.socket) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    with started(tmp_path, manager) as process:
        try:
            told(manager, b"READY=1")
            for _ in range(3):
                told(manager, b"WATCHDOG=1", (b"STATUS=",))
            (server,) = ask_status(Paths(tmp_path)).servers
            assert server.name == "PSERVER1"
            second = run_to_its_end(tmp_path)
            assert (second.returncode, "HCME1011" in second.stderr) == (1, True), "one is enough"
            assert "another connector runs here" in second.stderr
            process.send_signal(signal.SIGTERM)
            told(manager, b"STOPPING=1")
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert list(Paths(tmp_path).run.iterdir()) == []
    assert "stopped" in (Paths(tmp_path).log / "eventlog").read_text().splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_at_once(tmp_path: Path, manager: socket.socket, number: signal.Signals) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    with started(tmp_path, manager) as process:
        try:
            told(manager, b"READY=1")
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_hangup_is_told_to_systemd(tmp_path: Path, manager: socket.socket) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    with started(tmp_path, manager) as process:
        try:
            told(manager, b"READY=1")
            process.send_signal(signal.SIGHUP)
            while not (message := manager.recv(1000)).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                assert message.startswith((b"STATUS=", b"WATCHDOG=1"))
            assert message.partition(b"USEC=")[2].isdigit()
            told(manager, b"READY=1")
        finally:
            process.kill()


def test_a_hangup_that_comes_during_the_start_is_obeyed_after_it(tmp_path: Path, manager: socket.socket) -> None:
    """By itself it would end the process."""
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    hangs_up = (
        "import os, signal\n"
        "from haconn_daemon import service, __main__\n"
        "begin = service.Service.__init__\n"
        "def hang_up(*words):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    begin(*words)\n"
        "service.Service.__init__ = hang_up\n"
        "__main__.main()"
    )
    surroundings = environment(tmp_path, NOTIFY_SOCKET=manager.getsockname())
    with subprocess.Popen([sys.executable, "-c", hangs_up], env=surroundings) as process:
        try:
            told(manager, b"READY=1")
            while not manager.recv(1000).startswith(b"RELOADING=1"):
                pass
            told(manager, b"READY=1")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert "settings_taken" in (Paths(tmp_path).log / "eventlog").read_text()


def test_ready_although_the_reset_paths_address_is_not_there_yet(tmp_path: Path, manager: socket.socket) -> None:
    """Systemd would restart one that is not ready in time, for nothing."""
    settings = configure(tmp_path, free_port(), NOBODY_LISTENS)
    paths = Paths(tmp_path)
    there = ResetPath(parse_interface("192.0.2.1/24"), settings.reset_path.port)
    paths.conf_haconn.write_text(haconn_text(there, settings.service))
    with started(tmp_path, manager) as process:
        try:
            told(manager, b"READY=1")
            while b"no reset path: reset path 192.0.2.1 port" not in (message := manager.recv(1000)):
                assert message.startswith((b"STATUS=", b"WATCHDOG=1"))
            assert any("Cannot assign requested address" in note for note in ask_status(paths).notes)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
