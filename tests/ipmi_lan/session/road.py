"""The way between the two ends of a `Pair` where datagrams take time. The time is virtual; a login costs a millisecond."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count

from ipmi_lan.errors import IpmiError
from ipmi_lan.session.events import Closed, Opened, OpeningFailed
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.network import LATENCY, Flight, Tap, Weather, flip
from tests.ipmi_lan.session.pair import MOST_WAKES, Pair
from tests.ipmi_lan.simulator.console import ADDRESS

_NEVER = 1e9


def as_it_is(flight: Flight) -> list[Flight]:
    """The tap of a network that works."""
    return [flight]


class Road:
    """Carries datagrams between the session and the BMC of `pair`, through `tap`."""

    def __init__(self, pair: Pair, tap: Tap = as_it_is) -> None:
        self.pair, self.tap = pair, tap
        self._heap: list[tuple[float, int, Flight]] = []
        self._count = count()
        self._wakes = 0

    def travel(self, until: float, is_done: Callable[[], bool] = lambda: False) -> None:
        """Let everything happen up to `until`, or until `is_done`."""
        pair = self.pair
        while True:
            for datagram in pair.out():
                self._dispatch(Flight(True, datagram))
            pair.tell()
            due = min(self._heap[0][0] if self._heap else _NEVER, self._deadline(), self._held_until())
            if is_done() or due > until:
                break
            self._step(max(pair.now, due))
        pair.now = max(pair.now, until) if not is_done() else pair.now

    def log_in(self, until: float) -> IpmiError | None:
        """Until the login has come to its end, which must be in time; its error, or None."""
        pair = self.pair
        self.travel(until, lambda: bool(pair.events))
        assert pair.events, "the login has no end"
        event = pair.events[0]
        assert isinstance(event, Opened | OpeningFailed)
        return event.error if isinstance(event, OpeningFailed) else None

    def close(self) -> None:
        """Close Session; it must come to its end within a second. Then let everything arrive."""
        pair, began = self.pair, self.pair.now
        pair.session.close(pair.now)
        self.travel(began + 1.0 + LATENCY, lambda: isinstance(pair.events[-1], Closed))
        assert isinstance(pair.events[-1], Closed)
        self.travel(pair.now + 3.0)

    def _deadline(self) -> float:
        due = self.pair.session.next_deadline()
        return _NEVER if due is None else due

    def _held_until(self) -> float:
        """When the BMC sends what it has held back."""
        due = self.pair.bmc.next_due() if isinstance(self.pair.bmc, SimulatedBmc) else None
        return _NEVER if due is None else due

    def _step(self, now: float) -> None:
        pair = self.pair
        if self._held_until() <= now:
            for reply, _ in pair.simulated.due_replies(now):
                self._dispatch(Flight(False, reply))
            pair.now = now
            return
        is_woken = not self._heap or self._heap[0][0] > now
        self._wakes = self._wakes + 1 if now == pair.now and is_woken else 0
        assert self._wakes < MOST_WAKES, "the session wants to be called again and again at the same moment"
        pair.now = now
        if is_woken:
            pair.session.handle_deadline(now)
            return
        _, _, flight = heappop(self._heap)
        if flight.to_bmc:
            for reply in pair.bmc.receive_datagram_untrusted(flight.datagram, ADDRESS, now):
                self._dispatch(Flight(False, reply))
        else:
            pair.session.receive_datagram_untrusted(flight.datagram, now)

    def _dispatch(self, flight: Flight) -> None:
        for one in self.tap(flight):
            heappush(self._heap, (self.pair.now + one.delay, next(self._count), one))


def kind_of(datagram: bytes) -> int:
    """The payload type of an RMCP+ packet."""
    return parse_packet_untrusted(datagram).payload_type


def is_open_session_request(datagram: bytes) -> bool:
    """Whether a login begins with it."""
    return kind_of(datagram) == PayloadType.OPEN_SESSION_REQUEST


def is_rakp_2(datagram: bytes) -> bool:
    """Whether it is the BMC's proof."""
    return kind_of(datagram) == PayloadType.RAKP_2


class Storm:
    """A tap with chances, from a seed."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self._weather, self._random = weather, random.Random(seed)

    def __call__(self, flight: Flight) -> list[Flight]:
        weather, chance = self._weather, self._random.random
        if chance() < weather.loss:
            return []
        if chance() < weather.corruption and flight.datagram:
            flight = replace(flight, datagram=flip(flight.datagram, self._random.randrange(8 * len(flight.datagram))))
        if chance() < weather.delay:
            flight = replace(flight, delay=flight.delay + self._random.uniform(0, weather.longest_delay))
        return [flight, replace(flight, delay=flight.delay * 2)] if chance() < weather.duplication else [flight]
