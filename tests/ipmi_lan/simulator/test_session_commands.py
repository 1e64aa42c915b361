from __future__ import annotations

from typing import TypeVar

import pytest

from ipmi_lan.command import Command
from ipmi_lan.commands.channel import (
    GET_CHANNEL_CIPHER_SUITES,
    CipherSuitesRequest,
    get_channel_cipher_suites,
    get_channel_info,
)
from ipmi_lan.commands.chassis import Control, chassis_control
from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.commands.login import (
    close_session,
    get_channel_authentication_capabilities,
    get_session_info,
    set_session_privilege_level,
)
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES
from ipmi_lan.simulator import Faults, ProbeFaults, Records, SessionFaults, SimulatedBmc
from ipmi_lan.wire.codes import AuthType, CompletionCode, PayloadType, Privilege
from ipmi_lan.wire.message import Request, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc, ask_outside_session
from tests.ipmi_lan.simulator.console15 import Console15, a_bmc_of_1_5

Answered = TypeVar("Answered")


def test_a_session_begins_as_a_users_whatever_it_may_become() -> None:
    console = Console(a_bmc()).log_in(raise_to=0)
    assert console.refusal(chassis_control(Control.POWER_OFF)) == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert console.run(set_session_privilege_level(Privilege.OPERATOR)).privilege == Privilege.OPERATOR
    console.run(chassis_control(Control.POWER_OFF))


def test_privilege_is_not_raised_above_the_limit() -> None:
    console = Console(a_bmc(), privilege=Privilege.OPERATOR).log_in()
    assert console.refusal(set_session_privilege_level(Privilege.ADMINISTRATOR)) == 0x81
    assert console.refusal(set_session_privilege_level(Privilege.CALLBACK)) == CompletionCode.INVALID_DATA_FIELD
    assert console.ask(6, 0x3B, b"\0").data == bytes((Privilege.OPERATOR,))


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


def _ask_outside(bmc: SimulatedBmc, command: Command[Answered]) -> Answered:
    message = build_request(Request(command.netfn, command.code, 5, command.data))
    payload = ask_outside_session(bmc, PayloadType.IPMI, message)
    assert payload is not None
    response = parse_response_untrusted(payload)
    assert response.completion_code == 0
    return command.reply.parse_untrusted(response.data)


CAPABILITIES = get_channel_authentication_capabilities(Privilege.ADMINISTRATOR)


def test_capabilities_tell_of_1_5() -> None:
    bmc = a_bmc_of_1_5(per_message_auth=False, user_level_auth=False)
    answer = _ask_outside(bmc, CAPABILITIES)
    assert (answer.none, answer.md2, answer.md5, answer.straight_password, answer.oem) == (True, True, True, True, False)
    assert (answer.ipmi_1_5, answer.ipmi_2) == (True, True)
    assert (answer.per_message_authentication_is_off, answer.user_level_authentication_is_off) == (True, True)


@pytest.mark.parametrize("per_message", [False, True])
@pytest.mark.parametrize(("fault", "says"), [("capabilities_lie", None), ("claims_no_codes", True)])
def test_capabilities_that_are_wrong_of_messages(per_message: bool, fault: str, says: bool | None) -> None:
    bmc = a_bmc_of_1_5(per_message_auth=per_message)
    setattr(bmc.faults.auth15, fault, True)
    assert _ask_outside(bmc, CAPABILITIES).per_message_authentication_is_off is (per_message if says is None else says)


@pytest.mark.parametrize(("password", "is_anonymous"), [("", True), ("secret", False)])
def test_null_users_with_and_without_a_password(password: str, is_anonymous: bool) -> None:
    answer = _ask_outside(a_bmc(users={"": (password, Privilege.USER)}), CAPABILITIES)
    assert (answer.named_users, answer.null_users, answer.anonymous) == (False, not is_anonymous, is_anonymous)


