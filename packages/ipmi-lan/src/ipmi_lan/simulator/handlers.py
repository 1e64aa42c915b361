"""What a simulated BMC does with each command: one function for each row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ipmi_lan.command import Definition, Empty
from ipmi_lan.commands.channel import (
    GET_CHANNEL_CIPHER_SUITES,
    GET_CHANNEL_INFO,
    SUITE_CHUNK,
    ChannelInfo,
    ChannelQuery,
    CipherSuites,
    CipherSuitesRequest,
)
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
from ipmi_lan.commands.login import (
    CLOSE_SESSION,
    GET_CHANNEL_AUTHENTICATION_CAPABILITIES,
    GET_SESSION_INFO,
    SET_SESSION_PRIVILEGE_LEVEL,
    THIS_CHANNEL,
    AuthenticationCapabilities,
    AuthenticationCapabilitiesRequest,
    SessionInfo,
    SessionPrivilege,
    SessionQuery,
    SessionToClose,
)
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import Malformed
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.sessions import Session
from ipmi_lan.wire.codes import CompletionCode, Privilege
from ipmi_lan.wire.message import Request, Response

LAN_CHANNEL = 1
_NO_SUCH_SESSION, _ABOVE_LIMIT = 0x87, 0x81   # completion codes of 22.19 and 22.18
_LAN_MEDIUM, _IPMI_PROTOCOL, _SEVERAL_SESSIONS = 4, 1, 2
_RMCP_PLUS_PROTOCOL = 0x10                    # in the upper half of the channel octet of 22.20

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Refused(Exception):  # noqa: N818 - named for the fact
    """The command is answered with `code`, another completion code than 00h."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Unanswered(Exception):  # noqa: N818
    """The command was taken, and no answer goes out."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a command finds itself."""

    board: Board
    now: float
    session: Session | None

    @property
    def own(self) -> Session:
        """The session that the command came in; what has a privilege in the table always has one."""
        assert self.session is not None
        return self.session


@dataclass(frozen=True, slots=True)
class _Row:
    definition: Definition[Any, Any]
    privilege: Privilege | None
    do: Callable[[Scene, Any], Any]


_ROWS: dict[tuple[int, int], _Row] = {}


def _answers(
    definition: Definition[Asked, Answered], privilege: Privilege | None
) -> Callable[[Callable[[Scene, Asked], Answered]], Callable[[Scene, Asked], Answered]]:
    """Put a function into the table; `privilege` None lets the command in without a session (appendix G)."""

    def enter(do: Callable[[Scene, Asked], Answered]) -> Callable[[Scene, Asked], Answered]:
        _ROWS[definition.netfn, definition.code] = _Row(definition, privilege, do)
        return do

    return enter


def answer_command_untrusted(scene: Scene, request: Request) -> Response | None:
    """Do what `request` asks; the answer, whatever the outcome, or None where a fault swallows it."""
    try:
        code, data = int(CompletionCode.OK), _do(scene, request)
    except Refused as refused:
        code, data = refused.code, b""
    except Unanswered:
        return None
    return Response(request.netfn, request.command, request.sequence, code, data)


def _do(scene: Scene, request: Request) -> bytes:
    row = _ROWS.get((request.netfn, request.command))
    needed = Privilege.USER if row is None else row.privilege
    if needed is not None and (scene.session is None or scene.session.privilege < needed):
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    if row is None:
        raise Refused(CompletionCode.INVALID_COMMAND)
    asked = _asked_untrusted(row.definition, request.data)
    return row.definition.reply.build(row.do(scene, asked))


def _asked_untrusted(definition: Definition[Asked, Any], data: bytes) -> Asked:
    try:
        asked = definition.request.parse_untrusted(data)
    except Malformed:
        raise Refused(CompletionCode.WRONG_LENGTH) from None
    if len(definition.request.build(asked)) != len(data):
        raise Refused(CompletionCode.WRONG_LENGTH)
    return asked


@_answers(GET_CHANNEL_AUTHENTICATION_CAPABILITIES, None)
def _capabilities(scene: Scene, asked: AuthenticationCapabilitiesRequest) -> AuthenticationCapabilities:
    _check_channel(asked.channel)
    return AuthenticationCapabilities(
        channel=LAN_CHANNEL,
        is_extended=asked.wants_ipmi_2,
        kg_is_set=bool(scene.board.kg),
        named_users=any(scene.board.users),
        null_users="" in scene.board.users,
    )


