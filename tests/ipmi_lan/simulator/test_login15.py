from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import GET_SESSION_CHALLENGE, SessionChallenge, close_session, get_session_info
from ipmi_lan.wire.codes import AuthType, CompletionCode, Privilege
from tests.ipmi_lan.simulator.console import ADDRESS, a_bmc
from tests.ipmi_lan.simulator.console15 import ALL_TYPES, SHORT_USERS, Console15, a_bmc_of_1_5


@pytest.mark.parametrize("auth_type", ALL_TYPES)
def test_whole_login_and_power(auth_type: AuthType) -> None:
    bmc = a_bmc_of_1_5()
    console = Console15(bmc, auth_type).log_in()
    console.run(chassis_control(Control.POWER_OFF), now=1.0)
    assert not console.run(get_chassis_status(), now=2.0).power_is_on
    assert console.run(get_session_info()).details == bytes((1, Privilege.ADMINISTRATOR, 0x01))
    console.run(close_session(console.session_id))
    assert (bmc.handshakes, bmc.open_sessions(2.0), bmc.counters) == (1, 0, {})


def test_off_unless_told() -> None:
    assert Console15(a_bmc()).challenge().completion_code == CompletionCode.INVALID_COMMAND
    only_md5 = a_bmc_of_1_5(auth15=(AuthType.MD5,))
    assert Console15(only_md5, AuthType.NONE).challenge().completion_code == CompletionCode.INVALID_DATA_FIELD


@pytest.mark.parametrize(
    ("user", "code"), [("nobody", 0x81), ("", 0x82), ("long", 0x81), ("gone", 0x81), ("sixteen", 0x00), ("admin", 0x00)]
)
def test_who_gets_a_challenge(user: str, code: int) -> None:
    users = SHORT_USERS | {
        "long": ("p" * 17, Privilege.USER), "sixteen": ("p" * 16, Privilege.USER), "gone": ("", Privilege.USER),
    }  # fmt: skip
    bmc = a_bmc_of_1_5(users=users)
    bmc.faults.login.disabled_users = frozenset({"gone"})
    assert Console15(bmc, user=user).challenge().completion_code == code


def test_null_user_and_a_password_of_16_octets() -> None:
    bmc = a_bmc_of_1_5(users={"": ("0123456789abcdef", Privilege.ADMINISTRATOR)})
    assert Console15(bmc, user="", password="0123456789abcdef").log_in().run(get_chassis_status()).power_is_on


@pytest.mark.parametrize("auth_type", [AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT])
def test_wrong_password_is_not_answered(auth_type: AuthType) -> None:
    bmc = a_bmc_of_1_5()
    assert Console15(bmc, auth_type, password="wrong").activate() is None
    assert (bmc.handshakes, bmc.counters) == (0, {"NotAuthentic": 1})


@pytest.mark.parametrize(
    ("user", "changes", "code"),
    [
        ("admin", {"challenge": bytes(16)}, 0xCC),
        ("admin", {"initial_sequence": 0}, 0x84),
        ("admin", {"privilege": 5}, 0x86),
        ("operator", {"privilege": 4}, 0x86),
        ("operator", {"privilege": 3}, 0x00),
    ],
)
def test_refusals_of_activation(user: str, changes: dict[str, Any], code: int) -> None:
    answer = Console15(a_bmc_of_1_5(), user=user).activate(**changes)
    assert answer is not None
    assert answer[1].completion_code == code


def test_slots_are_shared_with_rmcp_plus_and_a_challenge_takes_none() -> None:
    bmc = a_bmc_of_1_5(slots=1)
    for _ in range(40):
        assert Console15(bmc).challenge().completion_code == 0
    first = Console15(bmc).log_in()
    answer = Console15(bmc).activate()
    assert answer is not None
    assert answer[1].completion_code == 0x81
    assert bmc.open_sessions(0.0) == 1
    first.run(close_session(first.session_id))
    Console15(bmc).log_in()


def test_an_activation_counts_once_and_a_challenge_grows_old() -> None:
    bmc = a_bmc_of_1_5()
    console = Console15(bmc)
    given = _challenge_of(console)
    activation = console.activation(given)
    assert bmc.receive_datagram_untrusted(activation, ADDRESS, 2.9)
    assert bmc.receive_datagram_untrusted(activation, ADDRESS, 2.9) == []
    late = console.activation(_challenge_of(console))
    assert bmc.receive_datagram_untrusted(late, ADDRESS, 3.0) == []
    assert bmc.open_sessions(3.0) == 1


def test_another_command_or_type_under_a_temporary_id_is_dropped() -> None:
    bmc = a_bmc_of_1_5()
    console = Console15(bmc)
    given = _challenge_of(console)
    off = console.packet(AuthType.MD5, given.temporary_id, 0, chassis_control(Control.POWER_OFF))
    straight = Console15(bmc, AuthType.STRAIGHT).activation(given)
    assert [bmc.receive_datagram_untrusted(each, ADDRESS, 1.0) for each in (off, straight)] == [[], []]
    assert (bmc.power_commands, bmc.counters) == ([], {"NotAuthentic": 2})


def test_a_restart_forgets_challenges() -> None:
    bmc = a_bmc_of_1_5()
    console = Console15(bmc)
    given = _challenge_of(console)
    bmc.restart(0.5)
    assert bmc.receive_datagram_untrusted(console.activation(given), ADDRESS, 1.0) == []


def test_completion_codes_may_be_forced() -> None:
    bmc = a_bmc_of_1_5()
    bmc.faults.codes[6, 0x3A] = 0x83
    answer = Console15(bmc).activate()
    assert answer is not None
    assert answer[1].completion_code == 0x83


def test_numbers_begin_where_each_end_was_told_and_the_next_answer_has_the_next() -> None:
    console = Console15(a_bmc_of_1_5(), first_outbound=0xFFFFFFFF)
    answer = console.activate()
    assert answer is not None
    session = console.take(answer[1])
    console.session_id, console.sequence, console.travels_as = session.session_id, session.initial_sequence, AuthType.MD5
    packet = console.send(console.datagram_of(get_chassis_status()))
    assert packet is not None
    assert (answer[0].sequence, packet.sequence) == (0xFFFFFFFF, 1)


def _challenge_of(console: Console15) -> SessionChallenge:
    return GET_SESSION_CHALLENGE.reply.parse_untrusted(console.challenge().data)
