"""The doors of both ends of the reset path. Without the cluster key nothing has an effect; with it, only what was asked."""

from __future__ import annotations

import hmac
import pickle
from collections.abc import Sequence

from haconn_cli.resetpath import outcomes
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.seal import Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import (
    Action,
    Evidence,
    Link,
    ResetResult,
    ResultCode,
    Role,
    ServerStatus,
    Standing,
    Status,
)
from haconn_cli.resetpath.wire.frame import LARGEST, NO_CHALLENGE, Frame, build_frame, parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type
from haconn_daemon.resetpath.arrivals import ResetAsked
from haconn_daemon.resetpath.responder import Responder
from tests.fuzz.finding import Tape, Target, expect, head_and_rest
from tests.fuzz.resetpath import MOST_BODY, body_seeds
from tests.haconn_cli.resetpath.cluster import CONNECTOR, KEYS, MONITOR, SERVERS

_START, _SOON = 100.0, 100.05   # seconds
_TURNS = (0, 1, 3, 5)
"""The points at which the ends are met: strangers, after the first datagram, with a reset under way, and with its result."""
_OPERATION, _RESULT = bytes(range(16)), ResetResult(ResultCode.OFF_CONFIRMED, evidence=Evidence(detail="seen off twice"))
_CHALLENGES_LAST = 20.0   # seconds, or more
_HEAD = 6
_MONITOR_ID = participant_id(KEYS.cluster, Role.MONITOR, "PSERVER1")
_CONNECTOR_ID = participant_id(KEYS.cluster, Role.CONNECTOR, connector_name(*CONNECTOR))
_STATUSES = tuple(ServerStatus(each.name, Link.OK, Status.MONITORING, True, 0.5) for each in SERVERS.servers)


def _make_requester() -> Requester:
    requester = Requester(
        KEYS, Role.MONITOR, "PSERVER1", CONNECTOR, Tape(2), SERVERS.digest(), standing=Standing.LOCAL, version="1"
    )
    requester.check_path(_START)
    requester.request_reset("PSERVER2", Action.CYCLE, 60.0, _START, reason="failed")
    return requester


def _statuses(now: float) -> Sequence[ServerStatus]:
    return _STATUSES


class _Meeting:
    """Both ends, after so many turns of what they have to say to each other."""

    def __init__(self, turns: int) -> None:
        self.requester = _make_requester()
        self.responder = Responder(KEYS, CONNECTOR, SERVERS, Tape(1), _statuses, version="1")
        self.asked: list[bytes] = []
        self.said: list[bytes] = []
        for turn in range(turns):
            if turn == _TURNS[2]:
                self.responder.finished(_OPERATION, _RESULT, _START)
            self._turn()
        self.asked_next = self.requester.datagrams_to_send(_SOON)
        self.said += [datagram for datagram, _ in self.responder.datagrams_to_send(_START)]

    def _turn(self) -> None:
        asked = self.requester.datagrams_to_send(_SOON)
        for datagram in asked:
            self.responder.receive_datagram_untrusted(datagram, MONITOR, _START)
        said = [datagram for datagram, _ in self.responder.datagrams_to_send(_START)]
        while (arrival := self.responder.next_event()) is not None:
            if isinstance(arrival, ResetAsked):
                self.responder.accepted(arrival.request, _OPERATION, joined=False, now=_START)
        for datagram in said:
            self.requester.receive_datagram_untrusted(datagram, _START)
        while self.requester.next_event() is not None:
            pass
        self.asked += asked
        self.said += said


_MEETINGS = tuple(_Meeting(turns) for turns in _TURNS)
_ASKING = tuple(pickle.dumps(meeting.requester) for meeting in _MEETINGS)
_ANSWERING = tuple(pickle.dumps(meeting.responder) for meeting in _MEETINGS)


def _requester(place: int) -> Requester:
    """One at this point."""
    requester: Requester = pickle.loads(_ASKING[place])
    return requester


def _responder(place: int) -> Responder:
    """One at this point."""
    responder: Responder = pickle.loads(_ANSWERING[place])
    return responder


class _Voice:
    """A holder of the key who says whatever the input says."""

    def __init__(self, own: bytes, receiver: bytes) -> None:
        self._own, self._receiver = own, receiver
        self._key = Seal(KEYS, own, bytes(8))._key(KEYS.keys[0].id, own, receiver)
        self._number = 1000

    def seal(self, data: bytes, requests: Sequence[bytes], challenge: bytes, epoch: bytes) -> bytes:
        """Head: type, request id, challenge, epoch, flags, version, each as they are known or otherwise; the rest is the body."""
        (kind, request, freshness, life, flags, version), body = head_and_rest(data, _HEAD)
        self._number += 1
        ids = (*requests, bytes(16), body[:16].ljust(16, b"\0"))
        frame = Frame(
            type=kind,
            sender=self._own,
            receiver=self._receiver,
            epoch=(epoch, bytes(8))[life % 2],
            sequence=self._number,
            challenge=(challenge, NO_CHALLENGE, body[:16].ljust(16, b"\0"))[freshness % 3],
            request=ids[request % len(ids)],
            body=body[:MOST_BODY],
            key_id=KEYS.keys[0].id,
            flags=flags,
            version=version or 1,
        )
        covered = build_frame(frame)
        return covered + hmac.digest(self._key, covered, "sha256")


