"""A daemon's control socket in a thread: answers each connection with the bytes it was given, and keeps what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from haconn_cli.config.paths import Paths
from haconn_cli.control import socket_address

NEVER = None
Reply = bytes | None | Callable[[bytes], bytes | None]
"""What is answered, or how to find out from the question."""


@contextmanager
def control_server(paths: Paths, reply: Reply) -> Iterator[list[bytes]]:
    """Serve until left; a reply of `NEVER` keeps connections open and silent."""
    paths.run.mkdir(parents=True, exist_ok=True)
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with socket_address(paths) as address:
            listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, reply, asked), daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            (paths.run / "control.sock").unlink()


def _serve(listener: socket.socket, reply: Reply, asked: list[bytes]) -> None:
    silent = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        asked.append(connection.recv(1024))
        answer = reply(asked[-1]) if callable(reply) else reply
        if answer is NEVER:
            silent.append(connection)
            continue
        with suppress(OSError):  # the client had read enough
            connection.sendall(answer)
        connection.close()
    for connection in silent:
        connection.close()
