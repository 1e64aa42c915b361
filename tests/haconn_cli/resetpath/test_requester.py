"""The asking side rule by rule, against a connector whose every datagram is made by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.model import BadValue
from haconn_cli.resetpath.outcomes import (
    Accepted,
    EventSeen,
    Failed,
    Finished,
    Outcome,
    PathStatus,
    Progress,
    Welcomed,
    Why,
)
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.seal import Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import (
    Action,
    EventKind,
    Evidence,
    Phase,
    ResetResult,
    ResultCode,
    Role,
)
from haconn_cli.resetpath.wire import messages as m
from haconn_cli.resetpath.wire.frame import Frame
from haconn_cli.resetpath.wire.messages import parse_body_untrusted
from tests.haconn_cli.resetpath.cluster import CONNECTOR, KEYS, SERVERS, randomness

OURS = participant_id(KEYS.cluster, Role.MONITOR, "PSERVER1")
CONNECTOR_ID = participant_id(KEYS.cluster, Role.CONNECTOR, connector_name(*CONNECTOR))
OPERATION, FIRST, SECOND = b"p" * 16, b"1" * 16, b"2" * 16


class Hand:
    """A connector made by hand, and the requester that talks to it."""

    def __init__(self) -> None:
        self.requester = Requester(KEYS, Role.MONITOR, "PSERVER1", CONNECTOR, randomness(3), SERVERS.digest())
        self.now = 0.0
        self.restart(b"e" * 8)

    def restart(self, epoch: bytes) -> None:
        """Another life of the connector."""
        self.seal = Seal(KEYS, CONNECTOR_ID, epoch)
        self.theirs = bytes(16)

    def sent(self) -> list[tuple[Frame, m.Message]]:
        """What the requester sends now."""
        got = []
        for datagram in self.requester.datagrams_to_send(self.now):
            frame = self.seal.unseal_untrusted(datagram, (OURS,))
            message = parse_body_untrusted(frame.type, frame.body)
            if isinstance(message, m.Hello):
                self.theirs = message.challenge
            got.append((frame, message))
        return got

    def answer(self, message: m.Message, request: bytes, challenge: bytes | None = None) -> list[Outcome]:
        """What the requester learns from an answer."""
        sealed = self.seal.seal(OURS, message, request, self.theirs if challenge is None else challenge, reply=True)
        self.requester.receive_datagram_untrusted(sealed, self.now)
        return self.outcomes()

    def outcomes(self) -> list[Outcome]:
        """What the requester learnt."""
        got = []
        while (outcome := self.requester.next_event()) is not None:
            got.append(outcome)
        return got

    def welcome(self) -> None:
        """Through the first contact."""
        request = self.requester.say_hello(self.now)
        self.sent()
        self.answer(m.Challenge(FIRST), request, bytes(16))
        ((frame, _),) = self.sent()
        assert frame.challenge == FIRST
        (outcome,) = self.answer(m.Welcome(SECOND, "PSERVER1", "0.1", bytes(8)), request)
        assert outcome == Welcomed(request, "PSERVER1", "0.1", digest_differs=True)


def reset(hand: Hand, budget: float = 10.0) -> bytes:
    """A reset on its way."""
    hand.welcome()
    request = hand.requester.request_reset("PSERVER2", Action.OFF, budget, hand.now)
    ((frame, message),) = hand.sent()
    assert (frame.request, frame.challenge) == (request, SECOND)
    assert message == m.ResetRequest("PSERVER2", Action.OFF, budget)
    return request


@pytest.mark.parametrize("name", ["P" * 32, "", "PSERVER 2", "PSERVER2\n"])
def test_a_name_that_no_server_may_have_is_refused(name: str) -> None:
    hand = Hand()
    with pytest.raises(BadValue):
        hand.requester.request_reset(name, Action.OFF, 10.0, hand.now)
    assert hand.requester.next_deadline() is None
    with pytest.raises(BadValue):
        Requester(KEYS, Role.MONITOR, name, CONNECTOR, randomness(3), SERVERS.digest())


def test_without_an_answer_it_is_repeated_after_growing_waits_with_jitter() -> None:
    hand = Hand()
    hand.requester.say_hello(0.0, patience=10)
    times = []
    while (deadline := hand.requester.next_deadline()) is not None:
        hand.now = deadline
        hand.requester.handle_deadline(hand.now)
        times += [hand.now] * len(hand.sent())
    waits = [later - earlier for earlier, later in pairwise(times)]
    for wait, usual in zip(waits, (0.2, 0.4, 0.8, *[1.6] * 5), strict=False):
        assert 0.9 * usual <= wait <= 1.1 * usual
    assert len(times) >= 8
    assert hand.now == 10.0
    assert [type(outcome) for outcome in hand.outcomes()] == [Failed]


def test_a_request_waits_for_the_welcome_and_then_goes_at_once() -> None:
    hand = Hand()
    request = hand.requester.check_path(0.0)
    ((frame, message),) = hand.sent()
    assert isinstance(message, m.Hello)
    hand.answer(m.Welcome(SECOND, "", "0.1", SERVERS.digest()), frame.request)
    ((frame, message),) = hand.sent()
    assert (frame.request, message) == (request, m.PathCheck())


def test_a_challenge_is_followed_at_once_but_only_once_a_repeat() -> None:
    hand = Hand()
    hand.welcome()
    request = hand.requester.check_path(0.0)
    hand.sent()
    hand.answer(m.Challenge(FIRST), request)
    ((frame, _),) = hand.sent()
    assert frame.challenge == FIRST
    hand.answer(m.Challenge(SECOND), request)
    assert hand.sent() == []


def test_a_challenge_for_nothing_asked_is_not_used() -> None:
    hand = Hand()
    hand.welcome()
    hand.answer(m.Challenge(FIRST), b"n" * 16)
    hand.requester.check_path(0.0)
    ((frame, _),) = hand.sent()
    assert frame.challenge == SECOND


def test_an_answer_without_our_challenge_is_not_believed() -> None:
    hand = Hand()
    request = reset(hand)
    result = m.Result(OPERATION, ResultCode.OFF_CONFIRMED, back_on=False, evidence=Evidence())
    for challenge in (bytes(16), b"x" * 16):
        assert hand.answer(result, request, challenge) == []
        assert hand.answer(m.Accepted(OPERATION, joined=False), request, challenge) == []
    assert hand.requester.dropped["challenge"] == 4


def test_an_event_of_another_life_is_not_believed_before_an_answer_of_it() -> None:
    hand = Hand()
    hand.welcome()
    hand.seal = Seal(KEYS, CONNECTOR_ID, b"f" * 8)
    assert hand.answer(m.Event(EventKind.POWER_OFF, "PSERVER2"), b"v" * 16) == []
    assert hand.requester.dropped["epoch"] == 1
    request = hand.requester.check_path(0.0)
    hand.sent()
    assert hand.answer(m.PathStatus(FIRST, SERVERS.digest(), ()), request) == [PathStatus(request, (), digest_differs=False)]
    assert len(hand.answer(m.Event(EventKind.POWER_OFF, "PSERVER2"), b"v" * 16)) == 1


def test_an_event_is_told_once_and_acknowledged_each_time() -> None:
    hand = Hand()
    hand.welcome()
    event = m.Event(EventKind.POWER_ON, "PSERVER3")
    assert hand.answer(event, b"v" * 16) == [EventSeen(b"v" * 16, EventKind.POWER_ON, "PSERVER3")]
    assert hand.answer(event, b"v" * 16) == []
    assert [(frame.request, message) for frame, message in hand.sent()] == [(b"v" * 16, m.EventAck())] * 2


def test_once_accepted_it_is_only_asked_how_it_stands() -> None:
    hand = Hand()
    request = reset(hand)
    assert hand.answer(m.Accepted(OPERATION, joined=True), request) == [Accepted(request, OPERATION, joined=True)]
    assert hand.answer(m.Accepted(OPERATION, joined=True), request) == []
    assert hand.answer(m.Progress(OPERATION, Phase.READING, 4), request) == [Progress(request, Phase.READING, 4)]
    hand.now = 2.0
    ((frame, message),) = hand.sent()
    assert (frame.request, message) == (request, m.ResultQuery())


def test_a_result_is_told_once_and_acknowledged_each_time() -> None:
    hand = Hand()
    request = reset(hand)
    evidence = Evidence(detail="seen off twice")
    result = m.Result(OPERATION, ResultCode.OFF_CONFIRMED, back_on=False, evidence=evidence)
    told = Finished(request, ResetResult(ResultCode.OFF_CONFIRMED, evidence=evidence))
    assert hand.answer(result, request) == [told]
    assert hand.answer(result, request) == []
    assert [(frame.request, message) for frame, message in hand.sent()] == [(request, m.ResultAck())] * 2
    assert hand.requester.next_deadline() is None


@pytest.mark.shows("R1")
@given(st.integers(0, 255))
def test_only_a_known_success_code_in_a_result_is_success(code: int) -> None:
    hand = Hand()
    request = reset(hand)
    (outcome,) = hand.answer(m.Result(OPERATION, code, back_on=True, evidence=Evidence()), request)
    if code in set(ResultCode):
        assert outcome == Finished(request, ResetResult(ResultCode(code), back_on=True))
    else:
        assert outcome == Failed(request, Why.UNKNOWN_CODE, code)


@pytest.mark.shows("R1")
@given(st.integers(0, 255))
def test_no_code_in_a_refusal_is_success(code: int) -> None:
    hand = Hand()
    request = reset(hand)
    (outcome,) = hand.answer(m.Refused(code), request)
    assert isinstance(outcome, Failed) or not outcome.result.code.is_success  # type: ignore[union-attr]


def test_a_refused_hello_fails_what_waits_for_it() -> None:
    hand = Hand()
    request = hand.requester.request_reset("PSERVER2", Action.OFF, 10, 0.0)
    ((frame, _),) = hand.sent()
    refused = hand.answer(m.Refused(ResultCode.POLICY), frame.request, bytes(16))
    assert refused == [Failed(request, Why.REFUSED, ResultCode.POLICY)]
    assert hand.requester.next_deadline() is None


def test_what_is_forgotten_is_not_repeated_and_has_no_outcome() -> None:
    hand = Hand()
    request = reset(hand)
    hand.requester.forget(request)
    hand.now = 100.0
    hand.requester.handle_deadline(hand.now)
    assert (hand.sent(), hand.outcomes(), hand.requester.next_deadline()) == ([], [], None)


@pytest.mark.parametrize("message", [m.PathCheck(), m.ResultQuery(), m.EventAck()])
def test_what_only_requesters_send_is_dropped(message: m.Message) -> None:
    hand = Hand()
    hand.welcome()
    assert hand.answer(message, b"n" * 16) == []
    assert hand.requester.dropped["type"] == 1


@given(st.binary(max_size=1300))
def test_any_bytes_teach_nothing(data: bytes) -> None:
    hand = Hand()
    request = hand.requester.say_hello(0.0)
    hand.requester.receive_datagram_untrusted(data, 0.0)
    assert hand.outcomes() == []
    assert request in hand.requester._pending


@given(st.binary(max_size=200), st.sampled_from(m.Type))
def test_any_genuine_body_does_no_harm(body: bytes, kind: m.Type) -> None:
    """Even a connector that is wrong cannot make the requester stumble."""
    hand = Hand()
    request = reset(hand)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("haconn_cli.resetpath.seal.build_body", lambda message: body)
        patch.setattr("haconn_cli.resetpath.seal.type_of", lambda message: kind)
        sealed = hand.seal.seal(OURS, m.MyVersion(), request, hand.theirs)
    hand.requester.receive_datagram_untrusted(sealed, 0.0)
    hand.outcomes()
    hand.requester.datagrams_to_send(0.0)
