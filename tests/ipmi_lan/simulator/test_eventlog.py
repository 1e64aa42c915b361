from __future__ import annotations

from ipmi_lan.commands.sel import OsStop, parse_event_untrusted
from ipmi_lan.simulator.eventlog import EventLog


def test_an_os_stop_has_the_octets_of_linux() -> None:
    log = EventLog()
    assert log.add_os_stop(OsStop.AT_RUN_TIME, 70.5) == 1
    assert log.entries[0].record == bytes.fromhex("0100 02 46000000 2100 03 20 50 6f a1 6174")
    event = parse_event_untrusted(log.entries[0].record)
    assert event is not None
    assert (event.sensor_type, event.offset, event.timestamp) == (0x20, 1, 70)


def test_ids_begin_anew_before_the_one_that_means_the_last() -> None:
    log = EventLog(capacity=10)
    log._next_id = 0xFFFD
    record = bytes((0, 0, 0xE0)) + bytes(13)
    assert [log.add(record, 0.0) for _ in range(4)] == [0xFFFD, 0xFFFE, 1, 2]
    kept, following = log.find(0xFFFF) or (None, None)
    assert kept is not None
    assert (kept.record_id, following) == (2, 0xFFFF)
    assert log.find(0xFFFE) == (log.entries[1], 1)


def test_the_clock_is_a_timestamp_whatever_the_offset() -> None:
    assert EventLog(offset=-100.0).time(1.0) == 0
    assert EventLog(offset=1e12).time(1.0) == 0xFFFFFFFE


def test_a_reservation_is_never_0() -> None:
    log = EventLog()
    log._reservation = 0xFFFF
    assert log.reserve() == 1
    assert log.holds(1)
    assert not log.holds(0)
