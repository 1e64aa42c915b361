"""Nobody who does not know the password gets a session out of us, whatever they change."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, CipherSuite
from ipmi_lan.errors import NoAnswer, SuiteRefused, WrongPassword
from ipmi_lan.session.events import Opened
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.handshake import Algorithms, build_open_session_response, parse_open_session_response_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from tests.fakes.bmc import RewritingBmc
from tests.fakes.network import flip
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc

OPEN, RAKP_2, RAKP_4 = PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4
UNREAD = {1, 2, 10, 11, 12, 13, 18, 19}
"""Octets of the datagram that mean nothing in a login: RMCP reserved and sequence, session sequence, RAKP reserved (AMI: 04h)."""
suites = pytest.mark.parametrize("suite", [SUITE_3, SUITE_17], ids=lambda suite: f"suite {suite.id}")


def up_to(reply: PayloadType, suite: CipherSuite) -> tuple[Pair, bytes]:
    """A login in which this reply is on its way."""
    pair = Pair(suites=[suite])
    while True:
        (datagram,) = pair.answers(pair.out())
        if parse_packet_untrusted(datagram).payload_type == reply:
            return pair, datagram
        pair.take(datagram)


@suites
@pytest.mark.parametrize("reply", [RAKP_2, RAKP_4])
def test_no_session_comes_of_a_flipped_bit(reply: PayloadType, suite: CipherSuite) -> None:
    size = len(up_to(reply, suite)[1])
    for bit in range(8 * size):
        pair, datagram = up_to(reply, suite)
        rakp_3s = len(pair.sent_packets(PayloadType.RAKP_3))
        pair.take(flip(datagram, bit))
        assert (pair.session.peer is not None) == (reply is RAKP_4 and bit // 8 in UNREAD), f"bit {bit}"
        pair.out()
        proofs = [packet for packet in pair.sent_packets(PayloadType.RAKP_3)[rakp_3s:] if not packet.payload[1]]
        assert bool(proofs) == (reply is RAKP_2 and bit // 8 in UNREAD), f"our proof went out at bit {bit}"


@pytest.mark.parametrize("reply", [RAKP_2, RAKP_4])
def test_no_session_while_every_reply_has_a_flipped_bit(reply: PayloadType) -> None:
    size = len(up_to(reply, SUITE_17)[1]) - 16
    for bit in [*range(16), *range(32, 8 * size, 5)]:
        pair = Pair(RewritingBmc(a_bmc(slots=20), {reply: partial(_flip_if_there, bit=bit)}), suites=[SUITE_17])
        pair.failure()
        assert pair.session.peer is None


def _flip_if_there(payload: bytes, bit: int) -> bytes:
    return flip(payload, bit) if bit // 8 < len(payload) else payload   # an error is shorter


def _resized(payload: bytes, size: int) -> bytes:
    return payload.ljust(size, b"\0")[:size]


@suites
@pytest.mark.parametrize("reply", [RAKP_2, RAKP_4])
def test_short_long_and_empty_codes(reply: PayloadType, suite: CipherSuite) -> None:
    head = 40 if reply is RAKP_2 else 8
    size = (suite.digest_size if reply is RAKP_2 else suite.check_size) + head
    for cut in [*range(head, size), size + 1, size + 20]:
        pair = Pair(RewritingBmc(a_bmc(slots=20), {reply: partial(_resized, size=cut)}), suites=[suite])
        pair.failure()
        assert pair.session.peer is None


@suites
def test_rakp_2_code_all_zero_is_a_suite_that_failed(suite: CipherSuite) -> None:
    """AMI firmware answers suite 17 so; the next suite may work, but never this one."""
    bmc = RewritingBmc(a_bmc(), {RAKP_2: lambda payload: payload[:40] + bytes(len(payload) - 40)})
    error = Pair(bmc, suites=[suite]).failure()
    assert isinstance(error, SuiteRefused)
    assert "all zero" in error.reasons[suite.id]


def test_all_zero_in_suite_17_and_proper_in_suite_3() -> None:
    bmc = RewritingBmc(a_bmc(), {RAKP_2: lambda payload: payload[:40] + bytes(32) if len(payload) == 72 else payload})
    pair = Pair(bmc).log_in()
    assert pair.session.peer is not None
    assert pair.session.peer.suite == SUITE_3
    assert bmc.bmc.half_open_sessions(0.0) == 0


def test_rakp_4_code_all_zero() -> None:
    pair = Pair(RewritingBmc(a_bmc(), {RAKP_4: lambda payload: payload[:8] + bytes(16)}))
    pair.failure()
    assert pair.session.peer is None


def test_rakp_2_of_another_guid() -> None:
    bmc = RewritingBmc(a_bmc(), {RAKP_2: lambda payload: payload[:24] + bytes(16) + payload[40:]})
    assert isinstance(Pair(bmc).failure(), WrongPassword)
    assert bmc.bmc.half_open_sessions(0.0) == 0


# ── downgrade ─────────────────────────────────────────────────────────────────


def with_algorithms(algorithms: Algorithms) -> RewritingBmc:
    def rewrite(payload: bytes) -> bytes:
        return build_open_session_response(parse_open_session_response_untrusted(payload)._replace(algorithms=algorithms))

    return RewritingBmc(a_bmc(), {OPEN: rewrite})


OTHERS = [Algorithms(a, i, c) for a in range(4) for i in range(5) for c in range(4)]


def test_other_algorithms_than_those_asked_for() -> None:
    for algorithms in OTHERS:
        pair = Pair(with_algorithms(algorithms), suites=[SUITE_17])
        pair.exchange()
        assert (pair.session.peer is not None) == (algorithms == SUITE_17.algorithms), algorithms
        if algorithms != SUITE_17.algorithms:
            assert isinstance(pair.failure(), SuiteRefused)
            assert pair.sent_packets(PayloadType.RAKP_1) == []


def test_the_session_has_the_algorithms_that_we_asked_for() -> None:
    for algorithms in OTHERS:
        pair = Pair(with_algorithms(algorithms))
        pair.exchange()
        if pair.session.peer is not None:
            assert pair.session.peer.suite is not None
            assert pair.session.peer.suite.algorithms == algorithms


# ── out of turn ───────────────────────────────────────────────────────────────


def test_replies_out_of_turn_are_nothing() -> None:
    pair = Pair()
    recorded = {reply: up_to(reply, SUITE_17)[1] for reply in (OPEN, RAKP_2, RAKP_4)}
    while not pair.events:
        answers = pair.answers(pair.out())
        awaited = parse_packet_untrusted(answers[0]).payload_type
        pair.take(*(datagram for reply, datagram in recorded.items() if reply != awaited), *answers)
    assert isinstance(pair.events[0], Opened)
    assert pair.session.dropped == {"answer to another login": 6, "not authentic": 3}   # the last three came after the keys


@pytest.mark.parametrize("flags", [{"session_id": 5}, {"encrypted": True}, {"authenticated": True}])
def test_login_replies_that_say_they_are_of_a_session(flags: dict[str, Any]) -> None:
    pair = Pair()
    (datagram,) = pair.answers(pair.out())
    pair.take(build_packet(parse_packet_untrusted(datagram)._replace(**flags)))
    assert pair.session.dropped == {"not awaited in the login": 1}
    pair.take(datagram)
    assert len(pair.out()) == 1


@pytest.mark.parametrize("reply", [OPEN, RAKP_2, RAKP_4])
def test_cut_replies_are_counted_and_the_login_goes_on(reply: PayloadType) -> None:
    pair, datagram = up_to(reply, SUITE_17)
    packet = parse_packet_untrusted(datagram)
    for size in range(8):
        pair.take(build_packet(Packet(reply, packet.payload[:size])))
    assert pair.session.dropped["malformed login message"] == (7 if reply is OPEN else 8)   # one octet is an error of Supermicro
    pair.take(datagram)
    pair.exchange()
    assert isinstance(pair.events[0], Opened)


def test_a_bmc_id_of_zero() -> None:
    bmc = RewritingBmc(a_bmc(slots=20), {OPEN: lambda payload: payload[:8] + bytes(4) + payload[12:]})
    assert isinstance(Pair(bmc).failure(), NoAnswer)
