"""Requesters and one connector on a terrible network with a seed, on a virtual clock; and a daemon that resets by a timetable."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from haconn_cli.config.model import KeyRing
from haconn_cli.resetpath.outcomes import Outcome
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import (
    Evidence,
    Link,
    Phase,
    ResetResult,
    ResultCode,
    Role,
    ServerStatus,
    Standing,
    Status,
)
from haconn_daemon.resetpath.arrivals import Arrival, RequestKey, ResetAsked
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_cli.resetpath.cluster import CONNECTOR, KEYS, SERVERS, randomness

STATUSES = tuple(
    ServerStatus(server.name, Link.OK, Status.MONITORING, reset_capable=True, proof_age=0.5) for server in SERVERS.servers
)
OFF = ResetResult(ResultCode.OFF_CONFIRMED, evidence=Evidence(detail="seen off twice"))


def statuses(now: float) -> Sequence[ServerStatus]:
    """What the monitoring knows."""
    return STATUSES


def make_responder(seed: int = 1, keys: KeyRing = KEYS, address: Address = CONNECTOR) -> Responder:
    """A connector's life; another seed is another life."""
    return Responder(keys, address, SERVERS, randomness(seed), statuses, version="0.1.0")


def make_requester(seed: int = 2, name: str = "PSERVER1", *, role: Role = Role.MONITOR, keys: KeyRing = KEYS) -> Requester:
    """A requester's life."""
    standing = Standing.LOCAL if name == "PSERVER1" else Standing.ELSEWHERE
    return Requester(keys, role, name, CONNECTOR, randomness(seed), SERVERS.digest(), standing=standing, version="double")


@dataclass(frozen=True)
class Weather:
    """What the network does to a datagram; each chance out of 1, delays in seconds."""

    loss: float = 0.0
    repeat: float = 0.0
    corrupt: float = 0.0
    delay: float = 0.001
    slowest: float = 0.001


@dataclass
class Captured:
    """A datagram as an attacker on the network sees it."""

    data: bytes
    source: Address
    target: Address


@dataclass
class Network:
    """Everything that happens, in order of time."""

    responder: Responder
    weather: Weather = Weather()
    seed: int = 0
    duration: float = 3.0
    """Seconds that a reset takes."""
    result: ResetResult = OFF
    now: float = 100.0
    requesters: dict[Address, Requester] = field(default_factory=dict)
    outcomes: dict[Address, list[Outcome]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    captured: list[Captured] = field(default_factory=list)
    running: dict[str, bytes] = field(default_factory=dict)
    """Operation under way, by target."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._order = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    def add(self, address: Address, requester: Requester) -> Requester:
        """Put a requester at an address."""
        self.requesters[address] = requester
        self.outcomes.setdefault(address, [])
        return requester

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at that time."""
        heapq.heappush(self._agenda, (when, next(self._order), action))

    def run(self, seconds: float) -> None:
        """Let that much time pass."""
        end = self.now + seconds
        while True:
            self._exchange()
            deadlines = [self.responder.next_deadline(), *(one.next_deadline() for one in self.requesters.values())]
            times = [when for when in deadlines if when is not None] + [when for when, _, _ in self._agenda[:1]]
            when = min(times, default=end)
            if when > end:
                break
            self.now = max(self.now, when)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
            if not self._agenda and not any(deadlines) and when == end:
                break
        self.now = end

    def _exchange(self) -> None:
        self.responder.handle_deadline(self.now)
        for data, address in self.responder.datagrams_to_send(self.now):
            self._carry(Captured(data, CONNECTOR, address))
        while (arrival := self.responder.next_event()) is not None:
            self.arrivals.append(arrival)
            if isinstance(arrival, ResetAsked):
                self._serve(arrival)
        for address, requester in self.requesters.items():
            requester.handle_deadline(self.now)
            for data in requester.datagrams_to_send(self.now):
                self._carry(Captured(data, address, CONNECTOR))
            while (outcome := requester.next_event()) is not None:
                self.outcomes[address].append(outcome)

    def _carry(self, captured: Captured) -> None:
        self.captured.append(captured)
        copies = 2 if self._random.random() < self.weather.repeat else 1
        for _ in range(copies):
            if self._random.random() < self.weather.loss:
                continue
            data = bytearray(captured.data)
            if self._random.random() < self.weather.corrupt:
                data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
            delay = self._random.uniform(self.weather.delay, self.weather.slowest)
            self.at(self.now + delay, partial(self.deliver, bytes(data), captured.source, captured.target))

    def deliver(self, data: bytes, source: Address, target: Address) -> None:
        """A datagram arrives."""
        if target == CONNECTOR:
            self.responder.receive_datagram_untrusted(data, source, self.now)
        elif target in self.requesters:
            self.requesters[target].receive_datagram_untrusted(data, self.now)

    def _serve(self, asked: ResetAsked) -> None:
        """As the daemon does: on record after 5 ms, then one operation a target, progress each second."""
        self.at(self.now + 0.005, lambda: self._accept(asked.request, asked.target))

    def _accept(self, request: RequestKey, target: str) -> None:
        joined = target in self.running
        if not joined:
            self.running[target] = self._random.randbytes(16)
            for second in range(1, int(self.duration)):
                self.at(self.now + second, partial(self._progress, target, second))
            self.at(self.now + self.duration, lambda: self._finish(target))
        self.responder.accepted(request, self.running[target], joined, self.now)

    def _progress(self, target: str, reads: int) -> None:
        if target in self.running:
            self.responder.progress(self.running[target], Phase.CONFIRMING_OFF, reads, self.now)

    def _finish(self, target: str) -> None:
        if target in self.running:
            self.responder.finished(self.running.pop(target), self.result, self.now)

    def restart(self, responder: Responder) -> None:
        """The connector dies and another life of it begins; what ran is not resumed."""
        self.responder = responder
        self.running.clear()

    def asked(self) -> list[ResetAsked]:
        """The resets that reached the daemon."""
        return [arrival for arrival in self.arrivals if isinstance(arrival, ResetAsked)]
