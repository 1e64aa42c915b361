"""Channel commands (IPMI 2.0, chapter 22): what a channel is, and which cipher suites it takes."""

from __future__ import annotations

from dataclasses import dataclass

from construct import BitsInteger, BitStruct, Byte, Bytewise, Flag, GreedyBytes, Int24ul, Nibble, Padding, Struct

from ipmi_lan.command import Command, Definition, Layout
from ipmi_lan.commands.login import THIS_CHANNEL
from ipmi_lan.wire.codes import NetFn

SUITE_CHUNK = 16
"""Octets of records in one answer; fewer say that it is the last (22.15)."""


@dataclass(frozen=True, slots=True)
class CipherSuitesRequest:
    """One chunk of a channel's list of cipher suites (22.15)."""

    index: int
    """Which chunk, from 0."""
    channel: int = THIS_CHANNEL
    payload_type: int = 0
    lists_suites: bool = True
    """Else the algorithms, without the suites that they make up."""


@dataclass(frozen=True, slots=True)
class CipherSuites:
    """One chunk of records, not decoded (table 22-18)."""

    channel: int
    records: bytes


@dataclass(frozen=True, slots=True)
class ChannelQuery:
    """Which channel is asked about."""

    channel: int = THIS_CHANNEL


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """What a channel is (22.24)."""

    channel: int
    medium: int
    """Table 6-3; 4 is 802.3 LAN."""
    protocol: int
    """Table 6-2; 1 is that of IPMI messages."""
    session_support: int
    """0 none, 1 one session, 2 several, 3 with or without."""
    active_sessions: int
    vendor: int = 7154
    """Of the protocol: the IPMI forum's number."""


GET_CHANNEL_CIPHER_SUITES = Definition(
    "Get Channel Cipher Suites",
    NetFn.APP,
    0x54,
    Layout(
        BitStruct(
            Padding(4), "channel" / Nibble, Padding(2), "payload_type" / BitsInteger(6), "lists_suites" / Flag, Padding(1),
            "index" / BitsInteger(6),
        ),
        CipherSuitesRequest,
    ),
    Layout(Struct("channel" / Byte, "records" / GreedyBytes), CipherSuites),
)
GET_CHANNEL_INFO = Definition(
    "Get Channel Info",
    NetFn.APP,
    0x42,
    Layout(BitStruct(Padding(4), "channel" / Nibble), ChannelQuery),
    Layout(
        BitStruct(
            Padding(4), "channel" / Nibble, Padding(1), "medium" / BitsInteger(7), Padding(3), "protocol" / BitsInteger(5),
            "session_support" / BitsInteger(2), "active_sessions" / BitsInteger(6), "vendor" / Bytewise(Int24ul), Padding(16),
        ),
        ChannelInfo,
    ),
)


def get_channel_info(channel: int = THIS_CHANNEL) -> Command[ChannelInfo]:
    """What medium a channel is on, and how many sessions are active on it (22.24)."""
    return GET_CHANNEL_INFO(ChannelQuery(channel))


def get_channel_cipher_suites(index: int) -> Command[CipherSuites]:
    """Chunk `index` of this channel's cipher suites. Works without a session; many BMCs never answer it (22.15)."""
    return GET_CHANNEL_CIPHER_SUITES(CipherSuitesRequest(index))
