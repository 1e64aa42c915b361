"""What a simulated BMC does with the commands of its chassis and of itself (IPMI 2.0, chapters 20 and 28)."""

from __future__ import annotations

from ipmi_lan.command import Empty
from ipmi_lan.commands.chassis import (
    CHASSIS_CONTROL,
    GET_CHASSIS_STATUS,
    GET_SYSTEM_RESTART_CAUSE,
    Accepted,
    ChassisControl,
    ChassisStatus,
    Control,
    RestartCause,
    RestorePolicy,
    SystemRestartCause,
)
from ipmi_lan.commands.device import GET_DEVICE_ID, GET_SYSTEM_GUID, DeviceId, SystemGuid
from ipmi_lan.simulator.session_commands import LAN_CHANNEL
from ipmi_lan.simulator.table import Refused, Scene, Unanswered, answers
from ipmi_lan.wire.codes import CompletionCode, Privilege


@answers(GET_SYSTEM_GUID, None)
def _guid(scene: Scene, asked: Empty) -> SystemGuid:
    return SystemGuid(scene.board.guid)


@answers(GET_DEVICE_ID, Privilege.USER)
def _device_id(scene: Scene, asked: Empty) -> DeviceId:
    return scene.board.device_id


@answers(GET_CHASSIS_STATUS, Privilege.USER)
def _chassis_status(scene: Scene, asked: Empty) -> ChassisStatus:
    chassis = scene.board.chassis
    is_on = chassis.power_is_on(scene.now)
    return ChassisStatus(
        power_is_on=is_on,
        restore_policy=RestorePolicy.STAY_OFF,
        last_on_by_command=chassis.restart_cause is RestartCause.CHASSIS_CONTROL,
        last_off_by_supply=chassis.last_off_by_supply,
    )


@answers(CHASSIS_CONTROL, Privilege.OPERATOR)
def _chassis_control(scene: Scene, asked: ChassisControl) -> Accepted:
    board, faults = scene.board, scene.board.faults
    board.power_commands.append((scene.now, asked.action))
    if faults.refuses_control is not None:
        raise Refused(faults.refuses_control)
    code = CompletionCode.OK
    if not faults.ignores_power_commands:
        code = board.chassis.command(asked.action, scene.now, faults.lag, faults.flaps)
        if asked.action == Control.DIAGNOSTIC_INTERRUPT:
            board.host.interrupt(scene.now)
    if faults.silent_after_off and asked.action == Control.POWER_OFF:
        faults.silent = True
    if faults.silent or faults.loses_control_reply:
        raise Unanswered
    if code:
        raise Refused(code)
    return Accepted()


@answers(GET_SYSTEM_RESTART_CAUSE, Privilege.USER)
def _restart_cause(scene: Scene, asked: Empty) -> SystemRestartCause:
    scene.board.chassis.advance(scene.now)
    return SystemRestartCause(scene.board.chassis.restart_cause, LAN_CHANNEL)
