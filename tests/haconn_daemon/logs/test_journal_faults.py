"""Logs that cannot be written: nobody is held up, why is known, and afterwards they are written again."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from haconn_daemon.logs.journal import Journal
from tests.haconn_daemon.logs.test_journal import NOBODY, lines, log, until

__all__ = ["log"]

real_open = os.open
Fault = Callable[..., int]


def full(path: object, flags: int, *mode: int, **more: object) -> int:
    """A disk without room: opening works, writing does not."""
    if str(path).endswith(("eventlog", "eventlogalt", "initlog")):
        path = "/dev/full"
    return real_open(path, flags, *mode, **more)  # type: ignore[arg-type]


def read_only(path: object, flags: int, *mode: int, **more: object) -> int:
    """A disk that was mounted anew, read-only, after an error."""
    if flags & os.O_WRONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    return real_open(path, flags, *mode, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fault", "why"), [(full, "No space left on device"), (read_only, "Read-only file system")])
def test_why_is_known_and_it_ends_by_itself(log: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, why: str) -> None:
    with Journal(log, NOBODY) as journal:
        journal.event("first")
        until(lambda: bool(lines(log / "eventlog")))
        for handler in journal._files:
            handler.close()
            handler.stream = None   # as after a fault: the next line opens the file anew
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", fault)
            for number in range(100):
                journal.event("lost", number=number)
            until(lambda: journal.trouble == f"eventlog cannot be written: {why}")
            until(journal._records.empty)
        journal.event("kept")
        until(lambda: journal.trouble == "")
    assert [line.split()[2] for line in lines(log / "eventlog")] == ["first", "kept"]


def test_several_logs_are_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(log, NOBODY) as journal, monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        journal.event("lost")
        journal.periodic("lost")
        until(lambda: ";" in journal.trouble)
        assert journal.trouble.startswith("eventlog cannot be written: ")
        assert "; eventlogalt cannot be written: " in journal.trouble


def test_a_disk_that_hangs_is_known_by_what_it_costs(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is full, as nobody writes."""
    monkeypatch.setattr("haconn_daemon.logs.journal._QUEUE_SIZE", 8)
    journal = Journal(log, NOBODY)
    for number in range(20):
        journal.periodic("flood", number=number)
    assert journal.trouble == "the log disk takes nothing at the moment; 12 lines are lost so far"
    with journal:
        until(journal._records.empty)
        journal.periodic("after")
        assert journal.trouble == ""


def test_whoever_listens_hears_every_event_at_once(log: Path) -> None:
    heard: list[tuple[str, int, dict[str, object]]] = []
    journal = Journal(log, NOBODY)     # nobody writes
    journal.listener = lambda name, level, fields: heard.append((name, level, dict(fields)))
    journal.event("power_off", 30, server="PSERVER2")
    journal.periodic("poll")
    assert heard == [("power_off", 30, {"server": "PSERVER2"})]


@pytest.mark.shows("M4")
def test_a_syslog_that_takes_nothing_does_not_hold_up_our_own_log(log: Path, short_directory: Path) -> None:
    """It is there, and stopped: its socket is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stopped, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        stopped.bind(str(short_directory / "log"))
        filler.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                filler.sendto(b"x", str(short_directory / "log"))
        with Journal(log, str(short_directory / "log")) as journal:
            for number in range(3):
                journal.event("power_off", logging.WARNING, server=f"PSERVER{number}")
        assert not journal.is_stuck
    assert (log / "eventlog").read_text().count("power_off") == 3
