"""Real sockets on the loopback, for tests of at most a few seconds."""

from __future__ import annotations

import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.transport.udp import ConnectedUdpPort, Port, UdpPort

HOSTS = ["127.0.0.1", "::1"]
Open = Callable[[Any], Port]
"""Opens a socket of the client for what goes to an address."""
LIMIT = 8.0   # seconds; nothing here waits so long unless something is wrong


def shared(address: Any) -> Port:
    return UdpPort(socket.AF_INET if len(address) == 2 else socket.AF_INET6)


def connected(address: Any) -> Port:
    return ConnectedUdpPort(socket.AF_INET if len(address) == 2 else socket.AF_INET6, address)


BOTH = pytest.mark.parametrize("opened", [shared, connected])


def limited(story: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that runs `story` under trio, for `LIMIT` seconds at most."""

    @functools.wraps(story)
    def test(*arguments: object, **named: object) -> None:
        async def main() -> None:
            with trio.fail_after(LIMIT):
                await story(*arguments, **named)

        trio.run(main)

    return test


def a_socket(host: str = "127.0.0.1") -> trio.socket.SocketType:
    """Bound to a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    plain = socket.socket(family, socket.SOCK_DGRAM)
    try:
        plain.bind((host, 0))
    except OSError:
        plain.close()
        pytest.skip(f"this machine has no {host}")
    return trio.socket.from_stdlib_socket(plain)


def a_closed_port(host: str = "127.0.0.1") -> int:
    """Nobody listens there."""
    with a_socket(host) as sock:
        return int(sock.getsockname()[1])


@asynccontextmanager
async def answering(bmc: SimulatedBmc, host: str) -> AsyncIterator[int]:
    """`bmc` on a socket of its own, IPv6 as well; its port."""

    async def serve(sock: trio.socket.SocketType) -> None:
        while True:
            datagram, address = await sock.recvfrom(65535)
            for reply in bmc.receive_datagram_untrusted(datagram, address[:2], trio.current_time()):
                await sock.sendto(reply, address)

    with a_socket(host) as sock:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, sock)
            yield int(sock.getsockname()[1])
            nursery.cancel_scope.cancel()