def test_capabilities_that_are_wrong_throughout() -> None:
    answer = _ask_outside(a_bmc_of_1_5(faults=Faults(probe=ProbeFaults(capabilities_are_wrong=True))), CAPABILITIES)
    assert (answer.md5, answer.none, answer.kg_is_set, answer.null_users) == (False, False, True, True)


def test_types_that_are_claimed_and_not_taken() -> None:
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(claims_auth15=(AuthType.MD5,))))
    answer = _ask_outside(bmc, CAPABILITIES)
    assert (answer.md5, answer.md2, answer.ipmi_1_5) == (True, False, True)
    assert Console15(bmc).challenge().completion_code == CompletionCode.INVALID_COMMAND


def test_the_ipmi_2_bit_may_be_refused_or_wanted() -> None:
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(refuses_ipmi_2_bit=True)))
    with_bit, without = (build_request(Request(6, 0x38, 5, bytes((channel, 4)))) for channel in (0x8E, 0x0E))
    refusal = ask_outside_session(bmc, PayloadType.IPMI, with_bit)
    assert refusal is not None
    assert parse_response_untrusted(refusal).completion_code == CompletionCode.INVALID_DATA_FIELD
    assert ask_outside_session(bmc, PayloadType.IPMI, without) is not None
    bmc.faults.probe = ProbeFaults(wants_ipmi_2_bit=True)
    assert ask_outside_session(bmc, PayloadType.IPMI, without) is None
    assert ask_outside_session(bmc, PayloadType.IPMI, with_bit) is not None


_0_3_17 = (SUITES[0], SUITE_3, SUITE_17)


@pytest.mark.parametrize(
    ("records", "octets"),
    [
        (Records.WHOLE, "c000004080 c003014181 c011034481"),
        (Records.SHORT, "c000 c003014181 c011034481"),
        (Records.WITHOUT_START, "00004080 03014181 11034481"),
        (Records.WRONG_TAGS, "c000000000 c003010101 c011030401"),
    ],
)
def test_forms_of_suite_records(records: Records, octets: str) -> None:
    bmc = a_bmc(suites=_0_3_17, faults=Faults(probe=ProbeFaults(records=records)))
    assert _ask_outside(bmc, get_channel_cipher_suites(0)).records == bytes.fromhex(octets)


def test_suites_that_are_listed_only_and_algorithms_alone() -> None:
    bmc = a_bmc(suites=_0_3_17, faults=Faults(probe=ProbeFaults(also_advertises=(SUITES[12],))))
    assert _ask_outside(bmc, get_channel_cipher_suites(1)).records == bytes.fromhex("0c024381")
    alone = GET_CHANNEL_CIPHER_SUITES(CipherSuitesRequest(0, lists_suites=False))
    assert _ask_outside(bmc, alone).records == bytes.fromhex("00010203 40414344 8081")
    assert Console(bmc, suite=SUITES[12]).open_session().status != 0


def test_suites_that_are_not_told() -> None:
    command = get_channel_cipher_suites(0)
    message = build_request(Request(command.netfn, command.code, 5, command.data))
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(suites_are_unanswered=True)))
    assert ask_outside_session(bmc, PayloadType.IPMI, message) is None
    bmc.faults.probe = ProbeFaults(suites_only_in_rmcp_plus=True)
    assert ask_outside_session(bmc, PayloadType.IPMI, message) is not None
    assert bmc.receive_datagram_untrusted(build_sessionless(message), ADDRESS, 0.0) == []
    (reply,) = a_bmc_of_1_5(suites=()).receive_datagram_untrusted(build_sessionless(message), ADDRESS, 0.0)
    assert parse_response_untrusted(parse_sessionless_untrusted(reply)).completion_code == CompletionCode.INVALID_COMMAND


def test_close_without_an_answer() -> None:
    bmc = a_bmc(faults=Faults(session=SessionFaults(close_is_unanswered=True)))
    console = Console(bmc).log_in()
    assert console.send(console.datagram_of(close_session(console.bmc_id))) is None
    assert bmc.open_sessions(0.0) == 0
