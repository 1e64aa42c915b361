"""What connectors say to each other, captured and sent again or changed: no effect. No answer is longer than what asked."""

from __future__ import annotations

import hmac
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.model import KeyRing
from haconn_cli.resetpath.seal import EVERYONE, Address, Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import EventKind, Role
from haconn_cli.resetpath.wire.frame import HEADER_SIZE, TAG_SIZE, Frame, build_frame, parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type
from haconn_daemon.resetpath.arrivals import Arrival, IntentHeard, OtherVersionSeen
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_cli.resetpath.cluster import KEYS
from tests.haconn_cli.resetpath.test_vectors import VECTORS
from tests.haconn_daemon.resetpath.connectors import Connectors, make_connector, segment_of
from tests.haconn_daemon.resetpath.network import Captured, make_requester

ONE, TWO, THREE = (segment_of(number).own for number in (1, 2, 3))
OPERATION = b"operation 123456"
BETWEEN = {Type.PRESENCE, Type.PROVE, Type.PROOF, Type.INTENT, Type.EVENT}


def session() -> Connectors:
    """Two connectors that start, announce a reset and an event, and are there for a while."""
    connectors = Connectors.of(1, 2)
    connectors.run(8)
    connectors.responders[ONE].announce_intent("PSERVER2", "PSERVER1", 7, OPERATION, connectors.now)
    connectors.responders[TWO].announce(EventKind.POWER_OFF, "PSERVER2", connectors.now)
    connectors.run(8)
    assert {parse_frame_untrusted(one.data).type for one in connectors.captured} == BETWEEN
    return connectors


def hear(responder: Responder, captured: Captured, source: Address, now: float) -> tuple[list[Arrival], list[bytes]]:
    """What the daemon learns from a datagram, and what is answered to it; what is due anyway is left out."""
    responder.datagrams_to_send(now)
    while responder.next_event() is not None:
        pass
    responder.receive_datagram_untrusted(captured.data, source, now)
    arrivals = []
    while (arrival := responder.next_event()) is not None:
        arrivals.append(arrival)
    return arrivals, [answer for answer, _ in responder.datagrams_to_send(now)]


def no_effect(responder: Responder, captured: Captured, source: Address, now: float) -> None:
    """Nothing is learnt, and at most a question or a proof goes out, no longer than what came."""
    before = set(responder._neighbours.present(now)) if responder._neighbours is not None else set()
    arrivals, answers = hear(responder, captured, source, now)
    assert arrivals == []
    assert {parse_frame_untrusted(answer).type for answer in answers} <= {Type.PROVE, Type.PROOF}
    assert sum(map(len, answers)) <= len(captured.data)
    assert set(responder._neighbours.present(now)) <= before if responder._neighbours is not None else True


@pytest.mark.shows("R2")
@pytest.mark.parametrize("later", [0.0, 1.0, 25.0, 3600.0, 100_000.0])
@pytest.mark.parametrize("source", [ONE, TWO, THREE, ("192.168.0.66", 6666)])
def test_both_that_heard_it_do_nothing_again(later: float, source: Address) -> None:
    connectors = session()
    for captured in connectors.captured:
        for responder in connectors.responders.values():
            no_effect(responder, captured, source, connectors.now + later)


@pytest.mark.shows("R2")
def test_after_a_restart_nothing_of_before_counts() -> None:
    """Not of its own life, nor of the others' that it does not know yet, also not when all of it is sent at once."""
    connectors = session()
    for number in (1, 2):
        restarted = make_connector(number, seed=77)
        for captured in connectors.captured:
            no_effect(restarted, captured, captured.source, connectors.now)


@pytest.mark.shows("R2")
def test_to_a_third_connector_only_what_is_new_counts() -> None:
    """It was for all, and a third one that hears it for the first time may believe it; but only while it is young."""
    connectors = session()
    third = connectors.start(3, make_connector(3))
    connectors.run(1)
    for captured in connectors.captured:
        connectors.deliver(captured.data, captured.source, third)
    connectors.run(5)
    assert connectors.learnt(3, IntentHeard) == []


@pytest.mark.shows("R2")
def test_captured_broadcasts_bring_no_false_life_to_those_that_ask() -> None:
    """An old life is sent again while the connector lives in another: it is asked, and its answer names the other life."""
    connectors = session()
    old = [one for one in connectors.captured if one.source == ONE]
    connectors.start(1, make_connector(1, seed=88))
    connectors.run(1)
    before = len(connectors.arrivals[TWO])
    for captured in old:
        connectors.deliver(captured.data, ONE, TWO)
        connectors.run(0.06)
    assert connectors.arrivals[TWO][before:] == []
    connectors.responders[ONE].announce_intent("PSERVER2", "PSERVER1", 7, OPERATION, connectors.now)
    connectors.run(0.1)
    assert len(connectors.arrivals[TWO][before:]) == 1


