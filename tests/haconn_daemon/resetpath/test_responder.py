"""The connector's side rule by rule: who is heard, repeats, joins, refusals, other versions, limits."""

from __future__ import annotations

import pytest

from haconn_cli.config.model import Servers
from haconn_cli.resetpath.outcomes import EventSeen, Failed, Finished, PathStatus, Welcomed, Why
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.seal import Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import ADMIN, Action, EventKind, Phase, ResetResult, ResultCode, Role, Standing
from haconn_cli.resetpath.wire import frame as wire_frame
from haconn_cli.resetpath.wire import messages as m
from haconn_cli.resetpath.wire.messages import parse_body_untrusted
from haconn_daemon.resetpath import answers, peers
from haconn_daemon.resetpath.arrivals import Arrival, HelloSeen, OtherVersionSeen, RequestKey, ResetAsked, ResultAcknowledged
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_cli.resetpath.cluster import CONNECTOR, KEYS, MONITOR, SERVERS, randomness
from tests.haconn_daemon.resetpath.network import OFF, Network, make_requester, make_responder

CONNECTOR_ID = participant_id(KEYS.cluster, Role.CONNECTOR, connector_name(*CONNECTOR))
MONITOR_ID = participant_id(KEYS.cluster, Role.MONITOR, "PSERVER1")
EPOCH, OURS, OPERATION = b"e" * 8, b"o" * 16, b"p" * 16


class Hand:
    """A requester whose every datagram is made by hand; it has said hello."""

    def __init__(self, responder: Responder, *, hello: bool = True) -> None:
        self.responder = responder
        self.now = 0.0
        self.challenge = bytes(16)
        self.seal = Seal(KEYS, MONITOR_ID, EPOCH)
        if hello:
            message = m.Hello("PSERVER1", Standing.LOCAL, "hand", SERVERS.digest(), OURS)
            for _ in range(2):
                self.ask(message, b"h" * 16)

    def ask(self, message: m.Message, request: bytes) -> list[m.Message]:
        """Send, and unseal what comes back; a challenge in it is the next one used."""
        sealed = self.seal.seal(CONNECTOR_ID, message, request, self.challenge)
        self.responder.receive_datagram_untrusted(sealed, MONITOR, self.now)
        return self.collect()

    def collect(self) -> list[m.Message]:
        """What the connector sends now."""
        got = []
        for data, address in self.responder.datagrams_to_send(self.now):
            assert address == MONITOR
            frame = self.seal.unseal_untrusted(data, (CONNECTOR_ID,))
            message = parse_body_untrusted(frame.type, frame.body)
            if isinstance(message, m.Challenge | m.Welcome | m.PathStatus):
                self.challenge = message.challenge
            got.append(message)
        return got


def events(responder: Responder) -> list[Arrival]:
    got = []
    while (arrival := responder.next_event()) is not None:
        got.append(arrival)
    return got


RESET = m.ResetRequest("PSERVER2", Action.CYCLE, 30, reason="failed")


def asked_by(hand: Hand, request: bytes = b"1" * 16) -> RequestKey:
    """Ask for a reset of PSERVER2."""
    assert hand.ask(RESET, request) == []
    (arrival,) = [one for one in events(hand.responder) if isinstance(one, ResetAsked)]
    return arrival.request


def test_a_hello_without_a_challenge_has_no_effect() -> None:
    responder = make_responder()
    hand = Hand(responder, hello=False)
    (answer,) = hand.ask(m.Hello("PSERVER1", Standing.LOCAL, "hand", SERVERS.digest(), OURS), b"h" * 16)
    assert isinstance(answer, m.Challenge)
    assert events(responder) == []


def test_a_welcome_says_who_and_where() -> None:
    hand = Hand(make_responder(), hello=False)
    hello = m.Hello("PSERVER1", Standing.LOCAL, "hand", bytes(8), OURS)
    hand.ask(hello, b"h" * 16)
    (welcome,) = hand.ask(hello, b"h" * 16)
    assert welcome == m.Welcome(hand.challenge, "PSERVER1", "0.1.0", SERVERS.digest())
    assert events(hand.responder) == [HelloSeen("PSERVER1", is_local=True, address=MONITOR, digest_differs=True)]
    assert hand.ask(hello, b"h" * 16) == [welcome]
    assert events(hand.responder) == []


