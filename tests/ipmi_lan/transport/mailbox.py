"""A socket in memory for the tests of the endpoint: the test delivers what arrives, and sees what was sent."""

from __future__ import annotations

import trio

from ipmi_lan.transport.udp import Address, Arrival


class Mailbox:
    """An `ipmi_lan.transport.udp.Port`."""

    def __init__(self, family: int) -> None:
        self.family = family
        self.sent: list[tuple[bytes, Address]] = []
        self.is_closed = False
        self._arrivals: list[Arrival] = []
        self._news = trio.Event()

    def send(self, datagram: bytes, to: Address) -> None:
        """Keep it."""
        assert not self.is_closed
        self.sent.append((datagram, to))

    async def receive(self) -> list[Arrival]:
        """What was delivered; a call that is cancelled loses none."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            arrivals, self._arrivals = self._arrivals, []
            if arrivals:
                return arrivals

    def deliver(self, datagram: bytes | None, address: Address) -> None:
        """Let it arrive now."""
        self._arrivals.append((datagram, address))
        self._news.set()

    def close(self) -> None:
        """For good."""
        assert not self.is_closed
        self.is_closed = True


class Mailboxes:
    """Opens them, and knows them all."""

    def __init__(self) -> None:
        self.all: list[Mailbox] = []

    def open(self, family: int) -> Mailbox:
        """In the place of `UdpPort`."""
        self.all.append(Mailbox(family))
        return self.all[-1]

    @property
    def opened(self) -> list[Mailbox]:
        """Those that are not closed."""
        return [mailbox for mailbox in self.all if not mailbox.is_closed]


class Recorder:
    """A receiver that writes down what it is told, and when. `then` is what it asks for when its deadline comes."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.refusals = 0
        self.woken: list[float] = []
        self.is_lost = False

    def receive_datagram_untrusted(self, datagram: bytes) -> None:
        self.heard.append(datagram)

    def peer_refused(self) -> None:
        self.refusals += 1

    def handle_deadline(self) -> None:
        self.woken.append(trio.current_time())

    def line_lost(self) -> None:
        self.is_lost = True
