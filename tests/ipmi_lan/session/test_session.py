"""A session while all is well: commands, privilege, quiet. Its end is in test_session_end, losses are in test_session_loss."""

from __future__ import annotations

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import GET_DEVICE_ID, get_device_id, get_system_guid
from ipmi_lan.commands.login import SET_SESSION_PRIVILEGE_LEVEL, set_session_privilege_level
from ipmi_lan.errors import CommandRefused, Malformed, NoAnswer, PrivilegeTooHigh, SessionLost, WrongPassword
from ipmi_lan.session.events import Answered, Opened
from ipmi_lan.session.numbering import ReplayWindow
from ipmi_lan.session.retry import IDLE_LIMIT, KEEP_ALIVE
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator.faults import Faults, SessionFaults
from ipmi_lan.simulator.sessions import ReplayWindow as BmcWindow
from ipmi_lan.wire.codes import CompletionCode, PayloadType, Privilege
from ipmi_lan.wire.message import Response
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fakes.bmc import Mute, is_sealed, open_session_of, sealed_response
from tests.ipmi_lan.session.pair import Pair, requests_of
from tests.ipmi_lan.simulator.console import GUID, a_bmc

OFF = chassis_control(Control.POWER_OFF)
SET_PRIVILEGE = (SET_SESSION_PRIVILEGE_LEVEL.netfn, SET_SESSION_PRIVILEGE_LEVEL.code)


def test_a_command_is_answered() -> None:
    pair = Pair().log_in()
    assert pair.value(get_system_guid()).guid == GUID
    assert pair.session.next_deadline() is None
    assert pair.session.dropped == {}


def test_a_command_before_the_session_is_open_waits_for_it() -> None:
    pair = Pair()
    token = pair.ask(get_device_id())
    assert pair.tell() == []
    pair.exchange()
    assert isinstance(pair.events[0], Opened)
    assert list(pair.outcomes()) == [token]
    assert isinstance(pair.outcomes()[token], Answered)


def test_a_command_before_a_login_that_fails() -> None:
    pair = Pair(password="wrong")
    token = pair.ask(OFF)
    pair.exchange()
    error = pair.error(token)
    assert isinstance(error, SessionLost)
    assert "there was no login" in error.why
    assert pair.simulated.power_commands == []


def test_a_command_whose_time_is_over_before_the_session_is_open() -> None:
    pair = Pair(a_bmc(faults=Faults(silent=True)))
    token = pair.ask(get_device_id(), timeout=1.0)
    pair.pass_time(1.0)
    error = pair.error(token)
    assert isinstance(error, NoAnswer)
    assert (error.was_sent, pair.now) == (False, 1.0)
    assert pair.session.phase is Phase.LOGGING_IN


def test_a_refused_command() -> None:
    pair = Pair(user="user", privilege=Privilege.USER).log_in()
    token = pair.ask(OFF)
    pair.exchange()
    error = pair.error(token)
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code) == ("Chassis Control", CompletionCode.INSUFFICIENT_PRIVILEGE)
    assert pair.simulated.power_commands == []


def test_an_authentic_answer_that_is_too_short() -> None:
    pair = Pair().log_in()
    token = pair.ask(get_device_id())
    (request,) = requests_of(pair, pair.out())
    response = Response(request.netfn, request.command, request.sequence, 0, b"\x20\x01")
    pair.take(sealed_response(open_session_of(pair.simulated), response, 9))
    assert isinstance(pair.error(token), Malformed)


def test_both_directions_over_the_wrap() -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.session._sequence = session.last_number = (1 << 32) - 3
    session.window, seen = BmcWindow(), []
    assert pair.session._gained is not None
    pair.session._gained.window = ReplayWindow()
    for _ in range(5):
        token = pair.ask(get_device_id())
        datagrams = pair.out()
        seen.append(parse_packet_untrusted(datagrams[0]).sequence)
        pair.take(*pair.answers(datagrams))
        assert isinstance(pair.outcomes()[token], Answered)
    assert seen == [(1 << 32) - 2, (1 << 32) - 1, 1, 2, 3]
    assert session.last_number == 3
    assert pair.session.dropped == {}


# ── privilege ─────────────────────────────────────────────────────────────────


def test_the_privilege_is_raised_before_the_session_is_open() -> None:
    pair = Pair()
    while pair.session.phase is Phase.LOGGING_IN:
        pair.take(*pair.answers(pair.out()))
    assert pair.session.phase is Phase.RAISING
    assert pair.events == []
    datagrams = pair.out()
    (request,) = requests_of(pair, datagrams)
    assert (request.netfn, request.command, request.data) == (*SET_PRIVILEGE, bytes((Privilege.ADMINISTRATOR,)))
    pair.take(*pair.answers(datagrams))
    (opened,) = pair.events
    assert isinstance(opened, Opened)
    assert opened.peer.privilege is Privilege.ADMINISTRATOR
    assert pair.value(set_session_privilege_level(Privilege.OPERATOR)).privilege == Privilege.OPERATOR


