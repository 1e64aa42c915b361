"""Entries in systemd's journal: what arrives on a real datagram socket, read as the protocol's documentation says."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_daemon.logs.journal import Journal
from haconn_daemon.logs.journald import LARGEST, JournalEntries, build_entry, stderr_is_the_journal


def parse(datagram: bytes) -> list[tuple[str, bytes]]:
    """The fields of an entry, in order, as journald takes them apart."""
    fields = []
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
        else:
            size = int.from_bytes(rest[:8], "little")
            name, value, rest = line, rest[8 : 8 + size], rest[8 + size :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        fields.append((name.decode("ascii"), value))
        datagram = rest
    return fields


@pytest.fixture
def systemd_journal(short_directory: Path) -> Iterator[socket.socket]:
    """Its end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        (short_directory / "journal").mkdir()
        listener.bind(str(short_directory / "journal" / "socket"))
        listener.settimeout(5)
        yield listener


@contextmanager
def started_by_systemd(stream: Path) -> Iterator[None]:
    """Inside, standard error is the journal's stream, for which `stream` stands."""
    with stream.open("w") as file, pytest.MonkeyPatch.context() as patch:
        facts = os.fstat(file.fileno())
        patch.setattr(sys, "stderr", file)
        patch.setenv("JOURNAL_STREAM", f"{facts.st_dev}:{facts.st_ino}")
        yield


names = st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True)
values = st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\n=\0")), max_size=30)


@given(names, st.dictionaries(names, values, max_size=5), values)
def test_every_value_arrives_as_it_was(name: str, fields: dict[str, str], message: str) -> None:
    parsed = parse(build_entry(message, logging.WARNING, name, fields))
    assert parsed[:4] == [
        ("MESSAGE", message.encode()),
        ("PRIORITY", b"4"),
        ("SYSLOG_IDENTIFIER", b"haconnd"),
        ("HACONN_EVENT", name.encode()),
    ]
    assert parsed[4:] == [(f"HACONN_{key.upper()}", value.encode()) for key, value in fields.items()]


@pytest.mark.parametrize(("level", "priority"), [(logging.INFO, b"6"), (logging.WARNING, b"4"), (logging.ERROR, b"3")])
def test_levels(level: int, priority: bytes) -> None:
    assert ("PRIORITY", priority) in parse(build_entry("x", level, "x", {}))


def test_each_event_once(systemd_journal: socket.socket, tmp_path: Path) -> None:
    """No syslog listens: in other surroundings warnings would go to standard error then, which is the journal here."""
    address = systemd_journal.getsockname()
    stream = tmp_path / "stream"
    with started_by_systemd(stream), Journal(tmp_path / "log", "/nonexistent/syslog", address) as journal:
        assert journal.has_journal
        journal.event("link_lost", logging.WARNING, server="PSERVER2", reason="two\nlines")
        journal.event("hello", name="PSERVER1")
        journal.periodic("poll", server="PSERVER2")
        journal.start_up("ready")
        journal.cannot_start("HCME1012", "that is why")
    entries = [dict(parse(systemd_journal.recv(65536))) for _ in range(3)]
    assert [entry["HACONN_EVENT"] for entry in entries] == [b"link_lost", b"hello", b"HCME1012"]
    assert entries[0]["MESSAGE"] == b'link_lost server=PSERVER2 reason="two\\nlines"'
    assert entries[0]["HACONN_REASON"] == b"two\nlines"
    assert entries[2]["MESSAGE"].startswith(b"HCME1012: HA connector service cannot be started.")
    systemd_journal.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd_journal.recv(1)
    assert stream.read_text() == ""


@pytest.mark.parametrize(("is_the_journals", "expected"), [(True, 0), (False, 1)])
def test_syslog_as_well_where_it_is_not_the_journal_itself(
    systemd_journal: socket.socket, tmp_path: Path, short_directory: Path, is_the_journals: bool, expected: int
) -> None:
    """Where systemd runs, /dev/log mostly is a link to a socket beside that of the journal."""
    place = short_directory / ("journal" if is_the_journals else ".") / "dev-log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(place))
        syslog.setblocking(False)
        (short_directory / "log").symlink_to(place)
        address = systemd_journal.getsockname()
        with started_by_systemd(tmp_path / "stream"), Journal(tmp_path, str(short_directory / "log"), address) as journal:
            journal.event("link_lost", logging.WARNING)
        heard = 0
        try:
            while syslog.recv(1000):
                heard += 1
        except BlockingIOError:
            pass
    assert heard == expected
    assert systemd_journal.recv(1000)


def test_not_started_by_systemd(systemd_journal: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("", "1:1", "nonsense"):
        monkeypatch.setenv("JOURNAL_STREAM", stream)
        assert not stderr_is_the_journal()
        with Journal(tmp_path / "log", "/nonexistent/syslog", systemd_journal.getsockname()) as journal:
            assert not journal.has_journal


def test_a_journal_that_does_not_read_delays_nobody(systemd_journal: socket.socket) -> None:
    entries = JournalEntries(systemd_journal.getsockname())
    record = logging.LogRecord("eventlog", logging.INFO, "", 0, "x", None, None)
    record.event, record.fields = "x", {"value": "y" * 1000}
    for _ in range(2000):
        entries.emit(record)
    record.fields = {"value": "y" * LARGEST}
    entries.emit(record)
    entries.close()
    while len(systemd_journal.recv(LARGEST + 1000)) < LARGEST:
        systemd_journal.setblocking(False)
        try:
            systemd_journal.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            break
    else:
        pytest.fail("too large an entry was sent")
