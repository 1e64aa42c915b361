"""The local control socket: how `haconnsetup` asks the daemon of this server, and what it answers.

A Unix stream socket `control.sock` in the directory `Paths.run`. One request, a JSON object on one line, `{"ask": "status"}`; one
reply, a JSON object on one line; then the daemon closes. Fields that the reader does not know are ignored, so both may gain some.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from haconn_cli.config.paths import Paths
from haconn_cli.resetpath.vocabulary import ServerStatus

SOCKET_NAME = "control.sock"
LARGEST_REQUEST = 1024
"""Bytes of a request line; ours has 17."""
LARGEST_REPLY = 1 << 20
"""Bytes of a reply line; 16 servers with their reasons are a few thousand."""
_LONGEST_ADDRESS = 107
"""Bytes a Unix socket's address has room for (unix(7)), without the closing NUL."""


NOT_PROCESSING = "HA connector service is not processing."
"""What the manual has a command say where no daemon answers (C9)."""


class ControlError(Exception):
    """Something answers on the control socket, but not as a connector does, or not to this user."""


class NotRunning(Exception):  # noqa: N818 - errors here are named for the fact
    """No daemon answers: no socket, nobody behind it, or silence."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server as `show status` prints it."""

    name: str
    link: str
    """A word of `vocabulary.Link`; a newer daemon may know more words."""
    status: str
    """Words of `vocabulary.Status`; a newer daemon may know more."""
    reset_capable: bool
    proof_age: float | None
    """Seconds since the last authenticated answer of its BMC; None: never."""
    reason: str = ""
    """Why the link is NG, for a person; else empty."""

    @classmethod
    def of(cls, server: ServerStatus, reason: str = "") -> ServerReport:
        """What the monitoring knows, in the words for a person."""
        return cls(server.name, server.link.word, server.status.words, server.reset_capable, server.proof_age, reason)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The daemon's answer to `status`."""

    version: str
    own_server: str | None
    """The server the daemon stands on; None: not known yet."""
    servers: tuple[ServerReport, ...]
    """In the order of the configuration."""
    counters: dict[str, int] = field(default_factory=dict)


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


def build_request(ask: str) -> bytes:
    """The request line."""
    return json.dumps({"ask": ask}).encode() + b"\n"


def parse_request_untrusted(line: bytes) -> str:
    """What is asked. Raises `ControlError`; an ask that nobody knows is the caller's to refuse."""
    ask = _parse_object_untrusted(line).get("ask")
    if not isinstance(ask, str):
        raise ControlError("request without 'ask'")
    return ask


def build_report(report: StatusReport) -> bytes:
    """The reply line to `status`."""
    return json.dumps(asdict(report)).encode() + b"\n"


def parse_report_untrusted(line: bytes) -> StatusReport:
    """The reply to `status`. Raises `ControlError`."""
    values = _parse_object_untrusted(line)
    own = values.get("own_server")
    return StatusReport(
        version=_text(values, "version"),
        own_server=None if own is None else _text(values, "own_server"),
        servers=tuple(_server(each) for each in _kind(values.get("servers"), list, "servers")),
        counters={_printable(k): _kind(v, int, k) for k, v in _kind(values.get("counters", {}), dict, "counters").items()},
    )


def _parse_object_untrusted(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise ControlError("not a line of JSON") from None
    message: dict[str, Any] = _kind(values, dict, "message")
    return message


def _server(entry: object) -> ServerReport:
    values = _kind(entry, dict, "server")
    age = values.get("proof_age")
    return ServerReport(
        name=_text(values, "name"),
        link=_text(values, "link"),
        status=_text(values, "status"),
        reset_capable=_kind(values.get("reset_capable"), bool, "reset_capable"),
        proof_age=None if age is None else _seconds(age),
        reason=_text({"reason": "", **values}, "reason"),
    )


def _kind(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ControlError(f"'{_shown(what)}' is not of type {kind.__name__}")
    return value


def _seconds(age: object) -> float:
    if type(age) not in (int, float) or not 0 <= age < 1e12:  # type: ignore[operator]
        raise ControlError("'proof_age' is not a number of seconds")
    return float(age)  # type: ignore[arg-type]


def _text(values: dict[str, Any], key: str) -> str:
    return _printable(_kind(values.get(key), str, key))


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ControlError(f"'{_shown(text)}' is not printable text")
    return text


def _shown(text: str) -> str:
    return ascii(text[:40])[1:-1]


def ask_status(paths: Paths, timeout: float = 2.0) -> StatusReport:
    """Ask the daemon of this server for what it sees, within `timeout` seconds. Raises `NotRunning`, `ControlError`."""
    give_up = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, socket_address(paths) as address:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.sendall(build_request("status"))
            line = _receive_line(connection, give_up)
    except PermissionError:
        raise ControlError(f"{paths.run / SOCKET_NAME}: this user may not ask; only root and the daemon's user may") from None
    except OSError as error:  # TimeoutError among them
        raise NotRunning(f"{paths.run / SOCKET_NAME}: {error.strerror or 'no answer'}") from None
    if not line:
        raise NotRunning(f"{paths.run / SOCKET_NAME}: closed without an answer")
    return parse_report_untrusted(line)


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
