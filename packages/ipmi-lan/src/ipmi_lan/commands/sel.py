"""System event log: its commands (IPMI 2.0, chapter 31) and its records (chapter 32)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from construct import (
    BitsInteger,
    BitStruct,
    Byte,
    Bytes,
    Bytewise,
    Const,
    Flag,
    Int16ul,
    Int24ul,
    Int32ul,
    Padding,
    Struct,
)

from ipmi_lan.command import NOTHING, Command, Definition, Empty, Layout
from ipmi_lan.errors import BadArgument
from ipmi_lan.wire.codes import NetFn

FIRST_RECORD, LAST_RECORD = 0x0000, 0xFFFF
"""Record ids that mean the oldest and the newest entry (31.5). As the next id, `LAST_RECORD` says that there is no more."""
RECORD_SIZE = 16
"""Octets of every record (32.1)."""
SYSTEM_EVENT = 0x02
"""Record type of events with a sensor (32.1)."""
SENSOR_SPECIFIC = 0x6F
"""Event type: the offset is one of the sensor type's own (table 42-1)."""
SENSOR_OS_STOP = 0x20
"""Sensor type "OS stop / shutdown" (table 42-3); its offsets are `OsStop`."""
UNSPECIFIED_TIME = 0xFFFFFFFF
SINCE_START = range(0x20000001)
"""Timestamps that count the seconds since the event log's device started, because its clock was never set (37)."""
EVENT_REVISION = 0x04
"""Format of an event message since IPMI 1.5; 03h is that of IPMI 1.0."""
SYSTEM_SOFTWARE = 0x0041
"""Generator id: the first software of the system (table 5-4)."""

_WHOLE = 0xFF                                      # octets to read: all
_CLEAR_WORD, _START_ERASE, _ERASE_STATUS = b"CLR", 0xAA, 0x00
_OEM_WITH_TIME, _OEM = range(0xC0, 0xE0), range(0xE0, 0x100)


class OsStop(IntEnum):
    """Offsets of the sensor type `SENSOR_OS_STOP` (table 42-3)."""

    AT_START = 0x00
    """Critical stop while the operating system loads or begins."""
    AT_RUN_TIME = 0x01
    """Critical stop of a running system: a panic, which a dump may follow."""
    GRACEFUL_STOP = 0x02
    """The system is down and power may stay on."""
    GRACEFUL_SHUTDOWN = 0x03
    """The system is down, and power or a reset comes next."""
    SHUTDOWN_BY_PEF = 0x04
    AGENT_SILENT = 0x05
    """A shutdown was ordered, and no agent carries it out."""


class SelInfo(NamedTuple):
    """What the log holds (31.2)."""

    version: int
    """51h: IPMI 1.5 and 2.0."""
    entries: int
    free_bytes: int
    """FFFFh: that many or more."""
    last_added: int
    """Timestamp."""
    last_erased: int
    """Timestamp; `UNSPECIFIED_TIME`: never."""
    is_overflowed: bool
    """Events were lost for want of room."""
    takes_deletion: bool = False
    takes_partial_add: bool = False
    takes_reservation: bool = False
    tells_allocation: bool = False


class SelReservation(NamedTuple):
    """A reservation, good until the log changes or somebody else reserves (31.4)."""

    reservation: int


class SelEntryQuery(NamedTuple):
    """Which record, or which part of it (31.5)."""

    record_id: int
    reservation: int = 0
    """Needed for a part; 0: none."""
    offset: int = 0
    octets: int = _WHOLE


class SelEntry(NamedTuple):
    """One record, and the id of the next; `LAST_RECORD`: it was the newest (31.5)."""

    next_id: int
    record: bytes
    """16 octets, not decoded: see `parse_event_untrusted` and `parse_oem_untrusted`."""


class SelRecord(NamedTuple):
    """A record to be added; its id and, where it has one, its timestamp are filled in by the BMC (31.6)."""

    record: bytes