def test_a_user_saves_the_round_trip() -> None:
    pair = Pair(user="user", privilege=Privilege.USER).log_in()
    assert not [datagram for _, datagram in pair.sent if is_sealed(datagram)]
    assert pair.session.peer is not None
    assert pair.session.peer.privilege is Privilege.USER


@pytest.mark.parametrize("code", [0x80, 0x81, 0xD4])
def test_a_privilege_that_is_refused_in_the_session(code: int) -> None:
    pair = Pair(a_bmc(faults=Faults(codes={SET_PRIVILEGE: code})))
    error = pair.failure()
    assert isinstance(error, PrivilegeTooHigh)
    assert (error.privilege, f"{code:02X}h" in error.evidence) == ("an administrator", True)
    pair.session.close(pair.now)
    pair.exchange()
    assert pair.simulated.open_sessions(pair.now) == 0


def test_the_refusal_of_another_kind_is_told_as_it_is() -> None:
    error = Pair(a_bmc(faults=Faults(codes={SET_PRIVILEGE: 0xC1}))).failure()
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code) == ("Set Session Privilege Level", 0xC1)


def test_a_bmc_that_lets_us_in_and_no_further() -> None:
    mute = Mute(a_bmc())
    mute.drops = is_sealed
    pair = Pair(mute)
    error = pair.failure()
    assert isinstance(error, NoAnswer), "it began anew as long as there was time"
    assert error.phase == "Set Session Privilege Level"
    pair.out()
    token = pair.ask(get_device_id())
    pair.tell()
    assert isinstance(pair.error(token), SessionLost)
    assert pair.out() == []


def test_a_bmc_that_loses_the_first_packet_of_a_session() -> None:
    pair = Pair(a_bmc(faults=Faults(session=SessionFaults(loses_first_packet=True))))
    pair.exchange()
    pair.pass_time(0.3)
    assert isinstance(pair.events[0], Opened)
    assert (pair.simulated.handshakes, len(pair.sent)) == (1, 5)


# ── quiet ─────────────────────────────────────────────────────────────────────


def test_a_keep_alive_goes_out_after_25_s_of_quiet_and_only_then() -> None:
    pair = Pair(keep_alive=KEEP_ALIVE).log_in()
    pair.now = 10.0
    pair.value(get_chassis_status())
    sent = len(pair.sent)
    pair.pass_time(10.0 + KEEP_ALIVE - 0.001)
    assert len(pair.sent) == sent
    pair.pass_time(200.0)
    moments = [moment for moment, _ in pair.sent[sent:]]
    assert moments == pytest.approx([10.0 + KEEP_ALIVE * times for times in range(1, 8)])
    assert all(request.command == GET_DEVICE_ID.code for request in requests_of(pair, [one for _, one in pair.sent[sent:]]))
    assert len(pair.events) == 2
    assert pair.simulated.handshakes == 1


def test_a_bmc_that_forgot_the_session_while_it_was_quiet() -> None:
    """Nobody waited for anything, so nobody is told; the next command logs in again."""
    pair = Pair(keep_alive=KEEP_ALIVE).log_in()
    pair.simulated.restart(1.0)
    pair.pass_time(KEEP_ALIVE + 4.2)
    assert (pair.session.phase, len(pair.events)) == (Phase.LOST, 1)
    assert pair.session.next_deadline() is None
    assert pair.value(get_chassis_status()).power_is_on
    assert pair.simulated.handshakes == 2


def test_a_session_that_nobody_kept_alive_is_not_asked_in_vain() -> None:
    pair = Pair().log_in()
    pair.now = IDLE_LIMIT - 5.0
    assert pair.simulated.open_sessions(pair.now) == 1
    pair.value(get_chassis_status())
    pair.now += IDLE_LIMIT + 0.1
    assert pair.simulated.open_sessions(pair.now) == 0
    assert pair.value(get_chassis_status()).power_is_on
    assert (pair.simulated.handshakes, pair.simulated.counters["NotAuthentic"]) == (2, 0)


def test_a_wrong_password_leaves_no_way_to_ask() -> None:
    pair = Pair(password="wrong")
    assert isinstance(pair.failure(), WrongPassword)
    token = pair.ask(OFF)
    pair.tell()
    assert isinstance(pair.error(token), SessionLost)
    assert pair.out() == []
    assert pair.sent_packets(PayloadType.RAKP_3)[0].payload[1] != 0
