"""What passes the seal and what does not; challenges; the replay window against a plain set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.resetpath.seal import (
    CHALLENGE_PERIOD,
    REPLAY_WIDTH,
    Challenges,
    OtherVersion,
    Rejected,
    ReplayWindow,
    Seal,
    connector_name,
)
from haconn_cli.resetpath.vocabulary import EventKind
from haconn_cli.resetpath.wire.messages import Event, MyVersion
from tests.haconn_cli.resetpath.cluster import CLUSTER, KEYS, randomness

A, B, C = b"a" * 8, b"b" * 8, b"c" * 8
EPOCH, REQUEST, CHALLENGE = b"e" * 8, b"r" * 16, b"x" * 16
ADDRESS = ("192.168.0.1", 40000)


def sealed(keys: KeyRing = KEYS) -> bytes:
    return Seal(keys, A, EPOCH).seal(B, Event(EventKind.POWER_OFF, "PSERVER2"), REQUEST, CHALLENGE)


def reason(datagram: bytes, own: bytes = B, keys: KeyRing = KEYS) -> str:
    with pytest.raises(Rejected) as caught:
        Seal(keys, own, EPOCH).unseal_untrusted(datagram, (A,))
    return caught.value.reason


def test_a_genuine_datagram_passes() -> None:
    frame = Seal(KEYS, B, EPOCH).unseal_untrusted(sealed(), (A,))
    assert (frame.sender, frame.receiver, frame.epoch, frame.request, frame.challenge) == (A, B, EPOCH, REQUEST, CHALLENGE)


def test_the_sequence_grows_with_every_datagram() -> None:
    seal, receiver = Seal(KEYS, A, EPOCH), Seal(KEYS, B, EPOCH)
    sent = [seal.seal(B, MyVersion(), REQUEST, CHALLENGE) for _ in range(3)]
    assert [receiver.unseal_untrusted(datagram, (A,)).sequence for datagram in sent] == [1, 2, 3]


@pytest.mark.shows("R2")
def test_every_single_flipped_bit_is_rejected() -> None:
    datagram = sealed()
    for bit in range(8 * len(datagram)):
        changed = bytearray(datagram)
        changed[bit // 8] ^= 1 << bit % 8
        reason(bytes(changed))


def test_every_shorter_and_longer_one_is_rejected() -> None:
    datagram = sealed()
    for size in range(len(datagram)):
        reason(datagram[:size])
    reason(datagram + b"\0")


@given(st.binary(max_size=1300))
def test_any_bytes_are_rejected(data: bytes) -> None:
    reason(data)


@given(st.binary(min_size=32, max_size=32), st.data())
def test_any_tag_but_the_right_one_is_rejected(tag: bytes, data: st.DataObject) -> None:
    datagram = sealed()
    if tag != datagram[-32:]:
        assert reason(datagram[:-32] + tag) == "tag"


def test_it_is_for_one_receiver_only() -> None:
    assert reason(sealed(), own=C) == "receiver"
    moved = bytearray(sealed())
    moved[24:32] = C
    assert reason(bytes(moved), own=C) == "tag"


@pytest.mark.shows("R2")
def test_it_cannot_be_turned_round() -> None:
    with pytest.raises(Rejected, match="receiver"):
        Seal(KEYS, A, EPOCH).unseal_untrusted(sealed(), (A, B))
    turned = bytearray(sealed())
    turned[16:24], turned[24:32] = B, A
    with pytest.raises(Rejected, match="tag"):
        Seal(KEYS, A, EPOCH).unseal_untrusted(bytes(turned), (A, B))


def test_an_unknown_sender_is_rejected_before_any_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(KEYS, B, EPOCH)
    monkeypatch.setattr("haconn_cli.resetpath.seal.hmac.digest", None)
    monkeypatch.setattr("haconn_cli.resetpath.seal.HKDF", None)
    with pytest.raises(Rejected, match="sender"):
        seal.unseal_untrusted(sealed_before, (C,))


sealed_before = sealed()


def test_another_cluster_with_the_same_key_is_another_cluster() -> None:
    assert reason(sealed(), keys=KeyRing(bytes(16), KEYS.keys)) == "tag"


def test_another_key_under_the_same_id_is_rejected() -> None:
    assert reason(sealed(), keys=KeyRing(CLUSTER, (Key(1, bytes(32)),))) == "tag"


def test_a_key_that_there_is_not_is_rejected() -> None:
    assert reason(sealed(), keys=KeyRing(CLUSTER, (Key(2, bytes(32)),))) == "key"


def test_the_first_key_sends_and_all_are_accepted() -> None:
    old, new = Key(1, bytes(range(32))), Key(2, b"n" * 32)
    ring = KeyRing(CLUSTER, (new, old))
    assert Seal(ring, B, EPOCH).unseal_untrusted(sealed(KeyRing(CLUSTER, (old,))), (A,)).key_id == 1
    assert Seal(ring, B, EPOCH).unseal_untrusted(sealed(ring), (A,)).key_id == 2


def test_another_version_is_told_apart_only_when_genuine(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = bytearray(sealed())
    changed[4] = 2
    assert reason(bytes(changed)) == "tag"
    monkeypatch.setattr("haconn_cli.resetpath.wire.frame.Frame.__init__.__defaults__", (b"", 0, 0, 2))
    genuine = sealed()
    monkeypatch.undo()
    with pytest.raises(OtherVersion) as caught:
        Seal(KEYS, B, EPOCH).unseal_untrusted(genuine, (A,))
    assert (caught.value.frame.version, caught.value.frame.body) == (2, b"")


@pytest.mark.parametrize(("address", "name"), [("192.168.0.1", "192.168.0.1:30000"), ("fd00::1", "[fd00::1]:30000")])
def test_a_connector_is_named_by_its_address(address: str, name: str) -> None:
    assert connector_name(address, 30000) == name


def test_a_challenge_is_good_in_its_period_and_the_next() -> None:
    challenges = Challenges(randomness(1))
    issued = challenges.issue(A, EPOCH, ADDRESS, now=0.0)
    for now, good in ((0.0, True), (29.9, True), (30.0, True), (59.9, True), (60.0, False), (90.0, False)):
        assert challenges.is_valid(issued, A, EPOCH, ADDRESS, now) is good


def test_a_challenge_of_two_periods_ago_is_void_after_a_pause() -> None:
    challenges = Challenges(randomness(1))
    issued = challenges.issue(A, EPOCH, ADDRESS, now=0.0)
    assert not challenges.is_valid(issued, A, EPOCH, ADDRESS, now=10 * CHALLENGE_PERIOD)


@pytest.mark.parametrize(
    ("sender", "epoch", "address"),
    [(B, EPOCH, ADDRESS), (A, b"f" * 8, ADDRESS), (A, EPOCH, ("192.168.0.2", 40000)), (A, EPOCH, ("192.168.0.1", 40001))],
)
def test_a_challenge_is_for_one_life_at_one_address(sender: bytes, epoch: bytes, address: tuple[str, int]) -> None:
    challenges = Challenges(randomness(1))
    issued = challenges.issue(A, EPOCH, ADDRESS, now=0.0)
    assert not challenges.is_valid(issued, sender, epoch, address, now=0.0)


def test_a_challenge_is_void_in_another_process() -> None:
    issued = Challenges(randomness(1)).issue(A, EPOCH, ADDRESS, now=0.0)
    assert not Challenges(randomness(2)).is_valid(issued, A, EPOCH, ADDRESS, now=0.0)
    assert not Challenges(randomness(2)).is_valid(bytes(16), A, EPOCH, ADDRESS, now=0.0)


sequences = st.one_of(st.integers(0, 3000), st.integers(0, 2**64 - 1), st.integers(2**63 - 1500, 2**63 + 1500))


@given(st.lists(sequences, max_size=200))
def test_the_window_is_a_set_with_a_lower_edge(numbers: list[int]) -> None:
    window, seen = ReplayWindow(), set[int]()
    for number in numbers:
        highest = max(seen, default=0)
        new = number > 0 and number not in seen and number > highest - REPLAY_WIDTH
        assert window.accept(number) is new
        if new:
            seen.add(number)
