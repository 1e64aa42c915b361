"""Users: what a channel lets them do, and their names (IPMI 2.0, 22.27 and 22.29)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from construct import BitsInteger, BitStruct, Bytes, Flag, Nibble, Padding, Struct

from ipmi_lan.command import Command, Definition, Layout
from ipmi_lan.commands.login import NAME_SIZE, THIS_CHANNEL
from ipmi_lan.wire.codes import NetFn, Privilege
from ipmi_lan.wire.fields import Code

NO_ACCESS = 0x0F
"""Privilege limit of a user who may not use the channel."""


class UserState(IntEnum):
    """Whether a user is enabled (22.27, byte 3); firmware of IPMI 1.5 leaves it at 0."""

    UNSPECIFIED = 0
    ENABLED = 1
    DISABLED = 2


class UserQuery(NamedTuple):
    """A user of a channel."""

    user_id: int
    """From 1; 0 is reserved."""
    channel: int = THIS_CHANNEL


class UserAccess(NamedTuple):
    """What a user may do on a channel (22.27)."""

    most_users: int
    """How many ids there are."""
    state: UserState | int
    enabled_users: int
    fixed_names: int
    """How many of the first ids have names that cannot be changed."""
    callback_only: bool
    link_authentication: bool
    ipmi_messaging: bool
    """False: no login for IPMI, whatever the limit says."""
    limit: Privilege | int
    """The highest privilege; `NO_ACCESS`: none."""


class UserNameQuery(NamedTuple):
    """Whose name is asked for."""

    user_id: int


class UserName(NamedTuple):
    """The name of a user id (22.29); `str()` is for people."""

    octets: bytes
    """16, filled up with zeros."""

    def __str__(self) -> str:
        return self.octets.rstrip(b"\0").decode("utf-8", "backslashreplace")


GET_USER_ACCESS = Definition(
    "Get User Access",
    NetFn.APP,
    0x44,
    Layout(BitStruct(Padding(4), "channel" / Nibble, Padding(2), "user_id" / BitsInteger(6)), UserQuery),
    Layout(
        BitStruct(
            Padding(2), "most_users" / BitsInteger(6), "state" / Code(BitsInteger(2), UserState),
            "enabled_users" / BitsInteger(6), Padding(2), "fixed_names" / BitsInteger(6), Padding(1), "callback_only" / Flag,
            "link_authentication" / Flag, "ipmi_messaging" / Flag, "limit" / Code(Nibble, Privilege),
        ),
        UserAccess,
    ),
)
GET_USER_NAME = Definition(
    "Get User Name",
    NetFn.APP,
    0x46,
    Layout(BitStruct(Padding(2), "user_id" / BitsInteger(6)), UserNameQuery),
    Layout(Struct("octets" / Bytes(NAME_SIZE)), UserName),
)


def get_user_access(user_id: int, channel: int = THIS_CHANNEL) -> Command[UserAccess]:
    """May this user log in here, and as what? Needs an operator on many BMCs (22.27)."""
    return GET_USER_ACCESS(UserQuery(user_id, channel))


def get_user_name(user_id: int) -> Command[UserName]:
    """The name of a user id (22.29)."""
    return GET_USER_NAME(UserNameQuery(user_id))
