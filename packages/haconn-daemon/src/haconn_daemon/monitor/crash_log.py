"""What is new in one BMC's event log (SEL), sans-IO: which command comes next, and what the answers amount to.

A look is a generator: it yields a command, is sent the reply or thrown the refusal, and returns what it has found. It can be
dropped at any moment; the next look goes on from there, and tells what the dropped one had found. Most looks are one command: the
newest record is still the same.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ipmi_lan import Command, CommandRefused
from ipmi_lan.commands.sel import (
    FIRST_RECORD,
    LAST_RECORD,
    SENSOR_OS_STOP,
    SENSOR_SPECIFIC,
    SINCE_START,
    UNSPECIFIED_TIME,
    OsStop,
    SelEntry,
    SelEvent,
    get_sel_entry,
    get_sel_time,
    parse_event_untrusted,
)

MOST_AT_ONCE = 16
"""Records in one look; a BMC has more to do. The next look goes on."""
SENSOR_BOOT_INITIATED = 0x1D
"""Sensor type "system boot initiated" (IPMI 2.0, table 42-3)."""
_NOT_THERE = 0xCB
_NO_SUCH_LOG = (0xC1, 0xD4)
"""Invalid command; not allowed with our privilege."""

Look = Generator[Command[Any], Any, "Found"]


class NoEventLog(Exception):  # noqa: N818 - errors here are named for the fact
    """The BMC has no event log, or not for us."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest of each kind among the new records."""

    crash: str = ""
    """For a person; "": none."""
    crash_age: float | None = None
    """Seconds on the event log's own clock; None where that does not tell."""
    restarted: bool = False
    """The system was started after that, or without a crash."""
    is_all: bool = True
    """There is no newer record that this look has left for the next one."""


class CrashLog:
    """Where we are in one event log."""

    def __init__(self) -> None:
        self._seen: bytes | None = None
        """The record up to which all is old; None: the log was empty."""
        self._has_begun = False
        self._older_than: int | None = None
        """While the log is gone through from its first record: the timestamp before which a record is not new."""
        self._crash: SelEvent | None = None
        self._restarted = False
        """Both found, and not told yet."""
        self._is_at_end = False

    def look(self) -> Look:
        """Find what is new since the last look; the first one finds nothing. Raises `NoEventLog` and `CommandRefused`."""
        newest = yield from _read(LAST_RECORD)
        if not self._has_begun:
            self._has_begun, self._seen = True, newest
        if newest is None or newest == self._seen:
            self._seen, self._older_than, self._is_at_end = newest, None, True
        else:
            yield from self._walk(newest)
        return (yield from self._sum_up())

    def _walk(self, newest: bytes) -> Generator[Command[Any], Any, None]:
        record_id, self._is_at_end = (yield from self._after_seen()), False
        for _ in range(MOST_AT_ONCE):
            if record_id == LAST_RECORD:
                self._is_at_end = True
                break
            try:
                entry = yield get_sel_entry(record_id)
            except CommandRefused as refusal:
                if refusal.code != _NOT_THERE:
                    raise
                entry = SelEntry(LAST_RECORD, newest)   # the chain leads nowhere, or the log was cleared meanwhile
            record_id, self._seen = entry.next_id, entry.record
            self._note(parse_event_untrusted(entry.record))
            if entry.record == newest:
                self._older_than, self._is_at_end = None, True
                break

    def _note(self, event: SelEvent | None) -> None:
        if event is None or self._is_old(event):
            return
        if _is_crash(event):
            self._crash, self._restarted = event, False
        self._restarted = self._restarted or (event.sensor_type == SENSOR_BOOT_INITIATED and event.is_assertion)

    def _sum_up(self) -> Look:
        """What is told is forgotten, and only at the very end: the command on the way may be the one that is not answered."""
        crash, age = self._crash, None
        if crash is not None and _is_a_time(crash.timestamp):
            with suppress(CommandRefused):
                clock = (yield get_sel_time()).timestamp
                age = float(max(clock - crash.timestamp, 0)) if _is_a_time(clock) else None
        what = "" if crash is None else f"event log: critical stop of the operating system, record {crash.record_id}"
        found = Found(what, age, self._restarted, self._is_at_end)
        self._crash, self._restarted = None, False
        return found

    def _after_seen(self) -> Generator[Command[Any], Any, int]:
        """The id of the first new record. Where the one that we know is gone, the log was cleared or goes round: its start."""
        if self._seen is None:
            return FIRST_RECORD
        seen_id = int.from_bytes(self._seen[:2], "little")
        try:
            entry = yield get_sel_entry(seen_id)
            if entry.record == self._seen:
                return int(entry.next_id)
        except CommandRefused as refusal:
            if refusal.code != _NOT_THERE:
                raise
        event = parse_event_untrusted(self._seen)
        self._older_than = event.timestamp if event is not None and _is_a_time(event.timestamp) else None
        return FIRST_RECORD

    def _is_old(self, event: SelEvent) -> bool:
        return self._older_than is not None and _is_a_time(event.timestamp) and event.timestamp < self._older_than


def _read(record_id: int) -> Generator[Command[Any], Any, bytes | None]:
    try:
        entry = yield get_sel_entry(record_id)
    except CommandRefused as refusal:
        if refusal.code in _NO_SUCH_LOG:
            raise NoEventLog from refusal
        if refusal.code != _NOT_THERE:
            raise
        return None
    return bytes(entry.record)


def _is_crash(event: SelEvent) -> bool:
    is_os_stop = event.sensor_type == SENSOR_OS_STOP and event.event_type == SENSOR_SPECIFIC and event.is_assertion
    return is_os_stop and event.offset in (OsStop.AT_START, OsStop.AT_RUN_TIME)


def _is_a_time(timestamp: int) -> bool:
    return timestamp != UNSPECIFIED_TIME and timestamp not in SINCE_START
