"""How many commands are on their way at once, and how the others wait for their turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.errors import BadArgument, NoAnswer
from ipmi_lan.session.events import Answered, Terms
from ipmi_lan.session.retry import QUARANTINE
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import Mute
from tests.ipmi_lan.session.pair import Pair, requests_of
from tests.ipmi_lan.simulator.console import a_bmc

ON, OFF = chassis_control(Control.POWER_ON), chassis_control(Control.POWER_OFF)


@pytest.mark.parametrize("window", [0, -1, 33])
def test_windows_that_cannot_be(window: int) -> None:
    with pytest.raises(BadArgument, match="must be 1 to 32"):
        Terms(window=window)


@pytest.mark.parametrize("window", [1, 2, 7, 32])
def test_commands_are_sent_in_order_as_far_as_there_are_places(window: int) -> None:
    pair = Pair(window=window).log_in()
    tokens = [pair.ask(get_device_id()) for _ in range(40)]
    numbers: list[int] = []
    while datagrams := pair.out():
        assert len(datagrams) == min(window, 40 - len(numbers))
        numbers += [request.sequence for request in requests_of(pair, datagrams)]
        pair.take(*pair.answers(datagrams))
    assert list(pair.outcomes()) == tokens
    assert numbers == [(numbers[0] + turn) % 64 for turn in range(40)]


@pytest.mark.parametrize("window", [1, 32])
def test_a_65th_command_waits(window: int) -> None:
    pair = Pair(window=window).log_in()
    tokens = [pair.ask(get_device_id()) for _ in range(200)]
    assert pair.tell() == []
    pair.exchange()
    assert list(pair.outcomes()) == tokens
    assert all(isinstance(outcome, Answered) for outcome in pair.outcomes().values())


def test_a_power_command_keeps_its_place_in_the_queue() -> None:
    pair = Pair().log_in()
    tokens = [pair.ask(command) for command in (OFF, get_chassis_status(), ON, get_chassis_status())]
    pair.exchange()
    outcomes = [pair.outcomes()[token] for token in (tokens[1], tokens[3])]
    assert [isinstance(outcome, Answered) and outcome.value.power_is_on for outcome in outcomes] == [False, True]


def test_a_command_that_never_got_its_turn_says_so() -> None:
    """Of a power command that was not sent it is known that it has had no effect."""
    pair = Pair(logs_in_again=False).log_in()
    first, second = pair.ask(OFF, timeout=5.0), pair.ask(ON, timeout=3.0)
    pair.out()
    pair.pass_time(answered=False)
    errors = [pair.error(token) for token in (second, first)]
    assert [(error.was_sent, error.waited) for error in errors if isinstance(error, NoAnswer)] == [(False, 3.0), (True, 5.0)]
    assert len(pair.sent) == 4 + 1


def test_a_place_that_comes_free_is_taken_at_once() -> None:
    pair = Pair().log_in()
    given_up, next_one = pair.ask(OFF), pair.ask(get_chassis_status())
    assert len(pair.out()) == 1
    pair.session.abandon(given_up, pair.now)
    pair.exchange()
    assert list(pair.outcomes()) == [next_one]
    pair.session.abandon(next_one, pair.now)
    assert pair.tell() == []


def test_an_abandoned_command_in_the_queue_is_never_sent() -> None:
    pair = Pair().log_in()
    first, second, third = pair.ask(get_device_id()), pair.ask(OFF), pair.ask(get_device_id())
    pair.session.abandon(second, pair.now)
    pair.exchange()
    assert list(pair.outcomes()) == [first, third]
    assert pair.simulated.power_commands == []


def test_where_every_number_rests_commands_wait_for_the_first_one() -> None:
    mute = Mute(a_bmc())
    pair = Pair(mute, window=32).log_in()
    mute.from_now = True
    for token in [pair.ask(get_device_id()) for _ in range(64)]:
        pair.session.abandon(token, pair.now)
    pair.out()
    pair.session._sequence = 1   # else the BMC takes what follows for too far ahead
    token = pair.ask(get_device_id(), timeout=QUARANTINE + 1.0)
    assert pair.out() == []
    assert pair.session.next_deadline() == QUARANTINE
    mute.from_now = False
    pair.pass_time(QUARANTINE)
    assert isinstance(pair.outcomes()[token], Answered)


def test_nothing_overtakes_set_session_privilege_level() -> None:
    """With places to spare, a power command that was asked too early would meet a session without the privilege for it."""
    pair = Pair(window=8, lowest_privilege=Privilege.OPERATOR, user="operator")
    tokens = [pair.ask(OFF), pair.ask(get_chassis_status())]
    pair.exchange()
    assert list(pair.outcomes()) == tokens
    assert all(isinstance(outcome, Answered) for outcome in pair.outcomes().values())


def test_nothing_overtakes_a_privilege_that_is_lowered_in_the_session() -> None:
    bmc = a_bmc()
    pair = Pair(bmc, window=8, lowest_privilege=Privilege.OPERATOR)
    bmc.faults.session.next_codes = [0x81]
    token = pair.ask(OFF)
    pair.exchange()
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.session.peer is not None
    assert pair.session.peer.privilege is Privilege.OPERATOR


_MOVES = st.sampled_from(["ask", "ask", "ask off", "abandon", "answer", "answer", "lose", "wait"])


@given(st.integers(1, 5), st.lists(_MOVES, max_size=60))
def test_never_more_on_their_way_than_the_window_and_every_command_ends_once(window: int, moves: list[str]) -> None:
    pair, tokens, abandoned = Pair(window=window).log_in(), list[int](), set[int]()
    on_their_way: list[bytes] = []
    for move in moves:
        match move:
            case "ask":
                tokens.append(pair.ask(get_device_id(), timeout=2.0))
            case "ask off":
                tokens.append(pair.ask(OFF, timeout=2.0))
            case "abandon" if tokens:
                abandoned |= {tokens[-1]} - set(pair.outcomes())
                pair.session.abandon(tokens[-1], pair.now)
            case "answer":
                pair.take(*pair.answers(on_their_way))
                on_their_way = []
            case "lose":
                on_their_way = []
            case "wait":
                pair.pass_time(pair.now + 0.25, answered=False)
        on_their_way += pair.out()
        assert len(pair.session._exchange._outstanding) <= window
        pair.tell()
    pair.pass_time(answered=False)
    assert sorted(pair.outcomes()) == sorted(set(tokens) - abandoned)
    obeyed = [moment for moment, _ in pair.simulated.power_commands]
    assert len(obeyed) <= moves.count("ask off")
