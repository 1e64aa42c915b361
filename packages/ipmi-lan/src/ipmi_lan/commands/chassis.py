"""Chassis commands (IPMI 2.0, chapter 28)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from construct import BitsInteger, BitStruct, Bitwise, Flag, Nibble, Padding, Struct

from ipmi_lan.command import NOTHING, Command, Definition, Empty, Layout
from ipmi_lan.wire.codes import NetFn
from ipmi_lan.wire.fields import Code


class RestorePolicy(IntEnum):
    """What the chassis does when its supply comes back (table 28-3)."""

    STAY_OFF = 0
    AS_BEFORE = 1
    POWER_UP = 2
    UNKNOWN = 3


class Control(IntEnum):
    """The actions of Chassis Control (28.3)."""

    POWER_OFF = 0x0
    """At once, without asking the operating system."""
    POWER_ON = 0x1
    POWER_CYCLE = 0x2
    """May do nothing, or be refused with D5h, when power is off; no proof of anything: see `haconn_daemon.fence`."""
    HARD_RESET = 0x3
    DIAGNOSTIC_INTERRUPT = 0x4
    SOFT_SHUTDOWN = 0x5
    """Asks the operating system by ACPI; a hung one does not obey."""


class RestartCause(IntEnum):
    """Why the system last started (28.11)."""

    UNKNOWN = 0x0
    CHASSIS_CONTROL = 0x1
    RESET_BUTTON = 0x2
    POWER_BUTTON = 0x3
    WATCHDOG = 0x4
    OEM = 0x5
    POLICY_ALWAYS_ON = 0x6
    POLICY_AS_BEFORE = 0x7
    PEF_RESET = 0x8
    PEF_POWER_CYCLE = 0x9
    SOFT_RESET = 0xA
    REAL_TIME_CLOCK = 0xB


_STATUS = BitStruct(
    Padding(1),
    "restore_policy" / Code(BitsInteger(2), RestorePolicy),
    "control_fault" / Flag,
    "power_fault" / Flag,
    "interlock" / Flag,
    "overload" / Flag,
    "power_is_on" / Flag,
    Padding(3),
    "last_on_by_command" / Flag,
    "last_off_by_fault" / Flag,
    "last_off_by_interlock" / Flag,
    "last_off_by_overload" / Flag,
    "last_off_by_supply" / Flag,
    Padding(1),
    "identify_is_supported" / Flag,
    "identify_state" / BitsInteger(2),
    "fan_fault" / Flag,
    "drive_fault" / Flag,
    "front_panel_locked" / Flag,
    "intrusion" / Flag,
)

_RESTART_CAUSE = BitStruct(Padding(4), "cause" / Code(Nibble, RestartCause), Padding(4), "channel" / Nibble)


class ChassisStatus(NamedTuple):
    """What the BMC says of its chassis at one moment (28.2)."""

    power_is_on: bool
    """False also covers the sleep states S4 and S5 and mechanical off."""
    restore_policy: RestorePolicy | int = RestorePolicy.UNKNOWN
    control_fault: bool = False
    """The last switch of power did not reach the state it was meant to."""
    power_fault: bool = False
    interlock: bool = False
    overload: bool = False
    last_on_by_command: bool = False
    last_off_by_fault: bool = False
    last_off_by_interlock: bool = False
    last_off_by_overload: bool = False
    last_off_by_supply: bool = False
    identify_is_supported: bool = False
    identify_state: int = 0
    """0 off, 1 for a while, 2 until told."""
    fan_fault: bool = False
    drive_fault: bool = False
    front_panel_locked: bool = False
    intrusion: bool = False


class ChassisControl(NamedTuple):
    """The argument of Chassis Control."""

    action: Control


@dataclass(frozen=True, slots=True)
class Accepted:
    """The BMC took the order. It acts later, or not at all: only Chassis Status tells."""


class SystemRestartCause(NamedTuple):
    """Why the system last started, and on whose channel."""

    cause: RestartCause | int
    channel: int


GET_CHASSIS_STATUS = Definition(
    "Get Chassis Status", NetFn.CHASSIS, 0x01, NOTHING, Layout(_STATUS, ChassisStatus)
)
CHASSIS_CONTROL = Definition(
    "Chassis Control",
    NetFn.CHASSIS,
    0x02,
    Layout(Bitwise(Struct(Padding(4), "action" / Code(Nibble, Control))), ChassisControl),
    Layout(Struct(), Accepted),
    is_repeatable=False,
)
GET_SYSTEM_RESTART_CAUSE = Definition(
    "Get System Restart Cause",
    NetFn.CHASSIS,
    0x07,
    NOTHING,
    Layout(_RESTART_CAUSE, SystemRestartCause),
)


def get_chassis_status() -> Command[ChassisStatus]:
    """Is the chassis powered, and how did it last lose power? (28.2)"""
    return GET_CHASSIS_STATUS(Empty())


def chassis_control(action: Control) -> Command[Accepted]:
    """Switch power (28.3). The answer means accepted, not done; a lost answer means nothing: read the status then."""
    return CHASSIS_CONTROL(ChassisControl(action))


def get_system_restart_cause() -> Command[SystemRestartCause]:
    """Why did the system last start? (28.11)"""
    return GET_SYSTEM_RESTART_CAUSE(Empty())
