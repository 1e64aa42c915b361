"""Everything that the connector tells afterwards: eventlog, eventlogalt, initlog, syslog, journal (manual, chapters 2 and 5).

One event is one name with fields, on one line. Writing happens in a thread of its own behind a bounded queue: a slow, full
or missing log disk delays nothing; what does not fit is counted and said later.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from haconn_cli.logfile import PrivateLogFile
from haconn_daemon.logs import journald

MOST_BYTES, GENERATIONS = 1_000_000, 5
"""Of each log file."""
LAST_LINES_PATIENCE = 2.0
"""Seconds that the end waits for the disk to take what is queued; a disk that hangs must not hang the connector."""
SYSLOG_PATIENCE = 0.1
"""Seconds for syslog to take a line: one that is stopped must not hold up our own logs, which the same thread writes."""
_QUEUE_SIZE = 10_000

Listener = Callable[[str, int, Mapping[str, object]], None]

MESSAGES = {
    "HCME1011": "HA connector service cannot be started. Failed to initialize. Please System rebooted.",
    "HCME1012": "HA connector service cannot be started. Please check HA connector's configuration.",
    "HCME1020": "HA connector service cannot Version Mismatch ini file[{file}], Service[{service}]",
}
"""The manual's syslog messages. HCME1010 (no ipmitool) cannot occur: none is needed.
HCME1013 (a broken installation) is told by `__main__`, which needs nothing of it."""


class Journal:
    """The connector's logs. Use as a context manager: leaving it writes out what is queued."""

    def __init__(self, directory: Path, syslog: str, journal: str = journald.SOCKET) -> None:
        """`syslog` and `journal` are the paths of the local sockets.

        The journal is written to where systemd has started us; then neither syslog, where the journal has that as well, nor
        standard error gets the same once more.
        """
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(_QUEUE_SIZE)
        self._dropped = 0
        self.listener: Listener | None = None
        """Told every event at once, by who tells the journal."""
        self.has_journal = journald.stderr_is_the_journal() and Path(journal).is_socket()
        self.has_syslog = Path(syslog).is_socket()
        """Whether somebody listens there; else what would go to syslog goes to standard error."""
        self._files = [_handler(directory / name, name) for name in ("eventlog", "eventlogalt", "initlog")]
        self._handlers: list[logging.Handler] = [*self._files]
        if self.has_journal:
            self._handlers.append(_entries(journal))
        if not self.has_journal or (self.has_syslog and Path(syslog).resolve().parent != Path(journal).resolve().parent):
            self._handlers.append(_syslog(syslog))
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(queue.Full):
            self._records.put(None, timeout=LAST_LINES_PATIENCE)
            self._writer.join(LAST_LINES_PATIENCE)
        if not self._writer.is_alive():
            for handler in self._handlers:
                handler.close()

    @property
    def is_stuck(self) -> bool:
        """After the end: whether a disk still holds the writer. It then holds the interpreter's own end as well."""
        return self._writer.is_alive()

    @property
    def trouble(self) -> str:
        """Why lines are being lost, in a sentence; "" while none is."""
        if self._dropped:
            return f"the log disk takes nothing at the moment; {self._dropped} lines are lost so far"
        bad = [file for file in self._files if file.trouble]
        return "; ".join(f"{Path(file.baseFilename).name} cannot be written: {file.trouble}" for file in bad)

    def _write(self) -> None:
        """The thread: until None comes out of the queue."""
        while (record := self._records.get()) is not None:
            for handler in self._handlers:
                handler.handle(record)

    def event(self, name: str, level: int = logging.INFO, /, **fields: object) -> None:
        """Something that happens now and then (eventlog); warnings and worse go to syslog as well."""
        self._put("eventlog", level, name, fields)
        if level >= logging.WARNING:
            self._put("syslog", level, name, fields)
        if self.listener is not None:
            self.listener(name, level, fields)

    def periodic(self, name: str, /, **fields: object) -> None:
        """Something that happens all the time: a poll, a path check (eventlogalt)."""
        self._put("eventlogalt", logging.INFO, name, fields)

    def start_up(self, name: str, level: int = logging.INFO, /, **fields: object) -> None:
        """A step of the start (initlog)."""
        self._put("initlog", level, name, fields)

    def cannot_start(self, message_id: str, why: str, **fields: str) -> str:
        """One of the manual's messages, to syslog and initlog; returns its text."""
        text = f"{message_id}: {MESSAGES[message_id].format(**fields)}"
        self._put("syslog", logging.ERROR, message_id, {}, text)
        self._put("initlog", logging.ERROR, message_id, {"why": why}, text)
        return text

    def _put(self, log: str, level: int, name: str, fields: dict[str, object], text: str = "") -> None:
        record = logging.LogRecord(log, level, "", 0, _line(text or name, fields), None, None)
        record.event, record.fields = name, fields
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._dropped += 1
            return
        if self._dropped and self._records.qsize() < _QUEUE_SIZE // 2:
            dropped, self._dropped = self._dropped, 0
            self.event("log_lines_lost", logging.WARNING, count=dropped)


def _line(name: str, fields: dict[str, object]) -> str:
    """`name key=value …`; whatever is not plain is quoted as JSON, so that no text from outside can forge a line."""
    return " ".join([name, *(f"{key}={_quoted(value)}" for key, value in fields.items())])


def _quoted(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    plain = text.isascii() and all(character.isalnum() or character in "_-.:/,()[]%+" for character in text)
    return text if text and plain else json.dumps(text)


class _Formatter(logging.Formatter):
    """UTC with offset, level, text."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return f"{time} {record.levelname} {record.getMessage()}"


class _QuietSyslog(logging.handlers.SysLogHandler):
    """Syslog; where nobody listens, standard error, which systemd puts into its journal."""

    socket: socket.socket

    def _connect_unixsocket(self, address: str) -> None:
        super()._connect_unixsocket(address)    # type: ignore[misc]  # logging calls it again after an error
        self.socket.settimeout(SYSLOG_PATIENCE)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """No syslog: say it where systemd hears it."""
        with suppress(OSError, ValueError):
            print(self.format(record), file=sys.stderr, flush=True)


def _handler(path: Path, log: str) -> PrivateLogFile:
    handler = PrivateLogFile(path, MOST_BYTES, GENERATIONS)
    handler.setFormatter(_Formatter())
    handler.addFilter(lambda record: record.name == log)
    return handler


def _syslog(address: str) -> logging.Handler:
    handler = _QuietSyslog(address)
    handler.setFormatter(logging.Formatter("haconnd: %(message)s"))
    handler.addFilter(lambda record: record.name == "syslog")
    return handler


def _entries(address: str) -> logging.Handler:
    """Every event, and the manual's messages; what goes to syslog besides is the same events again."""
    handler = journald.JournalEntries(address)
    handler.addFilter(lambda record: record.name == "eventlog" or (record.name, record.__dict__["event"]) in _MESSAGES_TO_SYSLOG)
    return handler


_MESSAGES_TO_SYSLOG = {("syslog", message) for message in MESSAGES}
