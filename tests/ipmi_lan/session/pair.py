"""A session and a BMC face to face, without network or clock: the test says what arrives, and when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import IpmiError
from ipmi_lan.session.events import Answered, Credentials, Event, Failed, Opened, OpeningFailed, Terms
from ipmi_lan.session.session import Session
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import PayloadType, Privilege
from ipmi_lan.wire.message import Request, parse_request_untrusted
from ipmi_lan.wire.packet import Packet, parse_packet_untrusted
from tests.fakes.bmc import open_session_of, sealing_of
from tests.fakes.network import AnyBmc
from tests.ipmi_lan.simulator.console import ADDRESS, USERS, a_bmc

DEADLINE = 10.0
MOST_WAKES = 5
"""At one moment."""


class Pair:
    """Our session, and who answers it. Time is `now`, and passes only in `pass_time`."""

    def __init__(
        self,
        bmc: AnyBmc | None = None,
        *,
        user: str = "admin",
        password: str | None = None,
        kg: bytes = b"",
        privilege: Privilege = Privilege.ADMINISTRATOR,
        lowest_privilege: Privilege | None = None,
        by_name_only: bool = True,
        suites: Sequence[CipherSuite] = DEFAULT_SUITES,
        deadline: float = DEADLINE,
        seed: int = 3,
        **terms: Any,
    ) -> None:
        """`terms` are those of `Terms`; without `keep_alive` the session sends nothing by itself."""
        secret = USERS.get(user, ("",))[0] if password is None else password
        self.bmc = a_bmc() if bmc is None else bmc
        self.now = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.heard: list[bytes] = []
        self.events: list[Event] = []
        credentials = Credentials(user.encode(), secret.encode(), kg, privilege, by_name_only, lowest_privilege)
        settings = Terms(suites, **({"keep_alive": None} | terms))
        self.session = Session(credentials, random.Random(seed).randbytes, 0.0, deadline, settings)

    @property
    def simulated(self) -> SimulatedBmc:
        assert isinstance(self.bmc, SimulatedBmc)
        return self.bmc

    def out(self) -> list[bytes]:
        """What the session sends now; noted in `sent`, and delivered to nobody."""
        datagrams = self.session.datagrams_to_send()
        self.sent += [(self.now, datagram) for datagram in datagrams]
        return datagrams

    def answers(self, datagrams: Sequence[bytes]) -> list[bytes]:
        """What the BMC says to them."""
        return [reply for one in datagrams for reply in self.bmc.receive_datagram_untrusted(one, ADDRESS, self.now)]

    def take(self, *datagrams: bytes) -> list[Event]:
        """Let them arrive at the session; the events of it."""
        self.heard += datagrams
        for datagram in datagrams:
            self.session.receive_datagram_untrusted(datagram, self.now)
        return self.tell()

    def tell(self) -> list[Event]:
        """The events that are new."""
        fresh: list[Event] = []
        while (event := self.session.next_event()) is not None:
            fresh.append(event)
        self.events += fresh
        return fresh

    def exchange(self) -> None:
        """To and fro until nobody has anything to say at this moment."""
        while datagrams := self.out():
            self.take(*self.answers(datagrams))
        self.tell()

    def pass_time(self, until: float = 1e9, answered: bool = True) -> None:
        """From deadline to deadline, up to `until` or until none is left. A session that wakes for nothing fails."""
        wakes = 0
        while (due := self.session.next_deadline()) is not None and due <= until:
            wakes = 0 if due > self.now else wakes + 1
            assert wakes < MOST_WAKES, "the session wants to be called again and again at the same moment"
            self.now = max(self.now, due)
            self.session.handle_deadline(self.now)
            if answered:
                self.exchange()
            else:
                self.out()
                self.tell()
        self.now = max(self.now, until) if until < 1e9 else self.now

    def log_in(self) -> Pair:
        """The whole login; it must succeed at once."""
        self.exchange()
        assert isinstance(self.events[-1], Opened), self.events
        return self

    def failure(self) -> IpmiError:
        """Run the login to its end, which must be an error, and within the deadline."""
        self.exchange()
        self.pass_time()
        (event,) = self.events
        assert isinstance(event, OpeningFailed), event
        assert self.now <= DEADLINE
        return event.error

    def ask(self, command: Command[Any], timeout: float = 6.0) -> int:
        """Give the session a command; its token."""
        return self.session.request(command, self.now, self.now + timeout)

    def value(self, command: Command[Any]) -> Any:
        """Ask, and be answered at once."""
        token = self.ask(command)
        self.exchange()
        event = self.events[-1]
        assert isinstance(event, Answered), event
        assert event.token == token
        return event.value

    def outcomes(self) -> dict[int, Answered | Failed]:
        """Of every command that has one, by its token, in the order told; each must have one only."""
        ended = [event for event in self.events if isinstance(event, Answered | Failed)]
        assert len({event.token for event in ended}) == len(ended)
        return {event.token: event for event in ended}

    def error(self, token: int) -> IpmiError:
        """What became of a command, which must not be good."""
        outcome = self.outcomes()[token]
        assert isinstance(outcome, Failed), outcome
        return outcome.error

    def sent_packets(self, payload_type: PayloadType) -> list[Packet]:
        """What was sent outside of any session of this type."""
        packets = [parse_packet_untrusted(datagram) for _, datagram in self.sent]
        return [packet for packet in packets if packet.payload_type == payload_type and not packet.authenticated]


def requests_of(pair: Pair, datagrams: Sequence[bytes]) -> list[Request]:
    """What stands in sealed datagrams, read with the keys of the one session that the BMC has open."""
    sealing = sealing_of(open_session_of(pair.simulated, pair.now))
    packets = [sealing.unseal_untrusted(datagram) for datagram in datagrams]
    return [parse_request_untrusted(packet.payload) for packet in packets]
