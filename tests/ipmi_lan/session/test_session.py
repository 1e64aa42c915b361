from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.login import set_session_privilege_level
from ipmi_lan.crypto.sealing import unseal_untrusted
from ipmi_lan.errors import CommandRefused, Malformed, NoAnswer, SessionLost
from ipmi_lan.session.events import Answered, Event, Failed
from ipmi_lan.session.retry import BUSY_WAIT, COMMAND_WAITS, QUARANTINE
from ipmi_lan.wire.codes import CompletionCode, Privilege
from ipmi_lan.wire.message import Request, Response, parse_request_untrusted
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.bmc import open_session_of, sealed_response
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import GUID

OFF = chassis_control(Control.POWER_OFF)


def requests_of(pair: Pair, datagrams: list[bytes]) -> list[Request]:
    """What stands in them, read with the BMC's keys."""
    session = open_session_of(pair.simulated, pair.now)
    assert session.keys is not None
    packets = [unseal_untrusted(session.suite, session.keys, session.bmc_id, datagram) for datagram in datagrams]
    return [parse_request_untrusted(packet.payload) for packet in packets]


def failure_in(event: Event) -> Exception:
    assert isinstance(event, Failed), event
    return event.error


def test_a_command_is_answered() -> None:
    pair = Pair().log_in()
    assert pair.value(get_system_guid()).guid == GUID
    assert pair.session.next_deadline() is None
    assert pair.session.dropped == {}


def test_a_command_before_the_session_is_open() -> None:
    pair = Pair()
    token = pair.ask(get_device_id())
    assert [event.token for event in pair.tell() if isinstance(event, Failed)] == [token]


def test_a_refused_command() -> None:
    pair = Pair(user="user", privilege=Privilege.USER).log_in()
    pair.ask(OFF)
    pair.exchange()
    error = failure_in(pair.events[-1])
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code) == ("Chassis Control", CompletionCode.INSUFFICIENT_PRIVILEGE)
    assert pair.simulated.power_commands == []


def test_an_authentic_answer_that_is_too_short() -> None:
    pair = Pair().log_in()
    pair.ask(get_device_id())
    (request,) = requests_of(pair, pair.out())
    response = Response(request.netfn, request.command, request.sequence, 0, b"\x20\x01")
    (event,) = pair.take(sealed_response(open_session_of(pair.simulated), response, 9))
    assert isinstance(failure_in(event), Malformed)


# ── repeats ───────────────────────────────────────────────────────────────────


def test_a_repeat_has_a_new_session_number_and_the_same_request_number() -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status(), timeout=60.0)
    pair.out()
    pair.pass_time(5.0, answered=False)
    datagrams = [datagram for _, datagram in pair.sent[3:]]
    assert [moment for moment, _ in pair.sent[3:]] == pytest.approx([0.0, 0.6, 1.6, 3.6])
    assert [parse_packet_untrusted(datagram).sequence for datagram in datagrams] == [1, 2, 3, 4]
    requests = requests_of(pair, datagrams)
    assert requests == [requests[0]] * 4
    assert len({parse_packet_untrusted(datagram).payload[:16] for datagram in datagrams}) == 4   # the vectors of AES


@pytest.mark.parametrize("lost", range(4))
def test_a_command_is_answered_after_up_to_three_losses(lost: int) -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status())
    for _ in range(lost):
        pair.out()
        due = pair.session.next_deadline()
        assert due is not None
        pair.now = due
        pair.session.handle_deadline(due)
    pair.exchange()
    assert isinstance(pair.events[-1], Answered)
    assert pair.now == pytest.approx(sum(COMMAND_WAITS[:lost]))


def test_the_second_answer_to_a_repeat_is_nothing() -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status())
    pair.pass_time(0.6, answered=False)
    first, second = pair.answers([datagram for _, datagram in pair.sent[3:]] or pair.out())
    assert len(pair.take(first, second)) == 1
    assert pair.session.dropped == {"answer to nothing asked": 1}


@given(st.floats(0, 1e6), st.floats(0.001, 100), st.lists(st.floats(0, 1.1), max_size=12))
def test_what_switches_power_leaves_once_whatever_happens(now: float, timeout: float, wakes: list[float]) -> None:
    pair = Pair(deadline=1e9).log_in()
    pair.now = now
    pair.session.last_heard = now
    deadline = now + timeout
    pair.session.request(OFF, now, deadline)
    for part in sorted(wakes):
        pair.out()
        pair.now = now + part * timeout
        pair.session.handle_deadline(pair.now)
    pair.pass_time(answered=False)
    pair.out()
    pair.tell()
    assert len(pair.sent) == 3 + 1
    assert isinstance(failure_in(pair.events[-1]), NoAnswer)


