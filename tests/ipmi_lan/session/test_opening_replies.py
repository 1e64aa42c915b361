"""Replies of odd shapes, replies that are lost, and replies of another login."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, count, takewhile

import pytest

from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, CipherSuite
from ipmi_lan.errors import (
    IpmiError,
    PrivilegeTooHigh,
    SuiteRefused,
    WrongPassword,
)
from ipmi_lan.session.events import Opened
from ipmi_lan.session.retry import OPEN_SESSION_WAITS, RAKP_WAITS, wait_of
from ipmi_lan.simulator.faults import Faults, LoginFaults
from ipmi_lan.wire import handshake
from ipmi_lan.wire.codes import PayloadType, RakpStatus
from ipmi_lan.wire.packet import Packet, build_packet
from tests.ipmi_lan.session.pair import DEADLINE, Pair
from tests.ipmi_lan.session.road import Road, is_open_session_request, is_rakp_2
from tests.ipmi_lan.session.test_opening import OPEN, RAKP_2, RAKP_4, rewriting
from tests.ipmi_lan.simulator.console import a_bmc

# ── error replies of odd shapes ───────────────────────────────────────────────


@pytest.mark.parametrize("shape", [1, 2, 8, 36], ids=lambda size: f"{size} octets")
@pytest.mark.parametrize("tagged", [True, False])
def test_shapes_of_an_open_session_error(shape: int, tagged: bool) -> None:
    """A Supermicro says it with one octet, ipmi_sim with two, OpenBMC with tag and id zero."""

    def refuse(payload: bytes) -> bytes:
        if shape == 1:
            return b"\x11"
        tag, console_id = (payload[:1], payload[4:8]) if tagged else (b"\0", bytes(4))
        return (tag + b"\x11\0\0" + console_id).ljust(36, b"\0")[:shape]

    pair = Pair(rewriting(OPEN, refuse))
    error = pair.failure()
    assert isinstance(error, SuiteRefused)
    assert pair.now == (0.0 if tagged and shape > 1 else 2 * OPEN_SESSION_WAITS[0])


@pytest.mark.parametrize("size", [2, 8])
@pytest.mark.parametrize(("reply", "status", "kind"), [(RAKP_2, 0x0D, WrongPassword), (RAKP_2, 0x09, PrivilegeTooHigh)])
def test_an_unmarked_error_is_believed_when_nothing_better_comes(
    reply: PayloadType, status: int, kind: type[IpmiError], size: int
) -> None:
    pair = Pair(rewriting(reply, lambda _: bytes((0, status)).ljust(size, b"\0")))
    assert type(pair.failure()) is kind
    assert pair.now == RAKP_WAITS[0]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.4, 0.6, 1.0, 1.4, 2.0])
@pytest.mark.parametrize(("user", "kind"), [("nobody", WrongPassword), ("user", PrivilegeTooHigh)])
def test_unmarked_errors_that_come_late_are_believed_too(user: str, kind: type[IpmiError], seconds: float) -> None:
    """OpenBMC says not whose an error is, and takes its time over the password: by then a second login is on its way."""
    faults = Faults(login=LoginFaults(errors_are_anonymous=True, delays={RAKP_2: seconds}))
    road = Road(Pair(a_bmc(slots=15, faults=faults), user=user))
    assert type(road.log_in(DEADLINE)) is kind
    assert road.pair.now <= 3.5


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.4, 1.0])
@pytest.mark.parametrize("gap", [0.0, 0.01, 0.1])
def test_a_network_that_doubles_everything(seconds: float, gap: float) -> None:
    """To the second RAKP 1 a BMC makes a new random number, so that the first answer is worth nothing."""
    bmc = a_bmc(slots=30, faults=Faults(login=LoginFaults(delays={RAKP_2: seconds})))
    road = Road(Pair(bmc), lambda flight: [flight, replace(flight, delay=flight.delay + gap)])
    assert road.log_in(DEADLINE) is None


def test_an_unmarked_error_is_not_believed_when_something_better_comes() -> None:
    pair = Pair()
    for reply in (OPEN, RAKP_2, RAKP_4):
        answers = pair.answers(pair.out())
        pair.take(build_packet(Packet(reply, b"\0\x0d\0\0\0\0\0\0")), *answers)
    pair.log_in()


def test_an_unmarked_error_is_forgotten_with_its_message() -> None:
    """What was said to Open Session must not be taken for the answer to RAKP 1, should that one be lost."""
    pair = Pair()
    answers = pair.answers(pair.out())
    pair.take(build_packet(Packet(OPEN, b"\0\x0d\0\0\0\0\0\0")), *answers)
    pair.out()
    pair.pass_time(RAKP_WAITS[0])
    assert isinstance(pair.events[0], Opened)


@pytest.mark.parametrize("reply", [OPEN, RAKP_2, RAKP_4])
def test_an_error_of_another_login_is_nothing(reply: PayloadType) -> None:
    pair = Pair()
    for _ in range(3):
        answers = pair.answers(pair.out())
        pair.take(build_packet(Packet(reply, b"\x99\x0d\0\0\x01\x02\x03\x04")), *answers)
    assert pair.session.dropped == {"answer to another login": 3}
    pair.log_in()


# ── sent once, and a second login beside the first ────────────────────────────


@pytest.mark.parametrize("lost", [OPEN, RAKP_2, RAKP_4])
def test_a_lost_answer_begins_another_login(lost: PayloadType) -> None:
    seen = []

    def lose_first(payload: bytes) -> bytes | None:
        seen.append(payload)
        return payload if len(seen) > 1 else None

    pair = Pair(rewriting(lost, lose_first))
    pair.exchange()
    pair.pass_time(3.0)
    assert isinstance(pair.events[0], Opened)
    opens = [packet.payload for packet in pair.sent_packets(PayloadType.OPEN_SESSION_REQUEST)]
    first, second = map(handshake.parse_open_session_request_untrusted, opens)
    assert first.console_id != second.console_id
    assert first.tag != second.tag
    rakp_1s = [handshake.parse_rakp_1_untrusted(packet.payload) for packet in pair.sent_packets(PayloadType.RAKP_1)]
    assert len({message.console_random for message in rakp_1s}) == len(rakp_1s) == (1 if lost is OPEN else 2)
    assert len({message.bmc_id for message in rakp_1s}) == len(rakp_1s)
    datagrams = [datagram for _, datagram in pair.sent]
    assert len(set(datagrams)) == len(datagrams)


@pytest.mark.parametrize("lost", [RAKP_2, RAKP_4])
def test_waits_for_rakp_grow(lost: PayloadType) -> None:
    pair = Pair(rewriting(lost, lambda _: None, slots=20))
    pair.failure()
    moments = [moment for moment, datagram in pair.sent if is_open_session_request(datagram)]
    begun = accumulate((wait_of(RAKP_WAITS, tries) for tries in count(1)), initial=0.0)
    assert moments == pytest.approx(list(takewhile(lambda moment: moment < DEADLINE, begun)))


def test_waits_for_open_session_grow() -> None:
    pair = Pair(a_bmc(faults=Faults(silent=True)))
    pair.failure()
    assert [moment for moment, _ in pair.sent] == pytest.approx([0.0, 0.3, 0.9, 2.1, 4.1, 6.1, 8.1])


def test_of_two_logins_side_by_side_the_one_that_is_answered_goes_on() -> None:
    """The answer to the first is late, and that to the second does not come at all."""
    pair = Pair()
    late = pair.answers(pair.out())
    pair.pass_time(0.3, answered=False)
    assert len(pair.sent_packets(PayloadType.OPEN_SESSION_REQUEST)) == 2
    pair.take(*late)
    pair.log_in()
    assert pair.now == 0.3
    assert pair.session.dropped == {}


def test_of_two_logins_side_by_side_the_loser_gives_its_slot_back() -> None:
    bmc = a_bmc()
    pair = Pair(bmc)
    pair.take(*pair.answers(pair.out()))
    late = pair.answers(pair.out())
    pair.pass_time(0.35, answered=False)
    ((_, second),) = pair.sent[2:]
    pair.take(*pair.answers([second]))
    assert bmc.half_open_sessions(pair.now) == 2
    pair.take(*late)
    pair.log_in()
    assert (bmc.open_sessions(pair.now), bmc.half_open_sessions(pair.now)) == (1, 0)


def test_a_third_login_takes_the_place_of_the_one_that_has_waited_longest() -> None:
    pair = Pair(a_bmc(slots=20))
    late = pair.answers(pair.out())
    pair.pass_time(0.9, answered=False)
    assert len(pair.sent_packets(PayloadType.OPEN_SESSION_REQUEST)) == 3
    pair.take(*late)
    assert pair.session.dropped == {"answer to another login": 1}
    pair.pass_time(2.1)
    assert isinstance(pair.events[0], Opened)


@pytest.mark.parametrize("seconds", [0.2, 0.4, 1.0, 1.4, 2.0, 2.5, 2.9])
def test_a_bmc_that_is_slow_over_the_password_is_waited_for(seconds: float) -> None:
    """By then the login that it answers must not have been given up."""
    road = Road(Pair(a_bmc(slots=20)), lambda flight: [replace(flight, delay=seconds * is_rakp_2(flight.datagram))])
    assert road.log_in(DEADLINE) is None


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17])
def test_a_half_open_slot_is_given_back(suite: CipherSuite) -> None:
    bmc = a_bmc()
    pair = Pair(bmc, password="wrong", suites=[suite])
    assert isinstance(pair.failure(), WrongPassword)
    (rakp_3,) = (handshake.parse_rakp_3_untrusted(packet.payload) for packet in pair.sent_packets(PayloadType.RAKP_3))
    assert (rakp_3.status, rakp_3.code) == (RakpStatus.INVALID_INTEGRITY_CHECK_VALUE, b"")
    assert bmc.half_open_sessions(0.0) == 0


def test_after_a_failed_login_nothing_matters() -> None:
    pair = Pair(user="nobody")
    pair.failure()
    before = pair.session.dropped["of no session"]
    pair.take(b"", b"\x06\0\xff\x07\x06\x13" + bytes(50))
    assert pair.session.next_deadline() is None
    assert pair.session.dropped["of no session"] == before + 2
    assert pair.out() == []
