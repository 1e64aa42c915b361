"""The connector as a process, as systemd starts and stops it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_cli.control import ask_status
from tests.haconn_daemon.installed import NOBODY_LISTENS, command, configure, environment, free_port, run_to_its_end


@pytest.fixture
def manager(short_directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(short_directory / "notify"))
        listener.settimeout(10)
        yield listener


def started(root: Path, manager: socket.socket) -> subprocess.Popen[str]:
    told = environment(root, NOTIFY_SOCKET=manager.getsockname(), WATCHDOG_USEC="400000")
    return subprocess.Popen(command(), env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_as_systemd_starts_and_stops_it(tmp_path: Path, manager: socket.socket) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    with started(tmp_path, manager) as process:
        try:
            assert manager.recv(100) == b"READY=1"
            assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            (server,) = ask_status(Paths(tmp_path)).servers
            assert server.name == "PSERVER1"
            second = run_to_its_end(tmp_path)
            assert (second.returncode, "HCME1011" in second.stderr) == (1, True), "one is enough"
            assert "another connector runs here" in second.stderr
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            while (message := manager.recv(100)) == b"WATCHDOG=1":
                pass
            assert message == b"STOPPING=1"
            out, err = process.communicate(timeout=10)
            assert time.monotonic() - began < 3.0
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
            assert manager.recv(100) == b"READY=1"
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()
