"""Before the login: no session comes of replies that were changed, made up, taken from another login or from another BMC.

The replies of one honest login are recorded and played to the same console again, with the same random numbers, so that nothing
but the change can be what is refused. In every suite that authenticates the login.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import SuiteRefused
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.handshake import Algorithms
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from tests.fakes.network import flip
from tests.ipmi_lan.session.forgery import is_available
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import USERS, a_bmc

OPEN, RAKP_2, RAKP_4 = PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4
UNREAD = {1, 2, 10, 11, 12, 13, 18, 19}
"""Octets of the datagram that mean nothing in a login: RMCP reserved and sequence, session sequence, RAKP reserved (AMI: 04h)."""
_HEADER, _RAKP_HEAD, _GUID_AT = 16, 8, 40
OTHER_GUID = bytes(range(16, 32))


PROVING = [number for number, suite in SUITES.items() if suite.digest_size and is_available(number)]


def a_console(number: int, bmc: SimulatedBmc | None = None) -> Pair:
    """Always the same ids and random numbers."""
    return Pair(bmc or a_bmc(suites=(SUITES[number],)), suites=[SUITES[number]], accepts_forgeable_answers=True)


def honest_replies(number: int, bmc: SimulatedBmc | None = None) -> dict[PayloadType, bytes]:
    """Those of one login, by their type."""
    pair, replies = a_console(number, bmc), dict[PayloadType, bytes]()
    for kind in (OPEN, RAKP_2, RAKP_4):
        (replies[kind],) = pair.answers(pair.out())
        pair.take(replies[kind])
    assert pair.session.peer is not None
    return replies


def play(number: int, replies: dict[PayloadType, bytes]) -> tuple[bool, bool]:
    """Whether there was a session, and whether our proof went out."""
    pair = a_console(number)
    for kind in (OPEN, RAKP_2, RAKP_4):
        pair.out()
        pair.take(replies[kind])
    pair.out()
    proofs = [packet for packet in pair.sent_packets(PayloadType.RAKP_3) if not packet.payload[1]]
    return pair.session.peer is not None, bool(proofs)


def expect_refused(number: int, kind: PayloadType, changed: Iterator[bytes]) -> int:
    """Plays the honest replies, but each of `changed` in the place of the one of type `kind`; how many there were."""
    replies, count = honest_replies(number), 0
    assert play(number, replies) == (True, True)
    for count, datagram in enumerate(changed, 1):
        is_open, is_proof_out = play(number, replies | {kind: datagram})
        assert not is_open, f"suite {number}, {kind.name} number {count}"
        assert kind is RAKP_4 or not is_proof_out, f"suite {number}, {kind.name} number {count}: our proof went out"
    return count


def _rebuilt(datagram: bytes, change: Callable[[bytes], bytes]) -> bytes:
    packet = parse_packet_untrusted(datagram)
    return build_packet(packet._replace(payload=change(packet.payload)))


def forgeries(datagram: bytes, head: int) -> Iterator[bytes]:
    """Bits the other way, codes of zeros, of other lengths and of nobody's making; `head` octets come before the code."""
    size = len(datagram) - _HEADER - head
    yield from (flip(datagram, bit) for bit in range(8 * len(datagram)) if bit // 8 not in UNREAD)
    codes = [bytes(size), b"\xff" * size, *(bytes(other) for other in range(size + 21) if other != size)]
    yield from (_rebuilt(datagram, lambda payload, code=code: payload[:head] + code) for code in codes)   # type: ignore[misc]
    yield from (_rebuilt(datagram, lambda payload, cut=cut: payload[:-cut]) for cut in range(1, size + 1))   # type: ignore[misc]


@pytest.mark.parametrize("kind", [RAKP_2, RAKP_4], ids=lambda kind: kind.name)
def test_no_session_comes_of_a_proof_that_was_changed(kind: PayloadType) -> None:
    frames = 0
    for number in PROVING:
        datagram = honest_replies(number)[kind]
        frames += expect_refused(number, kind, forgeries(datagram, _GUID_AT if kind is RAKP_2 else _RAKP_HEAD))
    assert {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17} <= set(PROVING)
    assert frames > 200 * len(PROVING)


def test_no_session_comes_of_another_guid_or_random_number() -> None:
    for number in PROVING:
        datagram = honest_replies(number)[RAKP_2]
        others = [
            _rebuilt(datagram, lambda payload: payload[:24] + OTHER_GUID + payload[40:]),
            _rebuilt(datagram, lambda payload: payload[:8] + bytes(16) + payload[24:]),
            _rebuilt(datagram, lambda payload: payload[:8] + payload[24:40] + payload[8:24] + payload[40:]),
        ]
        assert expect_refused(number, RAKP_2, iter(others)) == 3


def test_algorithms_are_never_changed_on_the_way() -> None:
    """Whatever they are changed to, weaker or stronger: our name does not even go out."""
    every = [Algorithms(*numbers) for numbers in product(range(4), range(5), range(4))]
    for number in PROVING:
        reply = honest_replies(number)[OPEN]
        for other in every:
            if other == SUITES[number].algorithms:
                continue
            octets = (other.authentication, other.integrity, other.confidentiality)
            changed = bytearray(parse_packet_untrusted(reply).payload)
            changed[16], changed[24], changed[32] = octets
            pair = a_console(number)
            pair.out()
            pair.take(build_packet(Packet(OPEN, bytes(changed))))
            assert isinstance(pair.failure(), SuiteRefused)
            assert pair.sent_packets(PayloadType.RAKP_1) == []


def two_bmcs(number: int, **other: object) -> tuple[SimulatedBmc, SimulatedBmc]:
    """With the same users and passwords, as a person sets them up."""
    settings = {"suites": (SUITES[number],), "guid": OTHER_GUID, "randomness": random.Random(77).randbytes}
    return a_bmc(suites=(SUITES[number],)), a_bmc(**(settings | other))


@pytest.mark.parametrize("changes", [{}, {"users": {"admin": ("another", USERS["admin"][1])}}], ids=["same password", "another"])
def test_the_answers_of_two_bmcs_make_no_session(changes: dict[str, object]) -> None:
    """Each message from either, to a console that has the same numbers for both; only three of one BMC make a session."""
    for number in PROVING:
        here, there = two_bmcs(number)
        replies = [honest_replies(number, here), honest_replies(number, there)]
        if changes:
            liar = two_bmcs(number, **changes)[1]
            pair = a_console(number, liar)
            for kind in (OPEN, RAKP_2):
                (replies[1][kind],) = pair.answers(pair.out())
                pair.take(replies[1][kind])
        for origin in product((0, 1), repeat=3):
            mixed = {kind: replies[bmc][kind] for kind, bmc in zip((OPEN, RAKP_2, RAKP_4), origin, strict=True)}
            is_open, is_proof_out = play(number, mixed)
            assert is_open == (origin == (0, 0, 0) or (origin == (1, 1, 1) and not changes)), (number, origin)
            assert is_proof_out == (origin[:2] == (0, 0) or (origin[:2] == (1, 1) and not changes)), (number, origin)


def test_replies_of_an_earlier_login_make_no_session() -> None:
    """The console's numbers are new in every login, and so the old proofs fit nothing."""
    for number in PROVING:
        bmc = a_bmc(suites=(SUITES[number],))
        old = honest_replies(number, bmc)
        bmc.restart(0.0)
        pair = Pair(bmc, suites=[SUITES[number]], accepts_forgeable_answers=True, seed=99)
        for _ in range(4):
            datagrams = pair.out()
            assert pair.take(*old.values()) == []
            pair.take(*pair.answers(datagrams))
        pair.log_in()
        assert pair.session.dropped["answer to another login"] == 9
