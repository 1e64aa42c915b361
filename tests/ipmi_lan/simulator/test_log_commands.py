from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.sel import (
    FIRST_RECORD,
    GET_SEL_ENTRY,
    LAST_RECORD,
    UNSPECIFIED_TIME,
    SelEntryQuery,
    SelEvent,
    add_sel_entry,
    build_event,
    clear_sel,
    get_erasure_progress,
    get_sel_entry,
    get_sel_info,
    get_sel_time,
    parse_event_untrusted,
    reserve_sel,
    set_sel_time,
)
from ipmi_lan.simulator import EventLog
from ipmi_lan.wire.codes import CompletionCode, Privilege
from tests.ipmi_lan.simulator.console import Console, a_bmc

EVENT = SelEvent(0, 0, 0x08, 0x51, True, 0x6F, 1, b"\x01\xff\xff")
RECORD = build_event(EVENT)
OEM_WITH_TIME, OEM = bytes((0, 0, 0xC1)) + bytes(13), bytes((0, 0, 0xE0)) + bytes(range(13))


def read(console: Console, now: float = 40.0) -> list[bytes]:
    """Every record, as a console walks along the log."""
    found, wanted = [], FIRST_RECORD
    while wanted != LAST_RECORD:
        entry = console.run(get_sel_entry(wanted), now)
        found.append(entry.record)
        wanted = entry.next_id
    return found


def test_what_is_added_is_read_with_an_id_and_the_time() -> None:
    console = Console(a_bmc(log=EventLog(offset=1_700_000_000.0))).log_in()
    assert console.run(add_sel_entry(RECORD), 5.9).record_id == 1
    assert console.run(add_sel_entry(RECORD), 7.0).record_id == 2
    events = [parse_event_untrusted(record) for record in read(console)]
    assert events == [EVENT._replace(record_id=n, timestamp=1_700_000_000 + seconds) for n, seconds in ((1, 5), (2, 7))]


def test_a_vendor_s_record_keeps_what_it_has_in_the_place_of_a_time() -> None:
    console = Console(a_bmc()).log_in()
    console.run(add_sel_entry(OEM_WITH_TIME), 44.0)
    console.run(add_sel_entry(OEM), 45.0)
    assert read(console, 50.0) == [b"\1\0" + OEM_WITH_TIME[2:3] + b"\x2c\0\0\0" + OEM_WITH_TIME[7:], b"\2\0" + OEM[2:]]


def test_an_empty_log() -> None:
    console = Console(a_bmc()).log_in()
    info = console.run(get_sel_info())
    assert (info.version, info.entries, info.free_bytes, info.is_overflowed) == (0x51, 0, 512 * 16, False)
    assert info.last_added == info.last_erased == UNSPECIFIED_TIME
    for record_id in (FIRST_RECORD, LAST_RECORD, 1):
        assert console.refusal(get_sel_entry(record_id)) == CompletionCode.NOT_PRESENT


def test_the_first_the_last_and_one_by_its_id() -> None:
    console = Console(a_bmc()).log_in()
    for _ in range(3):
        console.run(add_sel_entry(RECORD))
    found = {wanted: console.run(get_sel_entry(wanted)) for wanted in (FIRST_RECORD, 2, LAST_RECORD)}
    assert [(entry.record[0], entry.next_id) for entry in found.values()] == [(1, 2), (2, 3), (3, LAST_RECORD)]
    assert console.refusal(get_sel_entry(4)) == CompletionCode.NOT_PRESENT


def test_a_full_log_loses_events_and_says_so() -> None:
    console = Console(a_bmc(log=EventLog(capacity=2))).log_in()
    for _ in range(2):
        console.run(add_sel_entry(RECORD), 1.0)
    assert not console.run(get_sel_info(), 1.0).is_overflowed
    assert console.refusal(add_sel_entry(RECORD), 9.0) == CompletionCode.OUT_OF_SPACE
    info = console.run(get_sel_info(), 9.0)
    assert (info.entries, info.free_bytes, info.is_overflowed, info.last_added) == (2, 0, True, 1)


def test_erased_under_a_reservation() -> None:
    console = Console(a_bmc()).log_in()
    console.run(add_sel_entry(RECORD))
    reservation = console.run(reserve_sel()).reservation
    assert console.run(clear_sel(reservation), 50.0).is_done
    info = console.run(get_sel_info(), 51.0)
    assert (info.entries, info.last_erased, info.is_overflowed) == (0, 50, False)
    assert console.refusal(clear_sel(reservation), 52.0) == CompletionCode.RESERVATION_CANCELED
    assert console.run(add_sel_entry(RECORD), 53.0).record_id == 1


