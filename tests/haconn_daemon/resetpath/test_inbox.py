"""Known places first, strangers a few at a time, and never more than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.seal import Address
from haconn_daemon.resetpath.inbox import KNOWN_A_TURN, MOST_KNOWN, MOST_STRANGERS, STRANGERS_A_TURN, Inbox

FRIEND, STRANGER = ("192.168.0.2", 30000), ("192.168.0.66", 6666)


def is_friend(address: Address) -> bool:
    return address == FRIEND


def test_a_friend_behind_a_flood_is_served_in_the_next_turn() -> None:
    inbox = Inbox(is_friend)
    for _ in range(100_000):
        inbox.put(b"flood", STRANGER)
    inbox.put(b"check", FRIEND)
    turn = list(inbox.take_turn())
    assert turn[0] == (b"check", FRIEND)
    assert len(turn) == 1 + STRANGERS_A_TURN
    assert inbox.lost == 100_000 - MOST_STRANGERS


def test_a_stranger_behind_busy_friends_has_its_turn_too() -> None:
    inbox = Inbox(is_friend)
    for _ in range(10 * MOST_KNOWN):
        inbox.put(b"check", FRIEND)
    inbox.put(b"hello", STRANGER)
    assert list(inbox.take_turn())[-1] == (b"hello", STRANGER)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=40))
def test_each_comes_out_once_in_order_or_is_counted(batches: list[tuple[bool, int]]) -> None:
    inbox = Inbox(is_friend)
    put: dict[bool, list[bytes]] = {True: [], False: []}
    got: dict[bool, list[bytes]] = {True: [], False: []}
    number = 0
    for is_from_friend, count in batches:
        for _ in range(count):
            number += 1
            put[is_from_friend].append(number.to_bytes(4))
            inbox.put(number.to_bytes(4), FRIEND if is_from_friend else STRANGER)
        turn = list(inbox.take_turn())
        assert len(turn) <= KNOWN_A_TURN + STRANGERS_A_TURN
        for data, address in turn:
            got[address == FRIEND].append(data)
    while inbox:
        for data, address in inbox.take_turn():
            got[address == FRIEND].append(data)
    assert inbox.lost == sum(len(put[who]) - len(got[who]) for who in put)
    for who, sent in put.items():
        remaining = iter(sent)
        assert all(data in remaining for data in got[who]), "in the order in which they came"
