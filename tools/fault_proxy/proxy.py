"""A UDP proxy that does to datagrams what a plan says: the trio shell. Each client is followed on a socket of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

import trio

from tools.fault_proxy.plan import WAYS, Fate, Faults

Address = tuple[str, int]
MOST_CLIENTS = 256
"""The one that was silent longest makes room for a new one."""
MOST_ON_THE_WAY = 20_000
"""Datagrams that are held at once; more are lost."""
_LARGEST_UDP = 65535
_AFTER_ERROR = 0.01   # seconds


class Proxy:
    """Between clients at `listen` and one server."""

    def __init__(self, server: Address, faults: Faults, seed: int, note: Callable[[str], None] = lambda line: None) -> None:
        """`note` is told a line for each fault, with the seconds since the start."""
        self.server = server
        self._seed, self._note, self._began = seed, note, 0.0
        self._fates = {way: Fate(faults, seed, way, self._tell) for way in WAYS}
        self._clients: dict[Address, _Client] = {}
        self._held: list[tuple[float, int, bytes, trio.socket.SocketType, Address | None]] = []
        self._number = count()
        self._news = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._socket: trio.socket.SocketType | None = None

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """What was done, by way."""
        return {way: fate.counts for way, fate in self._fates.items()}

    def set_faults(self, there: Faults, back: Faults | None = None) -> None:
        """From now on; `back` as `there` where it is not given."""
        self._fates["there"].faults, self._fates["back"].faults = there, back or there

    async def run(self, listen: Address, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; started with the address bound. Raises OSError where it is taken."""
        self._began = trio.current_time()
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as self._socket:
            await self._socket.bind(listen)
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._deliver)
                task_status.started(self._socket.getsockname())
                await self._listen(self._socket)

    def _tell(self, way: str, fault: str, size: int) -> None:
        self._note(f"{trio.current_time() - self._began:9.3f} {way:5} {fault} {size}")

    async def _listen(self, socket: trio.socket.SocketType) -> None:
        while True:
            try:
                datagram, sender = await socket.recvfrom(_LARGEST_UDP)
            except OSError:
                await trio.sleep(_AFTER_ERROR)
                continue
            client = self._clients.pop(sender, None) or await self._new_client(sender)
            self._clients[sender] = client   # the last one is the one heard of last
            self._take("there", datagram, client.socket, None)

    async def _new_client(self, sender: Address) -> _Client:
        if len(self._clients) >= MOST_CLIENTS:
            self._clients.pop(next(iter(self._clients))).scope.cancel()
        socket = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        await socket.connect(self.server)
        client = _Client(socket)
        assert self._nursery is not None
        self._nursery.start_soon(self._follow, client, sender)
        return client

    async def _follow(self, client: _Client, sender: Address) -> None:
        """Bring back what the server says to this client."""
        assert self._socket is not None
        with client.scope, client.socket:
            while True:
                try:
                    datagram = await client.socket.recv(_LARGEST_UDP)
                except OSError:   # a refusal is not passed on: the network has swallowed it
                    await trio.sleep(_AFTER_ERROR)
                    continue
                self._take("back", datagram, self._socket, sender)

    def _take(self, way: str, datagram: bytes, socket: trio.socket.SocketType, to: Address | None) -> None:
        now = trio.current_time()
        for copy in self._fates[way].judge(datagram):
            if len(self._held) < MOST_ON_THE_WAY:
                heappush(self._held, (now + copy.delay, next(self._number), copy.datagram, socket, to))
        self._news.set()

    async def _deliver(self) -> None:
        while True:
            self._news = trio.Event()
            while self._held and self._held[0][0] <= trio.current_time():
                _, _, datagram, socket, to = heappop(self._held)
                with suppress(OSError, trio.ClosedResourceError):
                    await (socket.send(datagram) if to is None else socket.sendto(datagram, to))
            with trio.move_on_at(self._held[0][0] if self._held else float("inf")):
                await self._news.wait()


class _Client:
    """One client's socket toward the server."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self.socket = socket
        self.scope = trio.CancelScope()
