"""Whatever arrives, in whatever state: nothing raises, nothing comes of it but a count."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3
from ipmi_lan.session.events import Answered, Failed, Opened
from ipmi_lan.session.opening import Opening
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.rmcp import IPMI_HEADER
from tests.fakes.bmc import open_session_of, sealed
from tests.ipmi_lan.session.pair import DEADLINE, Pair

_HEADS = st.sampled_from([b"", IPMI_HEADER, IPMI_HEADER + b"\x06", IPMI_HEADER + b"\0", b"\x06\0\xff\x06\0\0\x11\xbe"])
_NOISE = st.builds(bytes.__add__, _HEADS, st.binary(max_size=120))
_TYPES = st.sampled_from([0x00, 0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x20, 0x3F])
_PACKETS = st.builds(
    lambda *parts: build_packet(Packet(*parts)),
    _TYPES, st.binary(max_size=90), st.sampled_from([0, 1, 0xFFFFFFFF]), st.integers(0, 40), st.booleans(), st.booleans(),
)  # fmt: skip
ASKED_AGAIN = {0xC0, 0xC3, 0xCF, 0xD0, 0xD1, 0xD2}
_DATAGRAMS = st.lists(_NOISE | _PACKETS, max_size=8)
_SHAPED = st.tuples(st.sampled_from([0x11, 0x13, 0x15]), st.binary(max_size=80), st.booleans())


@given(st.integers(0, 2), _DATAGRAMS, st.lists(_SHAPED, max_size=6))
def test_no_session_out_of_garbage(steps: int, datagrams: list[bytes], shaped: list[tuple[int, bytes, bool]]) -> None:
    pair = Pair()
    for _ in range(steps):
        pair.take(*pair.answers(pair.out()))
    opening = pair.session._entrance
    assert isinstance(opening, Opening)
    (attempt,) = opening._attempts
    for payload_type, rest, is_ours in shaped:
        head = bytes((attempt._tag, 0, 4, 0)) + attempt.console_id.to_bytes(4, "little") if is_ours else b""
        datagrams.append(build_packet(Packet(payload_type, head + rest)))
    pair.take(*datagrams)
    pair.out()
    pair.pass_time(answered=False)
    assert pair.session.peer is None
    assert len(pair.events) == 1
    assert pair.now <= 10.0


def test_every_reply_of_every_kind_in_every_state_of_the_handshake() -> None:
    """Marked as ours, with every status that there is, cut and lengthened: none opens a session, and the login ends in time."""
    replies = (PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4)
    inputs: list[tuple[int, int]] = [(kind, status) for kind in replies for status in (*range(0x13), 0x55, 0xFF)]
    inputs += [(kind, 0) for kind in range(64) if kind not in replies]
    for steps, (kind, status), size in product(range(3), inputs, (1, 2, 7, 8, 36, 72)):
        pair = Pair(suites=[SUITE_3])
        for _ in range(steps):
            pair.take(*pair.answers(pair.out()))
        opening = pair.session._entrance
        assert isinstance(opening, Opening)
        (attempt,) = opening._attempts
        head = bytes((attempt._tag, status, 0, 0)) + attempt.console_id.to_bytes(4, "little")
        pair.take(build_packet(Packet(kind, head.ljust(size, b"\1")[:size])))
        assert pair.session.peer is None, (steps, kind, status, size)
        assert len(opening._attempts) <= 2
        pair.out()
        due = pair.session.next_deadline()
        assert pair.events or (due is not None and due <= DEADLINE), (steps, kind, status, size)


@given(_DATAGRAMS, st.booleans())
def test_an_open_session_is_not_disturbed(datagrams: list[bytes], refused: bool) -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    if refused:
        pair.session.peer_refused(pair.now)
    assert pair.take(*datagrams) == []
    assert sum(pair.session.dropped.values()) == len(datagrams)
    pair.exchange()
    event = pair.events[-1]
    assert isinstance(event, Answered)
    assert event.token == token


@given(st.lists(st.tuples(_TYPES, st.binary(max_size=60)), max_size=8))
def test_authentic_garbage_does_not_raise(packets: list[tuple[int, bytes]]) -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    for number, (payload_type, payload) in enumerate(packets, 2):
        pair.take(sealed(session, payload, number, payload_type))
    assert isinstance(pair.events[0], Opened)


@given(st.integers(0, 255), st.integers(0, 63), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=30))
def test_authentic_answers_of_any_content(netfn: int, sequence: int, command: int, code: int, data: bytes) -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    head = bytes((0x81, netfn))
    body = bytes((0x20, sequence << 2, command, code)) + data
    message = head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))
    events = pair.take(sealed(session, message, 2))
    assert all(isinstance(event, Answered | Failed) for event in events)
    assert bool(events) == ((netfn >> 2, sequence, command) == (1, 1, 1) and code not in ASKED_AGAIN)


_MOVES = st.one_of(
    st.just("exchange"),
    st.just("lose"),
    st.just("double"),
    st.just("ask"),
    st.just("refuse"),
    st.floats(0, 3),
    _NOISE,
)


@settings(max_examples=150)
@given(st.lists(_MOVES, max_size=30))
def test_any_history_ends_every_command_once(moves: list[str | float | bytes]) -> None:
    pair, asked = Pair(), []
    for move in moves:
        match move:
            case "ask":
                asked.append(pair.ask(get_chassis_status(), timeout=2.0))
            case "refuse":
                pair.session.peer_refused(pair.now)
            case "lose":
                pair.out()
            case "double":
                replies = pair.answers(pair.out())
                pair.take(*replies, *replies)
            case "exchange":
                pair.exchange()
            case bytes():
                pair.take(move)
            case float():
                pair.pass_time(pair.now + move)
    pair.pass_time(answered=False)
    pair.tell()
    ended = [event.token for event in pair.events if isinstance(event, Answered | Failed)]
    assert sorted(ended) == asked
    assert len(pair.events) - len(ended) == 1
