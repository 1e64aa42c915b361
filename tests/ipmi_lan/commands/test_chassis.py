from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import (
    CHASSIS_CONTROL,
    GET_CHASSIS_STATUS,
    GET_SYSTEM_RESTART_CAUSE,
    Accepted,
    ChassisStatus,
    Control,
    RestartCause,
    RestorePolicy,
    SystemRestartCause,
    chassis_control,
    get_chassis_status,
    get_system_restart_cause,
)
from ipmi_lan.errors import Malformed
from tests.ipmi_lan.commands.recorded import exchange, is_asked_by, reply_in

CONTROLS = {
    "off": Control.POWER_OFF,
    "on": Control.POWER_ON,
    "cycle": Control.POWER_CYCLE,
    "reset": Control.HARD_RESET,
    "diag": Control.DIAGNOSTIC_INTERRUPT,
    "soft": Control.SOFT_SHUTDOWN,
}
FLAGS_OF_OCTET_1 = {1: "overload", 2: "interlock", 3: "power_fault", 4: "control_fault"}
FLAGS_OF_OCTET_2 = {
    0: "last_off_by_supply",
    1: "last_off_by_overload",
    2: "last_off_by_interlock",
    3: "last_off_by_fault",
    4: "last_on_by_command",
}
FLAGS_OF_OCTET_3 = {0: "intrusion", 1: "front_panel_locked", 2: "drive_fault", 3: "fan_fault", 6: "identify_is_supported"}
OFF = ChassisStatus(power_is_on=False, restore_policy=RestorePolicy.STAY_OFF)


def status(*octets: int) -> ChassisStatus:
    return GET_CHASSIS_STATUS.reply.parse_untrusted(bytes(octets))


@pytest.mark.parametrize(("wanted", "is_on"), [("status-when-on", True), ("status-when-off", False)])
def test_the_status_is_asked_as_ipmitool_does_and_read_as_it_printed_it(wanted: str, is_on: bool) -> None:
    request, reply = exchange(wanted)
    assert is_asked_by(get_chassis_status(), request)
    assert get_chassis_status().reply.parse_untrusted(reply.data) == ChassisStatus(is_on, RestorePolicy.STAY_OFF)


@pytest.mark.parametrize("octet", range(256))
def test_bit_0_of_the_first_octet_alone_decides_whether_power_is_on(octet: int) -> None:
    for rest in ((0, 0), (0xFF, 0xFF), (0xFF, 0xFF, 0xFF)):
        assert status(octet, *rest).power_is_on is bool(octet & 1)


@pytest.mark.parametrize("size", range(3))
@pytest.mark.parametrize("octet", [0x00, 0x01, 0xFF])
def test_a_short_status_says_neither_on_nor_off(size: int, octet: int) -> None:
    with pytest.raises(Malformed):
        status(*(octet,) * size)


@pytest.mark.parametrize(
    ("place", "flags"), [(0, FLAGS_OF_OCTET_1), (1, FLAGS_OF_OCTET_2), (2, FLAGS_OF_OCTET_3)], ids=["power", "event", "misc"]
)
def test_each_bit_sets_its_flag_and_no_other(place: int, flags: dict[int, str]) -> None:
    change: dict[str, Any]
    for bit, name in flags.items():
        octets = [0, 0, 0]
        octets[place] = 1 << bit
        change = {name: True}
        assert status(*octets) == OFF._replace(**change)


@pytest.mark.parametrize("octets", [(0x80, 0, 0), (0, 0xE0, 0), (0, 0, 0x80), (0, 0, 0, 0xFF)])
def test_reserved_bits_and_the_front_panel_octet_are_not_read(octets: tuple[int, ...]) -> None:
    assert status(*octets) == OFF


@pytest.mark.parametrize("policy", RestorePolicy)
def test_the_restore_policy_is_bits_5_and_6(policy: RestorePolicy) -> None:
    assert status(policy << 5, 0, 0).restore_policy is policy


@pytest.mark.parametrize("state", range(4))
def test_the_identify_state_is_bits_4_and_5(state: int) -> None:
    assert status(0, 0, state << 4).identify_state == state


@given(
    st.builds(
        ChassisStatus,
        restore_policy=st.sampled_from(RestorePolicy),
        identify_state=st.integers(0, 3),
        **{name: st.booleans() for flags in (FLAGS_OF_OCTET_1, FLAGS_OF_OCTET_2, FLAGS_OF_OCTET_3) for name in flags.values()},
        power_is_on=st.booleans(),
    )
)
def test_a_status_comes_back(value: ChassisStatus) -> None:
    octets = GET_CHASSIS_STATUS.reply.build(value)
    assert len(octets) == 3
    assert GET_CHASSIS_STATUS.reply.parse_untrusted(octets) == value


@pytest.mark.parametrize(("word", "action"), CONTROLS.items())
def test_power_is_switched_with_ipmitool_s_octets(word: str, action: Control) -> None:
    request, reply = exchange(f"power-{word}")
    assert is_asked_by(chassis_control(action), request)
    assert reply.completion_code == (0xCC if word == "diag" else 0x00), "this ipmi_sim knows no diagnostic interrupt"
    assert chassis_control(action).reply.parse_untrusted(reply.data) == Accepted()


def test_what_switches_power_is_never_repeated_and_what_reads_is() -> None:
    assert not any(chassis_control(action).is_repeatable for action in Control)
    assert get_chassis_status().is_repeatable
    assert get_system_restart_cause().is_repeatable


@pytest.mark.parametrize("octet", range(256))
def test_an_action_is_the_low_half_of_its_octet(octet: int) -> None:
    action = CHASSIS_CONTROL.request.parse_untrusted(bytes((octet,))).action
    assert action == octet & 0x0F
    assert isinstance(action, Control) == (octet & 0x0F in list(Control))


def test_the_restart_cause_is_asked_with_ipmitool_s_octets() -> None:
    request, _ = exchange("restart-cause")
    assert is_asked_by(get_system_restart_cause(), request)


@pytest.mark.parametrize("octet", range(256))
def test_cause_and_channel_are_the_low_halves_of_their_octets(octet: int) -> None:
    cause = GET_SYSTEM_RESTART_CAUSE.reply.parse_untrusted(bytes((octet, octet)))
    assert (cause.cause, cause.channel) == (octet & 0x0F, octet & 0x0F)
    assert isinstance(cause.cause, RestartCause) == (octet & 0x0F in list(RestartCause))


def test_the_octets_of_a_restart_cause() -> None:
    assert GET_SYSTEM_RESTART_CAUSE.reply.build(SystemRestartCause(RestartCause.WATCHDOG, 1)) == b"\x04\x01"


@pytest.mark.parametrize("octets", [b"", b"\x01"])
def test_a_short_restart_cause_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        GET_SYSTEM_RESTART_CAUSE.reply.parse_untrusted(octets)


def test_the_status_of_a_whole_recorded_session_is_read() -> None:
    assert status(*reply_in("lab-suite3-chassis", 0x00, 0x01)).power_is_on
