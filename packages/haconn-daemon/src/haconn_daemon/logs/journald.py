"""Events as entries of systemd's journal, in its native protocol: each field is a field there, and can be asked for.

One datagram for each entry, `NAME=value` and a newline; a value with a newline in it goes in the binary form: the name, a
newline, its length in 8 octets (little-endian), the value, a newline. (Native Journal Protocol, as systemd documents it.)
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "haconnd"
LARGEST = 64 * 1024
"""Bytes of an entry; larger ones would need a file to be passed, and ours never are: they are dropped."""
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def stderr_is_the_journal() -> bool:
    """Whether what we print to standard error comes to the journal, as systemd says in `JOURNAL_STREAM` (systemd.exec(5))."""
    with suppress(OSError, ValueError, AttributeError):
        facts = os.fstat(sys.stderr.fileno())
        return os.environ.get("JOURNAL_STREAM", "") == f"{facts.st_dev}:{facts.st_ino}"
    return False


def build_entry(message: str, level: int, name: str, fields: Mapping[str, object]) -> bytes:
    """The datagram. The fields of an event get names of their own, so that none can pass for one of the journal's."""
    values = {
        "MESSAGE": message,
        "PRIORITY": str(_PRIORITIES.get(level, 5)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "HACONN_EVENT": name,
        **{f"HACONN_{key.upper()}": str(value) for key, value in fields.items()},
    }
    return b"".join(_field(key.encode(), value.encode("utf-8", "backslashreplace")) for key, value in values.items())


def _field(name: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name + b"=" + value + b"\n"


class JournalEntries(logging.Handler):
    """Sends records that have `event` and `fields`. Whatever the journal does not take at once is lost; it is in our own log."""

    def __init__(self, address: str = SOCKET) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Never waits, never raises."""
        entry = build_entry(record.getMessage(), record.levelno, record.__dict__["event"], record.__dict__["fields"])
        if len(entry) <= LARGEST:
            with suppress(OSError):
                self._socket.sendto(entry, self._address)

    def close(self) -> None:
        """For good."""
        self._socket.close()
        super().close()