@_answers(GET_CHANNEL_CIPHER_SUITES, None)
def _cipher_suites(scene: Scene, asked: CipherSuitesRequest) -> CipherSuites:
    _check_channel(asked.channel)
    records = b"".join(map(_suite_record, scene.board.suites))
    return CipherSuites(LAN_CHANNEL, records[asked.index * SUITE_CHUNK :][:SUITE_CHUNK])


def _suite_record(suite: CipherSuite) -> bytes:
    algorithms = suite.algorithms
    return bytes((0xC0, suite.id, algorithms.authentication, 0x40 | algorithms.integrity, 0x80 | algorithms.confidentiality))


@_answers(GET_CHANNEL_INFO, Privilege.USER)
def _channel_info(scene: Scene, asked: ChannelQuery) -> ChannelInfo:
    _check_channel(asked.channel)
    active = len(scene.board.sessions.open(scene.now))
    return ChannelInfo(LAN_CHANNEL, _LAN_MEDIUM, _IPMI_PROTOCOL, _SEVERAL_SESSIONS, active)


def _check_channel(channel: int) -> None:
    if channel not in {LAN_CHANNEL, THIS_CHANNEL}:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)


@_answers(GET_SYSTEM_GUID, None)
def _guid(scene: Scene, asked: Empty) -> SystemGuid:
    return SystemGuid(scene.board.guid)


@_answers(GET_DEVICE_ID, Privilege.USER)
def _device_id(scene: Scene, asked: Empty) -> DeviceId:
    return scene.board.device_id


@_answers(SET_SESSION_PRIVILEGE_LEVEL, Privilege.CALLBACK)
def _set_privilege(scene: Scene, asked: SessionPrivilege) -> SessionPrivilege:
    if asked.privilege == Privilege.CALLBACK or asked.privilege > Privilege.OEM:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if asked.privilege > scene.own.privilege_limit:
        raise Refused(_ABOVE_LIMIT)
    scene.own.privilege = asked.privilege or scene.own.privilege
    return SessionPrivilege(scene.own.privilege)


@_answers(CLOSE_SESSION, Privilege.CALLBACK)
def _close(scene: Scene, asked: SessionToClose) -> Empty:
    if asked.session_id != scene.own.bmc_id and scene.own.privilege < Privilege.ADMINISTRATOR:
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    session = scene.board.sessions.find(asked.session_id)
    if session is None:
        raise Refused(_NO_SUCH_SESSION)
    if not scene.board.faults.close_is_ignored:
        scene.board.sessions.end(session)
    return Empty()


@_answers(GET_SESSION_INFO, Privilege.USER)
def _session_info(scene: Scene, asked: SessionQuery) -> SessionInfo:
    active = scene.board.sessions.open(scene.now)
    chosen = scene.own if asked.index == 0 else dict(enumerate(active, 1)).get(asked.index)
    slots = scene.board.sessions.slots
    if chosen is None:
        return SessionInfo(0, slots, len(active))
    user = list(scene.board.users).index(chosen.login.user.decode()) + 1 if chosen.login else 0
    details = bytes((user, chosen.privilege, _RMCP_PLUS_PROTOCOL | LAN_CHANNEL))
    return SessionInfo(active.index(chosen) + 1, slots, len(active), details)


@_answers(GET_CHASSIS_STATUS, Privilege.USER)
def _chassis_status(scene: Scene, asked: Empty) -> ChassisStatus:
    chassis = scene.board.chassis
    is_on = chassis.power_is_on(scene.now)
    return ChassisStatus(
        power_is_on=is_on,
        restore_policy=RestorePolicy.STAY_OFF,
        last_on_by_command=chassis.restart_cause is RestartCause.CHASSIS_CONTROL,
        last_off_by_supply=chassis.last_off_by_supply,
    )


@_answers(CHASSIS_CONTROL, Privilege.OPERATOR)
def _chassis_control(scene: Scene, asked: ChassisControl) -> Accepted:
    board, faults = scene.board, scene.board.faults
    board.power_commands.append((scene.now, asked.action))
    if faults.refuses_control is not None:
        raise Refused(faults.refuses_control)
    code = CompletionCode.OK
    if not faults.ignores_power_commands:
        code = board.chassis.command(asked.action, scene.now, faults.lag, faults.flaps)
    if faults.silent_after_off and asked.action == Control.POWER_OFF:
        faults.silent = True
    if faults.silent or faults.loses_control_reply:
        raise Unanswered
    if code:
        raise Refused(code)
    return Accepted()


@_answers(GET_SYSTEM_RESTART_CAUSE, Privilege.USER)
def _restart_cause(scene: Scene, asked: Empty) -> SystemRestartCause:
    scene.board.chassis.advance(scene.now)
    return SystemRestartCause(scene.board.chassis.restart_cause, LAN_CHANNEL)