def test_a_hello_under_another_name_is_refused() -> None:
    hand = Hand(make_responder(), hello=False)
    hello = m.Hello("PSERVER2", Standing.LOCAL, "hand", SERVERS.digest(), OURS)
    hand.ask(hello, b"h" * 16)
    assert hand.ask(hello, b"h" * 16) == [m.Refused(ResultCode.POLICY)]
    assert events(hand.responder) == []


def test_a_name_that_is_no_server_is_met_with_silence() -> None:
    network = Network(make_responder())
    network.add(MONITOR, make_requester(name="PSERVER9")).say_hello(network.now)
    network.run(5)
    assert all(captured.target == CONNECTOR for captured in network.captured)
    assert network.responder.dropped == {"sender": len(network.captured)}


@pytest.mark.parametrize("name", [ADMIN, "PSERVER3"])
def test_haconnsetup_is_heard_but_never_makes_a_server_the_own_one(name: str) -> None:
    network = Network(make_responder())
    claims = Requester(KEYS, Role.SETUP, name, CONNECTOR, randomness(5), SERVERS.digest(), standing=Standing.LOCAL)
    network.add(MONITOR, claims).check_path(network.now)
    network.run(1)
    assert isinstance(network.outcomes[MONITOR][-1], PathStatus)
    assert not any(one.is_local for one in network.arrivals if isinstance(one, HelloSeen))
    network.responder.announce(EventKind.POWER_OFF, "PSERVER2", network.now)
    assert network.responder.next_deadline() is None


@pytest.mark.parametrize(
    ("own", "standing", "told"),
    [
        ((), Standing.LOCAL, "PSERVER1"),
        ((), Standing.ELSEWHERE, ""),
        (("PSERVER4",), Standing.ELSEWHERE, "PSERVER4"),
        (("PSERVER4",), Standing.LOCAL, ""),
        (("PSERVER1",), Standing.LOCAL, "PSERVER1"),
        (("PSERVER3", "PSERVER4"), Standing.ELSEWHERE, ""),
    ],
)
def test_the_own_server_is_named_where_all_agree_on_it(own: tuple[str, ...], standing: Standing, told: str) -> None:
    network = Network(Responder(KEYS, CONNECTOR, SERVERS, randomness(1), lambda now: (), own_servers=lambda: own))
    one = Requester(KEYS, Role.MONITOR, "PSERVER1", CONNECTOR, randomness(2), SERVERS.digest(), standing=standing)
    network.add(MONITOR, one).say_hello(network.now)
    network.run(1)
    welcomed = network.outcomes[MONITOR][0]
    assert isinstance(welcomed, Welcomed)
    assert (welcomed.own_server, welcomed.version) == (told, "")


def test_another_life_of_the_sender_must_say_hello() -> None:
    hand = Hand(make_responder())
    hand.seal = Seal(KEYS, MONITOR_ID, b"f" * 8)
    for _ in range(2):
        (answer,) = hand.ask(m.PathCheck(), b"c" * 16)
        assert isinstance(answer, m.Challenge)


@pytest.mark.shows("R3")
def test_a_repeated_request_is_asked_once_and_answered_the_same() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    assert hand.ask(RESET, key.request) == []
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    accepted = m.Accepted(OPERATION, joined=False)
    assert hand.collect() == [accepted]
    assert hand.ask(RESET, key.request) == [accepted]
    hand.responder.progress(OPERATION, Phase.SWITCHING_OFF, 2, now=0.0)
    progress = m.Progress(OPERATION, Phase.SWITCHING_OFF, 2)
    assert hand.collect() == [progress]
    assert hand.ask(m.ResultQuery(), key.request) == [progress]
    hand.responder.finished(OPERATION, OFF, now=0.0)
    result = m.Result.of(OPERATION, OFF)
    assert hand.collect() == [result]
    assert hand.ask(RESET, key.request) == [result]
    assert hand.ask(m.ResultQuery(), key.request) == [result]
    assert events(hand.responder) == []


def test_the_first_final_answer_stays() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    hand.responder.finished(OPERATION, ResetResult(ResultCode.STILL_ON), now=0.0)
    hand.collect()
    hand.responder.finished(OPERATION, OFF, now=1.0)
    hand.responder.refused(key, ResultCode.BUSY, now=1.0)
    hand.responder.progress(OPERATION, Phase.READING, 9, now=1.0)
    hand.responder.accepted(key, b"x" * 16, joined=False, now=1.0)
    (answer,) = hand.ask(m.ResultQuery(), key.request)
    assert isinstance(answer, m.Result)
    assert (answer.code, answer.operation) == (ResultCode.STILL_ON, OPERATION)


