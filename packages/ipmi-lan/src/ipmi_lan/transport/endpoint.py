"""Sockets shared by any number of sessions. Each socket has one task, which reads it and keeps the time for its sessions.

A socket takes at most one session with each address, so that an answer's sender says whose it is, and a limited number in all, so
that its receive buffer holds an answer for each. Why so: docs/decisions/shared-sockets.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

import trio

from ipmi_lan.errors import BadArgument
from ipmi_lan.transport.udp import Address, ConnectedUdpPort, Port, UdpPort

SESSIONS_ON_A_SOCKET = 128
"""The default receive buffer of Linux holds some 270 small datagrams, and a session has two at most on their way."""

_AHEAD = 0.05   # seconds; how far a station that is awake looks for lines to put off
_NEVER = float("inf")
_MOST_ENTRIES = 4   # for each line; most are of moments that came to nothing, for the answer came before


class Receiver(Protocol):
    """Who is called when something happens. The calls are short and do not wait."""

    def receive_datagram_untrusted(self, datagram: bytes) -> None:
        """From the address that it is attached to."""

    def peer_refused(self) -> None:
        """That host says that nothing listens."""

    def handle_deadline(self) -> None:
        """The time that it asked for has come, or an earlier one that it asked for before."""

    def line_lost(self) -> None:
        """The endpoint has ended before its session has; none of the other calls will come any more."""


class _Nobody:
    """The receiver of a line that is closed, so that a session is not kept for as long as it wanted to be called."""

    def receive_datagram_untrusted(self, datagram: bytes) -> None:
        pass

    def peer_refused(self) -> None:
        pass

    def handle_deadline(self) -> None:
        pass

    def line_lost(self) -> None:
        pass


_NOBODY = _Nobody()


class Line:
    """One session's way through an endpoint."""

    __slots__ = ("_station", "address", "due", "receiver", "send_to", "wanted")

    def __init__(self, station: _Station, address: Address, receiver: Receiver) -> None:
        self._station, self.address = station, address
        self.receiver = receiver
        self.send_to = station.port.send
        self.wanted = _NEVER
        """When its receiver wants to be called."""
        self.due = _NEVER
        """When the station looks after it: then, or earlier."""

    def send(self, datagram: bytes) -> None:
        """To the address that it is attached to."""
        self.send_to(datagram, self.address)

    def wake_at(self, deadline: float) -> None:
        """Call the receiver then, and not at the moment given before."""
        self.wanted = deadline
        if deadline < self.due:
            self.due = deadline
            self._station.note(self)

    def close(self) -> None:
        """Nothing more comes through it. A second call does nothing."""
        self.due = self.wanted = _NEVER
        self.receiver = _NOBODY
        self._station.release(self)


