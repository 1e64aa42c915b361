"""The door of a connector for what others say. Without the cluster key nothing has an effect; with it, only what is fresh."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_interface

from haconn_cli.resetpath.seal import EVERYONE, Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import EventKind, Role
from haconn_cli.resetpath.wire.frame import LARGEST, NO_CHALLENGE, Frame, build_frame, parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type
from haconn_daemon.resetpath.arrivals import Arrival, EventHeard, IntentHeard
from haconn_daemon.resetpath.freshness import PROVE_GAP, stamp
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from tests.fuzz.finding import Tape, Target, expect, head_and_rest
from tests.fuzz.resetpath import MOST_BODY, body_seeds
from tests.haconn_cli.resetpath.cluster import CLUSTER, KEYS, SERVERS

_START = 100.0   # seconds
_LASTS = 200.0
_OWN, _OTHER = (Segment(ip_interface(f"192.168.0.{number}/24"), 30000) for number in (1, 2))
_OWN_ID, _OTHER_ID = (participant_id(CLUSTER, Role.CONNECTOR, connector_name(*each.own)) for each in (_OWN, _OTHER))
_EPOCH = b"livinglf"
_HEAD = 6
_ANSWERS = {Type.PROVE, Type.PROOF, Type.VERSION, Type.PRESENCE}


def _responder(segment: Segment, seed: int) -> Responder:
    return Responder(KEYS, segment.own, SERVERS, Tape(seed), lambda now: (), version="1", segment=segment)


class _Connector:
    """One that another connector talks to, which has proven itself or not; what is not sealed comes first."""

    def __init__(self) -> None:
        self._keys = {receiver: Seal(KEYS, _OTHER_ID, _EPOCH)._key(1, _OTHER_ID, receiver) for receiver in (_OWN_ID, EVERYONE)}
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._now, self._number, self._asked = _START, 0, b""
        self._responder = _responder(_OWN, 1)
        self._responder.datagrams_to_send(self._now)

    def take(self, data: bytes) -> None:
        """First octet: whether the rest is to be sealed."""
        (is_sealed,), rest = head_and_rest(data, 1)
        datagram = self._seal(rest) if is_sealed % 2 else rest
        self._responder.datagrams_to_send(self._now)
        self._take_arrivals()   # what only time has brought
        self._responder.receive_datagram_untrusted(datagram, _OTHER.own, self._now)
        said = [answer for answer, _ in self._responder.datagrams_to_send(self._now)]
        arrivals = self._take_arrivals()
        if said or arrivals:
            expect(bool(is_sealed % 2) or datagram in _GENUINE, f"{arrivals} and {len(said)} datagrams for octets without a seal")
            self._judge(datagram, said, arrivals)
        self._now += PROVE_GAP
        if self._now > _START + _LASTS:
            self._begin_anew()

    def _take_arrivals(self) -> list[Arrival]:
        arrivals = []
        while (arrival := self._responder.next_event()) is not None:
            arrivals.append(arrival)
        return arrivals

    def _seal(self, data: bytes) -> bytes:
        """Head: type, receiver, stamp, epoch and request id, flags, version, each as they are known or otherwise."""
        (kind, receiver, freshness, ids, flags, version), body = head_and_rest(data, _HEAD)
        self._number += 1
        to = (_OWN_ID, EVERYONE)[receiver % 2]
        frame = Frame(
            type=kind,
            sender=_OTHER_ID,
            receiver=to,
            epoch=(_EPOCH, bytes(8))[ids % 2],
            sequence=self._number,
            challenge=(stamp(self._now), NO_CHALLENGE, body[:16].ljust(16, b"\xff"))[freshness % 3],
            request=self._asked if self._asked and ids % 4 < 2 else self._number.to_bytes(16),
            body=body[:MOST_BODY],
            key_id=1,
            flags=flags,
            version=version or 1,
        )
        covered = build_frame(frame)
        return covered + hmac.digest(self._keys[to], covered, "sha256")

    def _judge(self, datagram: bytes, said: Sequence[bytes], arrivals: Sequence[object]) -> None:
        frame = parse_frame_untrusted(datagram)
        is_proof = frame.type == Type.PROOF and frame.request == self._asked
        kinds = [parse_frame_untrusted(answer).type for answer in said]
        expect(set(kinds) <= _ANSWERS, f"answers {kinds}")
        expect(is_proof or sum(map(len, said)) <= len(datagram), "more octets for one that has proven nothing")
        told = [arrival for arrival in arrivals if isinstance(arrival, IntentHeard | EventHeard)]
        expect(is_proof or len(told) <= 1, "an announcement told twice")
        for answer in said:
            if parse_frame_untrusted(answer).type == Type.PROVE:
                self._asked = parse_frame_untrusted(answer).request


def _genuine() -> set[bytes]:
    """What two connectors say to each other from their start to an announcement and an event."""
    one, two = _responder(_OWN, 1), _responder(_OTHER, 2)
    said: set[bytes] = set()
    for turn in range(8):
        now = _START + turn / 10
        if turn == 4:
            two.announce_intent("PSERVER2", "PSERVER1", 7, bytes(16), now)
            two.announce(EventKind.POWER_OFF, "PSERVER2", now)
        for sender, receiver, place in ((two, one, _OTHER.own), (one, two, _OWN.own)):
            for datagram, _ in sender.datagrams_to_send(now):
                said.add(datagram)
                receiver.receive_datagram_untrusted(datagram, place, now)
    return said


_GENUINE = _genuine()
_CONNECTOR = _Connector()


def _seeds() -> list[bytes]:
    plain = [b"\0" + datagram for datagram in sorted(_GENUINE)]
    heads = [bytes((receiver, 0, ids, 0, 1)) for receiver in (0, 1) for ids in (0, 2)]
    return plain + [b"\x01" + body[:1] + head + body[1:] for body in body_seeds() for head in heads]


TARGETS = {"resetpath-connectors": Target(_CONNECTOR.take, _seeds, longest=LARGEST)}