class SelAdded(NamedTuple):
    """The id that an added record got."""

    record_id: int


class SelErasure(NamedTuple):
    """The argument of Clear SEL (31.9)."""

    reservation: int
    action: int
    word: bytes = _CLEAR_WORD


class ErasureProgress(NamedTuple):
    """Where an erasure is (31.9)."""

    is_done: bool


class SelTime(NamedTuple):
    """Seconds since 1970 in the BMC's own reckoning, without a time zone (31.10)."""

    timestamp: int


class SelEvent(NamedTuple):
    """A record of type 02h (32.1)."""

    record_id: int
    timestamp: int
    """Seconds since 1970; see `SINCE_START` and `UNSPECIFIED_TIME`."""
    sensor_type: int
    sensor_number: int
    is_assertion: bool
    event_type: int
    """`SENSOR_SPECIFIC`, or another reading of the offset (table 42-1)."""
    offset: int
    """What happened: bits 3 to 0 of the first octet of `data`."""
    data: bytes
    """Event data 1 to 3; the upper half of the first says what the others are (29.7)."""
    generator: int = SYSTEM_SOFTWARE
    revision: int = EVENT_REVISION


class SelOem(NamedTuple):
    """A record of a vendor's own type, C0h to FFh (32.2 and 32.3)."""

    record_id: int
    record_type: int
    timestamp: int | None
    """None: types E0h to FFh have none, and no manufacturer."""
    manufacturer: int | None
    """IANA enterprise number."""
    data: bytes


_INFO = BitStruct(
    "version" / Bytewise(Byte), "entries" / Bytewise(Int16ul), "free_bytes" / Bytewise(Int16ul),
    "last_added" / Bytewise(Int32ul), "last_erased" / Bytewise(Int32ul),
    "is_overflowed" / Flag, Padding(3), "takes_deletion" / Flag, "takes_partial_add" / Flag, "takes_reservation" / Flag,
    "tells_allocation" / Flag,
)  # fmt: skip
_EVENT = Struct(
    "record_id" / Int16ul,
    Const(SYSTEM_EVENT, Byte),
    "timestamp" / Int32ul,
    "generator" / Int16ul,
    "revision" / Byte,
    "sensor_type" / Byte,
    "sensor_number" / Byte,
    "kind" / BitStruct("is_deassertion" / Flag, "event_type" / BitsInteger(7)),
    "data" / Bytes(3),
)
_OEM_TIMED = Struct(
    "record_id" / Int16ul, "record_type" / Byte, "timestamp" / Int32ul, "manufacturer" / Int24ul, "data" / Bytes(6)
)
_OEM_UNTIMED = Struct("record_id" / Int16ul, "record_type" / Byte, "data" / Bytes(13))

GET_SEL_INFO = Definition("Get SEL Info", NetFn.STORAGE, 0x40, NOTHING, Layout(_INFO, SelInfo))
RESERVE_SEL = Definition(
    "Reserve SEL", NetFn.STORAGE, 0x42, NOTHING, Layout(Struct("reservation" / Int16ul), SelReservation)
)
GET_SEL_ENTRY = Definition(
    "Get SEL Entry",
    NetFn.STORAGE,
    0x43,
    Layout(Struct("reservation" / Int16ul, "record_id" / Int16ul, "offset" / Byte, "octets" / Byte), SelEntryQuery),
    Layout(Struct("next_id" / Int16ul, "record" / Bytes(RECORD_SIZE)), SelEntry),
)
ADD_SEL_ENTRY = Definition(
    "Add SEL Entry",
    NetFn.STORAGE,
    0x44,
    Layout(Struct("record" / Bytes(RECORD_SIZE)), SelRecord),
    Layout(Struct("record_id" / Int16ul), SelAdded),
    is_repeatable=False,
)
CLEAR_SEL = Definition(
    "Clear SEL",
    NetFn.STORAGE,
    0x47,
    Layout(Struct("reservation" / Int16ul, "word" / Bytes(3), "action" / Byte), SelErasure),
    Layout(BitStruct(Padding(7), "is_done" / Flag), ErasureProgress),
    is_repeatable=False,
)
_TIME = Layout(Struct("timestamp" / Int32ul), SelTime)
GET_SEL_TIME = Definition("Get SEL Time", NetFn.STORAGE, 0x48, NOTHING, _TIME)
SET_SEL_TIME = Definition("Set SEL Time", NetFn.STORAGE, 0x49, _TIME, NOTHING, is_repeatable=False)


