"""A session that is lost, and the one login that brings it back: what is sent again, and what never."""

from __future__ import annotations

from collections import Counter

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.errors import NoAnswer, SessionLost
from ipmi_lan.session.events import Answered, Opened
from ipmi_lan.session.retry import COMMAND_WAITS, MOST_REFUSALS, REFUSED_WAIT
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.handshake import parse_open_session_request_untrusted
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.bmc import Mute, is_sealed
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc

OFF = chassis_control(Control.POWER_OFF)
NOTICED = sum(COMMAND_WAITS)
"""Seconds until silence to a command is a lost session."""


def forgotten(pair: Pair) -> Pair:
    """Logged in to a BMC that has restarted since."""
    pair.log_in()
    pair.simulated.restart(pair.now)
    return pair


# ── what counts as lost ───────────────────────────────────────────────────────


def test_silence_to_every_repeat_is_a_lost_session() -> None:
    pair = Pair(logs_in_again=False).log_in()
    pair.now = 1.0
    token = pair.ask(get_device_id())
    pair.out()
    pair.pass_time(answered=False)
    error = pair.error(token)
    assert isinstance(error, SessionLost)
    assert error.why == "4 times no answer to Get Device ID"
    assert pair.now == pytest.approx(1.0 + NOTICED)
    late = pair.ask(get_chassis_status())
    pair.tell()
    assert pair.out() == []
    assert pair.error(late) is error


def test_silence_to_one_command_while_others_are_answered_is_no_lost_session() -> None:
    pair = Pair(window=2).log_in()
    token = pair.ask(get_device_id())
    pair.out()
    pair.now = 0.1
    pair.value(get_chassis_status())
    pair.pass_time(answered=False)
    assert isinstance(pair.error(token), NoAnswer)
    assert (pair.now, pair.session.phase) == (6.0, Phase.OPEN)
    pair.value(get_chassis_status())


def test_a_command_that_queued_behind_an_answered_one_notices_the_loss_as_well() -> None:
    """What was heard before it went out says nothing about it."""
    pair = Pair().log_in()
    first, second = pair.ask(get_device_id()), pair.ask(get_chassis_status())
    answers = pair.answers(pair.out())
    pair.now = 0.05
    pair.take(*answers)
    pair.simulated.restart(pair.now)
    pair.exchange()
    pair.pass_time()
    assert [type(pair.outcomes()[token]) for token in (first, second)] == [Answered, Answered]
    assert pair.now == pytest.approx(0.05 + NOTICED)


def test_silence_to_a_power_command_says_nothing_of_the_session() -> None:
    pair = Pair().log_in()
    token = pair.ask(OFF)
    pair.out()
    pair.pass_time(answered=False)
    error = pair.error(token)
    assert isinstance(error, NoAnswer)
    assert (error.phase, error.waited, error.was_sent, pair.now) == ("Chassis Control", 6.0, True, 6.0)
    assert pair.value(get_chassis_status()).power_is_on


def test_refusals_of_the_host_lose_the_session_only_when_nothing_else_is_heard() -> None:
    pair = Pair(logs_in_again=False).log_in()
    for _ in range(5):
        for _ in range(MOST_REFUSALS - 1):
            pair.now += REFUSED_WAIT
            pair.session.peer_refused(pair.now)
        pair.value(get_device_id())
    token = pair.ask(get_device_id())
    for _ in range(MOST_REFUSALS):
        pair.now += REFUSED_WAIT
        pair.session.peer_refused(pair.now)
    pair.tell()
    assert isinstance(pair.error(token), SessionLost)


# ── one login more ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [{}, {"auth15": AuthType.MD5}, {"user": "user", "privilege": Privilege.USER}], ids=str)
def test_a_repeatable_command_comes_through_after_one_login_more(settings: dict[str, object]) -> None:
    pair = forgotten(Pair(a_bmc(auth15=(AuthType.MD5,)), **settings))   # type: ignore[arg-type]
    token = pair.ask(get_chassis_status())
    pair.exchange()
    pair.pass_time()
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.now == pytest.approx(NOTICED)
    assert pair.simulated.handshakes == 2
    assert [event for event in pair.events if isinstance(event, Opened)] == pair.events[:1]
    assert pair.session.phase is Phase.OPEN


