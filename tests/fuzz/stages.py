"""Sessions of ours, each brought to one point of its life by what a simulated BMC said to it; always the same octets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITES, CipherSuite
from ipmi_lan.quirks import NO_RELAXATIONS, Relaxations
from ipmi_lan.session.events import Credentials, Event, Terms
from ipmi_lan.session.session import Session
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import Faults, LoginFaults
from ipmi_lan.simulator.sessions import Session as Slot
from ipmi_lan.wire.codes import AuthType, Privilege
from tests.fuzz.finding import Tape

ADDRESS = ("192.0.2.7", 40000)
GUID = bytes(range(16, 32))
USERS = {
    "admin": ("secret of admin", Privilege.ADMINISTRATOR),
    "user": ("secret of user", Privilege.USER),
}
PATIENCE = 60.0   # seconds of a login
_BMC_SEED, _CONSOLE_SEED = 1, 2
_MOST_ROUNDS = 12


@dataclass(frozen=True)
class Scenario:
    """Who logs in where, and what is asked once the session is open."""

    terms: Terms = field(default_factory=Terms)
    bmc: Callable[[], Mapping[str, Any]] = dict
    """Arguments of the simulated BMC; each gets its own."""
    user: str = "admin"
    asks: tuple[Command[Any], ...] = ()
    lowest_privilege: Privilege | None = None

    @property
    def proves(self) -> bool:
        """Whether only the BMC can make the packets of this session, and the last message of the login."""
        terms = self.terms
        if terms.auth15 is not None:
            return terms.auth15 in (AuthType.MD2, AuthType.MD5) and not terms.accepts_forgeable_answers
        return all(suite.is_authenticated and suite.authentication for suite in terms.suites)

    def make_bmc(self) -> SimulatedBmc:
        """The BMC, as it is before anybody spoke to it."""
        return SimulatedBmc("bmc", USERS, GUID, Tape(_BMC_SEED), **self.bmc())

    def make_session(self) -> Session:
        """The session at its beginning."""
        password, privilege = USERS[self.user]
        credentials = Credentials(
            self.user.encode(), password.encode(), b"", privilege, lowest_privilege=self.lowest_privilege
        )
        return Session(credentials, Tape(_CONSOLE_SEED), 0.0, PATIENCE, self.terms)


@dataclass(frozen=True)
class Recording:
    """One honest exchange up to a point."""

    scenario: Scenario
    heard: tuple[bytes, ...]
    """What the BMC said so far."""
    coming: tuple[bytes, ...]
    """What it says next."""
    slots: tuple[Slot, ...]
    """Its sessions at this point."""

    def session(self) -> Session:
        """The session at this point, with nothing left to be sent or told."""
        session = self.scenario.make_session()
        for datagram in self.heard:
            session.receive_datagram_untrusted(datagram, 0.0)
        if session.phase is Phase.OPEN:
            _ask(session, self.scenario)
        emptied(session)
        return session


def record(scenario: Scenario, rounds: int | None = None) -> Recording:
    """The exchange after the BMC has answered `rounds` times; None: when the session is open and has asked."""
    bmc, session, heard = scenario.make_bmc(), scenario.make_session(), list[bytes]()
    for turn in range(_MOST_ROUNDS):
        is_open = session.phase is Phase.OPEN
        if is_open:
            _ask(session, scenario)
        sent, _ = emptied(session)
        coming = [reply for datagram in sent for reply in bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0)]
        if turn == rounds or is_open:
            return Recording(scenario, tuple(heard), tuple(coming), slots_of(bmc))
        for datagram in coming:
            session.receive_datagram_untrusted(datagram, 0.0)
        heard += coming
    raise AssertionError("the honest exchange came to no end")


def _ask(session: Session, scenario: Scenario) -> None:
    for command in scenario.asks:
        session.request(command, 0.0, PATIENCE)


def emptied(session: Session) -> tuple[list[bytes], list[Event]]:
    """What it sends and tells now."""
    events: list[Event] = []
    while (event := session.next_event()) is not None:
        events.append(event)
    return session.datagrams_to_send(), events


def slots_of(bmc: SimulatedBmc) -> tuple[Slot, ...]:
    """Every session of a BMC, open or not."""
    return (*bmc._board.sessions.half_open(0.0), *bmc._board.sessions.open(0.0))


def of_suite(suite: CipherSuite, relaxations: Relaxations = NO_RELAXATIONS, **more: Any) -> Scenario:
    """A login with this suite alone, to a BMC that deviates as the relaxations say."""
    def settings() -> dict[str, Any]:
        login = LoginFaults(variation=relaxations.variation, rakp_1_has_44_octets=relaxations.pads_name_field)
        return {"suites": (suite,), "faults": Faults(login=login)}

    terms = Terms((suite,), relaxations=relaxations, accepts_forgeable_answers=not suite.is_authenticated)
    return Scenario(terms, settings, **more)


def of_15(auth_type: AuthType, per_message: bool = True, **more: Any) -> Scenario:
    """A login by IPMI 1.5."""
    is_forgeable = auth_type in (AuthType.NONE, AuthType.STRAIGHT) or not per_message
    terms = Terms(auth15=auth_type, accepts_forgeable_answers=is_forgeable)
    return Scenario(terms, lambda: {"auth15": (auth_type,), "per_message_auth": per_message}, **more)


BY_DEFAULT = Scenario(Terms(DEFAULT_SUITES))
ALL_SUITES = tuple(SUITES.values())
