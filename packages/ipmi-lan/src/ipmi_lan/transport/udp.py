"""UDP: the one file of the client that opens a LAN socket."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from errno import ECONNREFUSED
from typing import Protocol

import trio

Address = tuple[str, int] | tuple[str, int, int, int]
"""As the socket module gives it: host and port, and of IPv6 the flow label and the scope."""
Arrival = tuple[bytes | None, Address]
"""A datagram and where it came from; None: that host refuses datagrams (ICMP port unreachable)."""

_MOST_DATAGRAM = 65535
_AT_ONCE = 128      # datagrams taken in one go, so that other tasks get their turn
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR of Linux: the kernel tells which datagram was refused, though the socket is not connected."""
_ERROR = struct.Struct("=IBBBBII")   # struct sock_extended_err
_AFTER_AN_ERROR = 0.05   # seconds; an error that stays must not keep the processor busy


class Port(Protocol):
    """Datagrams to and from any number of BMCs."""

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, at once; a datagram that cannot leave is lost, as any may be."""

    async def receive(self) -> list[Arrival]:
        """What has arrived, at least one. A call that is cancelled loses none."""

    def close(self) -> None:
        """Free the socket."""


class UdpPort:
    """One UDP socket. It is not connected: whoever takes its datagrams looks where they came from."""

    def __init__(self, family: int) -> None:
        """`family` is AF_INET or AF_INET6. Raises OSError where the host has none of it."""
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        level, option = _RECVERR[socket.AddressFamily(family)]
        self._socket.setsockopt(level, option, 1)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send. The kernel may report here what an earlier datagram, to whomever, met: that must not cost this one."""
        with suppress(OSError):
            try:
                self._socket.sendto(datagram, to)
            except BlockingIOError:
                raise
            except OSError:
                self._socket.sendto(datagram, to)

    async def receive(self) -> list[Arrival]:
        """What has arrived, at least one."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            arrivals = self._datagrams()
            if arrivals:
                return arrivals
            reports = self._reports()
            refusals: list[Arrival] = [(None, peer) for error, peer in reports if error == ECONNREFUSED]
            if refusals:
                return refusals
            if not reports:
                await trio.sleep(_AFTER_AN_ERROR)

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()

    def _datagrams(self) -> list[Arrival]:
        """What there is of them; where there are none, it was the error queue that made the socket readable."""
        arrivals: list[Arrival] = []
        receive = self._socket.recvfrom
        try:
            while len(arrivals) < _AT_ONCE:
                arrivals.append(receive(_MOST_DATAGRAM))
        except OSError:
            pass     # nothing more, or a refusal, which the error queue tells in full
        return arrivals

    def _reports(self) -> list[tuple[int, Address]]:
        """The socket's error queue: error number, and to whom the datagram went. Only a refusal is more than a datagram lost."""
        found: list[tuple[int, Address]] = []
        with suppress(OSError):
            for _ in range(_AT_ONCE):
                _, details, _, peer = self._socket.recvmsg(1, 512, socket.MSG_ERRQUEUE)
                found.append((next((_ERROR.unpack_from(content)[0] for _, _, content in details), 0), peer))
        return found


class ConnectedUdpPort:
    """A UDP socket connected to one BMC: the kernel passes only what comes from there, and reports refusals by itself."""

    def __init__(self, family: int, peer: Address) -> None:
        """Raises OSError where there is no route."""
        self._peer = peer
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(peer)
        except BaseException:
            self._socket.close()
            raise

    def send(self, datagram: bytes, to: Address) -> None:
        """Send to the BMC; `to` is always that one. The kernel may report here what an earlier datagram met."""
        with suppress(OSError):
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                raise
            except OSError:
                self._socket.send(datagram)

    async def receive(self) -> list[Arrival]:
        """The next datagram, or refusal."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return [(self._socket.recv(_MOST_DATAGRAM), self._peer)]
            except ConnectionRefusedError:
                return [(None, self._peer)]
            except BlockingIOError:
                continue
            except OSError:
                await trio.sleep(_AFTER_AN_ERROR)

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()


def address_of(host: str, port: int) -> tuple[int, Address] | None:
    """Address family and address, where `host` is an address; None where it is a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, UnicodeError):
            plain = socket.inet_ntop(family, socket.inet_pton(family, host))   # as the kernel writes it
            return family, (plain, port) if family == socket.AF_INET else (plain, port, 0, 0)
    return None


async def look_up(host: str, port: int) -> tuple[int, Address]:
    """Address family and address of the name `host`. Raises OSError where there is none, UnicodeError for what cannot be one."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1])) if len(address) == 2 else (str(address[0]), int(address[1]), *address[2:])
