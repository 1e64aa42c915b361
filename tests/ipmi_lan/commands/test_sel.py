from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.command import Command
from ipmi_lan.commands.sel import (
    ADD_SEL_ENTRY,
    CLEAR_SEL,
    FIRST_RECORD,
    GET_SEL_ENTRY,
    GET_SEL_INFO,
    GET_SEL_TIME,
    LAST_RECORD,
    RESERVE_SEL,
    SENSOR_OS_STOP,
    SENSOR_SPECIFIC,
    SET_SEL_TIME,
    OsStop,
    SelEntry,
    SelEvent,
    SelInfo,
    SelOem,
    SelTime,
    add_sel_entry,
    build_event,
    clear_sel,
    get_erasure_progress,
    get_sel_entry,
    get_sel_info,
    get_sel_time,
    parse_event_untrusted,
    parse_oem_untrusted,
    reserve_sel,
    set_sel_time,
)
from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.codes import NetFn

PANIC = bytes.fromhex("0a00 02 785634 65 2100 03 20 41 6f a1 62 63")
"""As Linux logs a panic whose text begins with "Abc", in record 10, at 65345678h."""
OCTET, WORD, LONG = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
EVENTS = st.builds(
    SelEvent,
    record_id=WORD,
    timestamp=LONG,
    sensor_type=OCTET,
    sensor_number=OCTET,
    is_assertion=st.booleans(),
    event_type=st.integers(0, 127),
    offset=st.integers(0, 15),
    data=st.binary(min_size=3, max_size=3),
    generator=WORD,
    revision=OCTET,
)


def test_a_panic_as_linux_logs_it_is_read() -> None:
    event = parse_event_untrusted(PANIC)
    assert event is not None
    assert (event.record_id, event.timestamp, event.generator, event.revision) == (10, 0x65345678, 0x21, 3)
    assert (event.sensor_type, event.sensor_number, event.event_type) == (0x20, ord("A"), 0x6F)
    assert event.is_assertion
    assert event.offset == OsStop.AT_RUN_TIME
    assert event.data == b"\xa1bc"
    assert build_event(event) == PANIC


def test_the_numbers_of_an_os_stop() -> None:
    assert (SENSOR_OS_STOP, SENSOR_SPECIFIC) == (0x20, 0x6F)
    names = ["at start", "at run time", "graceful stop", "graceful shutdown", "shutdown by pef", "agent silent"]
    assert [stop.name.lower().replace("_", " ") for stop in sorted(OsStop)] == names
    assert sorted(OsStop) == list(range(6))


@pytest.mark.parametrize("octet", range(256))
def test_the_eventtype_octet_is_a_direction_and_a_type(octet: int) -> None:
    event = parse_event_untrusted(PANIC[:12] + bytes((octet,)) + PANIC[13:])
    assert event is not None
    assert (event.is_assertion, event.event_type) == (octet < 0x80, octet & 0x7F)


@given(EVENTS)
def test_an_event_comes_back(event: SelEvent) -> None:
    record = build_event(event)
    assert len(record) == 16
    data = bytes((event.data[0] & 0xF0 | event.offset,)) + event.data[1:]
    assert parse_event_untrusted(record) == event._replace(data=data)


@given(st.binary(max_size=40))
def test_whatever_is_no_system_event_of_sixteen_octets_is_none(record: bytes) -> None:
    is_event = len(record) == 16 and record[2] == 2
    assert (parse_event_untrusted(record) is not None) == is_event
    is_oem = len(record) == 16 and record[2] >= 0xC0
    assert (parse_oem_untrusted(record) is not None) == is_oem


def test_a_vendor_s_record_with_a_time_and_one_without() -> None:
    timed = parse_oem_untrusted(bytes.fromhex("0200 c1 04030201 a20200 010203040506"))
    assert timed == SelOem(2, 0xC1, 0x01020304, 674, bytes(range(1, 7)))
    panic_text = parse_oem_untrusted(bytes.fromhex("0300 f0 20 01") + b"Fatal excep")
    assert panic_text == SelOem(3, 0xF0, None, None, b"\x20\x01Fatal excep")


@pytest.mark.parametrize(("record_type", "has_time"), [(0xC0, True), (0xDF, True), (0xE0, False), (0xFF, False)])
def test_where_the_types_with_a_time_end(record_type: int, has_time: bool) -> None:
    found = parse_oem_untrusted(bytes((1, 0, record_type)) + bytes(13))
    assert found is not None
    assert (found.timestamp is not None) == (found.manufacturer is not None) == has_time