def test_several_commands_come_through_in_their_order() -> None:
    pair = forgotten(Pair(window=3))
    tokens = [pair.ask(get_chassis_status()) for _ in range(7)]
    pair.exchange()
    pair.pass_time()
    assert list(pair.outcomes()) == tokens
    assert all(isinstance(outcome, Answered) for outcome in pair.outcomes().values())
    assert pair.simulated.handshakes == 2


def test_the_suite_that_was_taken_is_asked_for_first() -> None:
    pair = forgotten(Pair(a_bmc(suites=(SUITE_3,))))
    pair.ask(get_device_id())
    pair.exchange()
    pair.pass_time()
    opens = [parse_open_session_request_untrusted(each.payload) for each in pair.sent_packets(PayloadType.OPEN_SESSION_REQUEST)]
    assert [each.algorithms for each in opens] == [SUITE_17.algorithms, SUITE_3.algorithms, SUITE_3.algorithms]


def test_a_power_command_that_was_sent_is_never_sent_again() -> None:
    pair = forgotten(Pair(window=2))
    power, status = pair.ask(OFF, timeout=30.0), pair.ask(get_chassis_status(), timeout=30.0)
    pair.exchange()
    pair.pass_time()
    assert isinstance(pair.error(power), SessionLost)
    assert isinstance(pair.outcomes()[status], Answered)
    assert pair.simulated.power_commands == []
    assert pair.simulated.handshakes == 2


def test_a_power_command_that_was_never_sent_goes_into_the_new_session() -> None:
    pair = forgotten(Pair())
    status, power = pair.ask(get_chassis_status(), timeout=30.0), pair.ask(OFF, timeout=30.0)
    pair.exchange()
    pair.pass_time()
    assert [type(pair.outcomes()[token]) for token in (status, power)] == [Answered, Answered]
    assert [action for _, action in pair.simulated.power_commands] == [Control.POWER_OFF]


def test_a_power_command_may_be_what_logs_in_again() -> None:
    pair = forgotten(Pair())
    for _ in range(MOST_REFUSALS):
        pair.now += REFUSED_WAIT
        pair.session.peer_refused(pair.now)
    assert pair.session.phase is Phase.LOST
    token = pair.ask(OFF)
    pair.exchange()
    assert isinstance(pair.outcomes()[token], Answered)
    assert len(pair.simulated.power_commands) == 1


def only_set_privilege(bmc: SimulatedBmc) -> Mute:
    """A BMC that answers the first packet of each session, which is Set Session Privilege Level, and no other."""
    mute, seen = Mute(bmc), Counter[int]()

    def drops(datagram: bytes) -> bool:
        packet = parse_packet_untrusted(datagram)
        seen[packet.session_id] += packet.authenticated
        return packet.authenticated and seen[packet.session_id] > 1

    mute.drops = drops
    return mute


def test_what_was_in_two_lost_sessions_is_not_tried_in_a_third() -> None:
    mute = only_set_privilege(a_bmc())
    pair = Pair(mute).log_in()
    token = pair.ask(get_device_id(), timeout=100.0)
    pair.exchange()
    pair.pass_time(99.0)
    assert isinstance(pair.error(token), SessionLost)
    assert mute.bmc.handshakes == 2
    assert [moment for moment, datagram in pair.sent if is_sealed(datagram)][-1] == pytest.approx(2 * NOTICED - COMMAND_WAITS[-1])


def test_every_command_brings_the_session_back_if_it_must() -> None:
    pair = Pair().log_in()
    for count in range(1, 5):
        pair.simulated.restart(pair.now)
        token = pair.ask(get_chassis_status())
        pair.exchange()
        pair.pass_time()
        assert isinstance(pair.outcomes()[token], Answered)
        assert pair.simulated.handshakes == count + 1


def test_a_command_that_was_given_up_does_not_log_in_again() -> None:
    pair = forgotten(Pair())
    pair.session.abandon(pair.ask(get_device_id()), pair.now)
    pair.exchange()
    pair.pass_time(60.0)
    assert pair.simulated.handshakes == 1


def test_what_the_lost_session_says_late_is_nothing() -> None:
    pair = Pair().log_in()
    token = pair.ask(get_chassis_status())
    late = pair.answers(pair.out())
    pair.simulated.restart(0.0)
    pair.pass_time(NOTICED - 0.01, answered=False)
    pair.pass_time()
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.take(*late) == []
    assert pair.session.dropped["not authentic"] == 1
