"""A session that is lost and does not come back: another BMC, another password, silence; and how the caller is told."""

from __future__ import annotations

import random

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.errors import NoAnswer, PortRefused, PrivilegeTooHigh, SessionLost, WrongPassword
from ipmi_lan.session.retry import COMMAND_WAITS
from ipmi_lan.session.states import Phase
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import Mute, is_sealed
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.session.road import Road
from tests.ipmi_lan.session.test_session_loss import forgotten
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

ON, OFF = chassis_control(Control.POWER_ON), chassis_control(Control.POWER_OFF)
NOTICED = sum(COMMAND_WAITS)
"""Seconds until silence to a command is a lost session."""
OTHER_GUID = bytes(range(16, 32))


def test_another_bmc_at_the_same_address() -> None:
    """Its power is not the power that we asked about."""
    pair = Pair().log_in()
    pair.bmc = other = a_bmc(guid=OTHER_GUID, randomness=random.Random(9).randbytes)
    status, power = pair.ask(get_chassis_status()), pair.ask(OFF)
    pair.exchange()
    pair.pass_time()
    for token in (status, power):
        error = pair.error(token)
        assert isinstance(error, SessionLost)
        assert OTHER_GUID.hex() in error.why
        assert GUID.hex() in error.why
    assert other.power_commands == []
    assert (other.handshakes, other.open_sessions(pair.now)) == (1, 0)
    assert pair.session.peer is not None
    assert pair.session.peer.guid == GUID


def test_a_password_that_was_changed_meanwhile() -> None:
    pair = Pair().log_in()
    pair.bmc = a_bmc(users={"admin": ("another", USERS["admin"][1])})
    token = pair.ask(get_device_id())
    pair.exchange()
    pair.pass_time()
    error = pair.error(token)
    assert isinstance(error, SessionLost)
    assert isinstance(error.__cause__, WrongPassword)
    assert error.why.startswith("4 times no answer to Get Device ID; logging in again: no user 'admin'")
    assert pair.now == pytest.approx(NOTICED)


def test_a_user_that_was_demoted_meanwhile() -> None:
    pair = Pair().log_in()
    pair.bmc = a_bmc(users={"admin": (USERS["admin"][0], Privilege.USER)})
    token = pair.ask(get_device_id())
    pair.exchange()
    pair.pass_time()
    assert isinstance(pair.error(token).__cause__, PrivilegeTooHigh)


@pytest.mark.parametrize("timeout", [4.5, 6.0, 9.0, 20.0, 60.0])
def test_a_bmc_that_stays_silent_costs_no_more_than_the_commands_time(timeout: float) -> None:
    """And nobody is woken more often than there is something to do."""
    mute = Mute(a_bmc())
    road = Road(Pair(mute, window=2))
    pair = road.pair
    assert road.log_in(1.0) is None
    mute.from_now, began = True, pair.now
    tokens = [pair.ask(command, timeout) for command in (get_device_id(), get_chassis_status(), get_device_id(), OFF)]
    road.travel(100.0)
    assert sorted(pair.outcomes()) == sorted(tokens)
    assert all(isinstance(pair.error(token), SessionLost | NoAnswer) for token in tokens)
    assert isinstance(pair.error(tokens[0]).__cause__, NoAnswer) or isinstance(pair.error(tokens[0]), NoAnswer)
    assert max(moment for moment, _ in pair.sent) <= began + timeout
    assert pair.session.next_deadline() is None


def test_a_host_that_refuses_for_good() -> None:
    pair = Pair().log_in()
    token, refused = pair.ask(get_device_id(), timeout=60.0), len(pair.sent)
    while pair.session.phase is not Phase.LOST:
        pair.out()
        while refused < len(pair.sent):
            pair.session.peer_refused(pair.now)
            refused += 1
        pair.pass_time(pair.now + 0.05, answered=False)
    pair.tell()
    assert pair.now < 3.1
    error = pair.error(token)
    assert isinstance(error, SessionLost)
    assert isinstance(error.__cause__, PortRefused)


def test_a_bmc_that_lets_us_in_again_and_no_further() -> None:
    """Set Session Privilege Level has the same deadline as the command: one end, told once."""
    mute = Mute(a_bmc())
    pair = Pair(mute).log_in()
    mute.bmc.restart(0.0)
    mute.drops = is_sealed
    tokens = [pair.ask(get_device_id()), pair.ask(get_chassis_status()), pair.ask(OFF)]
    pair.exchange()
    pair.pass_time()
    assert sorted(pair.outcomes()) == tokens
    assert pair.now == 6.0
    error = pair.error(tokens[0])
    assert isinstance(error, SessionLost)
    assert "Set Session Privilege Level" in error.why


def test_without_leave_to_log_in_again_nothing_of_it() -> None:
    pair = forgotten(Pair(logs_in_again=False))
    token = pair.ask(get_device_id())
    pair.exchange()
    pair.pass_time()
    assert isinstance(pair.error(token), SessionLost)
    late = pair.ask(ON)
    pair.tell()
    assert isinstance(pair.error(late), SessionLost)
    assert pair.simulated.handshakes == 1