@pytest.mark.parametrize("record_type", [0x00, 0x01, 0x03, 0x7F, 0x80, 0xBF])
def test_a_reserved_type_is_neither(record_type: int) -> None:
    record = bytes((1, 0, record_type)) + bytes(13)
    assert parse_event_untrusted(record) is None
    assert parse_oem_untrusted(record) is None


def test_the_octets_of_each_request() -> None:
    sent: dict[int, Command[Any]] = {
        0x40: get_sel_info(), 0x42: reserve_sel(), 0x43: get_sel_entry(0x1234, 0x5678), 0x44: add_sel_entry(PANIC),
        0x47: clear_sel(0x5678), 0x48: get_sel_time(), 0x49: set_sel_time(0x65345678),
    }  # fmt: skip
    assert all((command.netfn, command.code) == (NetFn.STORAGE, code) for code, command in sent.items())
    assert {code: command.data.hex() for code, command in sent.items()} == {
        0x40: "", 0x42: "", 0x43: "7856341200ff", 0x44: PANIC.hex(), 0x47: "7856434c52aa", 0x48: "", 0x49: "78563465",
    }  # fmt: skip
    assert get_erasure_progress(0x5678).data.hex() == "7856434c5200"
    assert (get_sel_entry(FIRST_RECORD).data[2:4], get_sel_entry(LAST_RECORD).data[2:4]) == (b"\0\0", b"\xff\xff")


def test_what_changes_the_log_is_never_repeated_and_what_reads_is() -> None:
    assert not any(command.is_repeatable for command in (add_sel_entry(PANIC), clear_sel(1), set_sel_time(0)))
    reading = (get_sel_info(), get_sel_entry(0), get_sel_time(), reserve_sel(), get_erasure_progress(1))
    assert all(command.is_repeatable for command in reading)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_record_has_sixteen_octets(size: int) -> None:
    with pytest.raises(BadArgument, match="16"):
        add_sel_entry(bytes(size))


def test_the_octets_of_the_log_s_state() -> None:
    octets = bytes.fromhex("51 0302 e0ff 78563465 ffffffff 8a")
    info = GET_SEL_INFO.reply.parse_untrusted(octets)
    assert info[:6] == (0x51, 0x203, 0xFFE0, 0x65345678, 0xFFFFFFFF, True)
    assert info[6:] == (True, False, True, False)
    assert GET_SEL_INFO.reply.build(info) == octets


@pytest.mark.parametrize(("bit", "name"), [(0, 9), (1, 8), (2, 7), (3, 6), (7, 5)])
def test_each_bit_of_its_last_octet_is_a_flag(bit: int, name: int) -> None:
    info = GET_SEL_INFO.reply.parse_untrusted(bytes(13) + bytes((1 << bit,)))
    assert [place for place, value in enumerate(info) if value is True] == [name]


@given(st.builds(SelInfo, OCTET, WORD, WORD, LONG, LONG, *[st.booleans()] * 5))
def test_a_state_comes_back(info: SelInfo) -> None:
    assert GET_SEL_INFO.reply.parse_untrusted(GET_SEL_INFO.reply.build(info)) == info


def test_an_entry_is_the_next_id_and_the_record() -> None:
    entry = GET_SEL_ENTRY.reply.parse_untrusted(b"\x0b\x00" + PANIC)
    assert entry == SelEntry(11, PANIC)
    assert GET_SEL_ENTRY.reply.parse_untrusted(b"\xff\xff" + PANIC + b"more") == SelEntry(LAST_RECORD, PANIC)


@pytest.mark.parametrize("size", range(18))
def test_a_short_entry_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_SEL_ENTRY.reply.parse_untrusted(bytes(size))


def test_the_other_answers() -> None:
    assert RESERVE_SEL.reply.parse_untrusted(b"\x34\x12").reservation == 0x1234
    assert ADD_SEL_ENTRY.reply.parse_untrusted(b"\x34\x12").record_id == 0x1234
    assert GET_SEL_TIME.reply.parse_untrusted(b"\x78\x56\x34\x65") == SelTime(0x65345678)
    assert SET_SEL_TIME.request.parse_untrusted(b"\x78\x56\x34\x65") == SelTime(0x65345678)
    assert CLEAR_SEL.reply.parse_untrusted(b"\xf0").is_done is False
    assert CLEAR_SEL.reply.parse_untrusted(b"\x01").is_done is True
