"""Whatever an attacker captured and sends again, whenever and wherever: nothing happens. No answer is longer than what asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.model import KeyRing
from haconn_cli.resetpath.outcomes import Finished
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.vocabulary import Action, EventKind
from haconn_cli.resetpath.wire.frame import parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type
from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_cli.resetpath.cluster import CONNECTOR, KEYS, MONITOR
from tests.haconn_daemon.resetpath.network import Network, make_requester, make_responder

SESSION_SEED = 1
ATTACKER = ("192.168.0.66", 6666)
BETWEEN_CONNECTORS = {Type.INTENT, Type.PRESENCE, Type.PROVE, Type.PROOF}
"""See test_neighbours_replays.py."""


def session() -> Network:
    """A life with one datagram of each kind in it: hello, checks, a reset, an event, a query."""
    network = Network(make_responder(SESSION_SEED))
    requester = network.add(MONITOR, make_requester())
    requester.check_path(network.now)
    network.run(1)
    request = requester.request_reset("PSERVER2", Action.OFF, 30, network.now)
    network.run(10)
    network.responder.announce(EventKind.POWER_OFF, "PSERVER2", network.now)
    requester.query_result(request, network.now)
    network.run(10)
    kinds = {parse_frame_untrusted(captured.data).type for captured in network.captured}
    assert kinds == set(Type) - {Type.REFUSED, Type.VERSION, *BETWEEN_CONNECTORS}
    network.arrivals.clear()
    return network


def hear(responder: Responder, data: bytes, source: tuple[str, int], now: float) -> tuple[list[Arrival], list[bytes]]:
    """What the daemon learns from a datagram, and what is answered."""
    responder.receive_datagram_untrusted(data, source, now)
    arrivals = []
    while (arrival := responder.next_event()) is not None:
        arrivals.append(arrival)
    return arrivals, [answer for answer, _ in responder.datagrams_to_send(now)]


@pytest.mark.shows("R2")
@pytest.mark.parametrize("later", [0.0, 25.0, 65.0, 3600.0, 100_000.0])
@pytest.mark.parametrize("source", [MONITOR, ATTACKER])
def test_the_connector_that_heard_it_does_nothing_again(later: float, source: tuple[str, int]) -> None:
    network = session()
    peers = list(network.responder._peers._lives.values())
    before = [(peer.address, peer.last_heard) for lives in peers for peer in lives.values()]
    for captured in network.captured:
        arrivals, answers = hear(network.responder, captured.data, source, network.now + later)
        assert arrivals == []
        assert all(parse_frame_untrusted(answer).type == Type.CHALLENGE for answer in answers)
        assert sum(map(len, answers)) <= len(captured.data)
    assert [(peer.address, peer.last_heard) for lives in peers for peer in lives.values()] == before


def test_at_once_from_the_same_place_not_even_a_challenge_comes_out() -> None:
    """Those that hold a challenge still good are stopped by the window."""
    network = session()
    asked = [one for one in network.captured if one.target == CONNECTOR]
    for captured in [one for one in asked if parse_frame_untrusted(one.data).challenge != bytes(16)]:
        assert hear(network.responder, captured.data, MONITOR, network.now) == ([], [])


@pytest.mark.shows("R2")
def test_the_connector_after_a_restart_does_nothing() -> None:
    network = session()
    restarted = make_responder(seed=77)
    for captured in network.captured:
        arrivals, answers = hear(restarted, captured.data, captured.source, network.now)
        assert arrivals == []
        assert all(parse_frame_untrusted(answer).type == Type.CHALLENGE for answer in answers)


@pytest.mark.shows("R2")
def test_another_connector_is_silent() -> None:
    network = session()
    other = make_responder(seed=77, address=("192.168.0.2", 30000))
    for captured in network.captured:
        assert hear(other, captured.data, captured.source, network.now) == ([], [])


@pytest.mark.shows("R2")
def test_another_cluster_is_silent() -> None:
    network = session()
    other = make_responder(seed=77, keys=KeyRing(b"another cluster!", KEYS.keys))
    for captured in network.captured:
        assert hear(other, captured.data, captured.source, network.now) == ([], [])


def learnt(requester: Requester, network: Network) -> tuple[object | None, list[bytes]]:
    for captured in network.captured:
        requester.receive_datagram_untrusted(captured.data, network.now)
    return requester.next_event(), requester.datagrams_to_send(network.now)


def test_the_requester_that_heard_it_learns_nothing_again() -> None:
    network = session()
    assert learnt(network.requesters[MONITOR], network) == (None, [])


def test_the_requester_after_a_restart_learns_nothing() -> None:
    network = session()
    assert learnt(make_requester(seed=77), network) == (None, [])


def test_old_answers_do_not_answer_a_new_request() -> None:
    network = session()
    restarted = make_requester(seed=77)
    restarted.request_reset("PSERVER2", Action.OFF, 30, network.now)
    restarted.datagrams_to_send(network.now)
    requester = network.requesters[MONITOR]
    requester.request_reset("PSERVER2", Action.OFF, 30, network.now)
    requester.datagrams_to_send(network.now)
    assert learnt(restarted, network) == (None, [])
    assert learnt(requester, network) == (None, [])
    answers = sum(captured.target == MONITOR for captured in network.captured)
    assert requester.dropped["replay"] + requester.dropped["challenge"] == answers


def test_the_answers_of_a_connector_before_its_restart_do_not_answer_after_it() -> None:
    network = session()
    requester = network.requesters[MONITOR]
    for life in range(6):
        network.restart(make_responder(seed=77 + life))
        requester.check_path(network.now)
        network.run(1)
    old = [one for one in network.captured if one.target == MONITOR]
    while requester.next_event() is not None:
        pass
    before = requester.dropped.total()
    for captured in old:
        requester.receive_datagram_untrusted(captured.data, network.now)
    assert requester.next_event() is None
    assert requester.dropped.total() - before == len(old)


def test_a_path_check_is_never_shorter_than_its_answer() -> None:
    network = session()
    sizes = {kind: {len(one.data) for one in network.captured if parse_frame_untrusted(one.data).type == kind} for kind in Type}
    assert max(sizes[Type.PATH_STATUS]) <= min(sizes[Type.PATH_CHECK])


@pytest.mark.shows("R2")
@given(st.binary(max_size=1300), st.integers(0, 2**16))
def test_any_bytes_are_met_with_silence(data: bytes, port: int) -> None:
    assert hear(make_responder(), data, ("192.168.0.9", port), 1.0) == ([], [])


@given(st.data())
def test_a_captured_datagram_with_any_change_is_met_with_silence(data: st.DataObject) -> None:
    captured = data.draw(st.sampled_from(SESSION.captured))
    changed = bytearray(captured.data)
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    assert hear(make_responder(SESSION_SEED), bytes(changed), MONITOR, 100.0) == ([], [])
    requester = make_requester()
    requester.receive_datagram_untrusted(bytes(changed), 100.0)
    assert requester.next_event() is None


SESSION = session()


def test_the_session_itself_was_a_success() -> None:
    assert any(isinstance(outcome, Finished) and outcome.result.code.is_success for outcome in SESSION.outcomes[MONITOR])
