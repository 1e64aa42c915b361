from __future__ import annotations

import json
import logging
import os
import queue
import re
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_daemon.logs import journal as journal_module
from haconn_daemon.logs.journal import GENERATIONS, MESSAGES, Journal

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
NOBODY = "/nonexistent/syslog"


def lines(file: Path) -> list[str]:
    """Split where a reader of logs would, which is at any end of line there is."""
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def syslog(short_directory: Path) -> Iterator[socket.socket]:
    """Somebody who listens as syslogd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(short_directory / "syslog"))
        listener.setblocking(False)
        yield listener


def heard(syslog: socket.socket) -> list[bytes]:
    messages = []
    while True:
        try:
            messages.append(syslog.recv(65536))
        except BlockingIOError:
            return messages


@pytest.mark.shows("L8", "L9")
def test_each_event_has_its_log(log: Path, syslog: socket.socket) -> None:
    with Journal(log, syslog.getsockname()) as journal:
        journal.event("reset_asked", target="PSERVER2", budget=30.0, force=False)
        journal.periodic("poll", server="PSERVER2")
        journal.start_up("ready", servers=4)
    assert {file.name for file in log.iterdir()} == {"eventlog", "eventlogalt", "initlog"}
    (event,) = lines(log / "eventlog")
    assert re.fullmatch(TIME + r" INFO reset_asked target=PSERVER2 budget=30\.000 force=False", event)
    assert lines(log / "eventlogalt")[0].endswith(" INFO poll server=PSERVER2")
    assert lines(log / "initlog")[0].endswith(" INFO ready servers=4")
    assert heard(syslog) == []


def test_warnings_go_to_syslog_as_well(log: Path, syslog: socket.socket) -> None:
    with Journal(log, syslog.getsockname()) as journal:
        journal.event("link_lost", logging.WARNING, server="PSERVER2", reason="no answer")
        journal.event("reset_finished", logging.ERROR, code="STILL_ON")
    warning, error = heard(syslog)
    assert b'haconnd: link_lost server=PSERVER2 reason="no answer"' in warning
    assert b"haconnd: reset_finished code=STILL_ON" in error
    assert [line.split(" ", 2)[1] for line in lines(log / "eventlog")] == ["WARNING", "ERROR"]


@pytest.mark.shows("HCME1020")
def test_the_manuals_messages(log: Path, syslog: socket.socket) -> None:
    with Journal(log, syslog.getsockname()) as journal:
        for message_id in sorted(MESSAGES):
            fields = {"file": "2", "service": "1"} if message_id == "HCME1020" else {}
            text = journal.cannot_start(message_id, "that is why", **fields)
            assert text.startswith(f"{message_id}: HA connector service cannot ")
    messages = heard(syslog)
    assert len(messages) == len(lines(log / "initlog")) == 3
    assert b"HCME1020: HA connector service cannot Version Mismatch ini file[2], Service[1]" in messages[2]
    assert b"HCME1012: HA connector service cannot be started. Please check HA connector's configuration." in messages[1]
    assert all('why="that is why"' in line for line in lines(log / "initlog"))


# ── no text from outside can forge a line ─────────────────────────────────────

names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
dangerous = st.sampled_from('\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0" =\\')
nasty = st.text(alphabet=st.one_of(st.characters(), dangerous), max_size=40)
values = st.one_of(nasty, st.integers(), st.booleans(), st.none(), st.floats())
TOKEN = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^" =]+)(?: |$)')


def parsed(text: str) -> dict[str, str]:
    """The fields of a line, read as its format says."""
    fields, rest = {}, text
    while rest:
        token = TOKEN.match(rest)
        assert token is not None, rest
        fields[token[1]] = json.loads(token[2]) if token[2].startswith('"') else token[2]
        rest = rest[token.end() :]
    return fields


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(names.filter(lambda name: name != "self"), values, max_size=4), min_size=1, max_size=4))
def test_an_event_is_exactly_one_line(events: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        with Journal(Path(directory), NOBODY) as journal:
            for fields in events:
                journal.event("something", **fields)
        written = lines(Path(directory) / "eventlog")
    assert len(written) == len(events)
    for line, fields in zip(written, events, strict=True):
        assert line.isascii()
        told = re.fullmatch(TIME + r" INFO something ?(.*)", line)
        assert told is not None
        shown = {name: f"{value:.3f}" if isinstance(value, float) else str(value) for name, value in fields.items()}
        assert parsed(told[1]) == shown


def test_syslog_gets_one_line_as_well(log: Path, syslog: socket.socket) -> None:
    with Journal(log, syslog.getsockname()) as journal:
        journal.event("reset_asked", logging.WARNING, reason="x\n<0>kernel: forged\0")
    (message,) = heard(syslog)
    assert message.rstrip(b"\0").count(b"\n") == 0
    assert message.rstrip(b"\0").count(b"\0") == 0


# ── files ─────────────────────────────────────────────────────────────────────


def test_only_for_the_owner(log: Path) -> None:
    old = os.umask(0)
    try:
        with Journal(log, NOBODY) as journal:
            journal.event("something")
            journal.periodic("something")
            journal.start_up("something")
    finally:
        os.umask(old)
    assert stat.S_IMODE(log.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in log.iterdir()} == {0o600}


@pytest.mark.shows("L8")
def test_generations(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_BYTES", 2000)
    with Journal(log, NOBODY) as journal:
        for number in range(400):
            journal.event("something", number=number)
    files = [log / "eventlog", *(log / f"eventlog.{number}" for number in range(1, GENERATIONS + 1))]
    assert set(log.iterdir()) == set(files)
    assert all(file.stat().st_size <= 2000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert lines(files[0])[-1].endswith("number=399")


def test_a_later_life_appends(log: Path) -> None:
    for life in range(3):
        with Journal(log, NOBODY) as journal:
            journal.event("started", life=life)
    assert len(lines(log / "eventlog")) == 3


def test_a_directory_that_cannot_be_written_is_tried_again(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log.write_text("a file where the directory should be")
    with Journal(log, NOBODY) as journal:
        journal.event("lost")
        until(journal._records.empty)
        log.unlink()
        journal.event("kept")
        until(lambda: bool(lines(log / "eventlog")))
    assert [line.split()[-1] for line in lines(log / "eventlog")] in (["kept"], ["lost", "kept"])
    assert capfd.readouterr().err == "", "no traceback"


def test_a_disk_that_fails_in_the_middle(log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with Journal(log, NOBODY) as journal:
        journal.event("first")
        until(lambda: bool(lines(log / "eventlog")))
        with monkeypatch.context() as patch:
            patch.setattr(logging.StreamHandler, "flush", no_space)
            journal.event("lost")
            until(journal._records.empty)
        journal.event("last")
    assert lines(log / "eventlog")[0].endswith("first")
    assert lines(log / "eventlog")[-1].endswith("last")
    assert "Traceback" not in capfd.readouterr().err


def no_space(handler: logging.Handler) -> None:
    raise OSError(28, "No space left on device")


def until(condition: Callable[[], bool]) -> None:
    """Wait for the writer's thread, a moment at most."""
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("the writer did not come round")


