"""Looking into an event log: only what is newer than the last look counts, whatever happens to the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_daemon.monitor.crash_log import MOST_AT_ONCE, CrashLog, Found, NoEventLog
from ipmi_lan import Command, CommandRefused
from ipmi_lan.commands.sel import FIRST_RECORD, LAST_RECORD, SelEntry, SelEvent, SelTime, build_event

PANIC, GRACEFUL, BOOT, FAN = (0x20, 1), (0x20, 2), (0x1D, 0), (0x04, 1)
NOW = 1_700_000_000


class Log:
    """A BMC's event log: records in order, with ids."""

    def __init__(self, size: int = 1000) -> None:
        self.records: dict[int, bytes] = {}
        self.clock = NOW
        self.refusal: int | None = None
        self.missing: int | None = None
        """A record that the chain names and that cannot be read."""
        self.asked = 0
        self._next_id = 1
        self._size = size

    def add(self, kind: tuple[int, int], *, event_type: int = 0x6F, assertion: bool = True, timestamp: int | None = None) -> None:
        when = self.clock if timestamp is None else timestamp
        event = SelEvent(self._next_id, when, kind[0], 0x73, assertion, event_type, kind[1], bytes((0xA0, 0x79, 0x73)), 0x41, 4)
        self.records[self._next_id] = build_event(event)
        self._next_id = self._next_id % 0xFFFE + 1
        while len(self.records) > self._size:
            del self.records[next(iter(self.records))]

    def clear(self) -> None:
        self.records, self._next_id = {}, 1

    def delete(self, record_id: int) -> None:
        del self.records[record_id]

    def answer(self, command: Command[Any]) -> Any:
        """Get SEL Entry and Get SEL Time. Raises `CommandRefused`."""
        self.asked += 1
        if self.refusal is not None:
            raise CommandRefused(command.name, self.refusal, "refused")
        if command.name == "Get SEL Time":
            return SelTime(self.clock)
        asked = int.from_bytes(command.data[2:4], "little")
        ids = list(self.records)
        which = {FIRST_RECORD: ids[:1], LAST_RECORD: ids[-1:]}.get(asked, [asked] if asked in self.records else [])
        if not which or which[0] == self.missing:
            raise CommandRefused(command.name, 0xCB, "not there")
        place = ids.index(which[0]) + 1
        return SelEntry(ids[place] if place < len(ids) else LAST_RECORD, self.records[which[0]])


def look(crashes: CrashLog, log: Log, give_up_after: int = 1000) -> Found | None:
    """One look to its end; None where it was dropped on the way."""
    talk = crashes.look()
    try:
        command = next(talk)
        for _ in range(give_up_after):
            try:
                reply = log.answer(command)
            except CommandRefused as refusal:
                command = talk.throw(refusal)
            else:
                command = talk.send(reply)
    except StopIteration as end:
        found: Found = end.value
        return found
    return None


def begun(log: Log) -> CrashLog:
    crashes = CrashLog()
    assert look(crashes, log) == Found()
    return crashes


def test_what_was_there_before_is_old() -> None:
    log = Log()
    log.add(PANIC)
    crashes = begun(log)
    asked = log.asked
    assert look(crashes, log) == Found()
    assert log.asked == asked + 1, "where nothing is new, that is one command"


@pytest.mark.parametrize("before", [[], [FAN], [PANIC, FAN]])
def test_a_panic_is_found_between_other_records(before: list[tuple[int, int]]) -> None:
    log = Log()
    for each in before:
        log.add(each)
    crashes = begun(log)
    for each in (FAN, PANIC, FAN):
        log.add(each)
    log.clock += 9
    found = look(crashes, log)
    assert found is not None
    assert found.crash == f"event log: critical stop of the operating system, record {len(before) + 2}"
    assert (found.crash_age, found.restarted) == (9, False)
    assert look(crashes, log) == Found(), "once"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (GRACEFUL, {}),
        (FAN, {}),
        ((0x20, 3), {}),
        ((0x20, 4), {}),
        (PANIC, {"assertion": False}),
        (PANIC, {"event_type": 0x01}),
        (BOOT, {"assertion": False}),
    ],
)
def test_what_is_no_crash(kind: tuple[int, int], changes: dict[str, Any]) -> None:
    log = Log()
    crashes = begun(log)
    log.add(kind, **changes)
    assert look(crashes, log) == Found()


def test_a_stop_while_it_loads_is_one_too() -> None:
    log = Log()
    crashes = begun(log)
    log.add((0x20, 0))
    assert (look(crashes, log) or Found()).crash


def test_started_anew_after_the_crash_or_before_it() -> None:
    log = Log()
    crashes = begun(log)
    log.add(PANIC)
    log.add(BOOT)
    found = look(crashes, log)
    assert found is not None
    assert (bool(found.crash), found.restarted) == (True, True)
    log.add(BOOT)
    log.add(PANIC)
    found = look(crashes, log)
    assert found is not None
    assert (bool(found.crash), found.restarted) == (True, False)


def test_after_the_log_was_cleared_everything_in_it_is_new() -> None:
    log = Log()
    for _ in range(5):
        log.add(FAN)
    crashes = begun(log)
    log.clear()
    assert look(crashes, log) == Found()
    log.add(PANIC)
    assert (look(crashes, log) or Found()).crash


