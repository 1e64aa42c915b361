"""The judge of a crash dump: when it begins, when it counts as ended, and that it never hangs on."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_daemon.monitor.dump import CRASH_LIFE, DumpChange, DumpJudge, parse_kdump_untrusted

STARTED, ENDED = [DumpChange.STARTED], [DumpChange.ENDED]


@pytest.mark.parametrize("octets", ["402a301b01000000", "1b302a4000000001"])
def test_the_datagram_of_either_kind_of_host(octets: str) -> None:
    """As seen of fence_kdump_send on x86; and as a big-endian host sends it."""
    assert parse_kdump_untrusted(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "octets", ["", "402a301b", "402a301b02000000", "402a301b0100000000", "402a301b00000001", "1b302a4001000000", "00" * 8]
)
def test_anything_else_is_none(octets: str) -> None:
    assert not parse_kdump_untrusted(bytes.fromhex(octets))


@given(st.binary(max_size=20))
def test_nearly_everything_is_none(datagram: bytes) -> None:
    assert parse_kdump_untrusted(datagram) == (datagram in (struct.pack("<II", 0x1B302A40, 1), struct.pack(">II", 0x1B302A40, 1)))


def test_it_lasts_while_the_datagrams_come() -> None:
    judge = DumpJudge()
    assert judge.heard_kdump(100.0) == STARTED
    for now in range(110, 200, 10):
        assert judge.look(now - 1.0) == []
        assert judge.heard_kdump(now) == []
    assert judge.sign(192.0) == "fence_kdump, 2 s ago"
    assert judge.look(219.9) == []
    assert judge.look(220.1) == ENDED, "three were missing"
    assert (judge.look(221.0), judge.sign(221.0), judge.is_dumping(221.0)) == ([], "", False)


def test_a_server_that_sends_seldom_is_waited_for_longer() -> None:
    judge = DumpJudge()
    judge.heard_kdump(0.0)
    judge.heard_kdump(25.0)
    assert judge.is_dumping(99.0)
    assert not judge.is_dumping(101.0)


def test_one_that_sends_often_is_given_a_quarter_of_a_minute() -> None:
    judge = DumpJudge()
    for now in (0.0, 2.0, 4.0):
        judge.heard_kdump(now)
    assert judge.is_dumping(18.9)
    assert not judge.is_dumping(19.1)


def test_the_same_datagram_over_two_networks_says_nothing_of_the_interval() -> None:
    judge = DumpJudge()
    for now in (0.0, 0.001, 10.0, 10.001):
        judge.heard_kdump(now)
    assert judge.is_dumping(39.0)


def test_a_crash_that_only_the_event_log_shows() -> None:
    judge = DumpJudge()
    assert judge.saw_crash("record 7", 40.0, 1000.0) == STARTED
    assert judge.sign(1001.0) == "record 7"
    assert judge.look(1000.0 + CRASH_LIFE - 41.0) == []
    assert judge.look(1000.0 + CRASH_LIFE - 39.0) == ENDED


def test_a_crash_of_long_ago_is_none() -> None:
    judge = DumpJudge()
    assert judge.saw_crash("record 7", CRASH_LIFE + 1.0, 1000.0) == []


def test_the_datagrams_know_better_than_the_event_log_when_it_ends() -> None:
    judge = DumpJudge()
    assert judge.saw_crash("record 7", 0.0, 0.0) == STARTED
    assert judge.heard_kdump(5.0) == []
    assert judge.saw_crash("record 8", 0.0, 6.0) == []
    assert judge.look(36.0) == ENDED


@pytest.mark.parametrize("by_kdump", [True, False])
def test_a_new_start_or_a_change_of_power_ends_it(by_kdump: bool) -> None:
    judge = DumpJudge()
    begun = judge.heard_kdump(0.0) if by_kdump else judge.saw_crash("x", 0.0, 0.0)
    assert begun == STARTED
    assert judge.saw_restart(1.0) == ENDED
    assert judge.saw_restart(2.0) == []
    assert judge.heard_kdump(3.0) == STARTED, "it may crash again"


steps = st.lists(st.tuples(st.floats(0.0, 400.0), st.sampled_from(["kdump", "crash", "restart", "start", "look"])), max_size=40)


@given(steps)
def test_started_and_ended_take_turns_and_nothing_lasts_for_ever(story: list[tuple[float, str]]) -> None:
    judge, now, told = DumpJudge(), 0.0, []
    for pause, what in story:
        now += pause
        told += judge.look(now)
        told += {
            "kdump": judge.heard_kdump,
            "crash": lambda now: judge.saw_crash("x", 0.0, now),
            "restart": judge.saw_restart,
            "start": judge.saw_start,
            "look": judge.look,
        }[what](now)
        assert judge.is_dumping(now) == bool(judge.sign(now)) == (told[-1:] == STARTED)
    told += judge.look(now + CRASH_LIFE + 400.0)
    assert told[::2] == STARTED * (len(told) // 2)
    assert told[1::2] == ENDED * (len(told) // 2)


def test_a_crash_that_the_event_log_shows_late_was_before_the_reset() -> None:
    """Nobody looks into the event log while a reset has the BMC: its record of the crash is read when power is back."""
    judge = DumpJudge()
    assert judge.saw_restart(1000.0) == []
    assert judge.saw_crash("record 7", 15.0, 1005.0) == []
    assert judge.saw_crash("record 8", 2.0, 1060.0) == STARTED, "a new one"


def test_a_crash_without_a_time_may_have_been_before_it() -> None:
    judge = DumpJudge()
    judge.saw_restart(1000.0)
    assert judge.saw_crash("record 7", None, 1005.0, since=995.0) == []
    assert judge.saw_crash("record 8", None, 1060.0, since=1050.0) == STARTED
    assert judge.is_dumping(1060.0 + CRASH_LIFE - 1.0)


def test_a_crash_whose_dump_has_ended_is_not_one_anew() -> None:
    """fence_kdump told of it and of its end; then comes the look into the event log."""
    judge = DumpJudge()
    judge.heard_kdump(1000.0)
    assert judge.look(1100.0) == ENDED
    assert judge.saw_crash("record 7", 112.0, 1110.0) == []


def test_a_start_in_the_event_log_does_not_end_what_is_heard() -> None:
    """It may be read long after it was: the server was started, crashed, and writes its dump by now."""
    judge = DumpJudge()
    judge.heard_kdump(1000.0)
    assert judge.saw_start(1002.0) == []
    assert judge.is_dumping(1003.0)
    assert judge.look(1031.0) == ENDED