def get_sel_info() -> Command[SelInfo]:
    """How many entries, how much room, and when it last changed (31.2)."""
    return GET_SEL_INFO(Empty())


def reserve_sel() -> Command[SelReservation]:
    """Reserve the log. It ends the reservation that was before, our own of a lost answer included (31.4)."""
    return RESERVE_SEL(Empty())


def get_sel_entry(record_id: int, reservation: int = 0) -> Command[SelEntry]:
    """A whole record, for which no reservation is needed. CBh says that there is none of this id (31.5)."""
    return GET_SEL_ENTRY(SelEntryQuery(record_id, reservation))


def add_sel_entry(record: bytes) -> Command[SelAdded]:
    """Log `record`, 16 octets. A lost answer means nothing: it may stand there (31.6). Raises `BadArgument` for other sizes."""
    if len(record) != RECORD_SIZE:
        raise BadArgument(f"a record of {len(record)} octets: one of the event log has {RECORD_SIZE}")
    return ADD_SEL_ENTRY(SelRecord(record))


def clear_sel(reservation: int) -> Command[ErasureProgress]:
    """Begin to erase the whole log (31.9). C5h says that the reservation is no longer good."""
    return CLEAR_SEL(SelErasure(reservation, _START_ERASE))


def get_erasure_progress(reservation: int) -> Command[ErasureProgress]:
    """Has the erasure ended? (31.9)"""
    return CLEAR_SEL(SelErasure(reservation, _ERASE_STATUS))._replace(is_repeatable=True)


def get_sel_time() -> Command[SelTime]:
    """The clock of the log's timestamps (31.10)."""
    return GET_SEL_TIME(Empty())


def set_sel_time(timestamp: int) -> Command[Empty]:
    """Set that clock, in seconds since 1970 (31.11)."""
    return SET_SEL_TIME(SelTime(timestamp))


def parse_event_untrusted(record: bytes) -> SelEvent | None:
    """The event in a record; None where it is none of type 02h, or not of 16 octets. Never raises (32.1)."""
    if len(record) != RECORD_SIZE or record[2] != SYSTEM_EVENT:
        return None
    found = _EVENT.parse(record)
    return SelEvent(
        found.record_id, found.timestamp, found.sensor_type, found.sensor_number, not found.kind.is_deassertion,
        found.kind.event_type, found.data[0] & 0x0F, found.data, found.generator, found.revision,
    )  # fmt: skip


def build_event(event: SelEvent) -> bytes:
    """The record of `event`, its offset put into the first octet of its data."""
    values = event._asdict()
    kind = {"is_deassertion": not event.is_assertion, "event_type": event.event_type}
    data = bytes((event.data[0] & 0xF0 | event.offset, *event.data[1:]))
    return bytes(_EVENT.build(values | {"kind": kind, "data": data}))


def parse_oem_untrusted(record: bytes) -> SelOem | None:
    """The vendor's record; None where it is of no vendor's type, or not of 16 octets. Never raises (32.2, 32.3)."""
    if len(record) != RECORD_SIZE or record[2] not in (*_OEM_WITH_TIME, *_OEM):
        return None
    if record[2] in _OEM_WITH_TIME:
        found = _OEM_TIMED.parse(record)
        return SelOem(found.record_id, found.record_type, found.timestamp, found.manufacturer, found.data)
    found = _OEM_UNTIMED.parse(record)
    return SelOem(found.record_id, found.record_type, None, None, found.data)
