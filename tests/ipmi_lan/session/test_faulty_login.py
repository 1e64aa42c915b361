"""Each of the six messages of a login lost, doubled, delayed or overtaken, alone and in every combination of two."""

from __future__ import annotations

from itertools import combinations, product

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.errors import IpmiError, LoginRefused, NoAnswer, SessionLost
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.network import Flight, Network, Weather, run_virtually
from tests.ipmi_lan.simulator.console import USERS, a_bmc

TIMEOUT = 10.0
MESSAGES = [kind for kind in PayloadType if kind is not PayloadType.IPMI]
FAULTS = ["lost", "doubled", "doubled later", "late", "too late", "overtaken"]
_DELAYS = {"late": [0.4], "too late": [2.5], "lost": [], "doubled": [0.001, 0.001], "doubled later": [0.001, 0.7]}
SINGLES = list(product(MESSAGES, FAULTS))


class Mishaps:
    """Faults that befall the first message of their kind."""

    def __init__(self, *mishaps: tuple[PayloadType, str]) -> None:
        self._left = dict(mishaps)
        self._held: dict[bool, list[Flight]] = {True: [], False: []}

    def __call__(self, flight: Flight) -> list[Flight]:
        kind = parse_packet_untrusted(flight.datagram).payload_type
        fault = self._left.pop(PayloadType(kind), None)
        if fault == "overtaken":
            self._held[flight.to_bmc].append(flight)
            return []
        flights = [flight] if fault is None else [Flight(flight.to_bmc, flight.datagram, delay) for delay in _DELAYS[fault]]
        held, self._held[flight.to_bmc] = self._held[flight.to_bmc], []
        return flights + [Flight(flight.to_bmc, one.datagram, 0.002) for one in held]


def log_in(bmc: SimulatedBmc, network: Network) -> None:
    """A login and a command, in time, and nothing left open."""

    async def story() -> None:
        with trio.fail_after(TIMEOUT + 1.0):
            async with open_client("bmc", "admin", USERS["admin"][0], timeout=TIMEOUT, transport=network.transport()) as client:
                assert trio.current_time() <= TIMEOUT
                assert (await client.run(get_chassis_status())).power_is_on

    run_virtually(story)
    assert bmc.handshakes >= 1


@pytest.mark.parametrize(("message", "fault"), SINGLES, ids=lambda word: word if isinstance(word, str) else word.name)
def test_one_mishap(message: PayloadType, fault: str) -> None:
    bmc = a_bmc()
    log_in(bmc, Network(bmc, tap=Mishaps((message, fault))))


@pytest.mark.parametrize("first", FAULTS)
def test_two_mishaps(first: str) -> None:
    for one, other in combinations(SINGLES, 2):
        if one[1] == first and one[0] != other[0]:
            bmc = a_bmc(slots=8)
            try:
                log_in(bmc, Network(bmc, tap=Mishaps(one, other)))
            except IpmiError as error:
                raise AssertionError(f"{one} and {other}") from error


@pytest.mark.parametrize("seed", range(40))
def test_any_weather_ends_in_a_session_or_in_a_typed_error_in_time(seed: int) -> None:
    weather = Weather(loss=0.3, duplication=0.2, delay=0.4, longest_delay=3.0, corruption=0.05)
    bmc = a_bmc(slots=8)

    async def story() -> None:
        network = Network(bmc, weather, seed)
        try:
            async with open_client("bmc", "admin", USERS["admin"][0], timeout=TIMEOUT, transport=network.transport()) as client:
                assert client.peer.guid == bytes(range(16))
        except (NoAnswer, LoginRefused, SessionLost):
            pass
        assert trio.current_time() <= TIMEOUT + 1.01

    run_virtually(story)
