"""The local socket that haconnsetup asks (`haconn_cli.control` has the messages). Only root and our own user are answered."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

import trio

from haconn_cli.config.paths import Paths
from haconn_cli.control import (
    LARGEST_REQUEST,
    SOCKET_NAME,
    ControlError,
    StatusReport,
    build_report,
    parse_request_untrusted,
    socket_address,
)

_QUESTION_TIMEOUT = 5.0
_MOST_CALLERS = 16
_AFTER_AN_ERROR = 0.1   # seconds
_CREDENTIALS = struct.Struct("3i")


async def serve_control(
    paths: Paths, report: Callable[[], StatusReport], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer `status` with `report()` until cancelled. Raises OSError if the socket cannot be made."""
    paths.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket_address(paths) as address:
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        (paths.run / SOCKET_NAME).unlink(missing_ok=True)
        await listener.bind(address)
        (paths.run / SOCKET_NAME).chmod(0o600)
    listener.listen(_MOST_CALLERS)
    callers = trio.Semaphore(_MOST_CALLERS)
    try:
        async with trio.open_nursery() as nursery:
            task_status.started()
            while True:
                await callers.acquire()
                nursery.start_soon(_serve_one, await _next_caller(listener), report, callers)
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


async def _serve_one(connection: trio.socket.SocketType, report: Callable[[], StatusReport], callers: trio.Semaphore) -> None:
    try:
        with connection, trio.move_on_after(_QUESTION_TIMEOUT):
            if _is_entitled(connection):
                stream = trio.SocketStream(connection)
                if parse_request_untrusted(await _first_line(stream)) == "status":
                    await stream.send_all(build_report(report()))
    except (ControlError, trio.BrokenResourceError, trio.ClosedResourceError):
        return
    finally:
        callers.release()


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
