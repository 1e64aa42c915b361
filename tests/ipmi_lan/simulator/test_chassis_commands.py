from __future__ import annotations

from ipmi_lan.commands.chassis import Control, RestartCause, chassis_control, get_chassis_status, get_system_restart_cause
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import CompletionCode, Privilege
from tests.ipmi_lan.simulator.console import GUID, Console, a_bmc


def test_power_by_command() -> None:
    bmc = a_bmc()
    console = Console(bmc, "operator", privilege=Privilege.OPERATOR).log_in()
    assert console.run(get_chassis_status(), now=1.0).power_is_on
    console.run(chassis_control(Control.POWER_OFF), now=2.0)
    assert not console.run(get_chassis_status(), now=3.0).power_is_on
    console.run(chassis_control(Control.POWER_ON), now=4.0)
    status = console.run(get_chassis_status(), now=5.0)
    assert (status.power_is_on, status.last_on_by_command) == (True, True)
    assert console.run(get_system_restart_cause(), now=5.0).cause is RestartCause.CHASSIS_CONTROL
    assert bmc.power_commands == [(2.0, Control.POWER_OFF), (4.0, Control.POWER_ON)]
    assert [(change.at, change.is_on) for change in bmc.chassis.trace] == [(2.0, False), (4.0, True)]


def test_power_lost_by_itself_is_said() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.chassis.lose_power(1.0)
    status = console.run(get_chassis_status(), now=1.0)
    assert (status.power_is_on, status.last_off_by_supply) == (False, True)


def test_reset_when_off_is_refused_with_d5h() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.chassis.lose_power(1.0)
    assert console.refusal(chassis_control(Control.HARD_RESET), now=2.0) == CompletionCode.NOT_IN_PRESENT_STATE


def test_a_user_may_look_and_not_switch() -> None:
    bmc = a_bmc()
    console = Console(bmc, "user", privilege=Privilege.USER).log_in()
    assert console.run(get_chassis_status()).power_is_on
    assert console.refusal(chassis_control(Control.POWER_OFF)) == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert (bmc.power_commands, bmc.chassis.trace) == ([], [])


def test_identity() -> None:
    console = Console(a_bmc()).log_in()
    assert console.run(get_device_id()) == DEVICE_ID
    assert console.run(get_system_guid()).guid == GUID
