"""UDP: the one file of the client that opens a LAN socket."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

import trio

from ipmi_lan.errors import IpmiError

_MOST_DATAGRAM = 65535
_AFTER_AN_ERROR = 0.05   # seconds; an error that stays must not keep the processor busy


class PeerRefused(IpmiError):  # noqa: N818 - errors here are named for the fact
    """The kernel got an ICMP refusal for a datagram sent earlier."""


class Transport(Protocol):
    """Datagrams to and from one BMC."""

    async def send(self, datagram: bytes) -> None:
        """Send; a datagram that cannot leave is lost, as any may be."""

    async def receive(self) -> bytes:
        """The next datagram. Raises `PeerRefused`."""

    def close(self) -> None:
        """Free the socket."""


class UdpTransport:
    """A UDP socket connected to one BMC: the kernel passes only what comes from there, and reports refusals."""

    def __init__(self, socket: trio.socket.SocketType) -> None:
        self._socket = socket

    @classmethod
    async def connect(cls, host: str, port: int) -> UdpTransport:
        """A socket for `host`, an address or a name. Raises OSError where there is no route or no such name."""
        family, kind, protocol, _, address = (await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_DGRAM))[0]
        socket = trio.socket.socket(family, kind, protocol)
        try:
            await socket.connect(address)
        except BaseException:
            socket.close()
            raise
        return cls(socket)

    async def send(self, datagram: bytes) -> None:
        """Send; an error is no worse than a lost datagram, but one left behind by an earlier datagram must not cost this one."""
        with suppress(OSError):
            try:
                await self._socket.send(datagram)
            except ConnectionRefusedError:
                await self._socket.send(datagram)

    async def receive(self) -> bytes:
        """The next datagram. Raises `PeerRefused`, which is evidence, not the end.

        Any other error that the kernel reports, like a host that does not answer ARP, is a datagram lost and no more.
        """
        while True:
            try:
                return await self._socket.recv(_MOST_DATAGRAM)
            except ConnectionRefusedError as error:
                raise PeerRefused(str(error)) from None
            except OSError:
                await trio.sleep(_AFTER_AN_ERROR)

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
