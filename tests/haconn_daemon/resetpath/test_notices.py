"""What is sent until acknowledged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import EventKind, Role
from haconn_cli.resetpath.wire.messages import Event
from haconn_daemon.resetpath import notices
from haconn_daemon.resetpath.notices import EVENT_WAITS, RESULT_WAITS, Notices
from haconn_daemon.resetpath.peers import Participant, Peer

PEER = Peer(b"s" * 8, Participant(Role.MONITOR, "PSERVER1"), bytes(16), ("127.0.0.1", 1), 0.0)
EVENT = Event(EventKind.POWER_OFF, "PSERVER2")
REQUEST = b"r" * 16


def times(waits: tuple[float, ...]) -> list[float]:
    all_notices, sent = Notices(), []
    all_notices.add(PEER, EVENT, REQUEST, waits, now=0.0)
    while (now := all_notices.next_deadline()) is not None:
        sent += [now] * len(all_notices.take_due(now))
    return sent


def test_an_event_is_sent_six_times_and_a_result_within_30_seconds() -> None:
    assert times(EVENT_WAITS) == pytest.approx([0, 0.2, 0.6, 1.4, 3.0, 6.2])
    assert times(RESULT_WAITS)[-1] == pytest.approx(28.6)


@given(st.floats(0, 60))
def test_nothing_is_sent_after_its_acknowledgement(when: float) -> None:
    all_notices = Notices()
    all_notices.add(PEER, EVENT, REQUEST, EVENT_WAITS, now=0.0)
    all_notices.take_due(when)
    all_notices.acknowledge(PEER.sender, REQUEST)
    assert not all_notices.acknowledge(PEER.sender, REQUEST)
    assert all_notices.take_due(100.0) == []


def test_only_its_receiver_acknowledges_it() -> None:
    all_notices = Notices()
    all_notices.add(PEER, EVENT, REQUEST, EVENT_WAITS, now=0.0)
    assert not all_notices.acknowledge(b"x" * 8, REQUEST)
    assert not all_notices.acknowledge(PEER.sender, b"x" * 16)
    assert all_notices.acknowledge(PEER.sender, REQUEST)


def test_past_the_bound_the_oldest_goes() -> None:
    all_notices = Notices()
    for number in range(notices.MOST_NOTICES + 1):
        all_notices.add(PEER, EVENT, number.to_bytes(16, "big"), EVENT_WAITS, now=0.0)
    assert len(all_notices.take_due(0.0)) == notices.MOST_NOTICES
    assert not all_notices.acknowledge(PEER.sender, bytes(16))
