"""Session commands (IPMI 2.0, chapter 22)."""

from __future__ import annotations

from dataclasses import dataclass

from construct import (
    BitsInteger,
    BitStruct,
    Bitwise,
    Byte,
    Bytewise,
    Default,
    Flag,
    FocusedSeq,
    GreedyBytes,
    Int24ul,
    Int32ul,
    Nibble,
    Padding,
    Struct,
)

from ipmi_lan.command import NOTHING, Command, Definition, Empty, Layout
from ipmi_lan.wire.codes import NetFn, Privilege
from ipmi_lan.wire.fields import Code

THIS_CHANNEL = 0x0E
"""The channel that the request came in on."""


@dataclass(frozen=True, slots=True)
class AuthenticationCapabilitiesRequest:
    """22.13; asking with the IPMI 2.0 bit gets the extended answer."""

    privilege: int
    channel: int = THIS_CHANNEL
    wants_ipmi_2: bool = True


@dataclass(frozen=True, slots=True)
class AuthenticationCapabilities:
    """What logins a channel takes (22.13)."""

    channel: int
    is_extended: bool
    oem: bool = False
    straight_password: bool = False
    md5: bool = False
    md2: bool = False
    none: bool = False
    kg_is_set: bool = False
    """Two-key logins only."""
    per_message_authentication_is_off: bool = False
    user_level_authentication_is_off: bool = False
    named_users: bool = True
    null_users: bool = False
    anonymous: bool = False
    ipmi_2: bool = True
    ipmi_1_5: bool = False
    oem_id: int = 0


@dataclass(frozen=True, slots=True)
class SessionPrivilege:
    """A privilege level; 0 in a request asks for the present one."""

    privilege: Privilege | int


@dataclass(frozen=True, slots=True)
class SessionToClose:
    """The BMC's id of the session to be closed."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which session: 0 is this one, N the Nth active one (22.20)."""

    index: int = 0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, and how many slots the BMC has (22.20)."""

    handle: int
    """0: there is no such session, and the rest of the answer is missing."""
    slots: int
    """How many sessions the BMC has room for."""
    active: int
    """How many are open now."""
    details: bytes = b""
    """User id, privilege, channel and console address, not decoded."""


_CAPABILITIES_REQUEST = BitStruct(
    "wants_ipmi_2" / Flag, Padding(3), "channel" / Nibble, Padding(4), "privilege" / Nibble
)
_CAPABILITIES = BitStruct(
    "channel" / Bytewise(Byte),
    "is_extended" / Flag,
    Padding(1),
    "oem" / Flag,
    "straight_password" / Flag,
    Padding(1),
    "md5" / Flag,
    "md2" / Flag,
    "none" / Flag,
    Padding(2),
    "kg_is_set" / Flag,
    "per_message_authentication_is_off" / Flag,
    "user_level_authentication_is_off" / Flag,
    "named_users" / Flag,
    "null_users" / Flag,
    "anonymous" / Flag,
    Padding(6),
    "ipmi_2" / Flag,
    "ipmi_1_5" / Flag,
    "oem_id" / Bytewise(Int24ul),
    Padding(8),
)
_PRIVILEGE = Layout(BitStruct(Padding(4), "privilege" / Code(Nibble, Privilege)), SessionPrivilege)
_COUNT = Bitwise(FocusedSeq("count", Padding(2), "count" / BitsInteger(6)))
_SESSION_INFO = Struct("handle" / Byte, "slots" / _COUNT, "active" / _COUNT, "details" / Default(GreedyBytes, b""))

GET_CHANNEL_AUTHENTICATION_CAPABILITIES = Definition(
    "Get Channel Authentication Capabilities",
    NetFn.APP,
    0x38,
    Layout(_CAPABILITIES_REQUEST, AuthenticationCapabilitiesRequest),
    Layout(_CAPABILITIES, AuthenticationCapabilities),
)
SET_SESSION_PRIVILEGE_LEVEL = Definition("Set Session Privilege Level", NetFn.APP, 0x3B, _PRIVILEGE, _PRIVILEGE)
CLOSE_SESSION = Definition(
    "Close Session", NetFn.APP, 0x3C, Layout(Struct("session_id" / Int32ul), SessionToClose), NOTHING
)
GET_SESSION_INFO = Definition(
    "Get Session Info",
    NetFn.APP,
    0x3D,
    Layout(Struct("index" / Byte), SessionQuery),
    Layout(_SESSION_INFO, SessionInfo),
)


def get_channel_authentication_capabilities(privilege: Privilege) -> Command[AuthenticationCapabilities]:
    """What logins does this channel take at `privilege`? Works without a session (22.13)."""
    return GET_CHANNEL_AUTHENTICATION_CAPABILITIES(AuthenticationCapabilitiesRequest(privilege))


def set_session_privilege_level(privilege: Privilege) -> Command[SessionPrivilege]:
    """Raise or lower this session's privilege (22.18)."""
    return SET_SESSION_PRIVILEGE_LEVEL(SessionPrivilege(privilege))


def close_session(bmc_session_id: int) -> Command[Empty]:
    """End a session (22.19)."""
    return CLOSE_SESSION(SessionToClose(bmc_session_id))


def get_session_info() -> Command[SessionInfo]:
    """The session asked in, and how many slots are taken (22.20)."""
    return GET_SESSION_INFO(SessionQuery())