def test_a_result_is_repeated_until_acknowledged() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    hand.responder.finished(OPERATION, OFF, now=0.0)
    hand.collect()
    hand.now = 0.2
    assert hand.collect() == [m.Result.of(OPERATION, OFF)]
    assert hand.ask(m.ResultAck(), key.request) == []
    assert events(hand.responder) == [ResultAcknowledged(key)]
    assert hand.responder.next_deadline() is None
    hand.ask(m.ResultAck(), key.request)
    assert events(hand.responder) == []


def test_a_result_that_nobody_acknowledges_is_repeated_for_30_seconds() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    hand.responder.finished(OPERATION, OFF, now=0.0)
    while (deadline := hand.responder.next_deadline()) is not None:
        hand.now = deadline
        hand.collect()
    assert 28 < hand.now <= 30


@pytest.mark.shows("R4")
def test_who_joins_shares_the_result_also_when_it_is_there_already() -> None:
    hand = Hand(make_responder())
    first, second, third = (asked_by(hand, bytes((number,)) * 16) for number in (1, 2, 3))
    hand.responder.accepted(first, OPERATION, joined=False, now=0.0)
    hand.responder.accepted(second, OPERATION, joined=True, now=0.0)
    hand.responder.finished(OPERATION, OFF, now=0.0)
    result = m.Result.of(OPERATION, OFF)
    assert hand.collect() == [m.Accepted(OPERATION, joined=False), m.Accepted(OPERATION, joined=True), result, result]
    hand.responder.accepted(third, OPERATION, joined=True, now=0.0)
    assert hand.collect() == [m.Accepted(OPERATION, joined=True), result]


def test_a_result_that_overtakes_the_acceptance_is_told_all_the_same() -> None:
    """The disk hung, and the race was lost before that was noticed."""
    hand = Hand(make_responder())
    key = asked_by(hand)
    lost = ResetResult(ResultCode.LOST_RACE)
    hand.now = 0.4
    hand.responder.finished(OPERATION, lost, now=0.4)
    hand.responder.accepted(key, OPERATION, joined=False, now=0.4)
    assert hand.collect() == [m.Accepted(OPERATION, joined=False), m.Result.of(OPERATION, lost)]
    assert not hand.responder._answers.is_under_way("PSERVER2")


def test_an_acknowledgement_that_is_sent_again_does_not_end_what_was_asked_for_since() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    hand.responder.finished(OPERATION, OFF, now=0.0)
    hand.collect()
    captured = hand.seal.seal(CONNECTOR_ID, m.ResultAck(), key.request, bytes(16))
    hand.responder.receive_datagram_untrusted(captured, MONITOR, hand.now)
    assert events(hand.responder)[-1:] == [ResultAcknowledged(key)]
    assert hand.ask(m.ResultQuery(), key.request) == [m.Result.of(OPERATION, OFF)]
    hand.responder.receive_datagram_untrusted(captured, MONITOR, hand.now)
    assert events(hand.responder) == []
    hand.now = 0.2
    assert hand.collect() == [m.Result.of(OPERATION, OFF)], "it is still repeated"


def test_a_monitor_whose_server_was_taken_out_is_told_nothing_more() -> None:
    hand = Hand(make_responder())
    hand.responder.announce(EventKind.POWER_OFF, "PSERVER2", 0.0)
    assert len(hand.collect()) == 1
    hand.responder.replace_servers(Servers(SERVERS.servers[1:], SERVERS.default_account))
    hand.responder.announce(EventKind.POWER_ON, "PSERVER2", 0.1)
    hand.now = 0.1
    assert hand.collect() == []