def test_cleared_and_filled_between_two_looks() -> None:
    log = Log()
    for _ in range(2):
        log.add(FAN)
    crashes = begun(log)
    log.clear()
    log.clock += 60
    for kind in (PANIC, FAN, FAN):
        log.add(kind)
    assert (look(crashes, log) or Found()).crash, "the ids are the same ones again, the records are not"


def test_a_deleted_record_does_not_make_old_ones_new() -> None:
    log = Log()
    for kind in (PANIC, FAN):
        log.add(kind)
        log.clock += 10
    crashes = begun(log)
    log.delete(2)
    assert look(crashes, log) == Found()
    log.add(FAN)
    assert look(crashes, log) == Found()


def test_a_log_that_goes_round() -> None:
    log = Log(size=4)
    for _ in range(4):
        log.add(FAN)
    crashes = begun(log)
    for kind in (FAN, PANIC, FAN):
        log.clock += 1
        log.add(kind)
    assert (look(crashes, log) or Found()).crash
    for kind in (FAN, FAN, FAN, FAN, PANIC):
        log.clock += 1
        log.add(kind)
    assert (look(crashes, log) or Found()).crash, "all that was known is overwritten"


def test_a_clock_that_was_never_set_hides_nothing() -> None:
    log = Log()
    log.add(FAN, timestamp=90)
    crashes = begun(log)
    log.clear()
    log.add(FAN, timestamp=3)
    log.add(PANIC, timestamp=4)
    found = look(crashes, log)
    assert found is not None
    assert found.crash
    assert found.crash_age is None


def test_a_clock_that_was_set_back_hides_nothing() -> None:
    log = Log()
    log.add(FAN)
    crashes = begun(log)
    log.clock -= 3600
    log.add(PANIC)
    assert (look(crashes, log) or Found()).crash


def test_a_bmc_without_an_event_log() -> None:
    log = Log()
    log.refusal = 0xC1
    with pytest.raises(NoEventLog):
        look(CrashLog(), log)


def test_a_bmc_that_is_busy_is_asked_later() -> None:
    log = Log()
    crashes = begun(log)
    log.add(PANIC)
    log.refusal = 0xC0
    with pytest.raises(CommandRefused):
        look(crashes, log)
    log.refusal = None
    assert (look(crashes, log) or Found()).crash


def test_a_look_has_an_end_and_the_next_goes_on() -> None:
    log = Log()
    crashes = begun(log)
    for _ in range(3 * MOST_AT_ONCE):
        log.add(FAN)
    log.add(PANIC)
    asked = log.asked
    looks = [look(crashes, log) for _ in range(4)]
    assert [bool(found and found.crash) for found in looks] == [False, False, False, True]
    assert log.asked - asked <= 4 * (MOST_AT_ONCE + 3)


changes = st.lists(st.sampled_from(["fan", "panic", "clear", "tick", "look", "dropped look"]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(changes, st.integers(2, 40))
def test_every_panic_is_found_once_and_nothing_else(story: list[str], size: int) -> None:
    """A panic that nobody could see any more, because the log went on too far before the next look, is forgiven."""
    log = Log(size)
    crashes, waiting = begun(log), False
    for what in [*story, "look"]:
        match what:
            case "fan":
                log.add(FAN)
            case "panic":
                log.add(PANIC)
                waiting = True
            case "clear":
                log.clear()
                waiting = False
            case "tick":
                log.clock += 1
            case "dropped look":
                look(crashes, log, give_up_after=1)
            case "look":
                found = [look(crashes, log) for _ in range(6)]
                seen = any(each and each.crash for each in found)
                assert seen or not waiting or not any(b"\x20\x73\x6f" in record for record in log.records.values())
                if not waiting:
                    assert not seen
                waiting = False


@pytest.mark.parametrize("commands", range(1, 8))
def test_a_look_that_is_dropped_anywhere_loses_no_crash(commands: int) -> None:
    """A reset that begins ends the poll, and the look with it; the next one tells."""
    log = Log()
    crashes = begun(log)
    for kind in (FAN, PANIC, FAN):
        log.add(kind)
    told = [look(crashes, log, give_up_after=commands), look(crashes, log), look(crashes, log)]
    assert [bool(found and found.crash) for found in told].count(True) == 1


def test_a_new_start_is_not_lost_either() -> None:
    log = Log()
    crashes = begun(log)
    log.add(PANIC)
    log.add(BOOT)
    look(crashes, log, give_up_after=3)
    found = look(crashes, log)
    assert found is not None
    assert (bool(found.crash), found.restarted) == (True, True)


def test_a_chain_that_leads_nowhere_does_not_hide_the_newest_record() -> None:
    """The id that comes next is one that the BMC does not have."""
    log = Log()
    log.add(FAN)
    crashes = begun(log)
    for _ in range(2):
        log.add(FAN)
    log.missing = 2
    log.add(PANIC)
    assert (look(crashes, log) or Found()).crash
    assert look(crashes, log) == Found()


def test_a_clock_of_the_log_that_tells_no_time_says_nothing_of_the_age() -> None:
    log = Log()
    crashes = begun(log)
    log.add(PANIC)
    log.clock = 0xFFFFFFFF
    found = look(crashes, log)
    assert found is not None
    assert found.crash_age is None
