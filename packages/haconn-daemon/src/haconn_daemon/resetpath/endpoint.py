"""The reset path on its sockets: waits for datagrams or a deadline, hands them to the responder, sends what comes out."""

from __future__ import annotations

import socket as plain

import trio

from haconn_cli.resetpath.seal import Address
from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.inbox import Inbox
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from haconn_daemon.resetpath.sockets import Sockets

MOST_A_TURN = 512
"""Datagrams taken from the kernel before anything else has its turn: about a millisecond."""
FOLLOW_INTERVAL = 2.0
"""Seconds between two looks at which interface has the reset-path address."""
_AFTER_ERROR = 0.01   # seconds; a broken interface must not turn the loop into a busy wait


class Endpoint:
    """Runs one `Responder` on its reset-path address."""

    def __init__(
        self, responder: Responder, address: Address, arrivals: trio.MemorySendChannel[Arrival], segment: Segment | None = None
    ) -> None:
        """Without `segment` it neither hears nor sends broadcasts."""
        self._responder = responder
        self._address = address
        self._segment = segment
        self._arrivals = arrivals
        self._changed = trio.Event()
        self._arrived = trio.Event()
        self.complaints: tuple[str, ...] = ()
        """What is wrong with the reset-path address and its segment on this host, a line each (manual O5)."""

    def wake(self) -> None:
        """To be called after anything was told to the responder: sends what came out of it."""
        self._changed.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Bind, report started, and run until cancelled. Raises `OSError` where the address cannot be bound; it may be run again.

        A receiver of `arrivals` that is slow holds up only the arrivals behind it, never an answer to a path check.
        """
        sockets = Sockets(self._address, self._segment)
        self._note_complaints(sockets)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, sockets)
                nursery.start_soon(self._send, sockets)
                nursery.start_soon(self._forward)
                task_status.started()
        finally:
            sockets.close()

    def _note_complaints(self, sockets: Sockets) -> None:
        if sockets.complaints != self.complaints:
            self.complaints = sockets.complaints
            self._responder.note_segment(self.complaints)
            self._arrived.set()

    async def _receive(self, sockets: Sockets) -> None:
        """From all sockets. The one for broadcasts is bound anew when that is wanted; what has come through it still counts."""
        own, everyone = Inbox(self._responder.is_known), Inbox(self._responder.is_known)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive_from, sockets, sockets.all()[0], own)
            while True:
                async with trio.open_nursery() as listening:
                    for source in sockets.all()[1:]:
                        listening.start_soon(self._receive_from, sockets, source, everyone)
                    await self._until_moved(sockets)
                    listening.cancel_scope.cancel()
                sockets.reopen()

    async def _until_moved(self, sockets: Sockets) -> None:
        """Until the socket for broadcasts has to be bound anew; meanwhile, what the kernel drops is counted."""
        lost, has_moved = sockets.lost(), False
        while not has_moved:
            await trio.sleep(FOLLOW_INTERVAL)
            before, lost = lost, sockets.lost()
            self._responder.dropped["kernel"] += max(0, lost - before)
            has_moved = sockets.has_moved()
            self._note_complaints(sockets)

    async def _receive_from(self, sockets: Sockets, source: plain.socket, inbox: Inbox) -> None:
        while True:
            if not inbox:
                await trio.lowlevel.wait_readable(source)
            if not self._take_in(sockets, source, inbox):
                await trio.sleep(_AFTER_ERROR)
            now = trio.current_time()
            for data, address in inbox.take_turn():
                self._responder.receive_datagram_untrusted(data, address, now)
            self._arrived.set()
            self._changed.set()
            await trio.lowlevel.checkpoint()

    def _take_in(self, sockets: Sockets, source: plain.socket, inbox: Inbox) -> bool:
        """What the kernel has, and not for long; False where the socket fails."""
        lost = inbox.lost
        try:
            for _ in range(MOST_A_TURN):
                inbox.put(*sockets.receive(source))
        except BlockingIOError:
            pass
        except OSError:   # an ICMP error about something sent earlier
            return False
        finally:
            if inbox.lost > lost:
                self._responder.dropped["crowded"] += inbox.lost - lost
        return True

    async def _send(self, sockets: Sockets) -> None:
        while True:
            self._changed = trio.Event()
            for datagram, address in self._responder.datagrams_to_send(trio.current_time()):
                sockets.send(datagram, address)
            deadline = self._responder.next_deadline()
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._changed.wait()

    async def _forward(self) -> None:
        while True:
            self._arrived = trio.Event()
            while (arrival := self._responder.next_event()) is not None:
                await self._arrivals.send(arrival)
            await self._arrived.wait()
