"""Hosts in memory, on trio's clock: UDP sockets for trio's own callers and for `ipmi_lan`, simulated BMCs, and the ways between.

Every way, from one host to another, has a fate of its own out of the seed (`tools.fault_proxy.plan`). What a life of a program
opened is dead when that life is: nothing that it still sends leaves, as after a crash.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

import trio

from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.transport.endpoint import open_endpoint
from tests.fakes.host_sockets import LIFE, Address, Port, ResetPathSockets, Socket
from tools.fault_proxy.plan import Fate, Faults

Rates = Callable[[str, str], Faults]
Tap = Callable[[Address, Address, bytes], None]


class Hosts(trio.abc.SocketFactory):
    """All sockets, all BMCs, and everything on its way."""

    def __init__(self, seed: object) -> None:
        self.rates: Rates = lambda source, target: Faults(latency=0.0005)
        """Of the way from a host to a host, now."""
        self.tap: Tap = lambda source, target, datagram: None
        """Sees everything that is sent."""
        self.on_bmc: Callable[[SimulatedBmc, str], None] = lambda bmc, source: None
        """Called after a BMC has taken a datagram from a host."""
        self._seed = seed
        self._fates: dict[tuple[str, str], Fate] = {}
        self._sockets: dict[tuple[str, Address], Socket] = {}   # by host, and what they are bound to
        self._bmcs: dict[Address, SimulatedBmc] = {}
        self._ports = itertools.count(40000)
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, bytes, Address, Address, str]] = []
        self._news = trio.Event()

    def put(self, bmc: SimulatedBmc, host: str, port: int = 623) -> None:
        """From now on `bmc` answers there."""
        self._bmcs[host, port] = bmc

    def socket(self, family: int = 0, type: int = 0, proto: int = 0) -> Any:  # noqa: A002 - as trio names it
        """In the place of `trio.socket.socket`."""
        return Socket(self, LIFE.get())

    def plug_in(self, monkeypatch: Any) -> None:
        """Every `open_client` without an endpoint goes through here, and the connectors' side of the reset path."""
        monkeypatch.setattr(
            "ipmi_lan.client.open_endpoint", lambda sessions: open_endpoint(sessions, lambda family: Port(self, LIFE.get()))
        )

        wait_readable = trio.lowlevel.wait_readable

        async def wait(source: Any) -> None:
            await (source.readable() if isinstance(source, Socket) else wait_readable(source))

        monkeypatch.setattr("haconn_daemon.resetpath.endpoint.Sockets", partial(ResetPathSockets, self))
        monkeypatch.setattr(trio.lowlevel, "wait_readable", wait)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver, until cancelled; from here on trio's sockets are these."""
        trio.socket.set_custom_socket_factory(self)
        task_status.started()
        while True:
            self._news = trio.Event()
            while (due := self._next()) is not None and due <= trio.current_time():
                self._deliver_due()
            with trio.move_on_at(due if due is not None else float("inf")):
                await self._news.wait()

    def send(self, datagram: bytes, source: Address, target: Address) -> None:
        """Put a datagram on its way."""
        self.tap(source, target, datagram)
        self.forge(datagram, source, target)

    def forge(self, datagram: bytes, source: Address, target: Address) -> None:
        """The same for one that its source never sent."""
        everybody = [host for host, bound in self._sockets if bound == target and host not in (source[0], target[0])]
        for host in everybody or [target[0]]:
            self._send_to(host, datagram, source, target)

    def _send_to(self, host: str, datagram: bytes, source: Address, target: Address) -> None:
        """`target` is the host's own address, or one that it listens to with others: a broadcast."""
        way = source[0], host
        if way not in self._fates:
            self._fates[way] = Fate(Faults(), self._seed, f"{way[0]} {way[1]}")
        fate = self._fates[way]
        fate.faults = self.rates(*way)
        for copy in fate.judge(datagram):
            due = trio.current_time() + copy.delay
            heappush(self._agenda, (due, next(self._order), copy.datagram, source, target, host))
            self._news.set()

    def bind(self, socket: Socket, host: str, address: Address) -> Address:
        """Give a socket its address. Raises OSError where it is taken."""
        own = address if address[1] else (address[0], next(self._ports))
        if (host, own) in self._sockets:
            raise OSError(98, "Address already in use")
        self._sockets[host, own] = socket
        return own

    def release(self, host: str, address: Address) -> None:
        """The socket is closed."""
        self._sockets.pop((host, address), None)

    def _next(self) -> float | None:
        dues = [bmc.next_due() for bmc in self._bmcs.values()]
        return min([due for due in dues if due is not None] + [entry[0] for entry in self._agenda[:1]], default=None)

    def _deliver_due(self) -> None:
        now = trio.current_time()
        if self._agenda and self._agenda[0][0] <= now:
            _, _, datagram, source, target, host = heappop(self._agenda)
            self._arrive(datagram, source, target, host, now)
        for own, bmc in self._bmcs.items():
            for reply, to in bmc.due_replies(now):
                self.send(reply, own, to)

    def _arrive(self, datagram: bytes, source: Address, target: Address, host: str, now: float) -> None:
        if (bmc := self._bmcs.get(target)) is not None:
            replies = bmc.receive_datagram_untrusted(datagram, source, now)
            self.on_bmc(bmc, source[0])
            for reply in replies:
                self.send(reply, target, source)
        elif (socket := self._sockets.get((host, target))) is not None:
            socket.take(datagram, source)