def test_what_switches_power_leaves_once_where_the_time_left_is_rounded() -> None:
    """The sum of `now` and of what is left until the deadline is here less than the deadline."""
    now, deadline = 2.0**-53, 1.0 + 2.0**-52
    assert now + (deadline - now) < deadline
    pair = Pair().log_in()
    pair.session.request(OFF, now, deadline)
    pair.out()
    pair.session.handle_deadline(now + (deadline - now))
    pair.session.handle_deadline(deadline)
    assert pair.out() == []


# ── losing the session, losing an answer ──────────────────────────────────────


def test_silence_to_every_repeat_is_a_lost_session() -> None:
    pair = Pair().log_in()
    pair.now = 1.0
    pair.ask(get_device_id())
    pair.out()
    pair.pass_time(answered=False)
    assert isinstance(failure_in(pair.events[-1]), SessionLost)
    assert pair.now == pytest.approx(1.0 + sum(COMMAND_WAITS))
    pair.ask(get_chassis_status())
    assert pair.out() == []
    assert isinstance(failure_in(pair.tell()[0]), SessionLost)


def test_silence_to_one_command_while_others_are_answered_is_no_lost_session() -> None:
    pair = Pair().log_in()
    pair.ask(get_device_id())
    pair.out()
    pair.now = 0.1
    pair.value(get_chassis_status())
    pair.pass_time(answered=False)
    assert isinstance(failure_in(pair.events[-1]), NoAnswer)
    assert pair.now == 6.0
    pair.value(get_chassis_status())


def test_silence_to_a_power_command_says_nothing_of_the_session() -> None:
    pair = Pair().log_in()
    pair.ask(OFF)
    pair.out()
    pair.pass_time(answered=False)
    error = failure_in(pair.events[-1])
    assert isinstance(error, NoAnswer)
    assert (error.phase, error.waited, pair.now) == ("Chassis Control", 6.0, 6.0)
    assert pair.value(get_chassis_status()).power_is_on


@pytest.mark.parametrize("timeout", [0.0, 0.1, 0.6, 1.0, 5.0, 5.6, 6.0, 60.0])
def test_no_command_outlives_its_deadline(timeout: float) -> None:
    for command in (get_device_id(), OFF):
        pair = Pair().log_in()
        pair.now = 7.0
        pair.ask(command, timeout)
        pair.out()
        pair.pass_time(answered=False)
        assert isinstance(pair.events[-1], Failed)
        assert pair.now <= 7.0 + timeout


def test_refusals_of_the_host_lose_the_session_only_when_nothing_else_is_heard() -> None:
    pair = Pair().log_in()
    for _ in range(5):
        for _ in range(3):
            pair.session.peer_refused(pair.now)
        pair.value(get_device_id())
    token = pair.ask(get_device_id())
    for _ in range(4):
        pair.session.peer_refused(pair.now)
    (event,) = pair.tell()
    assert isinstance(failure_in(event), SessionLost)
    assert isinstance(event, Failed)
    assert event.token == token


# ── answers to others ─────────────────────────────────────────────────────────


def test_answers_in_any_order_go_to_their_own_commands() -> None:
    pair = Pair().log_in()
    tokens = {pair.ask(command): command.reply.kind for command in (get_device_id(), get_chassis_status(), get_system_guid())}
    answers = pair.answers(pair.out())
    events = pair.take(*reversed(answers))
    kinds = {event.token: type(event.value) for event in events if isinstance(event, Answered)}
    assert kinds == tokens
    assert list(kinds) == sorted(kinds, reverse=True)


@pytest.mark.parametrize("field", ["netfn", "command", "sequence"])
def test_an_answer_that_differs_is_of_another_command(field: str) -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status())
    (request,) = requests_of(pair, pair.out())
    values = {"netfn": request.netfn, "command": request.command, "sequence": request.sequence}
    values[field] += 2
    response = Response(**values, completion_code=0, data=bytes(4))
    assert pair.take(sealed_response(open_session_of(pair.simulated), response, 5)) == []
    assert pair.session.dropped == {"answer to nothing asked": 1}
    pair.pass_time(1.0)
    assert isinstance(pair.events[-1], Answered)


