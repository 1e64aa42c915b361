"""What a simulated BMC does with the commands of channels and sessions (IPMI 2.0, chapter 22)."""

from __future__ import annotations

from ipmi_lan.command import Empty
from ipmi_lan.commands.channel import (
    GET_CHANNEL_CIPHER_SUITES,
    GET_CHANNEL_INFO,
    SUITE_CHUNK,
    ChannelInfo,
    ChannelQuery,
    CipherSuites,
    CipherSuitesRequest,
)
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
from ipmi_lan.simulator.faults import Records
from ipmi_lan.simulator.table import Refused, Scene, Unanswered, answers
from ipmi_lan.wire.codes import AuthType, CompletionCode, Privilege

LAN_CHANNEL = 1
_NO_SUCH_SESSION, _ABOVE_LIMIT = 0x87, 0x81   # completion codes of 22.19 and 22.18
_LAN_MEDIUM, _IPMI_PROTOCOL, _SEVERAL_SESSIONS = 4, 1, 2
_RMCP_PLUS_PROTOCOL = 0x10                    # in the upper half of the channel octet of 22.20
_START, _INTEGRITY_TAG, _CONFIDENTIALITY_TAG = 0xC0, 0x40, 0x80


@answers(GET_CHANNEL_AUTHENTICATION_CAPABILITIES, None)
def _capabilities(scene: Scene, asked: AuthenticationCapabilitiesRequest) -> AuthenticationCapabilities:
    check_channel(asked.channel)
    board, faults = scene.board, scene.board.faults.probe
    if asked.wants_ipmi_2 and faults.refuses_ipmi_2_bit:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if not asked.wants_ipmi_2 and faults.wants_ipmi_2_bit:
        raise Unanswered
    types = {*board.logins15.auth_types, *faults.claims_auth15}
    wrong = faults.capabilities_are_wrong
    users = board.accounts.users
    return AuthenticationCapabilities(
        channel=LAN_CHANNEL,
        is_extended=asked.wants_ipmi_2,
        oem=AuthType.OEM in types,
        straight_password=(AuthType.STRAIGHT in types) is not wrong,
        md5=(AuthType.MD5 in types) is not wrong,
        md2=(AuthType.MD2 in types) is not wrong,
        none=(AuthType.NONE in types) is not wrong,
        kg_is_set=bool(board.kg) is not wrong,
        per_message_authentication_is_off=_says_that_messages_carry_no_codes(scene),
        user_level_authentication_is_off=not board.logins15.user_level,
        named_users=any(users),
        null_users=any(not name and password for name, (password, _) in users.items()) is not wrong,
        anonymous=any(not name and not password for name, (password, _) in users.items()) is not wrong,
        ipmi_2=asked.wants_ipmi_2 and bool(board.suites),
        ipmi_1_5=asked.wants_ipmi_2 and bool(types),
    )


def _says_that_messages_carry_no_codes(scene: Scene) -> bool:
    faults = scene.board.faults.auth15
    return faults.claims_no_codes or scene.board.logins15.per_message is faults.capabilities_lie


@answers(GET_CHANNEL_CIPHER_SUITES, None)
def _cipher_suites(scene: Scene, asked: CipherSuitesRequest) -> CipherSuites:
    check_channel(asked.channel)
    board, faults = scene.board, scene.board.faults.probe
    if faults.suites_are_unanswered or (faults.suites_only_in_rmcp_plus and scene.came_in_15):
        raise Unanswered
    if not board.suites:
        raise Refused(CompletionCode.INVALID_COMMAND)
    suites = board.suites + faults.also_advertises
    if asked.lists_suites:
        records = b"".join(_record(suite, faults.records) for suite in suites)
    else:
        records = bytes(sorted({octet for suite in suites for octet in _tagged(suite)}))
    return CipherSuites(LAN_CHANNEL, records[asked.index * SUITE_CHUNK :][:SUITE_CHUNK])


def _record(suite: CipherSuite, records: Records) -> bytes:
    head, algorithms = bytes((_START, suite.id)), _tagged(suite)
    match records:
        case Records.WITHOUT_START:
            return head[1:] + algorithms
        case Records.SHORT:
            return head + bytes(octet for octet in algorithms if octet & ~_START)
        case Records.WRONG_TAGS:
            return head + bytes(octet & ~_START for octet in algorithms)
    return head + algorithms


def _tagged(suite: CipherSuite) -> bytes:
    algorithms = suite.algorithms
    return bytes(
        (
            algorithms.authentication,
            _INTEGRITY_TAG | algorithms.integrity,
            _CONFIDENTIALITY_TAG | algorithms.confidentiality,
        )
    )


@answers(GET_CHANNEL_INFO, Privilege.USER)
def _channel_info(scene: Scene, asked: ChannelQuery) -> ChannelInfo:
    check_channel(asked.channel)
    active = len(scene.board.sessions.open(scene.now))
    return ChannelInfo(LAN_CHANNEL, _LAN_MEDIUM, _IPMI_PROTOCOL, _SEVERAL_SESSIONS, active)


def check_channel(channel: int) -> None:
    """Raises `Refused` for a channel that there is not."""
    if channel not in {LAN_CHANNEL, THIS_CHANNEL}:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)


@answers(SET_SESSION_PRIVILEGE_LEVEL, Privilege.CALLBACK)
def _set_privilege(scene: Scene, asked: SessionPrivilege) -> SessionPrivilege:
    if asked.privilege == Privilege.CALLBACK or asked.privilege > Privilege.OEM:
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    if asked.privilege > scene.own.privilege_limit:
        raise Refused(_ABOVE_LIMIT)
    if scene.is_proven:
        scene.own.privilege = asked.privilege or scene.own.privilege
    return SessionPrivilege(scene.own.privilege)


@answers(CLOSE_SESSION, Privilege.CALLBACK)
def _close(scene: Scene, asked: SessionToClose) -> Empty:
    if asked.session_id != scene.own.bmc_id and scene.privilege < Privilege.ADMINISTRATOR:
        raise Refused(CompletionCode.INSUFFICIENT_PRIVILEGE)
    session = scene.board.sessions.find(asked.session_id, scene.now)
    if session is None:
        raise Refused(_NO_SUCH_SESSION)
    if not scene.board.faults.close_is_ignored:
        scene.board.sessions.end(session)
    if scene.board.faults.session.close_is_unanswered:
        raise Unanswered
    return Empty()


@answers(GET_SESSION_INFO, Privilege.USER)
def _session_info(scene: Scene, asked: SessionQuery) -> SessionInfo:
    active = scene.board.sessions.open(scene.now)
    chosen = scene.own if asked.index == 0 else dict(enumerate(active, 1)).get(asked.index)
    slots = scene.board.sessions.slots
    if chosen is None:
        return SessionInfo(0, slots, len(active))
    protocol = 0 if chosen.is_of_1_5 else _RMCP_PLUS_PROTOCOL
    details = bytes((scene.board.accounts.number_of(chosen.user), chosen.privilege, protocol | LAN_CHANNEL))
    return SessionInfo(active.index(chosen) + 1, slots, len(active), details)
