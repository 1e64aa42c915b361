"""The system event log of a simulated BMC: bounded, with a clock that may never have been set (IPMI 2.0, chapter 31)."""

from __future__ import annotations

from typing import NamedTuple

from ipmi_lan.commands.sel import (
    FIRST_RECORD,
    LAST_RECORD,
    RECORD_SIZE,
    SENSOR_OS_STOP,
    SENSOR_SPECIFIC,
    UNSPECIFIED_TIME,
    OsStop,
    SelEvent,
    build_event,
)

CAPACITY = 512
_WITHOUT_TIME = 0xE0      # record types from here on have no timestamp (32.3)
_KERNEL, _IPMI_1_0 = 0x0021, 0x03
_MORE_IN_2_AND_3 = 0xA0   # event data 2 and 3 have octets of an OEM's: Linux puts letters of the panic's text there


class Kept(NamedTuple):
    """One entry."""

    record_id: int
    record: bytes


class EventLog:
    """Entries by id, oldest first. `now` is in seconds of any clock; timestamps are `now` and `offset`, whole."""

    def __init__(self, capacity: int = CAPACITY, offset: float = 0.0) -> None:
        self.capacity = capacity
        self.offset = offset
        """Seconds between `now` and 1970. 0: the clock was never set, and counts from the BMC's start."""
        self.entries: list[Kept] = []
        self.is_overflowed = False
        self.last_added = self.last_erased = UNSPECIFIED_TIME
        self._next_id = 1
        self._reservation = 0
        self._is_reserved = False

    def time(self, now: float) -> int:
        """The clock of the log."""
        return min(max(int(now + self.offset), 0), UNSPECIFIED_TIME - 1)

    def set_time(self, timestamp: int, now: float) -> None:
        """Set it."""
        self.offset = timestamp - now

    @property
    def free_octets(self) -> int:
        """Room that is left."""
        return RECORD_SIZE * (self.capacity - len(self.entries))

    def add(self, record: bytes, now: float) -> int | None:
        """Keep `record`, with an id and, where its type has one, a timestamp of ours; its id, or None where there is no room."""
        if len(self.entries) >= self.capacity:
            self.is_overflowed = True
            return None
        record_id, self._next_id = self._next_id, self._next_id % (LAST_RECORD - 1) + 1
        stamp = record[3:7] if record[2] >= _WITHOUT_TIME else self.time(now).to_bytes(4, "little")
        self.entries.append(Kept(record_id, record_id.to_bytes(2, "little") + record[2:3] + stamp + record[7:]))
        self.last_added = self.time(now)
        self._is_reserved = False
        return record_id

    def add_os_stop(self, offset: OsStop, now: float) -> int | None:
        """Log what the kernel says when it stops, with the octets that Linux logs for a panic."""
        data = bytes((_MORE_IN_2_AND_3 | offset,)) + b"at"
        event = SelEvent(0, 0, SENSOR_OS_STOP, ord("P"), True, SENSOR_SPECIFIC, offset, data, _KERNEL, _IPMI_1_0)
        return self.add(build_event(event), now)

    def find(self, record_id: int) -> tuple[Kept, int] | None:
        """The entry of this id, or the first or last one, and the id of the next; None: there is none."""
        if not self.entries:
            return None
        ids = [entry.record_id for entry in self.entries]
        wanted = {FIRST_RECORD: ids[0], LAST_RECORD: ids[-1]}.get(record_id, record_id)
        if wanted not in ids:
            return None
        place = ids.index(wanted)
        return self.entries[place], ids[place + 1] if place + 1 < len(ids) else LAST_RECORD

    def reserve(self) -> int:
        """A new reservation, which ends the one before."""
        self._reservation = self._reservation % LAST_RECORD + 1
        self._is_reserved = True
        return self._reservation

    def holds(self, reservation: int) -> bool:
        """Whether this reservation is still good."""
        return self._is_reserved and reservation == self._reservation

    def clear(self, now: float) -> None:
        """Forget all entries; what reserved the log has it no more."""
        self.entries.clear()
        self.is_overflowed = self._is_reserved = False
        self.last_erased = self.time(now)
        self._next_id = 1
