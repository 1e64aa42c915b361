"""Listens for fence_kdump: waits for a datagram, and says who has sent it."""

from __future__ import annotations

import errno
from collections.abc import Callable

import trio

from haconn_daemon.monitor.dump import parse_kdump_untrusted

ANY_ADDRESS = ("::", "0.0.0.0")  # noqa: S104
"""The server that crashes may send over any of its networks."""
_AFTER_ERROR = 0.01   # seconds
_MAPPED = "::ffff:"


async def listen(
    port: int,
    hear: Callable[[str], None],
    hosts: tuple[str, ...],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `hear` with the address of each sender, until cancelled. The first of `hosts` that there is counts.

    Raises `OSError` where the port cannot be had.
    """
    with await _bound(port, hosts) as socket:
        task_status.started()
        while True:
            try:
                datagram, sender = await socket.recvfrom(64)
            except OSError:
                await trio.sleep(_AFTER_ERROR)
                continue
            if parse_kdump_untrusted(datagram):
                hear(sender[0].removeprefix(_MAPPED).partition("%")[0])


async def _bound(port: int, hosts: tuple[str, ...]) -> trio.socket.SocketType:
    """One socket for both families; on a machine without IPv6 one for IPv4."""
    for host in hosts:
        is_last = host == hosts[-1]
        socket = None
        try:
            socket = trio.socket.socket(trio.socket.AF_INET6 if ":" in host else trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
            if ":" in host:
                socket.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 0)
            await socket.bind((host, port))
        except OSError as error:
            if socket is not None:
                socket.close()
            if is_last or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise OSError(error.errno, f"kdump_port {port}: {error.strerror}") from None
        else:
            return socket
    raise AssertionError("the last one returns or raises")
