"""A network in memory, between clients and one BMC, on the virtual clock: what it loses, doubles, delays and corrupts is seeded.

Nothing runs in the background: datagrams in flight stand in a heap, and whoever waits for one moves the heap along.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Protocol, TypeVar

import trio
from trio.testing import MockClock

from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.transport.udp import Address, Arrival

LATENCY = 0.001   # seconds, one way
_PATIENCE = 1e5   # seconds; nobody waits longer
_Result = TypeVar("_Result")


class AnyBmc(Protocol):
    """What stands at the far end."""

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """The replies to `data`."""


@dataclass(frozen=True)
class Flight:
    """One datagram on its way."""

    to_bmc: bool
    datagram: bytes
    delay: float = LATENCY


Tap = Callable[[Flight], list[Flight]]
"""Sees every datagram, and says what travels instead of it."""


@dataclass
class Weather:
    """Chances, each 0 to 1 and each for one datagram, in either direction."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: float = 0.0
    """Of being late by up to `longest_delay`; whatever was sent meanwhile overtakes it."""
    longest_delay: float = 1.0
    corruption: float = 0.0
    """Of one flipped bit."""


class Network:
    """The way between any number of clients and one BMC."""

    def __init__(self, bmc: AnyBmc, weather: Weather | None = None, seed: int = 0, tap: Tap | None = None) -> None:
        self.bmc = bmc
        self.weather = weather or Weather()
        self.tap = tap
        self.refuses = False
        """Whether the host answers every datagram with an ICMP refusal instead of passing it to the BMC."""
        self.sent: list[tuple[float, bytes]] = []
        """What clients sent, and when, before any fault."""
        self._random = random.Random(seed)
        self._heap: list[tuple[float, int, bool, bytes | None, FakePort]] = []
        self._count = 0
        self._news = trio.Event()

    def port(self) -> FakePort:
        """The socket of one more client, or endpoint."""
        return FakePort(self, 40000 + self._random.randrange(1000))

    def settle(self) -> None:
        """Let arrive what is due by now."""
        while self._heap and self._heap[0][0] <= trio.current_time():
            due, _, to_bmc, datagram, end = heappop(self._heap)
            if not to_bmc:
                end.inbox.append(datagram)
                self._tell()
            elif datagram is not None:
                for reply in self.bmc.receive_datagram_untrusted(datagram, ("192.0.2.1", end.port), due):
                    self.dispatch(Flight(False, reply), end, due)
                self._send_what_was_held_back(end)

    def _send_what_was_held_back(self, end: FakePort) -> None:
        """A simulated BMC that takes its time says when it will have answered."""
        while isinstance(self.bmc, SimulatedBmc) and (moment := self.bmc.next_due()) is not None:
            for reply, _ in self.bmc.due_replies(moment):
                self.dispatch(Flight(False, reply), end, moment)

    def dispatch(self, flight: Flight, end: FakePort, at: float) -> None:
        """Send `flight` at the moment `at`, through tap and weather."""
        for tapped in [flight] if self.tap is None else self.tap(flight):
            for one in self._fly(tapped):
                self._schedule(at + one.delay, one.to_bmc, one.datagram, end)

    def refuse(self, end: FakePort) -> None:
        """An ICMP refusal for `end`."""
        self._schedule(trio.current_time() + LATENCY, False, None, end)

    async def wait(self) -> None:
        """Until something may have arrived."""
        with trio.move_on_at(self._heap[0][0] if self._heap else trio.current_time() + _PATIENCE):
            await self._news.wait()

    def _schedule(self, due: float, to_bmc: bool, datagram: bytes | None, end: FakePort) -> None:
        self._count += 1
        heappush(self._heap, (due, self._count, to_bmc, datagram, end))
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    def _fly(self, flight: Flight) -> list[Flight]:
        weather, chance = self.weather, self._random.random
        if chance() < weather.loss:
            return []
        if chance() < weather.corruption and flight.datagram:
            flight = replace(flight, datagram=flip(flight.datagram, self._random.randrange(8 * len(flight.datagram))))
        if chance() < weather.delay:
            flight = replace(flight, delay=flight.delay + self._random.uniform(0, weather.longest_delay))
        return [flight, replace(flight, delay=flight.delay * 2)] if chance() < weather.duplication else [flight]


class FakePort:
    """An `ipmi_lan.transport.udp.Port` whose datagrams all go to the one BMC."""

    def __init__(self, network: Network, port: int) -> None:
        self.port = port
        self.inbox: deque[bytes | None] = deque()
        self.is_closed = False
        self._network = network
        self._peer: Address = ("192.0.2.1", 623)

    def send(self, datagram: bytes, to: Address) -> None:
        """Put `datagram` on its way."""
        assert not self.is_closed
        self._peer = to
        self._network.settle()
        self._network.sent.append((trio.current_time(), datagram))
        if self._network.refuses:
            self._network.refuse(self)
        else:
            self._network.dispatch(Flight(True, datagram), self, trio.current_time())

    async def receive(self) -> list[Arrival]:
        """What has arrived; a cancelled call loses none."""
        await trio.lowlevel.checkpoint()
        while True:
            assert not self.is_closed
            self._network.settle()
            if self.inbox:
                arrivals: list[Arrival] = [(datagram, self._peer) for datagram in self.inbox]
                self.inbox.clear()
                return arrivals
            await self._network.wait()

    def inject(self, datagram: bytes) -> None:
        """A datagram out of nowhere, past tap and weather, for this client."""
        self._network._schedule(trio.current_time() + LATENCY, False, datagram, self)

    def close(self) -> None:
        """The endpoint is done."""
        self.is_closed = True


def flip(data: bytes, bit: int) -> bytes:
    """`data` with one bit the other way."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def run_virtually(story: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run `story` on a clock that jumps to the next deadline as soon as nothing else is to do; what hangs, fails."""

    async def main() -> _Result:
        with trio.fail_after(_PATIENCE):
            return await story()

    return trio.run(main, clock=MockClock(autojump_threshold=0))
