"""Connectors among themselves: who is there, announcements, where they differ; in any weather, in any order of starts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_cli.config.model import BmcAddress, Key, KeyRing, ManagedServer, Servers
from haconn_cli.resetpath.seal import Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import EventKind, Role
from haconn_cli.resetpath.wire import frame as wire_frame
from haconn_cli.resetpath.wire import messages as m
from haconn_cli.resetpath.wire.frame import parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type
from haconn_daemon.resetpath.arrivals import ConnectorSeen, EventHeard, IntentHeard, ServersDiffer, VersionsDiffer
from haconn_daemon.resetpath.neighbours import MOST_NEIGHBOURS, PRESENCE_INTERVAL, SILENCE, Neighbour
from tests.haconn_cli.resetpath.cluster import CLUSTER, KEYS, SERVERS
from tests.haconn_daemon.resetpath.connectors import EVERYONE, Connectors, make_connector, segment_of
from tests.haconn_daemon.resetpath.network import Weather

ONE, TWO = segment_of(1).own, segment_of(2).own
OPERATION = b"operation 123456"
OTHER_SERVERS = Servers((*SERVERS.servers[:3], ManagedServer("PSERVER9", BmcAddress("192.168.0.59"))), SERVERS.default_account)


def heard(sender: int = 1) -> IntentHeard:
    return IntentHeard(f"192.168.0.{sender}:30000", "PSERVER2", "PSERVER1", 7, OPERATION)


def announce(connectors: Connectors, number: int = 1) -> None:
    address = segment_of(number).own
    connectors.responders[address].announce_intent("PSERVER2", "PSERVER1", 7, OPERATION, connectors.clock(address))


def kinds(connectors: Connectors, source: int | None = None) -> list[int]:
    wanted = [one for one in connectors.captured if source is None or one.source == segment_of(source).own]
    return [parse_frame_untrusted(one.data).type for one in wanted]


def test_all_know_each_other_within_moments_of_the_last_start() -> None:
    connectors = Connectors.of(1, 2)
    connectors.run(5)
    connectors.start(3, make_connector(3))
    connectors.run(0.1)
    for number in (1, 2, 3):
        seen = {arrival.address[0] for arrival in connectors.learnt(number, ConnectorSeen) if isinstance(arrival, ConnectorSeen)}
        assert seen == {f"192.168.0.{other}" for other in (1, 2, 3) if other != number}
    assert connectors.responders[ONE].dropped == {}


def test_an_intent_is_heard_once_by_all_the_others_and_not_by_oneself() -> None:
    connectors = Connectors.of(1, 2, 3)
    connectors.run(1)
    announce(connectors)
    connectors.run(1)
    assert [connectors.learnt(number, IntentHeard) for number in (1, 2, 3)] == [[], [heard()], [heard()]]


def test_an_intent_goes_out_three_times_within_half_of_the_usual_wait() -> None:
    connectors = Connectors.of(1, 2)
    connectors.run(1)
    announce(connectors)
    for _ in range(15):
        connectors.run(0.01)
    sent = [one for one in connectors.captured if parse_frame_untrusted(one.data).type == Type.INTENT]
    assert [one.target for one in sent] == [EVERYONE, TWO] * 3
    connectors.run(5)
    assert kinds(connectors).count(Type.INTENT) == 6


def test_an_intent_is_heard_where_the_switch_eats_broadcasts() -> None:
    connectors = Connectors.of(1, 2)
    connectors.run(1)
    connectors.eats_broadcasts = True
    connectors.run(100)
    announce(connectors)
    connectors.run(0.2)
    assert connectors.learnt(2, IntentHeard) == [heard()]


def test_servers_own_addresses_say_where_connectors_are_where_there_are_no_broadcasts() -> None:
    servers = Servers(
        tuple(dataclasses.replace(one, addresses=(f"192.168.0.{number}",)) for number, one in enumerate(SERVERS.servers[:2], 1)),
        SERVERS.default_account,
    )
    connectors = Connectors({segment_of(number).own: make_connector(number, servers=servers, mask=32) for number in (1, 2)})
    connectors.run(1)
    announce(connectors)
    connectors.run(0.2)
    assert connectors.learnt(2, IntentHeard) == [heard()]
    assert all(one.target != EVERYONE for one in connectors.captured)


@pytest.mark.parametrize("lost", range(3))
def test_the_first_word_of_a_new_life_may_be_an_intent(lost: int) -> None:
    """It waits for a round trip; nothing that came before it is needed, and each of its three sendings is enough."""
    connectors = Connectors.of(2)
    connectors.run(5)
    sender = make_connector(1)
    connectors.start(1, sender)
    sender.datagrams_to_send(connectors.now)   # its presence is lost
    announce(connectors)
    connectors.weather = Weather(loss=1.0)
    connectors.run((0.0, 0.05, 0.13)[lost])
    connectors.weather = Weather()
    before = connectors.now
    connectors.run(0.3)
    (when,) = [when for when, arrival in connectors.arrivals[TWO] if arrival == heard()]
    assert when - before < 0.1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_intent_is_heard_at_most_once_in_any_weather(seed: int) -> None:
    connectors = Connectors.of(1, 2, 3, seed=seed, weather=Weather(loss=0.2, repeat=0.3, slowest=0.4))
    connectors.run(3)
    announce(connectors)
    connectors.run(3)
    assert all(connectors.learnt(number, IntentHeard) in ([], [heard()]) for number in (2, 3))


def test_an_intent_is_heard_with_a_fifth_of_the_datagrams_lost() -> None:
    told = 0
    for seed in range(50):
        connectors = Connectors.of(1, 2, seed=seed, weather=Weather(loss=0.2, slowest=0.005))
        connectors.run(5)
        announce(connectors)
        connectors.run(0.25)
        told += bool(connectors.learnt(2, IntentHeard))
    assert told == 50


@pytest.mark.parametrize("speed", [0.999, 1.001])
def test_clocks_may_show_anything_and_run_apart(speed: float) -> None:
    connectors = Connectors.of(1, 2)
    connectors.skew[ONE] = lambda now: 5e6 + now * speed
    connectors.run(600)
    announce(connectors)
    connectors.run(0.1)
    assert connectors.learnt(2, IntentHeard) == [heard()]
    connectors.responders[TWO].announce_intent("PSERVER2", "PSERVER1", 7, OPERATION, connectors.now)
    connectors.run(0.1)
    assert connectors.learnt(1, IntentHeard) == [heard(2)]


def test_a_clock_that_stood_still_for_an_hour_is_believed_again() -> None:
    connectors = Connectors.of(1, 2)
    connectors.run(5)
    connectors.skew[TWO] = lambda now: now + 3600   # for all but the sleeper an hour has passed
    announce(connectors)
    connectors.run(0.1)
    assert connectors.learnt(2, IntentHeard) == [heard()]


def test_an_event_is_told_to_the_others_once() -> None:
    connectors = Connectors.of(1, 2, 3)
    connectors.run(1)
    connectors.responders[ONE].announce(EventKind.POWER_OFF, "PSERVER2", connectors.now)
    connectors.run(30)
    for number in (2, 3):
        assert connectors.learnt(number, EventHeard) == [EventHeard("192.168.0.1:30000", EventKind.POWER_OFF, "PSERVER2")]
    assert kinds(connectors, 1).count(Type.EVENT) == 3   # to all, and to each of the two alone


def test_another_list_of_servers_is_told_while_it_lasts() -> None:
    connectors = Connectors.of(1)
    connectors.start(2, make_connector(2, servers=OTHER_SERVERS))
    one = connectors.responders[ONE]
    connectors.run(1)
    assert connectors.learnt(1, ServersDiffer) == [ServersDiffer(TWO, differ=True)]
    connectors.run(60)
    assert connectors.learnt(1, ServersDiffer) == [ServersDiffer(TWO, differ=True)]
    assert one.notes(connectors.now) == ("connector 192.168.0.2 has another list of servers (conf_pserver), for 61 s",)
    connectors.responders[TWO].replace_servers(SERVERS)
    connectors.run(0.1)
    assert connectors.learnt(1, ServersDiffer)[1:] == [ServersDiffer(TWO, differ=False)]
    assert one.notes(connectors.now) == ()


def test_who_does_not_arbitrate_is_told_by_both_sides() -> None:
    """`arbitration_wait = 0` on one server only: each could reset the other, and neither would give way."""
    connectors = Connectors.of(1)
    connectors.start(2, make_connector(2, arbitrates=False))
    one, two = connectors.responders[ONE], connectors.responders[TWO]
    connectors.run(61)
    for number, other, notes in ((1, TWO, one.notes(connectors.now)), (2, segment_of(1).own, two.notes(connectors.now))):
        (told,) = connectors.learnt(number, ServersDiffer)
        assert isinstance(told, ServersDiffer)
        assert (told.address, told.differ) == (other, True)
        assert "arbitration_wait" in told.what
        (note,) = notes
        assert "arbitration_wait" in note
        assert "for 61 s" in note
        assert "conf_pserver" not in note
    two.replace_servers(SERVERS)
    connectors.run(PRESENCE_INTERVAL + 1)
    assert (one.notes(connectors.now), two.notes(connectors.now)) == ((), ())
    two.replace_servers(OTHER_SERVERS, arbitrates=False)
    connectors.run(0.1)
    assert "conf_pserver" in one.notes(connectors.now)[0]
    two.replace_servers(SERVERS, arbitrates=False)
    connectors.run(0.1)
    assert "arbitration_wait" in one.notes(connectors.now)[0], "another difference is told as well"


def test_two_that_do_not_arbitrate_agree() -> None:
    connectors = Connectors({segment_of(number).own: make_connector(number, arbitrates=False) for number in (1, 2)})
    connectors.run(61)
    assert connectors.learnt(1, ServersDiffer) == []


def test_a_connector_that_is_gone_differs_no_more() -> None:
    connectors = Connectors.of(1)
    connectors.start(2, make_connector(2, servers=OTHER_SERVERS))
    connectors.run(1)
    del connectors.responders[TWO]
    connectors.run(SILENCE + 1)
    assert connectors.learnt(1, ServersDiffer) == [ServersDiffer(TWO, differ=True), ServersDiffer(TWO, differ=False)]
    assert connectors.responders[ONE].notes(connectors.now) == ()
    connectors.captured.clear()
    announce(connectors)
    connectors.run(0.1)
    assert {one.target for one in connectors.captured} == {EVERYONE}


class Newer:
    """A connector of version 2 of the protocol, by hand."""

    def __init__(self, number: int) -> None:
        self.address = segment_of(number).own
        own = participant_id(CLUSTER, Role.CONNECTOR, connector_name(*self.address))
        self.seal = Seal(KEYS, own, b"newer123", is_connector=True)

    def say(self, message: m.Message, receiver: bytes, request: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
        with monkeypatch.context() as patch:
            patch.setattr(wire_frame.Frame.__init__, "__defaults__", (b"", 0, 0, 2))
            reply = isinstance(message, m.MyVersion)
            return self.seal.seal(receiver, message, request, bytes(16), reply=reply)


def test_another_version_is_told_once_it_is_proven_and_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    one, newer = make_connector(1), Newer(2)
    one.datagrams_to_send(0.0)
    presence = newer.say(m.Presence(bytes(8), "", "2.0"), b"\xff" * 8, b"p" * 16, monkeypatch)
    one.receive_datagram_untrusted(presence, newer.address, 0.1)
    assert one.next_event() is None, "it may be an old one"
    ((prove, target),) = one.datagrams_to_send(0.1)
    asked = parse_frame_untrusted(prove)
    assert (target, asked.type, asked.version) == (newer.address, Type.PROVE, 1)
    answer = newer.say(m.MyVersion(), asked.sender, asked.request, monkeypatch)
    for _ in range(2):
        one.receive_datagram_untrusted(answer, newer.address, 0.2)
    assert [one.next_event(), one.next_event()] == [VersionsDiffer(newer.address, 2, differ=True), None]
    line = "connector 192.168.0.2 speaks version 2 of the reset-path protocol, this one version 1, for 10 s"
    assert one.notes(10.2) == (line,)
    one.handle_deadline(0.3 + SILENCE)
    assert one.next_event() == VersionsDiffer(newer.address, 2, differ=False)


def test_a_question_of_another_version_is_told_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    one, newer = make_connector(1), Newer(2)
    one.datagrams_to_send(0.0)
    receiver = participant_id(CLUSTER, Role.CONNECTOR, connector_name(*ONE))
    one.receive_datagram_untrusted(newer.say(m.Prove(), receiver, b"q" * 16, monkeypatch), newer.address, 0.1)
    ((answer, _),) = one.datagrams_to_send(0.1)
    frame = newer.seal.unseal_untrusted(answer, (receiver,))
    assert (frame.type, frame.request) == (Type.VERSION, b"q" * 16)


def test_a_key_being_replaced_does_not_part_the_connectors() -> None:
    old, new = KEYS.keys[0], Key(2, b"n" * 32)
    rings = (KeyRing(CLUSTER, (new, old)), KeyRing(CLUSTER, (old, new)))
    connectors = Connectors({segment_of(n).own: make_connector(n, keys=ring) for n, ring in enumerate(rings, 1)})
    connectors.run(1)
    announce(connectors)
    connectors.run(0.1)
    assert connectors.learnt(2, IntentHeard) == [heard()]


def test_who_sends_from_another_address_than_its_own_is_not_heard() -> None:
    connectors = Connectors.of(1, 2)
    connectors.run(1)
    announce(connectors)
    connectors.run(0.01)
    intent = next(one for one in connectors.captured if parse_frame_untrusted(one.data).type == Type.INTENT)
    three = make_connector(3)
    for source in (("192.168.0.4", 30000), ("192.168.0.1", 30001), ("10.0.0.1", 30000), ("fe80::1", 30000)):
        three.receive_datagram_untrusted(intent.data, source, connectors.now)
    assert three.dropped["sender"] == 4


def test_a_broadcast_of_ha_monitor_is_not_heard() -> None:
    seal = Seal(KEYS, participant_id(CLUSTER, Role.MONITOR, "PSERVER1"), b"monitor1")
    one = make_connector(1)
    one.datagrams_to_send(0.0)
    one.receive_datagram_untrusted(seal.seal(b"\xff" * 8, m.PathCheck(), b"r" * 16, bytes(16)), ("192.168.0.2", 40000), 0.0)
    assert (one.dropped, one.datagrams_to_send(0.0)) == ({"receiver": 1}, [])


def test_a_prove_to_all_is_answered_by_nobody() -> None:
    two = Seal(KEYS, participant_id(CLUSTER, Role.CONNECTOR, connector_name(*TWO)), b"two12345")
    one = make_connector(1)
    one.datagrams_to_send(0.0)
    one.receive_datagram_untrusted(two.seal(b"\xff" * 8, m.Prove(), b"r" * 16, bytes(16)), TWO, 0.0)
    assert (one.dropped, one.datagrams_to_send(0.0)) == ({"type": 1}, [])


def test_no_more_neighbours_are_kept_than_there_is_room_for() -> None:
    connectors = Connectors.of(*range(1, 4))
    connectors.run(1)
    one = connectors.responders[ONE]
    for number in range(4, MOST_NEIGHBOURS + 20):
        other = make_connector(number)
        for data, _ in other.datagrams_to_send(connectors.now):
            one.receive_datagram_untrusted(data, segment_of(number).own, connectors.now)
    assert one._neighbours is not None
    assert len(one._neighbours._known) <= MOST_NEIGHBOURS
    announce(connectors, 2)
    connectors.run(0.1)
    assert connectors.learnt(1, IntentHeard) == [heard(2)], "those that are believed stay"


def test_strangers_from_all_over_the_segment_do_not_cost_the_others_their_place() -> None:
    """Their datagrams are looked at before those from unknown places, however many source addresses are invented."""
    one, two = (make_connector(number, mask=16) for number in (1, 2))
    ((presence, _),) = two.datagrams_to_send(50.0)
    one.receive_datagram_untrusted(presence, TWO, 1.0)
    for number in range(3000):
        one.receive_datagram_untrusted(bytes(200), (f"192.168.{1 + number // 250}.{1 + number % 250}", TWO[1]), 1.0)
        assert one.is_known(TWO)
        assert not one.is_known((f"192.168.{1 + number // 250}.{1 + number % 250}", TWO[1]))


def test_the_command_of_each_of_16_resets_at_once_is_announced() -> None:
    """Copies of one announcement use up no allowance."""
    connectors = Connectors.of(1, 2)
    connectors.run(5)
    for times in range(6):   # thrice while the others are listened to, thrice when the power command leaves
        for number in range(16):
            connectors.responders[ONE].announce_intent(
                f"HOST{number}", "PSERVER1", 255 if times > 2 else 0, bytes((number,)) * 16, connectors.clock(ONE)
            )
        connectors.run(0.1)
    committed = {one.target for one in connectors.learnt(2, IntentHeard) if isinstance(one, IntentHeard) and one.priority == 255}
    assert len(committed) == 16
    assert connectors.responders[TWO].dropped["rate"] == 0


@given(st.floats(0, 35))
def test_a_deadline_that_has_come_is_over(began: float) -> None:
    """Else the connector would turn round and round on the spot."""
    connectors = Connectors.of(1)
    one = connectors.responders[ONE]
    assert one._neighbours is not None
    neighbour = Neighbour(b"n" * 8, TWO, heard=began, difference="differs", other_version=2, other_version_heard=began)
    one._neighbours._known[neighbour.id] = neighbour
    one._neighbours._next_presence = float("inf")
    for _ in range(2):
        deadline = one._neighbours.next_deadline()
        if deadline != float("inf"):
            one._neighbours.handle_deadline(deadline)
    assert one._neighbours.next_deadline() == float("inf")


def test_presence_is_said_every_10_seconds_and_costs_little() -> None:
    connectors = Connectors.of(1, 2, 3, 4)
    connectors.run(20)
    connectors.captured.clear()
    connectors.run(10 * PRESENCE_INTERVAL)
    said = kinds(connectors, 1)
    assert said.count(Type.PRESENCE) == 10 * 4
    assert len(said) < 60


def test_who_has_proven_nothing_is_sent_nothing_but_questions() -> None:
    connectors = Connectors.of(1)
    connectors.run(1)
    stranger = make_connector(9, seed=99)
    ((data, _),) = stranger.datagrams_to_send(50.0)
    connectors.captured.clear()
    for _ in range(5):
        connectors.deliver(data, segment_of(9).own, ONE)
        connectors.run(0.1)
    assert {one.target for one in connectors.captured} <= {EVERYONE, segment_of(9).own}
    assert {parse_frame_untrusted(one.data).type for one in connectors.captured if one.target != EVERYONE} == {Type.PROVE}