def test_the_same_request_id_with_other_content_is_refused_and_changes_nothing() -> None:
    hand = Hand(make_responder())
    key = asked_by(hand)
    other = m.ResetRequest("PSERVER3", Action.CYCLE, 30, reason="failed")
    assert hand.ask(other, key.request) == [m.Refused(ResultCode.POLICY)]
    hand.responder.accepted(key, OPERATION, joined=False, now=0.0)
    assert hand.collect() == [m.Accepted(OPERATION, joined=False)]
    assert events(hand.responder) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (m.ResetRequest("PSERVER9", Action.OFF, 30), ResultCode.UNKNOWN_TARGET),
        (m.ResetRequest("PSERVER2", Action.OFF, 0), ResultCode.POLICY),
        (m.ResetRequest("PSERVER2", Action.OFF, 3601), ResultCode.POLICY),
    ],
)
def test_what_cannot_be_is_refused_at_once_and_again(request_: m.ResetRequest, code: ResultCode) -> None:
    hand = Hand(make_responder())
    events(hand.responder)
    for _ in range(2):
        assert hand.ask(request_, b"1" * 16) == [m.Refused(code)]
    assert events(hand.responder) == []
    assert hand.ask(m.ResultQuery(), b"1" * 16) == [m.Refused(code)]
    assert hand.ask(RESET, b"1" * 16) == [m.Refused(ResultCode.POLICY)], "the same id with other content"


def test_an_unknown_action_is_refused_and_not_met_with_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(make_responder())
    body = bytearray(m.build_body(RESET))
    body[16] = 99
    monkeypatch.setattr("haconn_cli.resetpath.seal.build_body", lambda message: bytes(body))
    events(hand.responder)
    sealed = hand.seal.seal(CONNECTOR_ID, RESET, b"1" * 16, hand.challenge)
    monkeypatch.undo()
    hand.responder.receive_datagram_untrusted(sealed, MONITOR, 0.0)
    assert hand.collect() == [m.Refused(ResultCode.POLICY)]
    assert events(hand.responder) == []


def test_the_daemon_may_refuse() -> None:
    network = Network(make_responder())
    network._serve = lambda asked: network.responder.refused(  # type: ignore[method-assign]
        asked.request, ResultCode.OWN_SERVER, network.now
    )
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER1", Action.OFF, 30, network.now)
    network.run(3)
    assert network.outcomes[MONITOR][1:] == [Finished(request, ResetResult(ResultCode.OWN_SERVER))]


def test_a_query_for_a_request_that_never_was() -> None:
    hand = Hand(make_responder())
    assert hand.ask(m.ResultQuery(), b"9" * 16) == [m.Refused(ResultCode.UNKNOWN_REQUEST)]


def test_a_restored_request_is_answered_and_not_begun() -> None:
    responder = make_responder()
    hand = Hand(responder)
    responder.restore(RequestKey(MONITOR_ID, b"1" * 16), OPERATION, OFF, 0.0)
    events(responder)
    assert hand.ask(RESET, b"1" * 16) == [m.Result.of(OPERATION, OFF)]
    assert events(responder) == []


@pytest.mark.shows("O3")
def test_another_version_is_told_once_a_datagram_and_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = Hand(make_responder())
    events(hand.responder)
    monkeypatch.setattr(wire_frame.Frame.__init__, "__defaults__", (b"", 0, 0, 2))
    sealed = [hand.seal.seal(CONNECTOR_ID, m.PathCheck(), b"v" * 16, bytes(16)) for _ in range(2)]
    monkeypatch.undo()
    for datagram in sealed:
        hand.responder.receive_datagram_untrusted(datagram, MONITOR, 0.0)
    assert hand.collect() == [m.MyVersion()] * 2
    assert events(hand.responder) == [OtherVersionSeen("PSERVER1", 2, MONITOR)]


@pytest.mark.shows("O3")
def test_a_requester_is_told_that_the_connector_speaks_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(make_responder())
    requester = network.add(MONITOR, make_requester())
    request = requester.request_reset("PSERVER2", Action.OFF, 30, network.now)
    network.requesters[MONITOR].datagrams_to_send(network.now)
    monkeypatch.setattr(wire_frame.Frame.__init__, "__defaults__", (b"", 0, 0, 2))
    hello = next(key for key, pending in requester._pending.items() if isinstance(pending.message, m.Hello))
    answer = Seal(KEYS, CONNECTOR_ID, EPOCH).seal(MONITOR_ID, m.MyVersion(), hello, bytes(16), reply=True)
    monkeypatch.undo()
    requester.receive_datagram_untrusted(answer, network.now)
    assert requester.next_event() == Failed(request, Why.VERSION, 2)


