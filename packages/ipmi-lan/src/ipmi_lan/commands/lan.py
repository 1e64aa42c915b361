"""LAN configuration of a BMC, as it tells it (IPMI 2.0, 23.2)."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address
from typing import NamedTuple, TypeVar

from construct import BitStruct, Byte, Bytes, Bytewise, Flag, GreedyBytes, Nibble, Padding, Struct

from ipmi_lan.command import Command, Definition, Layout
from ipmi_lan.commands.login import THIS_CHANNEL
from ipmi_lan.wire.codes import NetFn

PARAMETER_NOT_SUPPORTED = 0x80
"""Completion code of 23.2."""

_Read = TypeVar("_Read")


class LanParameter(IntEnum):
    """Parameter selectors (table 23-4)."""

    SET_IN_PROGRESS = 0
    IP_ADDRESS = 3
    IP_ADDRESS_SOURCE = 4
    MAC_ADDRESS = 5
    SUBNET_MASK = 6
    DEFAULT_GATEWAY = 12


class LanParameterQuery(NamedTuple):
    """One parameter of a channel."""

    parameter: LanParameter | int
    channel: int = THIS_CHANNEL
    wants_revision_only: bool = False
    set: int = 0
    block: int = 0


class LanParameterValue(NamedTuple):
    """A parameter, not decoded."""

    revision: int
    """11h of all that IPMI 2.0 names."""
    data: bytes


class IpAddress(NamedTuple):
    """An IPv4 address that the BMC has, or names; `str()` writes it with dots."""

    revision: int
    octets: bytes
    """Most significant first; zeros: none."""

    def __str__(self) -> str:
        return str(IPv4Address(self.octets))


class MacAddress(NamedTuple):
    """The Ethernet address of the channel; `str()` writes it with colons."""

    revision: int
    octets: bytes
    """As they travel on the Ethernet; zeros: the channel has none of its own."""

    def __str__(self) -> str:
        return self.octets.hex(":")


GET_LAN_CONFIGURATION_PARAMETERS = Definition(
    "Get LAN Configuration Parameters",
    NetFn.TRANSPORT,
    0x02,
    Layout(
        BitStruct(
            "wants_revision_only" / Flag, Padding(3), "channel" / Nibble, "parameter" / Bytewise(Byte), "set" / Bytewise(Byte),
            "block" / Bytewise(Byte),
        ),
        LanParameterQuery,
    ),
    Layout(Struct("revision" / Byte, "data" / GreedyBytes), LanParameterValue),
)
IP_ADDRESS = Layout(Struct("revision" / Byte, "octets" / Bytes(4)), IpAddress)
MAC_ADDRESS = Layout(Struct("revision" / Byte, "octets" / Bytes(6)), MacAddress)


def get_ip_address(channel: int = THIS_CHANNEL) -> Command[IpAddress]:
    """The BMC's own IPv4 address on a channel (parameter 3)."""
    return _get(LanParameter.IP_ADDRESS, IP_ADDRESS, channel)


def get_subnet_mask(channel: int = THIS_CHANNEL) -> Command[IpAddress]:
    """The mask that belongs to that address (parameter 6)."""
    return _get(LanParameter.SUBNET_MASK, IP_ADDRESS, channel)


def get_mac_address(channel: int = THIS_CHANNEL) -> Command[MacAddress]:
    """The BMC's Ethernet address on a channel (parameter 5)."""
    return _get(LanParameter.MAC_ADDRESS, MAC_ADDRESS, channel)


def _get(parameter: LanParameter, reply: Layout[_Read], channel: int) -> Command[_Read]:
    asked = GET_LAN_CONFIGURATION_PARAMETERS(LanParameterQuery(parameter, channel))
    return Command(asked.name, asked.netfn, asked.code, asked.data, reply)
