"""The record of resets on disk: an intent is there before the first power command, its result before the answer.

One JSON object a line, appended and forced to the disk. After a crash an intent without a result is INTERRUPTED: it is
written down as such and never resumed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections import deque
from pathlib import Path

from haconn_cli.resetpath.vocabulary import ResetResult
from haconn_daemon.fence.history import (
    Course,
    HistoryEntry,
    Intent,
    Line,
    Past,
    history_of,
    intent_line,
    is_result,
    join_line,
    leave_line,
    parse_line,
    past_of,
    result_line,
)

MOST_LINES, MOST_BYTES = 4096, 4_000_000
"""Kept when the record is shortened: at a start, and whenever it has grown to `GROWTH` times one of them."""
GROWTH = 1.25
_MOST_UNWRITTEN = 256
"""Lines that a broken disk did not take and the history still shows."""

__all__ = ["Course", "HistoryEntry", "Intent", "Past", "Record"]


class Record:
    """The file. Its methods block on the disk: call them in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._claim: int | None = None
        self._is_closed = False
        self._lines = self._bytes = 0
        self._unwritten: deque[Line] = deque(maxlen=_MOST_UNWRITTEN)

    def open(self) -> list[Past]:
        """Read what was there, shorten it, and conclude as INTERRUPTED what a crash cut short.

        The file is then this process' alone until `close`. What others write meanwhile comes after it, however long the disk
        takes. Raises OSError, also where another connector has it, or where it was closed meanwhile.
        """
        with self._writing:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._claim = _claim(self._path.with_suffix(".lock"))
            self._expect_open()
            lines = self._read()
            self._expect_open()
            past = past_of(self._rewrite(lines))
            for reset in past:
                if reset.was_cut_short:
                    self._append_octets(_octets(result_line(reset.operation.hex(), reset.result, Course())))
        return past

    def close(self) -> None:
        """Leave the file to the connector's next life. Never waits."""
        self._is_closed = True
        claim, self._claim = self._claim, None
        if claim is not None:
            os.close(claim)

    def _expect_open(self) -> None:
        """The next life may have it already."""
        if self._is_closed:
            self.close()
            raise OSError(errno.ECANCELED, "the record was closed before it was open")

    def intend(self, intent: Intent) -> None:
        """On the disk when this returns. Raises OSError."""
        self._append(intent_line(intent))

    def join(self, operation: str, ticket: str, requester: str) -> None:
        """Another requester waits for the same operation; on the disk when this returns. Raises OSError."""
        self._append(join_line(operation, ticket, requester))

    def leave(self, operation: str, ticket: str) -> None:
        """A requester is told that his time is over, and keeps that answer; on the disk when this returns. Raises OSError."""
        self._append(leave_line(operation, ticket))

    def conclude(self, operation: str, result: ResetResult, course: Course | None = None) -> None:
        """On the disk when this returns. Raises OSError."""
        self._append(result_line(operation, result, course or Course()))

    def tidy(self) -> None:
        """Shorten it if it has grown too long; what has no result yet keeps its lines. Raises OSError; then all is as before."""
        with self._writing:
            if self._lines > GROWTH * MOST_LINES or self._bytes > GROWTH * MOST_BYTES:
                self._rewrite(self._read())

    def history(self) -> list[HistoryEntry]:
        """Every reset that is known, the oldest first; also while others write. Raises OSError."""
        with self._writing:
            unwritten = list(self._unwritten)
            lines = self._read()
        return history_of([*lines, *unwritten], frozenset(line["operation"] for line in unwritten))

    def _read(self) -> list[Line]:
        text = self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
        return [line for row in text.splitlines() if (line := parse_line(row)) is not None]

    def _append(self, line: Line) -> None:
        try:
            with self._writing:
                self._append_octets(_octets(line))
        except OSError:
            self._unwritten.append(line)
            raise

    def _append_octets(self, octets: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_line(descriptor, octets)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._lines += 1
        self._bytes += len(octets)

    def _rewrite(self, lines: list[Line]) -> list[Line]:
        """The whole file anew, by rename, without what is too old and what a crash cut in half. Returns what is kept."""
        kept = _newest(lines)
        rows = [_octets(line) for line in kept]
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            _write_line(descriptor, b"".join(rows))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(self._path)
        _sync_directory(self._path.parent)
        self._lines, self._bytes = len(rows), sum(map(len, rows))
        return kept


def _newest(lines: list[Line]) -> list[Line]:
    """The newest that fit, and whatever has no result yet, however old. A reset is kept whole or not at all."""
    sizes: dict[str, list[int]] = {}
    for line in lines:
        sizes.setdefault(line["operation"], []).append(len(_octets(line)))
    kept, count, octets = set[str](), 0, 0
    for operation in dict.fromkeys(line["operation"] for line in reversed(lines)):
        count, octets = count + len(sizes[operation]), octets + sum(sizes[operation])
        if count > MOST_LINES or octets > MOST_BYTES:
            break
        kept.add(operation)
    kept |= {line["operation"] for line in lines if "target" in line} - {line["operation"] for line in lines if is_result(line)}
    return [line for line in lines if line["operation"] in kept]


def _octets(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _claim(path: Path) -> int:
    """An open lock file that nobody else has. Two connectors would call each other's running resets interrupted."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(errno.EWOULDBLOCK, "another connector runs here", str(path)) from None
    return descriptor


def _write_line(descriptor: int, octets: bytes) -> None:
    """All of it or nothing: a full disk takes a part without an error, and half a line would spoil the next one."""
    size = os.fstat(descriptor).st_size
    if os.write(descriptor, octets) < len(octets):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_directory(path: Path) -> None:
    """Without it a loss of power may bring back the file as it was before the rename, without what was appended since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
