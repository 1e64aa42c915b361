"""The reset path's sockets: one at the reset-path address, which also sends, and one that hears what is for all connectors.

Linux gives a broadcast only to sockets bound to that very address (or to none), so the first one does not hear it. Neither is
bound to the interface (SO_BINDTODEVICE): what HA Monitor sends to the connector on its own server arrives on the loopback, and
would be lost. Instead each datagram says where it is to leave (IP_PKTINFO, IPV6_PKTINFO), save those for this server itself. So
broadcasts go out of the right interface also where two of them are in one segment; the sender's address is the socket's.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from typing import Any

from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.wire.frame import LARGEST
from haconn_daemon.resetpath.interfaces import complaints, held_addresses, index_of
from haconn_daemon.resetpath.kernelfilter import filter_program
from haconn_daemon.resetpath.segment import Segment

RECEIVE_BUFFER = 256 * 1024
"""Bytes: some hundred datagrams, about 50 ms of work. What comes faster than we work is lost instead of answered late."""
_MOST = LARGEST + 1   # what is longer is cut to this, and too long
_SO_ATTACH_FILTER, _SO_MEMINFO = 26, 55
_DROPS = 8   # in SO_MEMINFO
_IP_PKTINFO, _IPV6_PKTINFO = 8, 50


class Sockets:
    """Bound to one address, and to one interface at a time."""

    def __init__(self, address: Address, segment: Segment | None) -> None:
        """Bind. Raises `OSError` where the address cannot be bound. Without `segment` there are no broadcasts and no filter."""
        self._address, self._segment = address, segment
        self._own = ip_address(address[0]).packed
        self._family = socket.AF_INET6 if ip_address(address[0]).version == 6 else socket.AF_INET
        self._local: frozenset[str] = frozenset()
        self.index: int | None = None
        """The interface that has the address; None: not known."""
        self.complaints: tuple[str, ...] = ()
        """What is wrong with the address and the segment on this host."""
        self._broadcast: socket.socket | None = None
        with ExitStack() as stack:
            self._look()
            self._main = stack.enter_context(self._open(address))
            self._hear_broadcasts()
            stack.pop_all()

    def close(self) -> None:
        """Give everything back."""
        for each in self.all():
            each.close()

    def all(self) -> list[socket.socket]:
        """Those to receive from."""
        return [self._main] if self._broadcast is None else [self._main, self._broadcast]

    def has_moved(self) -> bool:
        """Look where the address is now; True: `reopen` is wanted, once nobody waits for the sockets."""
        before = self.index
        self._look()
        if self.index is None or self._segment is None or self._segment.everyone is None:
            return False
        # An IPv4 broadcast address is the same on any interface; membership of ff02::1 is that of one interface.
        return self._broadcast is None or (self._family == socket.AF_INET6 and self.index != before)

    def reopen(self) -> None:
        """Bind the socket that hears broadcasts anew."""
        if self._broadcast is not None:
            self._broadcast.close()
            self._broadcast = None
        self._hear_broadcasts()

    def send(self, datagram: bytes, address: Address) -> None:
        """Send, or lose it, as on the way; whatever matters is sent again."""
        with suppress(OSError):
            if self.index is None or address[0] in self._local:
                self._main.sendto(datagram, self._where(address))
            else:
                self._main.sendmsg([datagram], [self._leaving()], 0, self._where(address))

    def receive(self, source: socket.socket) -> tuple[bytes, Address]:
        """The next datagram of one of the sockets. Raises `OSError`; `BlockingIOError` where there is none."""
        data, sender = source.recvfrom(_MOST)
        return data, (sender[0], sender[1])

    def lost(self) -> int:
        """Datagrams that the kernel did not queue: filtered, or too fast for us."""
        return sum(_drops(each) for each in self.all())

    def _look(self) -> None:
        """Ask the kernel where the address is; where that does not answer, all stays as it was."""
        if self._segment is None:
            return
        with suppress(OSError):
            held = held_addresses()
            self.index = index_of(self._segment.interface, held)
            self.complaints = complaints(self._segment.interface, held)
            self._local = frozenset(str(one.address) for one in held)

    def _where(self, address: Address) -> tuple[Any, ...]:
        if self._family == socket.AF_INET:
            return address
        return (*address, 0, (self.index or 0) if ip_address(address[0]).is_link_local or address[0].startswith("ff") else 0)

    def _leaving(self) -> tuple[int, int, bytes]:
        assert self.index is not None
        if self._family == socket.AF_INET:
            return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=I4s4s", self.index, self._own, bytes(4))
        return socket.IPPROTO_IPV6, _IPV6_PKTINFO, struct.pack("=16sI", self._own, self.index)

    def _open(self, address: Address, *, is_shared: bool = False) -> socket.socket:
        opened = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            if self._family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if self._segment is not None:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, is_shared)
                _attach(opened, self._segment)
            opened.bind(self._where(address))
        except OSError as error:
            opened.close()
            where = f"reset path {address[0]} port {address[1]}"
            raise OSError(error.errno, f"{where} (haconnsetup resetpath): {error.strerror}") from None
        return opened

    def _hear_broadcasts(self) -> None:
        """Bind the second socket. Without it the connectors that know each other still reach each other alone."""
        everyone = self._segment.everyone if self._segment is not None else None
        if everyone is not None and self.index is not None:
            with suppress(OSError):
                self._broadcast = self._open(everyone, is_shared=True)


def _attach(opened: socket.socket, segment: Segment) -> None:
    program = filter_program(None if segment.is_point else segment.interface.network)
    held = ctypes.create_string_buffer(program, len(program))
    with suppress(OSError):   # a kernel without it does not filter
        opened.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
        )


def _drops(opened: socket.socket) -> int:
    try:
        told = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_DROPS + 1))
    except OSError:
        return 0
    return int.from_bytes(told[4 * _DROPS :], "little") if len(told) > 4 * _DROPS else 0
