"""A BMC that does one thing at a time and takes long over a password: our second handshake must not lock us out."""

from __future__ import annotations

from collections import deque

import pytest

from ipmi_lan.session.events import Opened
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import HALF_OPEN_LIMIT
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import ADDRESS, a_bmc


class OneAtATime:
    """Datagrams wait in line while the BMC hashes; `seconds` for each payload type named."""

    def __init__(self, bmc: SimulatedBmc, seconds: dict[int, float]) -> None:
        self.bmc, self.seconds = bmc, seconds
        self._line: deque[tuple[bytes, float]] = deque()
        self._free_at = 0.0

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """Nothing yet."""
        self._line.append((data, now))
        return []

    def _cost(self, data: bytes) -> float:
        """A RAKP 3 that gives the login up (octet 1 is its status) has no code to be checked."""
        packet = parse_packet_untrusted(data)
        gives_up = packet.payload_type == PayloadType.RAKP_3 and packet.payload[1] != 0
        return 0.001 if gives_up else self.seconds.get(packet.payload_type, 0.001)

    def answers_by(self, moment: float) -> list[tuple[float, bytes]]:
        """What has been done by then, and when."""
        done = []
        while self._line:
            data, came = self._line[0]
            ready = max(self._free_at, came) + self._cost(data)
            if ready > moment:
                break
            self._line.popleft()
            self._free_at = ready
            done += [(ready, reply) for reply in self.bmc.receive_datagram_untrusted(data, ADDRESS, ready)]
        return done


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.94, 1.0, 1.2, 1.4, 2.0])
@pytest.mark.parametrize("types", [(PayloadType.RAKP_1,), (PayloadType.RAKP_1, PayloadType.RAKP_3)], ids=["RAKP 1", "both"])
def test_the_login_succeeds_in_about_the_time_that_the_bmc_needs(types: tuple[PayloadType, ...], seconds: float) -> None:
    if len(types) * seconds > HALF_OPEN_LIMIT:
        return      # then the simulated BMC itself gives up
    slow = OneAtATime(a_bmc(slots=8), {int(each): seconds for each in types})
    pair = Pair(slow)
    while not pair.events and pair.now < 10.0:
        slow_replies = slow.answers_by(pair.now)
        for _, reply in slow_replies:
            pair.take(reply)
        pair.answers(pair.out())
        due = pair.session.next_deadline()
        pair.now += 0.01
        if due is not None and due <= pair.now:
            pair.session.handle_deadline(pair.now)
            pair.answers(pair.out())
    assert isinstance(pair.events[0], Opened), pair.events
    assert pair.now < len(types) * seconds + 0.3, "as if there were one handshake only"


def test_a_code_that_is_spoilt_in_one_handshake_does_not_end_the_other() -> None:
    """The last one alive decides."""
    bmc = a_bmc(slots=8)
    pair = Pair(bmc)
    pair.take(*pair.answers(pair.out()))                 # Open Session
    (first,) = pair.answers(pair.out())                  # RAKP 2 of the first handshake, held back
    pair.now = 0.36
    pair.session.handle_deadline(pair.now)               # a second one begins
    pair.take(*pair.answers(pair.out()))
    assert pair.take(first[:-1] + bytes((first[-1] ^ 1,))) == []
    pair.exchange()
    assert isinstance(pair.events[0], Opened), pair.events