def test_an_event_goes_to_the_newest_life_of_each_monitor_heard_of_lately() -> None:
    network = Network(make_responder())
    old, new, other = MONITOR, ("192.168.0.1", 40009), ("192.168.0.2", 40001)
    for seed, (address, name) in enumerate(((old, "PSERVER1"), (new, "PSERVER1"), (other, "PSERVER2"))):
        network.add(address, make_requester(seed, name)).say_hello(network.now)
        network.run(1)
    network.responder.announce(EventKind.POWER_OFF, "PSERVER3", network.now)
    network.run(1)
    told = [address for address, outcomes in network.outcomes.items() if isinstance(outcomes[-1], EventSeen)]
    assert told == [new, other]
    network.run(peers.PEER_LIFE)
    network.responder.announce(EventKind.POWER_ON, "PSERVER3", network.now)
    assert network.responder.next_deadline() is None


def test_every_guest_of_a_machine_is_told_and_acknowledges_for_itself() -> None:
    network = Network(make_responder())
    guests = [(f"192.168.0.{number}", 40000) for number in range(11, 15)]
    for seed, address in enumerate(guests):
        network.add(address, make_requester(seed, "PSERVER1")).say_hello(network.now)
        network.run(1)
    network.responder.announce(EventKind.POWER_OFF, "PSERVER3", network.now)
    network.run(1)
    told = [[outcome for outcome in network.outcomes[guest] if isinstance(outcome, EventSeen)] for guest in guests]
    assert [[(event.kind, event.server) for event in each] for each in told] == [[(EventKind.POWER_OFF, "PSERVER3")]] * 4
    assert network.responder._notices.next_deadline() is None, "all have acknowledged"


def test_a_sender_over_its_allowance_is_not_heard_but_the_first_reset_of_a_target_is() -> None:
    hand = Hand(make_responder())
    answered = sum(len(hand.ask(m.PathCheck(), b"c" * 16)) for _ in range(300))
    assert answered == peers.BURST - 1   # the hello was one
    assert hand.responder.dropped["rate"] == 300 - answered
    asked_by(hand)
    hand.ask(RESET, b"2" * 16)
    assert hand.responder.next_event() is None
    hand.now = 1.0
    assert len([answer for _ in range(150) for answer in hand.ask(m.PathCheck(), b"c" * 16)]) == peers.RATE


def test_replayed_datagrams_use_up_nobodys_allowance() -> None:
    hand = Hand(make_responder())
    old = hand.seal.seal(CONNECTOR_ID, m.PathCheck(), b"c" * 16, bytes(16))
    for _ in range(1000):
        hand.responder.receive_datagram_untrusted(old, MONITOR, 0.0)
    hand.collect()
    (answer,) = hand.ask(m.PathCheck(), b"c" * 16)
    assert isinstance(answer, m.PathStatus)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_ANSWERS", 10)
    hand = Hand(make_responder())
    events(hand.responder)
    for number in range(20):
        hand.now += 0.1
        hand.ask(m.ResetRequest("PSERVER9", Action.OFF, 30), bytes((number,)) * 16)
    assert len(hand.responder._answers._asked) == 0, "a server that is not there costs nobody's answer its place"
    for number in range(100, 110):
        hand.ask(RESET, bytes((number,)) * 16)
    assert hand.ask(RESET, b"z" * 16) == [m.Refused(ResultCode.BUSY, 1.0)]
    monkeypatch.undo()
    assert hand.ask(RESET, b"z" * 16) == [m.Refused(ResultCode.BUSY, 1.0)], "not begun when there is room again"
    assert len(events(hand.responder)) == 10


def test_more_lives_than_there_is_room_for_are_dropped() -> None:
    responder = make_responder()
    for life in range(peers.MOST_LIVES + 5):
        hand = Hand(responder, hello=False)
        hand.seal = Seal(KEYS, MONITOR_ID, life.to_bytes(8))
        hand.now = life * 0.1
        for _ in range(2):
            hand.ask(m.Hello("PSERVER1", Standing.LOCAL, "", SERVERS.digest(), OURS), b"h" * 16)
    assert responder.dropped["lives"] == 5
    assert len(responder._peers._lives[MONITOR_ID]) == peers.MOST_LIVES


def test_types_that_only_a_connector_sends_are_dropped() -> None:
    hand = Hand(make_responder())
    events(hand.responder)
    assert hand.ask(m.Result.of(OPERATION, OFF), b"1" * 16) == []
    assert hand.ask(m.Accepted(OPERATION, joined=False), b"1" * 16) == []
    assert hand.responder.dropped["type"] == 2
    assert events(hand.responder) == []
