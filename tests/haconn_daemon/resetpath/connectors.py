"""Connectors in one segment, on a virtual clock; the network loses, repeats, delays and eats broadcasts with a seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_interface
from itertools import count

from haconn_cli.config.model import KeyRing, Servers
from haconn_cli.resetpath.seal import Address
from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from tests.haconn_cli.resetpath.cluster import KEYS, SERVERS, randomness
from tests.haconn_daemon.resetpath.network import Captured, Weather, statuses

PORT = 30000
EVERYONE = ("192.168.0.255", PORT)
CALM = Weather()


def segment_of(number: int, mask: int = 24) -> Segment:
    """That of connector `number`."""
    return Segment(ip_interface(f"192.168.0.{number}/{mask}"), PORT)


def make_connector(
    number: int, seed: int | None = None, *, keys: KeyRing = KEYS, servers: Servers = SERVERS, mask: int = 24,
    arbitrates: bool = True,
) -> Responder:
    """A life of connector `number`; another seed is another life."""
    segment = segment_of(number, mask)
    chance = randomness(number if seed is None else seed)
    return Responder(
        keys, segment.own, servers, chance, statuses, version="0.1.0", segment=segment, arbitrates=arbitrates
    )


@dataclass
class Connectors:
    """All of them, and what each learns."""

    responders: dict[Address, Responder]
    weather: Weather = CALM
    seed: int = 0
    now: float = 100.0
    eats_broadcasts: bool = False
    skew: dict[Address, Callable[[float], float]] = field(default_factory=dict)
    """What the clock of a connector shows; the true time unless it is here."""
    captured: list[Captured] = field(default_factory=list)

    @classmethod
    def of(cls, *numbers: int, seed: int = 0, weather: Weather = CALM) -> Connectors:
        """Connectors of these numbers, in their first lives."""
        return cls({segment_of(number).own: make_connector(number) for number in numbers}, weather, seed)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._order = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.arrivals: dict[Address, list[tuple[float, Arrival]]] = {address: [] for address in self.responders}

    def clock(self, address: Address) -> float:
        """What the clock there shows now."""
        shown = self.skew.get(address)
        return self.now if shown is None else shown(self.now)

    def start(self, number: int, responder: Responder) -> Address:
        """A life begins at that place."""
        address = segment_of(number).own
        self.responders[address] = responder
        self.arrivals.setdefault(address, [])
        return address

    def learnt(self, number: int, kind: type[Arrival]) -> list[Arrival]:
        """What connector `number` told its daemon of that kind."""
        return [arrival for _, arrival in self.arrivals[segment_of(number).own] if isinstance(arrival, kind)]

    def run(self, seconds: float) -> None:
        """Let that much time pass. Deadlines are met within 10 ms, so that every clock may show what it likes."""
        end = self.now + seconds
        while True:
            self._exchange()
            when = min([end, self.now + 0.01, *(when for when, _, _ in self._agenda[:1])])
            if when >= end:
                break
            self.now = max(self.now, when)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
        self.now = end

    def _exchange(self) -> None:
        for address, responder in list(self.responders.items()):
            for data, target in responder.datagrams_to_send(self.clock(address)):
                self._carry(Captured(data, address, target))
            while (arrival := responder.next_event()) is not None:
                self.arrivals[address].append((self.now, arrival))

    def _carry(self, captured: Captured) -> None:
        self.captured.append(captured)
        is_broadcast = captured.target == EVERYONE
        if is_broadcast and self.eats_broadcasts:
            return
        for target in list(self.responders) if is_broadcast else [captured.target]:
            for _ in range(2 if self._random.random() < self.weather.repeat else 1):
                if self._random.random() >= self.weather.loss:
                    delay = self._random.uniform(self.weather.delay, self.weather.slowest)
                    self._later(delay, partial(self.deliver, captured.data, captured.source, target))

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + delay, next(self._order), action))

    def deliver(self, data: bytes, source: Address, target: Address) -> None:
        """A datagram arrives."""
        if target in self.responders:
            self.responders[target].receive_datagram_untrusted(data, source, self.clock(target))