def test_no_syslog_is_said_on_standard_error(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Journal(log, NOBODY) as journal:
        journal.event("link_lost", logging.WARNING, server="PSERVER2")
    assert capfd.readouterr().err == "haconnd: link_lost server=PSERVER2\n"
    assert len(lines(log / "eventlog")) == 1


def test_syslog_that_comes_later_is_found(log: Path, short_directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address = str(short_directory / "syslog")
    with Journal(log, address) as journal, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        journal.event("first", logging.WARNING)
        until(journal._records.empty)
        until(lambda: bool(lines(log / "eventlog")))
        listener.bind(address)
        listener.settimeout(5)
        journal.event("second", logging.WARNING)
        message = listener.recv(1000)
        while b"second" not in message:
            message = listener.recv(1000)


# ── too much at once ──────────────────────────────────────────────────────────


def test_what_does_not_fit_is_counted_and_said_later(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_QUEUE_SIZE", 8)
    journal = Journal(log, NOBODY)
    for number in range(20):
        journal.periodic("flood", number=number)   # nobody writes yet
    with journal:
        until(journal._records.empty)
        journal.periodic("after")
    assert len([line for line in lines(log / "eventlogalt") if "flood" in line]) == 8
    (said,) = lines(log / "eventlog")
    assert said.endswith("WARNING log_lines_lost count=12")


def test_a_hanging_disk_delays_nothing_and_not_the_end_either(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is a pipe that nobody reads: opening it hangs."""
    monkeypatch.setattr(journal_module, "_QUEUE_SIZE", 8)
    monkeypatch.setattr(journal_module, "LAST_LINES_PATIENCE", 0.1)
    log.mkdir()
    os.mkfifo(log / "eventlog")
    with Journal(log, NOBODY) as journal:
        for number in range(20):
            journal.event("flood", number=number)
        with pytest.raises(queue.Full):
            journal._records.put_nowait(None)
    reader = os.open(log / "eventlog", os.O_RDONLY | os.O_NONBLOCK)   # lets the writer's thread go on
    journal.__exit__(None, None, None)
    assert not journal._writer.is_alive()
    os.close(reader)