@pytest.mark.shows("R2")
def test_another_cluster_is_silent() -> None:
    connectors = session()
    other = make_connector(3, keys=KeyRing(b"another cluster!", KEYS.keys))
    for captured in connectors.captured:
        assert hear(other, captured, captured.source, connectors.now) == ([], [])


def test_old_broadcasts_sent_again_draw_out_20_questions_a_second_at_most() -> None:
    connectors = session()
    restarted = make_connector(2, seed=77)
    answers = 0
    for number in range(1000):
        captured = connectors.captured[number % len(connectors.captured)]
        answers += len(hear(restarted, captured, ONE, connectors.now + number / 1000)[1])
    assert answers < 150   # questions, and proofs to those who ask


def test_every_single_flipped_bit_of_every_type_is_rejected() -> None:
    session_ = session()
    receivers = {address: make_connector(number, seed=50) for number, address in ((1, ONE), (2, TWO))}
    for responder in receivers.values():
        responder.datagrams_to_send(session_.now)
    one_of_each = {parse_frame_untrusted(one.data).type: one for one in session_.captured}
    assert set(one_of_each) == BETWEEN
    for captured in one_of_each.values():
        target = TWO if captured.source == ONE else ONE
        for bit in range(8 * len(captured.data)):
            changed = bytearray(captured.data)
            changed[bit // 8] ^= 1 << bit % 8
            receivers[target].receive_datagram_untrusted(bytes(changed), captured.source, session_.now)
    assert [(each.next_event(), each.datagrams_to_send(session_.now)) for each in receivers.values()] == [(None, [])] * 2


@given(st.binary(max_size=1300), st.sampled_from((30000, 40000)))
def test_any_bytes_are_met_with_silence(data: bytes, port: int) -> None:
    responder = make_connector(1)
    assert hear(responder, Captured(data, TWO, ONE), ("192.168.0.2", port), 1.0) == ([], [])


def test_no_type_draws_out_more_than_it_brings() -> None:
    """Every datagram of a life with requesters and other connectors, to connectors that know its sender and to some that do not:
    octets that go back to where it came from, by octets that came."""
    connectors = session()
    requester = make_requester()
    monitor = ("192.168.0.7", 40001)
    one = connectors.responders[ONE]
    requester.check_path(connectors.now)
    requester.query_result(b"q" * 16, connectors.now)
    factors: dict[int, float] = {}
    for turn in range(6):
        for data in requester.datagrams_to_send(connectors.now + turn / 10):
            answers = hear(one, Captured(data, monitor, ONE), monitor, connectors.now)[1]
            factors = worse(factors, data, answers)
            for answer in answers:
                requester.receive_datagram_untrusted(answer, connectors.now)
    for captured in connectors.captured:
        for responder in (one, connectors.responders[TWO], make_connector(1, seed=9), make_connector(2, seed=9)):
            factors = worse(factors, captured.data, hear(responder, captured, captured.source, connectors.now + 100)[1])
    assert set(factors) >= {Type.HELLO, Type.PATH_CHECK, Type.RESULT_QUERY, *BETWEEN}
    assert max(factors.values()) <= 1.0, factors
    assert Counter(factors)[Type.PRESENCE] > 0


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", Type)
def test_no_type_draws_out_more_than_it_brings_for_one_that_has_proven_nothing(kind: Type, version: int) -> None:
    """Genuine, of each type, as short as a datagram can be and with its own body; from requester and connector, to one and to
    all; of our version and of another."""
    bodies = {b"", bytes.fromhex(VECTORS[kind.name])[HEADER_SIZE:-TAG_SIZE]}
    senders = ((Role.MONITOR, "PSERVER1", ("192.168.0.7", 40001)), (Role.CONNECTOR, connector_name(*TWO), TWO))
    own = participant_id(KEYS.cluster, Role.CONNECTOR, connector_name(*ONE))
    for role, name, source in senders:
        for receiver in (own, EVERYONE):
            for body in bodies:
                data = sealed(kind, body, participant_id(KEYS.cluster, role, name), receiver, version)
                arrivals, answers = hear(make_connector(1), Captured(data, source, ONE), source, 0.1)
                assert sum(map(len, answers)) <= len(data)
                assert arrivals == [] or (version == 2 and isinstance(arrivals[0], OtherVersionSeen))


def sealed(kind: int, body: bytes, sender: bytes, receiver: bytes, version: int) -> bytes:
    """By a holder of the key who says whatever it likes."""
    frame = Frame(kind, sender, receiver, b"somelife", 1, bytes(16), b"r" * 16, body, KEYS.keys[0].id, 0, version)
    covered = build_frame(frame)
    key = Seal(KEYS, sender, b"somelife")._key(frame.key_id, sender, receiver)
    return covered + hmac.digest(key, covered, "sha256")


def worse(factors: dict[int, float], data: bytes, answers: list[bytes]) -> dict[int, float]:
    kind = parse_frame_untrusted(data).type
    return {**factors, kind: max(factors.get(kind, 0.0), sum(map(len, answers)) / len(data))}
