"""The reset path's socket: waits for a datagram or a deadline, hands it to the responder, sends what comes out."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

import trio

from haconn_cli.resetpath.seal import Address
from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.responder import Responder

RECEIVE_BUFFER = 256 * 1024
"""Bytes: some hundred datagrams, about 50 ms of work. What comes faster than we work is lost instead of answered late."""
_LARGEST_UDP = 65535
_AFTER_ERROR = 0.01   # seconds; a broken interface must not turn the loop into a busy wait


class Endpoint:
    """Runs one `Responder` on its reset-path address."""

    def __init__(self, responder: Responder, address: Address, arrivals: trio.MemorySendChannel[Arrival]) -> None:
        self._responder = responder
        self._address = address
        self._arrivals = arrivals
        self._changed = trio.Event()
        self._arrived = trio.Event()

    def wake(self) -> None:
        """To be called after anything was told to the responder: sends what came out of it."""
        self._changed.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Bind, report started, and run until cancelled. Raises `OSError` where the address cannot be bound.

        A receiver of `arrivals` that is slow holds up only the arrivals behind it, never an answer to a path check.
        """
        family = trio.socket.AF_INET6 if ip_address(self._address[0]).version == 6 else trio.socket.AF_INET
        with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as socket:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, RECEIVE_BUFFER)
            try:
                await socket.bind(self._address)
            except OSError as error:
                where = f"reset path {self._address[0]} port {self._address[1]}"
                raise OSError(error.errno, f"{where} (haconnsetup resetpath): {error.strerror}") from None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, socket)
                nursery.start_soon(self._send, socket)
                nursery.start_soon(self._forward)
                task_status.started()

    async def _receive(self, socket: trio.socket.SocketType) -> None:
        while True:
            try:
                data, sender = await socket.recvfrom(_LARGEST_UDP)
            except OSError:   # an ICMP error about something sent earlier
                await trio.sleep(_AFTER_ERROR)
                continue
            self._responder.receive_datagram_untrusted(data, (sender[0], sender[1]), trio.current_time())
            self._arrived.set()
            self._changed.set()

    async def _send(self, socket: trio.socket.SocketType) -> None:
        while True:
            self._changed = trio.Event()
            for datagram, address in self._responder.datagrams_to_send(trio.current_time()):
                with suppress(OSError):   # lost, as on the way; whatever matters is sent again
                    await socket.sendto(datagram, address)
            deadline = self._responder.next_deadline()
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._changed.wait()

    async def _forward(self) -> None:
        while True:
            self._arrived = trio.Event()
            while (arrival := self._responder.next_event()) is not None:
                await self._arrivals.send(arrival)
            await self._arrived.wait()
