"""Who may talk to a connector, which lives it knows, and how much each may send."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.model import BmcAddress, ManagedServer, Servers
from haconn_cli.resetpath.seal import CHALLENGE_LIFE
from haconn_cli.resetpath.vocabulary import ADMIN, Role
from haconn_daemon.resetpath.peers import BURST, MOST_LIVES, PEER_LIFE, RATE, Allowance, Participant, Peer, Peers, participants
from tests.haconn_cli.resetpath.cluster import CLUSTER, SERVERS


def peer(sender: bytes, role: Role = Role.MONITOR, now: float = 0.0) -> Peer:
    return Peer(sender, Participant(role, "PSERVER1"), bytes(16), ("127.0.0.1", 1), now)


def test_every_server_has_two_participants_and_nobody_in_particular_one() -> None:
    table = participants(CLUSTER, SERVERS)
    assert sorted(map(str, table.values())) == [
        *(f"monitor PSERVER{number}" for number in range(1, 5)),
        *(f"setup PSERVER{number}" for number in range(1, 5)),
        "setup admin",
    ]
    assert not set(participants(bytes(16), SERVERS)) & set(table)
    assert len(participants(CLUSTER, Servers())) == 1


def test_a_server_may_be_named_admin() -> None:
    server = ManagedServer(ADMIN, BmcAddress("192.168.0.59"))
    table = participants(CLUSTER, Servers((server,), SERVERS.default_account))
    assert sorted(map(str, table.values())) == ["monitor admin", "setup admin"]


def test_old_lives_make_room_and_young_ones_do_not() -> None:
    peers = Peers()
    for life in range(MOST_LIVES):
        assert peers.add(life.to_bytes(8), peer(b"s" * 8), now=0.0)
    assert not peers.add(b"new life", peer(b"s" * 8), now=CHALLENGE_LIFE)
    assert peers.add(b"new life", peer(b"t" * 8), now=CHALLENGE_LIFE)
    assert peers.find(b"s" * 8, bytes(8)) is not None
    assert peers.add(b"new life", peer(b"s" * 8, now=CHALLENGE_LIFE + 1), now=CHALLENGE_LIFE + 1)
    assert peers.find(b"s" * 8, bytes(8)) is None


def test_where_there_is_room_a_life_is_kept_as_long_as_it_is_told_events() -> None:
    peers = Peers()
    peers.add(b"old life", peer(b"s" * 8), now=0.0)
    peers.add(b"new life", peer(b"s" * 8), now=PEER_LIFE)
    assert peers.find(b"s" * 8, b"old life") is not None
    peers.add(b"new one.", peer(b"s" * 8), now=PEER_LIFE + 1)
    assert peers.find(b"s" * 8, b"old life") is None


def test_haconnsetup_run_every_second_is_always_heard() -> None:
    peers = Peers()
    for second in range(600):
        assert peers.add(second.to_bytes(8), peer(b"s" * 8, Role.SETUP, now=second), now=second)


def test_events_are_for_monitors_heard_of_lately() -> None:
    peers = Peers()
    old, new, setup = peer(b"s" * 8), peer(b"s" * 8, now=1.0), peer(b"t" * 8, Role.SETUP)
    for epoch, one in ((b"1", old), (b"2", new), (b"3", setup)):
        peers.add(epoch, one, now=0.0)
    assert peers.listeners(1.0) == [new]
    assert peers.listeners(1.0 + PEER_LIFE) == [new]
    assert peers.listeners(1.1 + PEER_LIFE) == []


def test_every_guest_of_a_machine_is_a_listener() -> None:
    peers = Peers()
    guests = [replace(peer(b"s" * 8, now=1.0), address=(f"10.0.0.{number}", 40000)) for number in range(4)]
    for guest in guests:
        peers.add(guest.address[0].encode(), guest, now=0.0)
    assert peers.listeners(1.0) == guests


@given(st.lists(st.floats(0, 1), max_size=300))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float]) -> None:
    allowance, now, taken = Allowance(), 0.0, 0
    for gap in gaps * 3:
        now += gap / 100
        taken += allowance.take(b"s" * 8, now)
        assert taken <= BURST + RATE * now + 1