def test_duplicated_request_is_no_answer() -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status())
    datagrams = pair.out()
    (request,) = requests_of(pair, datagrams)
    busy = Response(request.netfn, request.command, request.sequence, CompletionCode.DUPLICATED_REQUEST)
    assert pair.take(sealed_response(open_session_of(pair.simulated), busy, 9)) == []
    (event,) = pair.take(*pair.answers(datagrams))
    assert isinstance(event, Answered)


def test_a_late_answer_is_never_taken_for_another_commands() -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status(), timeout=0.5)
    late = pair.answers(pair.out())
    pair.pass_time(0.5, answered=False)
    used = set()
    while pair.now < 0.5 + QUARANTINE:
        pair.ask(get_chassis_status(), timeout=0.2)
        datagrams = pair.out()
        used |= {request.sequence for request in requests_of(pair, datagrams)}
        assert pair.take(*late) == []
        pair.take(*pair.answers(datagrams))
        assert isinstance(pair.events[-1], Answered)
        pair.now += 0.05
    assert used == set(range(1, 64))


def test_an_abandoned_command_is_neither_repeated_nor_answered() -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    late = pair.answers(pair.out())
    pair.session.abandon(token, pair.now)
    assert pair.session.next_deadline() is None
    assert pair.take(*late) == []
    assert pair.session.dropped == {"answer to nothing asked": 1}


def test_more_commands_than_numbers() -> None:
    pair = Pair().log_in()
    tokens = [pair.ask(get_device_id()) for _ in range(65)]
    (refused,) = pair.tell()
    assert isinstance(refused, Failed)
    assert refused.token == tokens[-1]
    pair.exchange()
    assert [event.token for event in pair.events if isinstance(event, Answered)] == tokens[:-1]


# ── numbers over the wrap ─────────────────────────────────────────────────────


def test_both_directions_over_the_wrap() -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.session._sequence = session.numbers_used = (1 << 32) - 3
    seen = []
    for _ in range(5):
        pair.ask(get_device_id())
        datagrams = pair.out()
        seen.append(parse_packet_untrusted(datagrams[0]).sequence)
        (request,) = requests_of(pair, datagrams)
        data = bytes.fromhex("20 01 01 00 02 80 000000 0000")
        answer = Response(request.netfn, request.command, request.sequence, 0, data)
        assert len(pair.take(sealed_response(session, answer, seen[-1]))) == 1
    assert seen == [(1 << 32) - 2, (1 << 32) - 1, 1, 2, 3]
    assert pair.session.dropped == {}


def test_privilege_is_raised() -> None:
    assert Pair().log_in().value(set_session_privilege_level(Privilege.OPERATOR)).privilege == Privilege.OPERATOR


@pytest.mark.parametrize("code", [0xC0, 0xC3, 0xD0, 0xD1, 0xD2])
def test_a_busy_bmc_is_asked_again_only_where_that_is_harmless(code: int) -> None:
    pair = Pair().log_in()
    for command, again in ((get_device_id(), True), (OFF, False)):
        token = pair.ask(command)
        (request,) = requests_of(pair, pair.out())
        session = open_session_of(pair.simulated, pair.now)
        refusal = Response(request.netfn, request.command, request.sequence, code)
        events = pair.take(sealed_response(session, refusal, session.next_number()))
        if not again:
            assert isinstance(failure_in(events[0]), CommandRefused)
            continue
        assert events == []
        pair.now += BUSY_WAIT
        pair.session.handle_deadline(pair.now)
        pair.exchange()
        assert isinstance(pair.events[-1], Answered)
        assert pair.events[-1].token == token


def test_a_bmc_that_stays_busy_is_a_refused_command() -> None:
    pair = Pair().log_in()
    pair.ask(get_device_id(), timeout=1.0)
    (request,) = requests_of(pair, pair.out())
    session = open_session_of(pair.simulated, pair.now)
    pair.take(sealed_response(session, Response(request.netfn, request.command, request.sequence, 0xC0), session.next_number()))
    pair.pass_time(answered=False)
    error = failure_in(pair.events[-1])
    assert isinstance(error, CommandRefused)
    assert error.code == 0xC0
