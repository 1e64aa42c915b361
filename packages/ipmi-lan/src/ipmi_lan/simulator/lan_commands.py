"""What a simulated BMC says of its channel and of who may use it (IPMI 2.0, 22.23, 22.27, 22.29 and 23.2)."""

from __future__ import annotations

from ipaddress import IPv4Address

from ipmi_lan.commands.channel import GET_CHANNEL_ACCESS, AccessMode, ChannelAccess, ChannelAccessQuery
from ipmi_lan.commands.lan import (
    GET_LAN_CONFIGURATION_PARAMETERS,
    PARAMETER_NOT_SUPPORTED,
    LanParameter,
    LanParameterQuery,
    LanParameterValue,
)
from ipmi_lan.commands.login import NAME_SIZE
from ipmi_lan.commands.users import (
    GET_USER_ACCESS,
    GET_USER_NAME,
    NO_ACCESS,
    UserAccess,
    UserName,
    UserNameQuery,
    UserQuery,
    UserState,
)
from ipmi_lan.simulator.board import Board
from ipmi_lan.simulator.session_commands import check_channel
from ipmi_lan.simulator.table import Refused, Scene, answers
from ipmi_lan.wire.codes import CompletionCode, Privilege

_REVISION, _STATIC = 0x11, 0x01
_FEWEST_USER_IDS = 10


@answers(GET_LAN_CONFIGURATION_PARAMETERS, Privilege.OPERATOR)
def _lan_parameter(scene: Scene, asked: LanParameterQuery) -> LanParameterValue:
    check_channel(asked.channel)
    settings = scene.board.lan
    known = {
        LanParameter.SET_IN_PROGRESS: b"\0",
        LanParameter.IP_ADDRESS: IPv4Address(settings.ip).packed,
        LanParameter.IP_ADDRESS_SOURCE: bytes((_STATIC,)),
        LanParameter.MAC_ADDRESS: settings.ethernet,
        LanParameter.SUBNET_MASK: IPv4Address(settings.netmask).packed,
        LanParameter.DEFAULT_GATEWAY: IPv4Address(settings.gateway).packed,
    }
    data = known.get(LanParameter(asked.parameter)) if asked.parameter in tuple(LanParameter) else None
    if data is None:
        raise Refused(PARAMETER_NOT_SUPPORTED)
    return LanParameterValue(_REVISION, b"" if asked.wants_revision_only else data)


@answers(GET_CHANNEL_ACCESS, Privilege.USER)
def _channel_access(scene: Scene, asked: ChannelAccessQuery) -> ChannelAccess:
    check_channel(asked.channel)
    logins = scene.board.logins15
    return ChannelAccess(True, not logins.per_message, not logins.user_level, AccessMode.ALWAYS, Privilege.ADMINISTRATOR)


@answers(GET_USER_ACCESS, Privilege.OPERATOR)
def _user_access(scene: Scene, asked: UserQuery) -> UserAccess:
    check_channel(asked.channel)
    board = scene.board
    limits = {number: limit for number, (_, limit) in enumerate(board.accounts.users.values(), 1)}
    name = _name_of(board, asked.user_id)
    disabled = board.faults.login.disabled_users
    is_enabled = name is not None and name not in disabled
    return UserAccess(
        most_users=_user_ids(board),
        state=UserState.ENABLED if is_enabled else UserState.DISABLED,
        enabled_users=sum(user not in disabled for user in board.accounts.users),
        fixed_names=0,
        callback_only=False,
        link_authentication=False,
        ipmi_messaging=is_enabled,
        limit=limits.get(asked.user_id, NO_ACCESS),
    )


@answers(GET_USER_NAME, Privilege.OPERATOR)
def _user_name(scene: Scene, asked: UserNameQuery) -> UserName:
    name = _name_of(scene.board, asked.user_id)
    return UserName((name or "").encode().ljust(NAME_SIZE, b"\0"))


def _name_of(board: Board, user_id: int) -> str | None:
    """None: nobody has this id. Raises `Refused` where there is no such id."""
    if not 0 < user_id <= _user_ids(board):
        raise Refused(CompletionCode.INVALID_DATA_FIELD)
    return dict(enumerate(board.accounts.users, 1)).get(user_id)


def _user_ids(board: Board) -> int:
    return max(len(board.accounts.users), _FEWEST_USER_IDS)
