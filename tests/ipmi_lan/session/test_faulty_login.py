"""Each of the eight messages of a login lost, doubled, delayed or overtaken, alone and in every combination of two.

Always a session, in time; and afterwards no slot of the BMC is taken but those that nobody could give back: half-open ones, which
the BMC ends by itself after three seconds.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3, SUITES
from ipmi_lan.errors import IpmiError, LoginRefused, SessionLost, Unreachable
from ipmi_lan.session.events import Answered
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import HALF_OPEN_LIMIT, Faults, LoginFaults
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.network import LATENCY, Flight, Weather
from tests.ipmi_lan.session.pair import DEADLINE, Pair
from tests.ipmi_lan.session.road import Road, Storm
from tests.ipmi_lan.simulator.console import a_bmc

SET_PRIVILEGE, ITS_ANSWER = "Set Session Privilege", "its answer"
MESSAGES: list[PayloadType | str] = [kind for kind in PayloadType if kind >= PayloadType.OPEN_SESSION_REQUEST]
MESSAGES += [SET_PRIVILEGE, ITS_ANSWER]
FAULTS = ["lost", "doubled", "doubled later", "late", "too late", "overtaken"]
_DELAYS = {"late": [0.4], "too late": [2.5], "lost": [], "doubled": [0.001, 0.001], "doubled later": [0.001, 0.7]}
SINGLES = list(product(MESSAGES, FAULTS))
LEAKS = {PayloadType.OPEN_SESSION_REQUEST, PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_1}
"""After a fault of one of these there may be a half-open session that we never hear of, or whose BMC has had no RAKP 1 yet and
so takes no RAKP 3 that would end it."""


class Mishaps:
    """Faults that befall the first message of their kind."""

    def __init__(self, pair: Pair, *mishaps: tuple[PayloadType | str, str]) -> None:
        self._pair, self._left = pair, dict(mishaps)
        self._held: dict[bool, list[Flight]] = {True: [], False: []}

    def __call__(self, flight: Flight) -> list[Flight]:
        kind = self._kind(flight)
        fault = self._left.pop(kind, None) if kind is not None else None
        if fault == "overtaken":
            self._held[flight.to_bmc].append(flight)
            return []
        flights = [flight] if fault is None else [replace(flight, delay=delay) for delay in _DELAYS[fault]]
        held, self._held[flight.to_bmc] = self._held[flight.to_bmc], []
        return flights + [replace(one, delay=0.002) for one in held]


    def _kind(self, flight: Flight) -> PayloadType | str | None:
        """What it is; a Close Session for the session of a login that was given up is none of the eight."""
        packet, session = parse_packet_untrusted(flight.datagram), self._pair.session
        if packet.payload_type:
            return PayloadType(packet.payload_type)
        if session.phase is not Phase.RAISING or session.peer is None:
            return None
        if flight.to_bmc:
            return SET_PRIVILEGE if packet.session_id == session.peer.session_id else None
        ours = [each for each in self._pair.simulated._board.sessions.open(0.0) if each.bmc_id == session.peer.session_id]
        return ITS_ANSWER if packet.session_id in [each.console_id for each in ours] else None


def log_in_and_out(bmc: SimulatedBmc, *mishaps: tuple[PayloadType | str, str]) -> float:
    """A login, a command and a close through these mishaps, and nothing left behind; when the session was open."""
    pair = Pair(bmc, suites=[SUITE_3])
    road = Road(pair, Mishaps(pair, *mishaps))
    error = road.log_in(DEADLINE)
    assert error is None, f"{mishaps}: {error}"
    opened_at = pair.now
    token = pair.ask(get_chassis_status())
    road.travel(pair.now + 6.0, lambda: token in pair.outcomes())
    assert isinstance(pair.outcomes()[token], Answered), mishaps
    pair.session.close(pair.now)
    road.travel(pair.now + 1.0 + LATENCY)
    assert bmc.open_sessions(pair.now) == 0, mishaps
    if bmc.half_open_sessions(pair.now):
        assert LEAKS & {kind for kind, _ in mishaps}, mishaps
        assert bmc.half_open_sessions(pair.now + HALF_OPEN_LIMIT) == 0, mishaps
    return opened_at


@pytest.mark.parametrize(("message", "fault"), SINGLES, ids=lambda word: getattr(word, "name", word))
def test_one_mishap(message: PayloadType | str, fault: str) -> None:
    """Costs a third of a second at most, and a little more where it befalls the last two messages."""
    assert log_in_and_out(a_bmc(), (message, fault)) < 0.4


@pytest.mark.parametrize("first", FAULTS)
def test_two_mishaps(first: str) -> None:
    for one, other in combinations(SINGLES, 2):
        if one[1] == first and one[0] != other[0]:
            log_in_and_out(a_bmc(slots=8), one, other)


@pytest.mark.parametrize("first", FAULTS)
def test_two_mishaps_with_a_bmc_that_takes_no_rakp_3_twice(first: str) -> None:
    """OpenBMC: a second RAKP 3 spoils its keys. We never send one; where the network does, the session is lost, and we say so."""
    for one, other in combinations(SINGLES, 2):
        if one[1] == first and one[0] != other[0]:
            bmc = a_bmc(slots=8, faults=Faults(login=LoginFaults(repeated_rakp_3_spoils_keys=True)))
            if {fault for kind, fault in (one, other) if kind is PayloadType.RAKP_3} & {"doubled", "doubled later"}:
                pair = Pair(bmc, suites=[SUITE_3])
                assert isinstance(Road(pair, Mishaps(pair, one, other)).log_in(DEADLINE), SessionLost | None)
            else:
                log_in_and_out(bmc, one, other)


@pytest.mark.parametrize("suite", [3, 17, 2], ids=lambda number: f"suite {number}")
@pytest.mark.parametrize("seed", range(40))
def test_any_weather_ends_in_a_session_or_in_a_typed_error_in_time(seed: int, suite: int) -> None:
    weather = Weather(loss=0.3, duplication=0.2, delay=0.4, longest_delay=3.0, corruption=0.05)
    bmc = a_bmc(slots=8, suites=(SUITES[suite],))
    road = Road(Pair(bmc, suites=[SUITES[suite]], seed=seed, logs_in_again=False), Storm(weather, seed))
    error: IpmiError | None = road.log_in(DEADLINE)
    assert error is None or isinstance(error, Unreachable | LoginRefused | SessionLost)
    road.close()


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.1])
def test_a_little_loss_fails_no_login(loss: float) -> None:
    for seed in range(60):
        road = Road(Pair(a_bmc(slots=8), seed=seed), Storm(Weather(loss=loss), seed))
        assert road.log_in(DEADLINE) is None, f"seed {seed}"
