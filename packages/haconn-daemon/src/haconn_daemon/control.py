"""The local socket that haconnsetup asks (`haconn_cli.control` has the messages). Only root and our own user are answered.

Whoever connects is let in at once. Of too many those that have waited longest go, first such as have not asked yet.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from haconn_cli.config.paths import Paths
from haconn_cli.control import LARGEST_REQUEST, SOCKET_NAME, Question, parse_request_untrusted, socket_address
from haconn_cli.reports import ControlError, HistoryEntry, StatusReport, build_failure, build_history, build_outcome, build_report

QUESTION_TIMEOUT = 5.0
"""Seconds from the connection to the end of the question, and then for the answer to be taken."""
MOST_CALLERS = 16
_BACKLOG = 64
_AFTER_AN_ERROR = 0.1   # seconds
_CREDENTIALS = struct.Struct("3i")

Status = Callable[[], StatusReport]
History = Callable[[str | None], Awaitable[Sequence[HistoryEntry]]]
Reload = Callable[[], Awaitable[str]]


async def _no_history(name: str | None) -> Sequence[HistoryEntry]:
    return ()


async def _no_reload() -> str:
    return "this connector reads its settings at the start only; restart it"


@dataclass(eq=False)
class _Caller:
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    has_asked: bool = False


@dataclass(eq=False)
class _Outcome:
    done: trio.Event = field(default_factory=trio.Event)
    refused: str = ""


class _Reloads:
    """One reload at a time, each to its end, although its caller may have gone; who asks meanwhile waits for the next one."""

    def __init__(self, reload: Reload, nursery: trio.Nursery) -> None:
        self._reload, self._nursery = reload, nursery
        self._one_at_a_time = trio.Lock()
        self._queued: _Outcome | None = None

    async def ask(self) -> str:
        """Have one begin after this moment, and wait for its end."""
        if self._queued is None:
            self._queued = _Outcome()
            self._nursery.start_soon(self._run, self._queued)
        mine = self._queued
        await mine.done.wait()
        return mine.refused

    async def _run(self, outcome: _Outcome) -> None:
        async with self._one_at_a_time:
            self._queued = None
            outcome.refused = await self._reload()
        outcome.done.set()


class _Desk:
    """Answers the callers."""

    def __init__(self, status: Status, history: History, reload: Reload, nursery: trio.Nursery) -> None:
        self._status, self._history, self._reloads = status, history, _Reloads(reload, nursery)
        self._nursery = nursery
        self._callers: list[_Caller] = []

    def let_in(self, connection: trio.socket.SocketType) -> None:
        """Serve this one too."""
        if len(self._callers) >= MOST_CALLERS:
            oldest = next((caller for caller in self._callers if not caller.has_asked), self._callers[0])
            self._callers.remove(oldest)
            oldest.scope.cancel()
        caller = _Caller()
        self._callers.append(caller)
        self._nursery.start_soon(self._serve, connection, caller)

    async def _serve(self, connection: trio.socket.SocketType, caller: _Caller) -> None:
        weather = suppress(ControlError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)
        with connection, caller.scope, weather:
            await self._converse(trio.SocketStream(connection), caller)
        if caller in self._callers:
            self._callers.remove(caller)

    async def _converse(self, stream: trio.SocketStream, caller: _Caller) -> None:
        with trio.fail_after(QUESTION_TIMEOUT):
            question = parse_request_untrusted(await _first_line(stream))
        caller.has_asked = True
        answer = await self._answer(question)
        with trio.fail_after(QUESTION_TIMEOUT):
            await stream.send_all(answer)

    async def _answer(self, question: Question) -> bytes:
        """Raises `ControlError`."""
        match question.ask:
            case "status":
                return build_report(self._status())
            case "history":
                try:
                    return build_history(await self._history(question.name))
                except OSError as error:
                    return build_failure(f"the record of resets cannot be read: {error.strerror or error}")
            case "reload":
                return build_outcome(await self._reloads.ask())
        raise ControlError("unknown question")


async def serve_control(
    paths: Paths,
    status: Status,
    history: History = _no_history,
    reload: Reload = _no_reload,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer until cancelled; `history` of one server or all, `reload` with the reason of a refusal or nothing.

    Raises OSError if the socket cannot be made.
    """
    paths.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket_address(paths) as address:
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        (paths.run / SOCKET_NAME).unlink(missing_ok=True)
        await listener.bind(address)
        (paths.run / SOCKET_NAME).chmod(0o600)
    listener.listen(_BACKLOG)
    try:
        async with trio.open_nursery() as nursery:
            desk = _Desk(status, history, reload, nursery)
            task_status.started()
            while True:
                connection = await _next_caller(listener)
                if _is_entitled(connection):
                    desk.let_in(connection)
                else:
                    connection.close()
    finally:
        listener.close()
        (paths.run / SOCKET_NAME).unlink(missing_ok=True)


async def _next_caller(listener: trio.socket.SocketType) -> trio.socket.SocketType:
    """Who connects next; a process that is out of descriptors waits for some."""
    while True:
        try:
            connection, _ = await listener.accept()
        except OSError:
            await trio.sleep(_AFTER_AN_ERROR)
        else:
            return connection


async def _first_line(stream: trio.SocketStream) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) <= LARGEST_REQUEST:
        chunk = await stream.receive_some(LARGEST_REQUEST)
        if not chunk:
            break
        line += chunk
    return line


def _is_entitled(connection: trio.socket.SocketType) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return user in (0, os.geteuid())