class _Requesters:
    """Requesters at each point; what is not sealed comes first, or what the connector could have sealed."""

    def __init__(self) -> None:
        self._voice = _Voice(_CONNECTOR_ID, _MONITOR_ID)
        self._requesters = [_requester(place) for place in range(len(_TURNS))]
        self._marks = [_mark(requester) for requester in self._requesters]
        self._epoch = parse_frame_untrusted(_Meeting(1).said[0]).epoch
        self.genuine = {datagram for turns in _TURNS for datagram in _Meeting(turns + 2).said}

    def take(self, data: bytes) -> None:
        """First octet: how far the requester is, and whether the rest is to be sealed."""
        (chosen,), rest = head_and_rest(data, 1)
        place, is_sealed = chosen // 2 % len(_TURNS), chosen % 2
        requester = self._requesters[place]
        datagram = self._seal(requester, rest) if is_sealed else rest
        requester.receive_datagram_untrusted(datagram, _SOON)
        if _mark(requester) != self._marks[place]:
            self._requesters[place] = _requester(place)
            expect(is_sealed or datagram in self.genuine, "octets without a seal had an effect")
            _judge(requester, parse_frame_untrusted(datagram))

    def _seal(self, requester: Requester, rest: bytes) -> bytes:
        return self._voice.seal(rest, list(requester._pending), requester._hello.challenge, self._epoch)


def _mark(requester: Requester) -> object:
    """What an effect changes; counts of dropped datagrams are none."""
    pending = [(each.message, each.due, each.sent, each.was_prompted) for each in requester._pending.values()]
    return pending, requester._challenge, requester._is_welcome, len(requester._outcomes), len(requester._out)


def _judge(requester: Requester, arrived: Frame) -> None:
    told: list[outcomes.Outcome] = []
    while (outcome := requester.next_event()) is not None:
        told.append(outcome)
    successes = [each for each in told if isinstance(each, outcomes.Finished) and each.result.code.is_success]
    expect(not successes or arrived.type == Type.RESET_RESULT, "a reset that succeeded without a result")
    expect(len(requester.datagrams_to_send(_SOON)) <= len(requester._pending) + 2, "many datagrams for one")


class _Responders:
    """Responders at each point; what is not sealed comes first, or what an HA Monitor could have sealed."""

    def __init__(self) -> None:
        self._voice = _Voice(_MONITOR_ID, _CONNECTOR_ID)
        self.genuine = {datagram for meeting in _MEETINGS for datagram in (*meeting.asked, *meeting.asked_next)}
        self._begin_anew()

    def take(self, data: bytes) -> None:
        """First octet: how far the responder is, and whether the rest is to be sealed."""
        (chosen,), rest = head_and_rest(data, 1)
        place, is_sealed = chosen // 2 % len(_TURNS), chosen % 2
        responder = self._responders[place]
        datagram = self._seal(place, rest) if is_sealed else rest
        responder.receive_datagram_untrusted(datagram, MONITOR, self._now)
        said = [answer for answer, _ in responder.datagrams_to_send(self._now)]
        arrivals: list[object] = []
        while (arrival := responder.next_event()) is not None:
            arrivals.append(arrival)
        self._go_on(place, bool(arrivals))
        if said or arrivals:
            expect(is_sealed or datagram in self.genuine, f"{arrivals} and {len(said)} datagrams for octets without a seal")
            _judge_answers(datagram, said, arrivals)

    def _seal(self, place: int, rest: bytes) -> bytes:
        requester = _MEETINGS[place].requester
        epoch = requester._seal._epoch
        challenge = self._responders[place]._challenges.issue(_MONITOR_ID, epoch, MONITOR, self._now)
        return self._voice.seal(rest, list(requester._pending), challenge, epoch)

    def _go_on(self, place: int, has_arrived: bool) -> None:
        """Time passes, so that nobody has used up what it may send; now and then all begins anew."""
        self._now += 0.011
        if has_arrived:
            self._responders[place] = _responder(place)
        if self._now > _START + _CHALLENGES_LAST:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._now = _START
        self._responders = [_responder(place) for place in range(len(_TURNS))]


def _judge_answers(datagram: bytes, said: Sequence[bytes], arrivals: Sequence[object]) -> None:
    resets = [arrival for arrival in arrivals if isinstance(arrival, ResetAsked)]
    expect(not resets or parse_frame_untrusted(datagram).type == Type.RESET_REQUEST, "a reset that nobody asked for")
    expect(all(SERVERS.find(reset.target) is not None for reset in resets), "a reset of an unknown server")
    expect(len(said) <= 2, f"{len(said)} datagrams for one")
    challenges = [each for each in said if parse_frame_untrusted(each).type == Type.CHALLENGE]
    expect(sum(map(len, challenges)) <= len(datagram), "a stranger's address gets more octets than came from it")


_REQUESTERS, _RESPONDERS = _Requesters(), _Responders()
_WAYS = ((0, 0), (1, 0), (0, 1))   # request id and challenge


def _seeds(genuine: set[bytes]) -> list[bytes]:
    places = range(len(_TURNS))
    plain = [bytes((2 * place,)) + datagram for place in places for datagram in sorted(genuine)]
    said = [body[:1] + bytes((request, challenge, 0, 0, 1)) + body[1:] for body in body_seeds() for request, challenge in _WAYS]
    return plain + [bytes((2 * place + 1,)) + each for place in places for each in said]


TARGETS = {
    "resetpath-requester": Target(_REQUESTERS.take, lambda: _seeds(_REQUESTERS.genuine), longest=LARGEST),
    "resetpath-responder": Target(_RESPONDERS.take, lambda: _seeds(_RESPONDERS.genuine), longest=LARGEST),
}
