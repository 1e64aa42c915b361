"""Channel commands (IPMI 2.0, chapter 22): what a channel is, and which cipher suites it takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from construct import BitsInteger, BitStruct, Byte, Bytewise, Flag, GreedyBytes, Int24ul, Nibble, Padding, Struct

from ipmi_lan.command import Command, Definition, Layout
from ipmi_lan.commands.login import THIS_CHANNEL
from ipmi_lan.wire.codes import NetFn, Privilege
from ipmi_lan.wire.fields import Code

SUITE_CHUNK = 16
"""Octets of records in one answer; fewer say that it is the last (22.15)."""
MOST_SUITE_CHUNKS = 64
"""How many chunks a list can have: the index has 6 bits."""
_STANDARD, _OEM = 0xC0, 0xC1            # start of a record (table 22-18)
_TAG, _INTEGRITY, _CONFIDENTIALITY, _START = 0xC0, 0x40, 0x80, 0xC0
_OEM_HEAD, _ALGORITHMS = 5, 3           # octets: start, id and enterprise number; one for each algorithm


@dataclass(frozen=True, slots=True)
class CipherSuitesRequest:
    """One chunk of a channel's list of cipher suites (22.15)."""

    index: int
    """Which chunk, from 0."""
    channel: int = THIS_CHANNEL
    payload_type: int = 0
    lists_suites: bool = True
    """Else the algorithms, without the suites that they make up."""


class CipherSuites(NamedTuple):
    """One chunk of records, not decoded (table 22-18)."""

    channel: int
    records: bytes


class SuiteRecord(NamedTuple):
    """One cipher suite as a BMC advertises it: a candidate, not a promise (table 22-18)."""

    id: int
    authentication: int = 0
    """Where the record has no octet of an algorithm: 0, none."""
    integrity: int = 0
    """Where a record names several, the first."""
    confidentiality: int = 0
    oem: int | None = None
    """Enterprise number of whoever defined the suite; None: the specification."""


class ChannelQuery(NamedTuple):
    """Which channel is asked about."""

    channel: int = THIS_CHANNEL


class AccessMode(IntEnum):
    """When a channel takes messages (22.23)."""

    DISABLED = 0
    BEFORE_BOOT_ONLY = 1
    ALWAYS = 2
    SHARED = 3


class ChannelAccessQuery(NamedTuple):
    """Which settings of which channel."""

    channel: int = THIS_CHANNEL
    which: int = 2
    """1: those that survive the BMC's restart; 2: those that hold now."""


class ChannelAccess(NamedTuple):
    """What a channel lets in (22.23)."""

    alerting_is_off: bool
    per_message_authentication_is_off: bool
    user_level_authentication_is_off: bool
    mode: AccessMode | int
    limit: Privilege | int
    """The highest privilege that anybody gets here."""


class ChannelInfo(NamedTuple):
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
GET_CHANNEL_ACCESS = Definition(
    "Get Channel Access",
    NetFn.APP,
    0x41,
    Layout(BitStruct(Padding(4), "channel" / Nibble, "which" / BitsInteger(2), Padding(6)), ChannelAccessQuery),
    Layout(
        BitStruct(
            Padding(2), "alerting_is_off" / Flag, "per_message_authentication_is_off" / Flag,
            "user_level_authentication_is_off" / Flag, "mode" / Code(BitsInteger(3), AccessMode), Padding(4),
            "limit" / Code(Nibble, Privilege),
        ),
        ChannelAccess,
    ),
)


def get_channel_access(channel: int = THIS_CHANNEL) -> Command[ChannelAccess]:
    """What a channel lets in at present (22.23)."""
    return GET_CHANNEL_ACCESS(ChannelAccessQuery(channel))


def get_channel_info(channel: int = THIS_CHANNEL) -> Command[ChannelInfo]:
    """What medium a channel is on, and how many sessions are active on it (22.24)."""
    return GET_CHANNEL_INFO(ChannelQuery(channel))


def get_channel_cipher_suites(index: int) -> Command[CipherSuites]:
    """Chunk `index` of this channel's cipher suites. Works without a session; many BMCs never answer it (22.15)."""
    return GET_CHANNEL_CIPHER_SUITES(CipherSuitesRequest(index))


def parse_suite_records_untrusted(records: bytes) -> list[SuiteRecord]:
    """The cipher suites in the records of all chunks, put together in their order (table 22-18). Never raises.

    Records are read by their tag bits, for BMCs differ: the octet of an algorithm that is none may be missing (go-ipmi), the
    start octet too, a record may run on into the next chunk, and all its algorithms may be tagged as authentication (Sun ILOM).
    What belongs to no record is skipped, and so is a record that is cut before its id ends.
    """
    found: list[SuiteRecord] = []
    rest = records
    while rest:
        suite, size = _head_of_record(rest)
        has_start, rest = rest[0] >= _START, rest[size:]
        if suite is not None:
            algorithms = _retagged(rest) if has_start and _has_wrong_tags(rest) else rest[: _length_of_algorithms(rest)]
            found.append(_with_algorithms(suite, algorithms))
            rest = rest[len(algorithms) :]
    return found


def _head_of_record(rest: bytes) -> tuple[SuiteRecord | None, int]:
    """The suite, without algorithms yet, and how many octets that took; None and how many to skip where no record begins."""
    tag = rest[0]
    if tag == _OEM:
        if len(rest) < _OEM_HEAD:
            return None, len(rest)
        return SuiteRecord(rest[1], oem=int.from_bytes(rest[2:_OEM_HEAD], "little")), _OEM_HEAD
    if tag == _STANDARD and len(rest) > 1 and rest[1] < _START:
        return SuiteRecord(rest[1]), 2
    return (None if tag & _TAG else SuiteRecord(tag)), 1


def _has_wrong_tags(rest: bytes) -> bool:
    """Whether the record's three algorithms are all tagged as authentication."""
    is_whole = len(rest) == _ALGORITHMS or rest[_ALGORITHMS : _ALGORITHMS + 1] >= bytes((_START,))
    return is_whole and not any(octet & _TAG for octet in rest[:_ALGORITHMS])


def _retagged(rest: bytes) -> bytes:
    return bytes((rest[0], rest[1] | _INTEGRITY, rest[2] | _CONFIDENTIALITY))


def _length_of_algorithms(rest: bytes) -> int:
    """How many octets at the beginning are algorithms: at most one of authentication (tag 0), then any number of the others."""
    has_authentication = bool(rest) and not rest[0] & _TAG
    length = int(has_authentication)
    while length < len(rest) and rest[length] & _TAG in {_INTEGRITY, _CONFIDENTIALITY}:
        length += 1
    return length


def _with_algorithms(suite: SuiteRecord, algorithms: bytes) -> SuiteRecord:
    """`suite` with its algorithms; of several of a kind the first counts."""
    by_tag = {octet & _TAG: octet & ~_TAG for octet in reversed(algorithms)}
    return suite._replace(
        authentication=by_tag.get(0, 0),
        integrity=by_tag.get(_INTEGRITY, 0),
        confidentiality=by_tag.get(_CONFIDENTIALITY, 0),
    )
