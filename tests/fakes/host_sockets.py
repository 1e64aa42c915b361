"""The sockets of hosts in memory: as much of trio's, of `ipmi_lan`'s and of the reset path's as the programs use."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import trio

from ipmi_lan.transport.udp import Address as AnyAddress
from ipmi_lan.transport.udp import Arrival

if TYPE_CHECKING:
    from tests.fakes.hosts import Hosts

Address = tuple[str, int]
MOST_WAITING = 500
"""Datagrams in a socket's buffer; more are lost."""


class Life:
    """A program that runs on a host, until it is dead."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.is_dead = False
        self.is_over = False
        """Whether its last task has ended as well."""
        self.open = 0
        """Sockets."""
        self._scopes: list[trio.CancelScope] = []

    def scope(self) -> trio.CancelScope:
        """For a task of this life: it ends with it."""
        self._scopes.append(trio.CancelScope())
        return self._scopes[-1]

    def die(self) -> None:
        """Nothing more leaves, and its tasks end."""
        self.is_dead = True
        for scope in self._scopes:
            scope.cancel()


LIFE: ContextVar[Life] = ContextVar("LIFE")
"""Whose code runs: set it in the task that the program begins with."""


class Socket:
    """As much of `trio.socket.SocketType` as the programs use."""

    def __init__(self, hosts: Hosts, life: Life) -> None:
        self._hosts, self._life = hosts, life
        self._own: Address | None = None
        self._peer: Address | None = None
        self._inbox: deque[tuple[bytes, Address]] = deque()
        self._news = trio.Event()
        life.open += 1

    def setsockopt(self, *_: object) -> None:
        """Nothing of it matters here."""

    def getsockopt(self, *_: object) -> int:
        return 0

    async def bind(self, address: Address) -> None:
        self.bind_now(address)

    async def connect(self, address: Address) -> None:
        self._peer = address
        self._ensure_bound()

    def getsockname(self) -> Address:
        return self._ensure_bound()

    async def send(self, datagram: bytes) -> int:
        assert self._peer is not None
        return await self.sendto(datagram, self._peer)

    async def sendto(self, datagram: bytes, address: Address) -> int:
        await trio.lowlevel.checkpoint()
        self.send_now(bytes(datagram), (address[0], address[1]))
        return len(datagram)

    async def recv(self, size: int) -> bytes:
        return (await self.recvfrom(size))[0]

    async def recvfrom(self, size: int) -> tuple[bytes, Address]:
        await self.readable()
        return self._inbox.popleft()

    async def readable(self) -> None:
        """Until there is something."""
        await trio.lowlevel.checkpoint()
        while not self._inbox:
            self._news = trio.Event()
            await self._news.wait()

    def receive_now(self) -> tuple[bytes, Address]:
        """Raises BlockingIOError where there is nothing."""
        if not self._inbox:
            raise BlockingIOError
        return self._inbox.popleft()

    def bind_now(self, address: Address) -> None:
        """As `bind`."""
        self._own = self._hosts.bind(self, self._life.host, address)

    def send_now(self, datagram: bytes, address: Address) -> None:
        """As `sendto`."""
        own = self._ensure_bound()
        if not self._life.is_dead:
            self._hosts.send(datagram, own, address)

    def take(self, datagram: bytes, source: Address) -> None:
        """A datagram arrives."""
        if self._life.is_dead or (self._peer is not None and source != self._peer) or len(self._inbox) >= MOST_WAITING:
            return
        self._inbox.append((datagram, source))
        self._news.set()

    def close(self) -> None:
        if self._own is not None:
            self._hosts.release(self._life.host, self._own)
            self._own = None
        self._life.open -= 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ensure_bound(self) -> Address:
        if self._own is None:
            self._own = self._hosts.bind(self, self._life.host, (self._life.host, 0))
        return self._own


class Port:
    """An `ipmi_lan.transport.udp.Port`."""

    def __init__(self, hosts: Hosts, life: Life) -> None:
        self._socket = Socket(hosts, life)

    def send(self, datagram: bytes, to: AnyAddress) -> None:
        """At once."""
        self._socket.send_now(datagram, (to[0], to[1]))

    async def receive(self) -> list[Arrival]:
        """The next one."""
        return [await self._socket.recvfrom(65535)]

    def close(self) -> None:
        """Free it."""
        self._socket.close()


class ResetPathSockets:
    """In the place of `haconn_daemon.resetpath.sockets.Sockets`."""

    complaints: tuple[str, ...] = ()

    def __init__(self, hosts: Hosts, address: Address, segment: Any) -> None:
        life = LIFE.get()
        everyone = [] if segment is None or segment.everyone is None else [segment.everyone]
        self._sockets = []
        for bound in (address, *everyone):
            self._sockets.append(Socket(hosts, life))
            self._sockets[-1].bind_now(bound)

    def all(self) -> list[Socket]:
        return self._sockets

    def send(self, datagram: bytes, address: Address) -> None:
        self._sockets[0].send_now(datagram, address)

    def receive(self, source: Socket) -> tuple[bytes, Address]:
        return source.receive_now()

    def lost(self) -> int:
        return 0

    def has_moved(self) -> bool:
        return False

    def reopen(self) -> None:
        """It never moves."""

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()
