from __future__ import annotations

import pytest

from ipmi_lan.command import Command
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.commands.login import close_session, get_session_info
from ipmi_lan.simulator import Faults, SessionFaults
from ipmi_lan.wire.codes import CompletionCode, PayloadType, Privilege
from ipmi_lan.wire.message import Request, build_request, parse_response_untrusted
from tests.ipmi_lan.simulator.console import Console, a_bmc, ask_outside_session

OFF = chassis_control(Control.POWER_OFF)


@pytest.mark.parametrize(("command", "data"), [(0x01, b"\0"), (0x02, b""), (0x02, b"\x01\0")])
def test_wrong_length(command: int, data: bytes) -> None:
    bmc = a_bmc()
    assert Console(bmc).log_in().ask(0, command, data).completion_code == CompletionCode.WRONG_LENGTH
    assert bmc.power_commands == []


def test_unknown_command_and_action() -> None:
    console = Console(a_bmc()).log_in()
    assert console.ask(0x2C, 0x00, b"\0").completion_code == CompletionCode.INVALID_COMMAND
    assert console.ask(0, 0x02, b"\x0e").completion_code == CompletionCode.INVALID_DATA_FIELD


@pytest.mark.parametrize(
    "command", [get_device_id(), get_chassis_status(), chassis_control(Control.POWER_OFF), get_session_info()]
)
def test_all_else_needs_a_session(command: Command[object]) -> None:
    bmc = a_bmc()
    payload = ask_outside_session(bmc, PayloadType.IPMI, build_request(Request(command.netfn, command.code, 5, command.data)))
    assert payload is not None
    assert parse_response_untrusted(payload).completion_code == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert bmc.chassis.power_is_on(9.0)


def test_callback_may_not_even_look() -> None:
    console = Console(a_bmc(), privilege=Privilege.CALLBACK).log_in(raise_to=0)
    assert console.refusal(get_chassis_status()) == CompletionCode.INSUFFICIENT_PRIVILEGE


def test_busy_for_a_while() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.session.next_codes = [0xC0, 0xC3, 0xD0, 0x00]
    assert [console.refusal(OFF) for _ in range(3)] == [0xC0, 0xC3, 0xD0]
    assert bmc.power_commands == []
    console.run(get_chassis_status())
    assert bmc.faults.session.next_codes == []
    console.run(OFF)


def test_a_code_for_one_command() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.codes[0, 1] = CompletionCode.INSUFFICIENT_PRIVILEGE
    assert console.refusal(get_chassis_status()) == CompletionCode.INSUFFICIENT_PRIVILEGE
    console.run(get_device_id())


def test_a_code_for_a_command_outside_a_session() -> None:
    bmc = a_bmc()
    bmc.faults.codes[6, 0x38] = CompletionCode.NODE_BUSY
    payload = ask_outside_session(bmc, PayloadType.IPMI, build_request(Request(6, 0x38, 1, b"\x8e\x04")))
    assert payload is not None
    assert parse_response_untrusted(payload).completion_code == CompletionCode.NODE_BUSY


def test_a_duplicate_is_noticed_and_then_answered() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.session.says_duplicate_first = 1
    first, second = console.send_for_all(console.datagram_of(get_chassis_status()))
    assert (first.completion_code, second.completion_code, first.sequence) == (0xCF, 0, second.sequence)
    assert len(console.send_for_all(console.datagram_of(get_chassis_status()))) == 1


def test_answers_may_be_longer() -> None:
    console = Console(a_bmc(faults=Faults(session=SessionFaults(longer_data=bytes(12))))).log_in()
    assert len(console.ask(0, 1).data) == 3 + 12
    assert console.refusal(close_session(0x12345678)) == 0x87
    console.run(get_session_info())


def test_an_answer_goes_to_whom_asked() -> None:
    message = build_request(Request(6, 0x38, 1, b"\x8e\x04", sender=0x8F))
    payload = ask_outside_session(a_bmc(), PayloadType.IPMI, message)
    assert payload is not None
    assert (payload[0], payload[3]) == (0x8F, 0x20)
    parse_response_untrusted(payload)