@pytest.mark.parametrize("event", ["another reservation", "an entry", "none was made"])
def test_what_ends_a_reservation(event: str) -> None:
    console = Console(a_bmc()).log_in()
    reservation = 0 if event == "none was made" else console.run(reserve_sel()).reservation
    if event == "an entry":
        console.run(add_sel_entry(RECORD))
    elif event == "another reservation":
        assert console.run(reserve_sel()).reservation != reservation
    assert console.refusal(clear_sel(reservation)) == CompletionCode.RESERVATION_CANCELED
    if reservation:
        assert console.refusal(get_sel_entry(FIRST_RECORD, reservation)) == CompletionCode.RESERVATION_CANCELED


def test_erasing_takes_its_time() -> None:
    bmc = a_bmc()
    bmc.faults.sel.erase_time = 5.0
    console = Console(bmc).log_in()
    reservation = console.run(reserve_sel()).reservation
    assert not console.run(clear_sel(reservation), 10.0).is_done
    assert console.refusal(get_sel_entry(FIRST_RECORD), 14.9) == 0x81
    assert not console.run(get_erasure_progress(reservation), 14.9).is_done
    assert console.run(get_erasure_progress(reservation), 15.0).is_done
    console.run(add_sel_entry(RECORD), 15.0)


@pytest.mark.parametrize("data", ["0100434c5301", "0100434c5201", "0100434c52ff"])
def test_clearing_wants_its_word(data: str) -> None:
    console = Console(a_bmc()).log_in()
    console.run(reserve_sel())
    assert console.ask(0x0A, 0x47, bytes.fromhex(data)).completion_code == CompletionCode.INVALID_DATA_FIELD


def test_the_clock_counts_from_the_start_until_it_is_set() -> None:
    console = Console(a_bmc()).log_in()
    assert console.run(get_sel_time(), 12.7).timestamp == 12
    console.run(set_sel_time(1_700_000_000), 20.0)
    assert console.run(get_sel_time(), 25.0).timestamp == 1_700_000_005


def test_a_part_of_a_record_is_not_given() -> None:
    console = Console(a_bmc()).log_in()
    console.run(add_sel_entry(RECORD))
    assert console.refusal(GET_SEL_ENTRY(SelEntryQuery(1, 0, 4, 4))) == CompletionCode.CANNOT_RETURN_THAT_MANY


def test_a_user_may_read_and_not_write() -> None:
    bmc = a_bmc()
    bmc.log.add(RECORD, 0.0)
    console = Console(bmc, "user", privilege=Privilege.USER).log_in()
    assert len(read(console)) == console.run(get_sel_info()).entries == 1
    reservation = console.run(reserve_sel()).reservation
    for command in (add_sel_entry(RECORD), clear_sel(reservation), set_sel_time(1)):
        assert console.refusal(command) == CompletionCode.INSUFFICIENT_PRIVILEGE
    assert len(bmc.log.entries) == 1


def test_next_ids_are_0() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    for _ in range(2):
        console.run(add_sel_entry(RECORD))
    bmc.faults.sel.next_ids_are_0 = 1
    assert [console.run(get_sel_entry(1)).next_id for _ in range(2)] == [0, 2]


def test_a_log_that_never_ends() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    for _ in range(2):
        console.run(add_sel_entry(RECORD))
    bmc.faults.sel.never_ends = True
    assert [console.run(get_sel_entry(record_id)).next_id for record_id in (1, 2)] == [2, 1]


def test_claims_entries() -> None:
    bmc = a_bmc()
    bmc.faults.sel.claims_entries = 99
    assert Console(bmc).log_in().run(get_sel_info()).entries == 99


@given(st.lists(st.sampled_from(["add", "crash", "clear"]), max_size=40), st.integers(1, 8))
def test_the_log_stays_bounded_and_its_ids_unique_and_in_order(steps: list[str], capacity: int) -> None:
    log, expected, lost = EventLog(capacity), 0, False
    for now, step in enumerate(steps):
        if step == "clear":
            log.clear(now)
            expected, lost = 0, False
            continue
        record_id = log.add(RECORD, now) if step == "add" else log.add_os_stop(0x01, now)   # type: ignore[arg-type]
        lost |= (record_id is None)
        expected = min(expected + 1, capacity)
        assert (record_id is None) == (record_id not in [entry.record_id for entry in log.entries])
    ids = [entry.record_id for entry in log.entries]
    assert ids == sorted(set(ids))
    assert (len(ids), log.is_overflowed) == (expected, lost)
