from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from haconn_daemon import systemd


@pytest.fixture
def manager(short_directory: Path) -> Iterator[socket.socket]:
    """The end that systemd has."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        yield listener


def test_told_on_a_socket_in_the_file_system(
    manager: socket.socket, short_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(short_directory / "notify")
    manager.bind(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert systemd.notify(systemd.READY)
    assert manager.recv(100) == b"READY=1"
    assert systemd.notify(systemd.STOPPING, "STATUS=bye")
    assert manager.recv(100) == b"STOPPING=1\nSTATUS=bye"


def test_told_on_an_abstract_socket(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.bind(f"\0haconn-test-{os.getpid()}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@haconn-test-{os.getpid()}")
    assert systemd.notify(systemd.WATCHDOG)
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "@haconn-test-nobody-there", "/" + "x" * 200, "vsock:2:1"])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not systemd.notify(systemd.READY)


def test_not_started_by_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert not systemd.notify(systemd.READY)
    assert systemd.watchdog_interval() is None


def test_a_manager_that_does_not_read_does_not_hold_us_up(
    manager: socket.socket, short_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.bind(str(short_directory / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(short_directory / "notify"))
    told = [systemd.notify(systemd.WATCHDOG) for _ in range(2000)]
    assert told[0]
    assert not told[-1]


@pytest.mark.parametrize(
    ("microseconds", "interval"),
    [("10000000", 5.0), ("1", 5e-7), ("0", None), ("", None), ("-5", None), ("soon", None), ("\u00b2", None)],
)
def test_half_of_what_systemd_allows(monkeypatch: pytest.MonkeyPatch, microseconds: str, interval: float | None) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    assert systemd.watchdog_interval() == interval


def test_only_for_the_process_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_interval() == 1.5
    question = "from haconn_daemon.systemd import watchdog_interval; print(watchdog_interval())"
    child = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert child.stdout == "None\n"
