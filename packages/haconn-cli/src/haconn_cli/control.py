"""The local control socket: how `haconnsetup` asks the daemon of this server (`reports` has what it answers).

A Unix stream socket `control.sock` in the directory `Paths.run`. One request, a JSON object on one line, `{"ask": "status"}`; one
reply, a JSON object on one line; then the daemon closes. What it does not understand it closes without an answer.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from haconn_cli.config.paths import Paths
from haconn_cli.reports import (
    ControlError,
    History,
    StatusReport,
    parse_history_untrusted,
    parse_object_untrusted,
    parse_outcome_untrusted,
    parse_report_untrusted,
)

SOCKET_NAME = "control.sock"
LARGEST_REQUEST = 1024
"""Bytes of a request line; the longest of ours has about 70."""
LARGEST_REPLY = 1 << 20
"""Bytes of a reply line; 16 servers with their reasons are a few thousand."""
_LONGEST_ADDRESS = 107
"""Bytes a Unix socket's address has room for (unix(7)), without the closing NUL."""
RELOAD_TIMEOUT = 15.0
"""Seconds; a reload reads the files and may wait for a disk."""

NOT_PROCESSING = "HA connector service is not processing."
"""What the manual has a command say where no daemon answers (C9)."""


class NotRunning(Exception):  # noqa: N818 - errors here are named for the fact
    """No daemon answers: no socket, nobody behind it, or silence."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the daemon."""

    ask: str
    """`status`, `history` or `reload`."""
    name: str | None = None
    """Of `history`: only resets of this server."""


@contextmanager
def socket_address(paths: Paths) -> Iterator[str]:
    """The control socket's address, to bind or connect to while inside; for paths of any length.

    Raises `OSError` where the directory is not there.
    """
    plain = paths.run / SOCKET_NAME
    directory = os.open(paths.run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(plain) if len(os.fsencode(plain)) <= _LONGEST_ADDRESS else f"/proc/self/fd/{directory}/{SOCKET_NAME}"
    finally:
        os.close(directory)


def build_request(question: Question) -> bytes:
    """The request line."""
    values = {"ask": question.ask} if question.name is None else {"ask": question.ask, "name": question.name}
    return json.dumps(values).encode() + b"\n"


def parse_request_untrusted(line: bytes) -> Question:
    """What is asked. Raises `ControlError`; an ask that nobody knows is the caller's to refuse."""
    values = parse_object_untrusted(line)
    ask, name = values.get("ask"), values.get("name")
    if not isinstance(ask, str):
        raise ControlError("request without 'ask'")
    if name is not None and not isinstance(name, str):
        raise ControlError("'name' is not of type str")
    return Question(ask, name)


def ask_status(paths: Paths, timeout: float = 2.0) -> StatusReport:
    """Ask the daemon of this server for what it sees, within `timeout` seconds. Raises `NotRunning`, `ControlError`."""
    return parse_report_untrusted(_ask(paths, Question("status"), timeout))


def ask_history(paths: Paths, name: str | None = None, timeout: float = 5.0) -> History:
    """Ask for the resets on record, of one server or all. Raises `NotRunning`, `ControlError`."""
    return parse_history_untrusted(_ask(paths, Question("history", name), timeout))


def ask_reload(paths: Paths, timeout: float = RELOAD_TIMEOUT) -> str:
    """Have the settings read anew; why they were refused, or empty. Raises `NotRunning`, `ControlError`."""
    return parse_outcome_untrusted(_ask(paths, Question("reload"), timeout))


def _ask(paths: Paths, question: Question, timeout: float) -> bytes:
    """The reply line."""
    give_up = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, socket_address(paths) as address:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.sendall(build_request(question))
            line = _receive_line(connection, give_up)
    except PermissionError:
        raise ControlError(f"{paths.run / SOCKET_NAME}: this user may not ask; only root and the daemon's user may") from None
    except OSError as error:  # TimeoutError among them
        raise NotRunning(f"{paths.run / SOCKET_NAME}: {error.strerror or 'no answer'}") from None
    if not line:
        raise NotRunning(f"{paths.run / SOCKET_NAME}: closed without an answer")
    return line


def _receive_line(connection: socket.socket, give_up: float) -> bytes:
    """Up to and without the line end, or what came before the other side closed."""
    received = bytearray()
    while b"\n" not in received:
        left = give_up - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if len(received) > LARGEST_REPLY:
            raise ControlError(f"reply of more than {LARGEST_REPLY} bytes")
        connection.settimeout(left)
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    return bytes(received).partition(b"\n")[0]
