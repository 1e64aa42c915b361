"""A network in memory between `ipmi_lan.open_client` and simulated BMCs, on trio's clock, be it real or virtual."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import pytest
import trio

from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.transport.endpoint import open_endpoint
from ipmi_lan.transport.udp import Address, Arrival

Lost: TypeAlias = Callable[[str, bytes], bool]
"""Whether a datagram is lost, by its direction (`in` to the BMC, `out` from it) and its octets."""


class Lan:
    """BMCs by address; what is sent to an address without one is lost."""

    def __init__(self) -> None:
        self.latency = 0.0
        """Seconds that a datagram takes, each way."""
        self.is_lost: Lost = lambda direction, datagram: False
        self.connections = 0
        self.open_connections = 0
        self._bmcs: dict[tuple[str, int], SimulatedBmc] = {}
        self._ports = itertools.count(40000)

    def put(self, bmc: SimulatedBmc | None, host: str, port: int = 623) -> None:
        """From now on `bmc` answers there, for those connected already as well; None: nobody does."""
        self._bmcs.pop((host, port), None)
        if bmc is not None:
            self._bmcs[host, port] = bmc

    def open_port(self, family: int) -> Wire:
        """In the place of `UdpPort`."""
        self.connections += 1
        self.open_connections += 1
        return Wire(self, ("192.0.2.100", next(self._ports)))

    def answer(self, datagram: bytes, to: tuple[str, int], sender: tuple[str, int]) -> list[bytes]:
        """What comes back for a datagram."""
        bmc = self._bmcs.get(to)
        if bmc is None or self.is_lost("in", datagram):
            return []
        replies = bmc.receive_datagram_untrusted(datagram, sender, trio.current_time() + self.latency)
        return [reply for reply in replies if not self.is_lost("out", reply)]


class Wire:
    """One console's socket: an `ipmi_lan.transport.udp.Port`."""

    def __init__(self, lan: Lan, own: tuple[str, int]) -> None:
        self._lan, self._own = lan, own
        self._arriving: deque[tuple[float, Arrival]] = deque()
        self._news = trio.Event()
        self._is_closed = False

    def send(self, datagram: bytes, to: Address) -> None:
        """Takes no time itself."""
        due = trio.current_time() + 2 * self._lan.latency
        self._arriving += [(due, (reply, to)) for reply in self._lan.answer(datagram, (to[0], to[1]), self._own)]
        self._news.set()

    async def receive(self) -> list[Arrival]:
        """The next reply, when it is due; a cancelled call takes none."""
        await trio.lowlevel.checkpoint()
        while not self._arriving:
            self._news = trio.Event()
            await self._news.wait()
        await trio.sleep_until(self._arriving[0][0])
        return [self._arriving.popleft()[1]]

    def close(self) -> None:
        """Counted, so that a leak shows."""
        if not self._is_closed:
            self._is_closed = True
            self._lan.open_connections -= 1


def plug_in(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `open_client` without an endpoint goes through `lan`."""
    monkeypatch.setattr("ipmi_lan.client.open_endpoint", lambda sessions: open_endpoint(sessions, lan.open_port))
