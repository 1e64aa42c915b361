"""Channel commands (IPMI 2.0, chapter 22): which cipher suites a channel takes."""

from __future__ import annotations

from dataclasses import dataclass

from construct import BitsInteger, BitStruct, Byte, Flag, GreedyBytes, Nibble, Padding, Struct

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


def get_channel_cipher_suites(index: int) -> Command[CipherSuites]:
    """Chunk `index` of this channel's cipher suites. Works without a session; many BMCs never answer it (22.15)."""
    return GET_CHANNEL_CIPHER_SUITES(CipherSuitesRequest(index))
