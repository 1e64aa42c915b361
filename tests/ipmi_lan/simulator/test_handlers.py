from __future__ import annotations

import pytest

from ipmi_lan.command import Command
from ipmi_lan.commands.channel import get_channel_cipher_suites, get_channel_info
from ipmi_lan.commands.chassis import (
    Control,
    RestartCause,
    chassis_control,
    get_chassis_status,
    get_system_restart_cause,
)
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.login import (
    close_session,
    get_channel_authentication_capabilities,
    get_session_info,
    set_session_privilege_level,
)
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import CompletionCode, PayloadType, Privilege
from ipmi_lan.wire.message import Request, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, GUID, Console, a_bmc, ask_outside_session


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


def test_a_session_begins_as_a_users_whatever_it_may_become() -> None:
    console = Console(a_bmc()).log_in(raise_to=0)
    assert console.refusal(chassis_control(Control.POWER_OFF)) == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert console.run(set_session_privilege_level(Privilege.OPERATOR)).privilege == Privilege.OPERATOR
    console.run(chassis_control(Control.POWER_OFF))


def test_callback_may_not_even_look() -> None:
    console = Console(a_bmc(), privilege=Privilege.CALLBACK).log_in(raise_to=0)
    assert console.refusal(get_chassis_status()) == CompletionCode.INSUFFICIENT_PRIVILEGE


def test_privilege_is_not_raised_above_the_limit() -> None:
    console = Console(a_bmc(), privilege=Privilege.OPERATOR).log_in()
    assert console.refusal(set_session_privilege_level(Privilege.ADMINISTRATOR)) == 0x81
    assert console.refusal(set_session_privilege_level(Privilege.CALLBACK)) == CompletionCode.INVALID_DATA_FIELD
    assert console.ask(6, 0x3B, b"\0").data == bytes((Privilege.OPERATOR,))


def test_identity() -> None:
    console = Console(a_bmc()).log_in()
    assert console.run(get_device_id()) == DEVICE_ID
    assert console.run(get_system_guid()).guid == GUID


def test_session_info() -> None:
    bmc = a_bmc(slots=3)
    first = Console(bmc, console_id=1).log_in()
    second = Console(bmc, "operator", privilege=Privilege.OPERATOR, console_id=2).log_in()
    info = second.run(get_session_info())
    assert (info.handle, info.slots, info.active, info.details) == (2, 3, 2, bytes((2, 3, 0x11)))
    assert first.ask(6, 0x3D, b"\x02").data == second.ask(6, 0x3D, b"\0").data
    assert first.ask(6, 0x3D, b"\x09").data == bytes((0, 3, 2))


def test_closing_another_session_is_for_administrators() -> None:
    bmc = a_bmc()
    other = Console(bmc, console_id=1).log_in()
    operator = Console(bmc, "operator", privilege=Privilege.OPERATOR, console_id=2).log_in()
    assert operator.refusal(close_session(other.bmc_id)) == CompletionCode.INSUFFICIENT_PRIVILEGE
    other.run(close_session(operator.bmc_id))
    assert other.refusal(close_session(operator.bmc_id)) == 0x87
    assert bmc.open_sessions(0.0) == 1


@pytest.mark.parametrize(("command", "data"), [(0x01, b"\0"), (0x02, b""), (0x02, b"\x01\0")])
def test_wrong_length(command: int, data: bytes) -> None:
    bmc = a_bmc()
    assert Console(bmc).log_in().ask(0, command, data).completion_code == CompletionCode.WRONG_LENGTH
    assert bmc.power_commands == []


def test_unknown_command_and_action() -> None:
    console = Console(a_bmc()).log_in()
    assert console.ask(0x2C, 0x00, b"\0").completion_code == CompletionCode.INVALID_COMMAND
    assert console.ask(0, 0x02, b"\x0e").completion_code == CompletionCode.INVALID_DATA_FIELD


def test_commands_outside_a_session_in_both_framings() -> None:
    for command in (get_channel_authentication_capabilities(Privilege.ADMINISTRATOR), get_system_guid()):
        bmc = a_bmc()
        message = build_request(Request(command.netfn, command.code, 5, command.data))
        in_rmcp_plus = ask_outside_session(bmc, PayloadType.IPMI, message)
        in_1_5 = bmc.receive_datagram_untrusted(build_sessionless(message), ADDRESS, 0.0)
        assert in_rmcp_plus == parse_sessionless_untrusted(in_1_5[0])
        assert in_rmcp_plus is not None
        response = parse_response_untrusted(in_rmcp_plus)
        assert (response.completion_code, response.sequence) == (0, 5)


@pytest.mark.parametrize(
    "command", [get_device_id(), get_chassis_status(), chassis_control(Control.POWER_OFF), get_session_info()]
)
def test_all_else_needs_a_session(command: Command[object]) -> None:
    bmc = a_bmc()
    payload = ask_outside_session(bmc, PayloadType.IPMI, build_request(Request(command.netfn, command.code, 5, command.data)))
    assert payload is not None
    assert parse_response_untrusted(payload).completion_code == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert bmc.chassis.power_is_on(9.0)


def test_capabilities_tell_of_kg_and_of_named_users() -> None:
    command = get_channel_authentication_capabilities(Privilege.ADMINISTRATOR)
    message = build_request(Request(command.netfn, command.code, 5, command.data))
    payload = ask_outside_session(a_bmc(kg=b"key"), PayloadType.IPMI, message)
    assert payload is not None
    answer = command.reply.parse_untrusted(parse_response_untrusted(payload).data)
    assert (answer.kg_is_set, answer.named_users, answer.null_users) == (True, True, False)
    assert (answer.is_extended, answer.ipmi_2, answer.ipmi_1_5) == (True, True, False)


def test_channel() -> None:
    console = Console(a_bmc()).log_in()
    assert console.run(get_channel_cipher_suites(0)).records == bytes.fromhex("c011 0344 81 c003 0141 81")
    assert console.run(get_channel_cipher_suites(1)).records == b""
    info = console.run(get_channel_info())
    assert (info.channel, info.medium, info.active_sessions, info.vendor) == (1, 4, 1, 7154)
    assert console.refusal(get_channel_info(5)) == CompletionCode.INVALID_DATA_FIELD
