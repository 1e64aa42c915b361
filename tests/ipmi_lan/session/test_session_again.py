"""Logging in again: when the loss is noticed, by whose deadline, how often, and who goes along."""

from __future__ import annotations

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.errors import NoAnswer, SessionLost
from ipmi_lan.session.events import Answered
from ipmi_lan.session.retry import MOST_REFUSALS, REFUSED_WAIT
from ipmi_lan.session.states import Phase
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import Mute
from tests.ipmi_lan.connecting import OFF
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.simulator.console import a_bmc


def refused(pair: Pair) -> None:
    for _ in range(MOST_REFUSALS):
        pair.now += REFUSED_WAIT
        pair.session.peer_refused(pair.now)
    pair.tell()


def test_polls_that_are_too_short_to_notice_a_loss_notice_it_together() -> None:
    bmc = a_bmc()
    pair = Pair(bmc).log_in()
    bmc.restart(pair.now)
    outcomes = []
    for _ in range(4):
        token = pair.ask(get_chassis_status(), timeout=2.0)
        pair.exchange()
        pair.pass_time(pair.now + 3.0)
        outcomes.append(next(event for event in pair.events if getattr(event, "token", None) == token))
    assert isinstance(outcomes[-1], Answered), outcomes


def test_who_asks_while_we_log_in_again_has_his_own_time() -> None:
    bmc = Mute(a_bmc())
    pair = Pair(bmc).log_in()
    refused(pair)
    bmc.from_now = True
    hasty = pair.ask(get_device_id(), timeout=0.1)
    patient = pair.ask(get_chassis_status(), timeout=9.0)
    pair.pass_time(pair.now + 0.5)
    bmc.from_now = False
    pair.pass_time(pair.now + 8.0)
    assert isinstance(pair.error(hasty), NoAnswer)
    assert any(isinstance(event, Answered) and event.token == patient for event in pair.events)


def test_a_password_that_is_wrong_now_is_tried_once_and_the_reason_does_not_grow() -> None:
    pair = Pair().log_in()
    refused(pair)
    pair.bmc = a_bmc(users={"admin": ("another", Privilege.ADMINISTRATOR)})
    reasons = []
    for _ in range(5):
        token = pair.ask(get_device_id())
        pair.exchange()
        pair.pass_time(pair.now + 7.0)
        error = pair.error(token)
        assert isinstance(error, SessionLost)
        reasons.append(str(error))
    assert isinstance(pair.error(token), SessionLost)
    assert "no user 'admin' with this password" in reasons[0]
    assert len(set(reasons)) == 1
    assert pair.session.phase is Phase.LOST


def test_a_power_command_goes_along_only_to_a_bmc_that_is_known_again() -> None:
    for guid, goes in ((bytes(range(16)), True), (bytes(16), False)):
        bmc = a_bmc(guid=guid)
        pair = Pair(bmc).log_in()
        refused(pair)
        assert pair.session.phase is Phase.LOST
        token = pair.ask(OFF)
        pair.exchange()
        pair.pass_time(pair.now + 5.0)
        assert any(isinstance(event, Answered) and event.token == token for event in pair.events) is goes
        assert bool(bmc.power_commands) is goes


def test_refusals_at_one_moment_count_as_one() -> None:
    pair = Pair(window=8).log_in()
    for _ in range(10):
        pair.session.peer_refused(pair.now)
    assert pair.session.phase is Phase.OPEN
