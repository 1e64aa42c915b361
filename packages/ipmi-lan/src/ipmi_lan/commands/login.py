"""Session commands (IPMI 2.0, chapter 22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Bitwise,
    Byte,
    Bytes,
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
from ipmi_lan.errors import BadArgument
from ipmi_lan.wire.codes import AuthType, NetFn, Privilege
from ipmi_lan.wire.fields import Code

THIS_CHANNEL = 0x0E
"""The channel that the request came in on."""
NAME_SIZE, CHALLENGE_SIZE = 16, 16
"""Octets of a user's name, filled up with zeros, and of a challenge of IPMI 1.5 (22.16)."""


class AuthenticationCapabilitiesRequest(NamedTuple):
    """22.13; asking with the IPMI 2.0 bit gets the extended answer."""

    privilege: int
    channel: int = THIS_CHANNEL
    wants_ipmi_2: bool = True


class AuthenticationCapabilities(NamedTuple):
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


class SessionChallengeRequest(NamedTuple):
    """22.16, the first step of a login of IPMI 1.5."""

    auth_type: AuthType | int
    user: bytes
    """Octets, filled up with zeros to 16."""


class SessionChallenge(NamedTuple):
    """What Activate Session has to answer (22.16)."""

    temporary_id: int
    """The session id of Activate Session, and of nothing else."""
    challenge: bytes
    """16 octets."""


class SessionActivation(NamedTuple):
    """22.17, the second step. The message itself travels under the temporary id, and authenticated by the password."""

    auth_type: AuthType | int
    privilege: Privilege | int
    challenge: bytes
    initial_sequence: int
    """The sequence number that the BMC shall begin with; not 0."""


class ActivatedSession(NamedTuple):
    """The session (22.17)."""

    auth_type: AuthType | int
    """Of all further messages: NONE where the BMC does not want each of them authenticated."""
    session_id: int
    initial_sequence: int
    """The sequence number that the console shall begin with."""
    privilege: Privilege | int
    """The highest that the session may be raised to."""


class SessionPrivilege(NamedTuple):
    """A privilege level; 0 in a request asks for the present one."""

    privilege: Privilege | int


class SessionToClose(NamedTuple):
    """The BMC's id of the session to be closed."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which session: 0 is this one, N the Nth active one (22.20)."""

    index: int = 0


class SessionInfo(NamedTuple):
    """A session, and how many slots the BMC has (22.20)."""

    handle: int
    """0: there is no such session, and the rest of the answer is missing."""
    slots: int
    """How many sessions the BMC has room for."""
    active: int
    """How many are open now."""
    details: bytes = b""
    """User id, privilege, channel and console address, not decoded."""

    @property
    def user_id(self) -> int | None:
        """Of whoever is logged in; None where there is no such session."""
        return self.details[0] & 0x3F if self.details else None

    @property
    def privilege(self) -> int | None:
        """That the session has now; None where the answer does not tell."""
        return self.details[1] & 0x0F if len(self.details) > 1 else None


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
_LOW_AUTH_TYPE = Bitwise(FocusedSeq("number", Padding(4), "number" / Code(Nibble, AuthType)))
_LOW_PRIVILEGE = Bitwise(FocusedSeq("level", Padding(4), "level" / Code(Nibble, Privilege)))
_CHALLENGE_REQUEST = Struct("auth_type" / _LOW_AUTH_TYPE, "user" / Bytes(NAME_SIZE))
_CHALLENGE = Struct("temporary_id" / Int32ul, "challenge" / Bytes(CHALLENGE_SIZE))
_ACTIVATION = Struct(
    "auth_type" / _LOW_AUTH_TYPE,
    "privilege" / _LOW_PRIVILEGE,
    "challenge" / Bytes(CHALLENGE_SIZE),
    "initial_sequence" / Int32ul,
)
_ACTIVATED = Struct(
    "auth_type" / _LOW_AUTH_TYPE,
    "session_id" / Int32ul,
    "initial_sequence" / Int32ul,
    "privilege" / _LOW_PRIVILEGE,
)
_COUNT = Bitwise(FocusedSeq("count", Padding(2), "count" / BitsInteger(6)))
_SESSION_INFO = Struct("handle" / Byte, "slots" / _COUNT, "active" / _COUNT, "details" / Default(GreedyBytes, b""))

GET_CHANNEL_AUTHENTICATION_CAPABILITIES = Definition(
    "Get Channel Authentication Capabilities",
    NetFn.APP,
    0x38,
    Layout(_CAPABILITIES_REQUEST, AuthenticationCapabilitiesRequest),
    Layout(_CAPABILITIES, AuthenticationCapabilities),
)
GET_SESSION_CHALLENGE = Definition(
    "Get Session Challenge",
    NetFn.APP,
    0x39,
    Layout(_CHALLENGE_REQUEST, SessionChallengeRequest),
    Layout(_CHALLENGE, SessionChallenge),
)
ACTIVATE_SESSION = Definition(
    "Activate Session",
    NetFn.APP,
    0x3A,
    Layout(_ACTIVATION, SessionActivation),
    Layout(_ACTIVATED, ActivatedSession),
    is_repeatable=False,
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


def get_session_challenge(auth_type: AuthType, user: bytes) -> Command[SessionChallenge]:
    """Begin a login of IPMI 1.5; works without a session (22.16). Raises `BadArgument` for a name of more than 16 octets."""
    if len(user) > NAME_SIZE:
        raise BadArgument(f"a user's name has at most {NAME_SIZE} octets")
    return GET_SESSION_CHALLENGE(SessionChallengeRequest(auth_type, user.ljust(NAME_SIZE, b"\0")))


def activate_session(
    auth_type: AuthType, privilege: Privilege, challenge: bytes, initial_sequence: int
) -> Command[ActivatedSession]:
    """End a login of IPMI 1.5 (22.17). Travels under the temporary session id, authenticated as `auth_type` says."""
    return ACTIVATE_SESSION(SessionActivation(auth_type, privilege, challenge, initial_sequence))


def set_session_privilege_level(privilege: Privilege) -> Command[SessionPrivilege]:
    """Raise or lower this session's privilege (22.18)."""
    return SET_SESSION_PRIVILEGE_LEVEL(SessionPrivilege(privilege))


def close_session(bmc_session_id: int) -> Command[Empty]:
    """End a session (22.19)."""
    return CLOSE_SESSION(SessionToClose(bmc_session_id))


def get_session_info() -> Command[SessionInfo]:
    """The session asked in, and how many slots are taken (22.20)."""
    return GET_SESSION_INFO(SessionQuery())