class _Station:
    """A socket, the lines on it by address, and when each is due."""

    def __init__(self, family: int, port: Port, may_stay: Callable[[_Station], bool]) -> None:
        """It is there for as long as it has lines, and longer where `may_stay` says so."""
        self.family, self.port = family, port
        self._may_stay = may_stay
        self.lines: dict[Address, Line] = {}
        self.is_over = False
        self._heap: list[tuple[float, int, Line]] = []
        self._count = count()
        self._nap = trio.CancelScope()

    def note(self, line: Line) -> None:
        """`line` has a new moment at which it is due."""
        heappush(self._heap, (line.due, next(self._count), line))
        if len(self._heap) > _MOST_ENTRIES * (len(self.lines) + 1):
            self._heap[:] = [(one.due, next(self._count), one) for one in self.lines.values() if one.due < _NEVER]
            heapify(self._heap)
        if line.due < self._nap.deadline:
            self._nap.deadline = line.due

    def release(self, line: Line) -> None:
        """`line` is closed."""
        if self.lines.get(line.address) is line:
            del self.lines[line.address]
        if not self.lines and not self._may_stay(self):
            self.stop()

    def stop(self) -> None:
        """End `run`."""
        self.is_over = True
        self._nap.cancel()
        for line in list(self.lines.values()):
            line.receiver.line_lost()

    async def run(self) -> None:
        """Read, and call whoever is due, until stopped; shielded from a cancellation from outside."""
        try:
            while not self.is_over:
                due = self._heap[0][0] if self._heap else _NEVER
                with trio.CancelScope(deadline=due, shield=True) as self._nap:
                    await self._read()
                self._call_due(trio.current_time())
        finally:
            self.port.close()

    async def _read(self) -> None:
        port, lines = self.port, self.lines
        while True:
            for datagram, address in await port.receive():
                line = lines.get(address)
                if line is None:
                    continue
                if datagram is None:
                    line.receiver.peer_refused()
                else:
                    line.receiver.receive_datagram_untrusted(datagram)

    def _call_due(self, now: float) -> None:
        """Those whose answer has come since are put off: a station that wakes for each of them would do nothing else."""
        heap, late = self._heap, []
        while heap and heap[0][0] <= now + _AHEAD:
            due, _, line = heap[0]
            if line.due == due and line.wanted == due and due > now:
                break
            heappop(heap)
            if line.due != due:     # it was moved, or closed
                continue
            line.due = _NEVER
            if line.wanted > due:
                line.wake_at(line.wanted)
            else:
                late.append(line)
        for line in late:
            line.receiver.handle_deadline()


class Endpoint:
    """Where sessions send and receive. Use `open_endpoint`."""

    def __init__(self, nursery: trio.Nursery, open_port: Callable[[int], Port], sessions_on_a_socket: int) -> None:
        self._nursery = nursery
        self._open_port = open_port
        self._capacity = sessions_on_a_socket
        self._stations: list[_Station] = []
        self._is_over = False

    def attach(self, family: int, address: Address, receiver: Receiver) -> Line:
        """A line to `address`. Raises OSError where no socket can be opened, `BadArgument` after the end of the endpoint."""
        if self._is_over:
            raise BadArgument("this endpoint is closed: its block has ended")
        station = next((station for station in self._stations if self._has_room(station, family, address)), None)
        if station is None:
            station = _Station(family, self._port(family, address), self._may_stay)
            self._stations = [*(each for each in self._stations if not each.is_over), station]
            self._nursery.start_soon(station.run)
        line = station.lines[address] = Line(station, address, receiver)
        return line

    def stop(self) -> None:
        """End every socket's task, and close the sockets."""
        self._is_over = True
        for station in self._stations:
            station.stop()

    def _has_room(self, station: _Station, family: int, address: Address) -> bool:
        if station.is_over or station.family != family:
            return False
        return len(station.lines) < self._capacity and address not in station.lines

    def _may_stay(self, station: _Station) -> bool:
        """One socket of each family is kept for the sessions to come, unless it is connected to its BMC."""
        idle = (other for other in self._stations if not other.lines and not other.is_over and other is not station)
        return self._capacity > 1 and not self._is_over and all(other.family != station.family for other in idle)

    def _port(self, family: int, address: Address) -> Port:
        if self._capacity == 1 and self._open_port is UdpPort:
            return ConnectedUdpPort(family, address)
        return self._open_port(family)


@asynccontextmanager
async def open_endpoint(
    sessions_on_a_socket: int = SESSIONS_ON_A_SOCKET, open_port: Callable[[int], Port] = UdpPort
) -> AsyncIterator[Endpoint]:
    """An endpoint for as many clients as you like, until the block ends. Its tasks go on while the caller is being cancelled,
    so that the clients inside can close their sessions.

    `sessions_on_a_socket` 1 gives each session a socket of its own, connected to its BMC. `open_port` opens a socket of an
    address family.
    """
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        endpoint = Endpoint(nursery, open_port, sessions_on_a_socket)
        try:
            yield endpoint
        except trio.Cancelled:
            raise
        except BaseException as error:
            failure = error     # told outside of the nursery, which would wrap it
        finally:
            endpoint.stop()
    if failure is not None:
        raise failure
