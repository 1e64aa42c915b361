"""Commands on their way: which answer is whose, when to ask again, and who waits for a place."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.command import Command
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import CommandRefused, NoAnswer
from ipmi_lan.session.events import Answered, Failed
from ipmi_lan.session.retry import BUSY_WAIT, COMMAND_WAITS, MOST_FIRST_WAIT, QUARANTINE
from ipmi_lan.simulator.faults import Faults, SessionFaults
from ipmi_lan.wire.codes import CompletionCode
from ipmi_lan.wire.message import Response
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.bmc import open_session_of, sealed_response
from tests.ipmi_lan.session.pair import Pair, requests_of
from tests.ipmi_lan.session.road import Road
from tests.ipmi_lan.simulator.console import a_bmc

OFF = chassis_control(Control.POWER_OFF)
LOGIN = 4
"""Datagrams that a login takes."""
BUSY = [0xC0, 0xC3, 0xD0, 0xD1, 0xD2]


def moments(pair: Pair) -> list[float]:
    """When anything was sent after the login."""
    return [moment for moment, _ in pair.sent[LOGIN:]]


# ── repeats ───────────────────────────────────────────────────────────────────


def test_a_repeat_has_a_new_session_number_and_the_same_request_number() -> None:
    pair = Pair(logs_in_again=False).log_in()
    pair.ask(get_chassis_status(), timeout=60.0)
    pair.out()
    pair.pass_time(4.0, answered=False)
    datagrams = [datagram for _, datagram in pair.sent[LOGIN:]]
    assert moments(pair) == pytest.approx([0.0, 0.3, 0.9, 2.1])
    assert [parse_packet_untrusted(datagram).sequence for datagram in datagrams] == [2, 3, 4, 5]
    requests = requests_of(pair, datagrams)
    assert requests == [requests[0]] * 4
    assert len({parse_packet_untrusted(datagram).payload[:16] for datagram in datagrams}) == 4   # the vectors of AES


@pytest.mark.parametrize("lost", range(4))
def test_a_command_is_answered_after_up_to_three_losses(lost: int) -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    for _ in range(lost):
        pair.out()
        due = pair.session.next_deadline()
        assert due is not None
        pair.now = due
        pair.session.handle_deadline(due)
    pair.exchange()
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.now == pytest.approx(sum(COMMAND_WAITS[:lost]))


def test_the_second_answer_to_a_repeat_is_nothing() -> None:
    pair = Pair().log_in()
    pair.ask(get_chassis_status())
    datagrams = pair.out()
    pair.pass_time(0.3, answered=False)
    first, second = pair.answers([*datagrams, pair.sent[-1][1]])
    assert len(pair.take(first, second)) == 1
    assert pair.session.dropped == {"answer to nothing asked": 1}


def _has_ended(pair: Pair, token: int) -> bool:
    return token in pair.outcomes()


def test_the_first_wait_grows_where_answers_are_late_and_shrinks_again() -> None:
    """Each answer takes half a second: soon nothing is asked twice any more."""
    road = Road(Pair(), lambda flight: [replace(flight, delay=0.0 if flight.to_bmc else 0.5)])
    pair = road.pair
    assert road.log_in(10.0) is None
    sends = []
    for _ in range(4):
        before, token = len(pair.sent), pair.ask(get_chassis_status())
        road.travel(pair.now + 6.0, partial(_has_ended, pair, token))
        sends.append(len(pair.sent) - before)
    assert sends[-1] == 1
    assert COMMAND_WAITS[0] < pair.session._exchange._first_wait <= MOST_FIRST_WAIT
    for _ in range(10):
        pair.value(get_chassis_status())
    assert pair.session._exchange._first_wait == COMMAND_WAITS[0]


def test_the_first_wait_has_an_end() -> None:
    pair = Pair().log_in()
    for _ in range(12):
        pair.ask(get_chassis_status(), timeout=60.0)
        pair.out()
        due = pair.session.next_deadline()
        assert due is not None
        pair.now = due
        pair.session.handle_deadline(due)
        pair.exchange()
    assert pair.session._exchange._first_wait == MOST_FIRST_WAIT


@given(st.floats(0, 1e6), st.floats(0.001, 100), st.lists(st.floats(0, 1.1), max_size=12))
def test_what_switches_power_leaves_once_whatever_happens(now: float, timeout: float, wakes: list[float]) -> None:
    pair = Pair(deadline=1e9).log_in()
    pair.now = pair.session.last_heard = now
    deadline = now + timeout
    token = pair.session.request(OFF, now, deadline)
    for part in sorted(wakes):
        pair.out()
        pair.now = now + part * timeout
        pair.session.handle_deadline(pair.now)
    pair.pass_time(answered=False)
    pair.out()
    pair.tell()
    assert len(pair.sent) == LOGIN + 1
    assert isinstance(pair.error(token), NoAnswer)


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


@pytest.mark.parametrize("timeout", [0.0, 0.1, 0.3, 0.6, 1.0, 4.0, 4.1, 6.0, 60.0])
def test_no_command_outlives_its_deadline(timeout: float) -> None:
    for command in (get_device_id(), OFF):
        for window in (1, 4):
            pair = Pair(window=window).log_in()
            pair.now = 7.0
            tokens = [pair.ask(command, timeout) for _ in range(6)]
            pair.out()
            pair.pass_time(answered=False)
            assert list(pair.outcomes()) == tokens
            assert all(isinstance(outcome, Failed) for outcome in pair.outcomes().values())
            assert pair.now <= 7.0 + timeout


# ── whose answer ──────────────────────────────────────────────────────────────


def test_answers_in_any_order_go_to_their_own_commands() -> None:
    pair = Pair(window=3).log_in()
    tokens = {pair.ask(command): command.reply.kind for command in (get_device_id(), get_chassis_status(), get_system_guid())}
    answers = pair.answers(pair.out())
    events = pair.take(*reversed(answers))
    kinds = {event.token: type(event.value) for event in events if isinstance(event, Answered)}
    assert kinds == tokens
    assert list(kinds) == sorted(kinds, reverse=True)


@pytest.mark.parametrize("field", ["netfn", "command", "sequence"])
def test_an_answer_that_differs_is_of_another_command(field: str) -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    (request,) = requests_of(pair, pair.out())
    values = {"netfn": request.netfn, "command": request.command, "sequence": request.sequence}
    values[field] += 2
    response = Response(**values, completion_code=0, data=bytes(4))
    assert pair.take(sealed_response(open_session_of(pair.simulated), response, 5)) == []
    assert pair.session.dropped == {"answer to nothing asked": 1}
    pair.pass_time(1.0)
    assert isinstance(pair.outcomes()[token], Answered)


def test_an_older_answer_before_each_answer_is_nothing() -> None:
    pair = Pair(a_bmc(faults=Faults(session=SessionFaults(repeats_older_answers=True)))).log_in()
    for _ in range(70):
        pair.value(get_device_id())
        pair.value(get_chassis_status())
    assert pair.session.dropped == {"answer to nothing asked": 140}


def test_a_late_answer_is_never_taken_for_another_commands() -> None:
    """Its rqSeq rests for five seconds; the 63 others go round meanwhile."""
    pair = Pair().log_in()
    pair.ask(get_chassis_status(), timeout=0.2)
    datagrams = pair.out()
    (unanswered,) = {request.sequence for request in requests_of(pair, datagrams)}
    late = pair.answers(datagrams)
    pair.pass_time(0.2, answered=False)
    used: list[int] = []
    while pair.now < 0.2 + QUARANTINE:
        pair.ask(get_chassis_status(), timeout=0.2)
        datagrams = pair.out()
        used += [request.sequence for request in requests_of(pair, datagrams)]
        assert pair.take(*late) == []
        pair.take(*pair.answers(datagrams))
        assert isinstance(pair.events[-1], Answered)
        pair.now += 0.05
    round_robin = [(unanswered + 1 + turn) % 64 for turn in range(63)]
    assert used[:63] == round_robin
    assert unanswered not in used


def test_an_abandoned_command_is_neither_repeated_nor_answered() -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    late = pair.answers(pair.out())
    pair.session.abandon(token, pair.now)
    assert pair.session.next_deadline() is None
    assert pair.take(*late) == []
    assert pair.session.dropped == {"answer to nothing asked": 1}


# ── a busy BMC ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", BUSY)
def test_a_busy_bmc_is_asked_again_only_where_that_is_harmless(code: int) -> None:
    pair = Pair().log_in()
    for command, is_asked_again in ((get_device_id(), True), (OFF, False)):
        pair.simulated.faults.session.next_codes = [code]
        began, before = pair.now, len(pair.sent)
        token = pair.ask(command)
        pair.exchange()
        pair.pass_time(began + BUSY_WAIT)
        assert [moment for moment, _ in pair.sent[before:]] == ([began, began + BUSY_WAIT] if is_asked_again else [began])
        if is_asked_again:
            assert isinstance(pair.outcomes()[token], Answered)
        else:
            error = pair.error(token)
            assert isinstance(error, CommandRefused)
            assert error.code == code
    assert pair.simulated.power_commands == []


def test_a_bmc_that_stays_busy_is_a_refused_command() -> None:
    pair = Pair().log_in()
    pair.simulated.faults.session.next_codes = [0xC0] * 9
    token = pair.ask(get_device_id(), timeout=2.0)
    pair.exchange()
    pair.pass_time()
    error = pair.error(token)
    assert isinstance(error, CommandRefused)
    assert (error.code, pair.now, len(moments(pair))) == (0xC0, 2.0, 4)


@pytest.mark.parametrize("command", [get_chassis_status(), OFF], ids=lambda command: command.name)
def test_duplicated_request_means_that_the_answer_is_still_to_come(command: Command[object]) -> None:
    pair = Pair().log_in()
    pair.simulated.faults.session.says_duplicate_first = 1
    token = pair.ask(command)
    pair.exchange()
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.session.dropped == {"duplicate of ours noticed": 1}
    assert len(moments(pair)) == 1


def test_duplicated_request_and_nothing_else_is_no_answer() -> None:
    pair = Pair(logs_in_again=False).log_in()
    token = pair.ask(OFF)
    (request,) = requests_of(pair, pair.out())
    duplicate = Response(request.netfn, request.command, request.sequence, CompletionCode.DUPLICATED_REQUEST)
    assert pair.take(sealed_response(open_session_of(pair.simulated), duplicate, 9)) == []
    pair.pass_time(answered=False)
    assert isinstance(pair.error(token), NoAnswer)
    assert pair.now == 6.0
