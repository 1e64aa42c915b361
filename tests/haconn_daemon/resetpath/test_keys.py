"""Which change of keys a connector takes, and a whole rotation over three servers without a path check that fails."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Interface

import pytest

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.resetpath.outcomes import EventSeen, Failed, Outcome, PathStatus, Welcomed
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import EventKind, Role, Standing
from haconn_cli.resetpath.wire.frame import parse_frame_untrusted
from haconn_daemon.resetpath.keys import IN_USE, KeysHeard, why_not
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from tests.haconn_cli.resetpath.cluster import CLUSTER, CONNECTOR, MONITOR, SERVERS, randomness
from tests.haconn_daemon.resetpath.network import make_requester, make_responder, statuses

ONE, TWO, THREE = (Key(number, bytes([number]) * 32) for number in (1, 2, 3))


def ring(*keys: Key) -> KeyRing:
    return KeyRing(CLUSTER, keys)


def test_who_used_which_key() -> None:
    heard = KeysHeard()
    heard.note(1, "monitor A", 10.0)
    heard.note(1, "monitor A", 12.0)
    heard.note(2, "setup A", 11.0)
    assert heard.ages(1, 15.0) == {"monitor A": 3.0}
    assert heard.ages(2, 15.0) == {"setup A": 4.0}
    for number in range(5000):
        heard.note(2, str(number), 20.0 + number)
    assert len(heard.ages(2, 9000.0)) < 1000, "bounded"
    assert "4999" in heard.ages(2, 9000.0)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (ring(ONE), ring(ONE), ""),
        (ring(ONE), ring(ONE, TWO), ""),
        (ring(ONE, TWO), ring(TWO, ONE), ""),
        (ring(TWO, ONE), ring(TWO), ""),
        (ring(ONE, TWO), ring(ONE), ""),
        (ring(ONE), ring(TWO, ONE), "key 2 would be sent with before anybody accepts it"),
        (ring(ONE), ring(TWO), "key 2 would be sent with before anybody accepts it"),
        (ring(ONE, TWO), ring(TWO), "key 1 was sent with until now"),
        (ring(ONE, TWO), ring(ONE, Key(2, bytes(32))), "key 2 has another secret than before"),
        (ring(ONE), KeyRing(bytes(16), (ONE,)), "has another cluster id"),
    ],
)
def test_the_order_of_the_steps(old: KeyRing, new: KeyRing, why: str) -> None:
    found = why_not(old, new, KeysHeard(), 100.0)
    assert why in found
    assert bool(why) is bool(found)
    assert not any(key.secret.hex() in found for key in (*old.keys, *new.keys))


def test_a_key_in_use_is_not_dropped() -> None:
    heard = KeysHeard()
    heard.note(1, "monitor PSERVER2", 100.0)
    assert "key 1 is gone, but monitor PSERVER2 used it 12 s ago" in why_not(ring(TWO, ONE), ring(TWO), heard, 112.0)
    assert why_not(ring(TWO, ONE), ring(TWO, ONE), heard, 112.0) == ""
    assert why_not(ring(TWO, ONE), ring(TWO), heard, 101.0 + IN_USE) == ""


def test_an_answer_comes_under_the_key_that_was_asked_with() -> None:
    """So a requester that has read its file long ago goes on, whatever the connector sends with by now."""
    responder, asker = make_responder(keys=ring(TWO, ONE)), make_requester(keys=ring(ONE))
    asker.say_hello(0.0)
    used = []
    for step in range(4):
        if step == 2:
            responder.announce(EventKind.POWER_OFF, "PSERVER2", 0.0)
        for data in asker.datagrams_to_send(0.0):
            responder.receive_datagram_untrusted(data, MONITOR, 0.0)
        for data, _ in responder.datagrams_to_send(0.0):
            used.append(parse_frame_untrusted(data).key_id)
            asker.receive_datagram_untrusted(data, 0.0)
    told = [type(outcome) for outcome in iter(asker.next_event, None)]
    assert told == [Welcomed, EventSeen]
    assert set(used) == {1}
    assert responder.keys_heard.ages(1, 5.0) == {"monitor PSERVER1": 5.0}
    responder.replace_keys(ring(TWO))
    responder.announce(EventKind.POWER_ON, "PSERVER2", 1.0)
    assert parse_frame_untrusted(responder.datagrams_to_send(1.0)[0][0]).key_id == 2, "what is gone is not used"


ADDRESSES = [(f"192.168.0.{number}", CONNECTOR[1]) for number in (1, 2, 3)]


def segment_of(address: Address) -> Segment:
    return Segment(IPv4Interface(f"{address[0]}/24"), address[1])


@dataclass
class Caller:
    """A requester at one connector."""

    requester: Requester
    connector: Address
    address: Address
    checks: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass
class Cluster:
    """Three servers, each with a key file, a connector, and an HA Monitor that checks all three connectors all the time."""

    now: float = 1000.0
    files: list[KeyRing] = field(default_factory=lambda: [ring(ONE)] * 3)
    ended: list[Caller] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lives = 0
        self.connectors = {
            address: Responder(self.files[0], address, SERVERS, randomness(number), statuses, segment=segment_of(address))
            for number, address in enumerate(ADDRESSES)
        }
        self.monitors = [self._start(server) for server in range(3)]

    def _caller(self, server: int, connector: Address, role: Role) -> Caller:
        self._lives += 1
        name, standing = f"PSERVER{server + 1}", Standing.ELSEWHERE
        requester = Requester(
            self.files[server], role, name, connector, randomness(100 + self._lives), SERVERS.digest(), standing=standing
        )
        return Caller(requester, connector, (ADDRESSES[server][0], 40000 + self._lives))

    def _start(self, server: int) -> list[Caller]:
        return [self._caller(server, connector, Role.MONITOR) for connector in ADDRESSES]

    def restart_monitor(self, server: int) -> None:
        """It reads the file anew."""
        self.ended += self.monitors[server]
        self.monitors[server] = self._start(server)

    def copy(self, server: int, keys: KeyRing) -> None:
        """The file arrives there, and the connector is told to reload."""
        self.files[server] = keys
        connector = self.connectors[ADDRESSES[server]]
        why = why_not(connector.keys, keys, connector.keys_heard, self.now)
        if why:
            self.refused.append(why)
        else:
            connector.replace_keys(keys)

    def run(self, seconds: int) -> None:
        """Every second each HA Monitor checks every path, and every third one there is a haconnsetup."""
        for _ in range(seconds):
            is_third = self._lives % 3 == 0
            self._lives += 1
            once = [self._caller(server, ADDRESSES[server], Role.SETUP) for server in range(3)] if is_third else []
            callers = [*once, *(caller for monitor in self.monitors for caller in monitor)]
            for caller in callers:
                caller.requester.check_path(self.now)
                caller.checks += 1
            for _ in range(10):
                self._exchange(callers)
                self.now += 0.1
            self.ended += once

    def _exchange(self, callers: list[Caller]) -> None:
        for caller in callers:
            caller.requester.handle_deadline(self.now)
            for data in caller.requester.datagrams_to_send(self.now):
                self.connectors[caller.connector].receive_datagram_untrusted(data, caller.address, self.now)
        by_address = {(caller.connector, caller.address): caller for caller in callers}
        for address, connector in self.connectors.items():
            for data, target in connector.datagrams_to_send(self.now):
                for other in (self.connectors if target == segment_of(address).everyone else (target,)):
                    if other in self.connectors:
                        self.connectors[other].receive_datagram_untrusted(data, address, self.now)
                    else:
                        by_address[address, other].requester.receive_datagram_untrusted(data, self.now)
        for caller in callers:
            caller.outcomes += iter(caller.requester.next_event, None)

    def audit(self) -> int:
        """That every check was answered and no datagram refused for its key; how many checks there were."""
        callers = [*self.ended, *(caller for monitor in self.monitors for caller in monitor)]
        for caller in callers:
            told = Counter(type(outcome) for outcome in caller.outcomes)
            assert told[Failed] == 0
            assert told[PathStatus] == caller.checks
            assert not caller.requester.dropped
        for connector in self.connectors.values():
            assert not {"key", "tag", "sender"} & set(connector.dropped)
        return sum(caller.checks for caller in callers)


def test_a_rotation_over_three_servers_fails_no_path_check() -> None:
    cluster = Cluster()
    cluster.run(3)
    for keys in (ring(ONE, TWO), ring(TWO, ONE)):
        for server in range(3):
            cluster.copy(server, keys)
            cluster.run(2)
    for server in range(3):
        cluster.restart_monitor(server)
        cluster.run(2)
    cluster.run(int(IN_USE))
    for server in range(3):
        cluster.copy(server, ring(TWO))
        cluster.run(2)
    assert cluster.refused == []
    assert cluster.audit() > 1000
    for address, connector in cluster.connectors.items():
        users = connector.keys_heard.ages(2, cluster.now)
        assert {"monitor PSERVER1", "monitor PSERVER2", "monitor PSERVER3"} <= users.keys()
        assert {f"connector {host}" for host, _ in ADDRESSES if host != address[0]} <= users.keys()


def test_who_drops_the_old_key_too_soon_is_refused_and_nothing_fails() -> None:
    cluster = Cluster()
    for keys in (ring(ONE, TWO), ring(TWO, ONE), ring(TWO)):
        for server in range(3):
            cluster.copy(server, keys)
            cluster.run(1)
    assert len(cluster.refused) == 3, "HA Monitor has not read the file anew"
    assert all(re.search(r"key 1 is gone, but (monitor|setup|connector) ", why) for why in cluster.refused)
    cluster.run(5)
    cluster.audit()


@pytest.mark.parametrize("first", [ring(TWO, ONE), ring(TWO)])
def test_who_skips_a_step_is_refused_and_nothing_fails(first: KeyRing) -> None:
    """One server gets a file that is too new: its haconnsetup has the wrong key then, but every HA Monitor goes on."""
    cluster = Cluster()
    cluster.run(1)
    connector = cluster.connectors[ADDRESSES[0]]
    assert "key 2 would be sent with" in why_not(connector.keys, first, connector.keys_heard, cluster.now)
    cluster.run(1)
    cluster.audit()
