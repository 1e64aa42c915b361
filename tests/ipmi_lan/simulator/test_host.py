"""A simulated server that crashes: what its event log, its dumps and its chassis say of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, RestartCause, chassis_control, get_system_restart_cause
from ipmi_lan.commands.sel import SENSOR_OS_STOP, OsStop, get_sel_entry, parse_event_untrusted
from ipmi_lan.simulator import Dump, SimulatedBmc
from tests.ipmi_lan.simulator.console import Console, a_bmc

NMI = chassis_control(Control.DIAGNOSTIC_INTERRUPT)


def stops(bmc: SimulatedBmc) -> list[tuple[int, int]]:
    """When the log says that the operating system stopped, and how."""
    events = [parse_event_untrusted(entry.record) for entry in bmc.log.entries]
    return [(event.timestamp, event.offset) for event in events if event is not None and event.sensor_type == SENSOR_OS_STOP]


def a_crashing_bmc(**faults: Any) -> SimulatedBmc:
    bmc = a_bmc()
    for name, value in faults.items():
        setattr(bmc.faults.host, name, value)
    return bmc


def test_a_crash_is_logged_dumped_and_followed_by_a_start() -> None:
    bmc = a_crashing_bmc(dump_time=20.0)
    console = Console(bmc).log_in()
    bmc.host_crashes(10.0)
    event = parse_event_untrusted(console.run(get_sel_entry(0), 11.0).record)
    assert event is not None
    assert (event.sensor_type, event.offset, event.is_assertion) == (SENSOR_OS_STOP, OsStop.AT_RUN_TIME, True)
    assert bmc.dumps(29.9) == [Dump(10.0, None, is_whole=False)]
    assert not bmc.host.is_up(29.9)
    assert bmc.dumps(30.0) == [Dump(10.0, 30.0, is_whole=True)]
    assert bmc.host.is_up(30.0)
    assert (bmc.chassis.trace, bmc.chassis.resets) == ([], [30.0])
    assert console.run(get_system_restart_cause(), 31.0).cause is RestartCause.UNKNOWN


def test_a_diagnostic_interrupt_has_it_crash() -> None:
    bmc = a_crashing_bmc(dump_time=5.0)
    console = Console(bmc).log_in()
    console.run(NMI, 10.0)
    assert stops(bmc) == [(10, 1)]
    assert bmc.dumps(15.0) == [Dump(10.0, 15.0, is_whole=True)]
    assert bmc.power_commands == [(10.0, Control.DIAGNOSTIC_INTERRUPT)]


@pytest.mark.parametrize("switch", ["ignores_interrupt", "the whole BMC"])
def test_an_interrupt_that_is_ignored(switch: str) -> None:
    bmc = a_bmc()
    bmc.faults.host.ignores_interrupt = switch == "ignores_interrupt"
    bmc.faults.ignores_power_commands = switch != "ignores_interrupt"
    Console(bmc).log_in().run(NMI, 10.0)
    assert (stops(bmc), bmc.dumps(99.0), bmc.host.crashes) == ([], [], [])


@pytest.mark.parametrize("action", [Control.POWER_OFF, Control.POWER_CYCLE, Control.HARD_RESET])
def test_power_cuts_a_dump_short(action: Control) -> None:
    bmc = a_crashing_bmc(dump_time=20.0)
    console = Console(bmc).log_in()
    bmc.host_crashes(10.0)
    console.run(chassis_control(action), 17.0)
    assert bmc.dumps(99.0) == [Dump(10.0, 17.0, is_whole=False)]
    assert 30.0 not in bmc.chassis.resets, "what was cut short does not start the server again"
    assert bmc.host.is_up(99.0) is (action is not Control.POWER_OFF)


def test_a_server_that_came_back_during_the_dump_is_not_reset_by_the_old_one() -> None:
    bmc = a_crashing_bmc(dump_time=20.0)
    bmc.host_crashes(0.0)
    bmc.chassis.lose_power(5.0)
    bmc.chassis.gain_power(6.0)
    assert bmc.host.is_up(6.0)
    bmc.host_crashes(10.0)
    assert bmc.dumps(50.0) == [Dump(0.0, 5.0, is_whole=False), Dump(10.0, 30.0, is_whole=True)]
    assert bmc.chassis.resets == [30.0]


def test_it_may_stay_down() -> None:
    bmc = a_crashing_bmc(dump_time=20.0, stays_down=True)
    bmc.host_crashes(0.0)
    assert bmc.dumps(99.0) == [Dump(0.0, 20.0, is_whole=True)]
    assert not bmc.host.is_up(99.0)
    bmc.host_crashes(100.0)
    assert bmc.host.crashes == [0.0], "one that is down does not crash"
    bmc.chassis.command(Control.HARD_RESET, 101.0)
    assert bmc.host.is_up(101.0)


def test_it_may_crash_without_a_word_or_without_a_dump() -> None:
    bmc = a_crashing_bmc(dump_time=0.0, crashes_unlogged=True)
    bmc.host_crashes(7.0)
    assert (bmc.log.entries, bmc.dumps(9.0), bmc.chassis.resets) == ([], [], [7.0])


def test_a_server_without_power_does_not_crash() -> None:
    bmc = a_bmc()
    bmc.chassis.lose_power(1.0)
    bmc.host_crashes(2.0)
    assert (bmc.log.entries, bmc.dumps(99.0)) == ([], [])


@pytest.mark.parametrize("offset", OsStop)
def test_which_stop_it_is_may_be_told(offset: OsStop) -> None:
    bmc = a_bmc()
    bmc.host_crashes(3.0, offset)
    assert stops(bmc) == [(3, offset)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["crash", "off", "on", "reset", "cycle", "nmi", "look"]), st.sampled_from([0.25, 0.5, 3.0, 11.0])),
    max_size=25,
)


@given(STEPS, st.booleans(), st.sampled_from([0.0, 2.0, 10.0]))
def test_dumps_follow_one_another_and_only_happen_under_power(
    steps: list[tuple[str, float]], stays_down: bool, dump_time: float
) -> None:
    bmc = a_crashing_bmc(stays_down=stays_down, dump_time=dump_time)
    actions = {"off": Control.POWER_OFF, "on": Control.POWER_ON, "reset": Control.HARD_RESET, "cycle": Control.POWER_CYCLE}
    now = 0.0
    for step, pause in steps:
        now += pause
        if step in actions:
            bmc.chassis.command(actions[step], now)
        elif step == "crash":
            bmc.host_crashes(now)
        elif step == "nmi":
            bmc.host.interrupt(now)
        assert not bmc.host.is_up(now) or bmc.chassis.power_is_on(now)
    dumps = bmc.dumps(now)
    ends = [now if dump.ended is None else dump.ended for dump in dumps]
    assert all(dump.is_whole <= (end - dump.began == dump_time) for dump, end in zip(dumps, ends, strict=True))
    assert all(end <= later.began for end, later in zip(ends, dumps[1:], strict=False))
    changes = [change.at for change in bmc.chassis.trace if not change.is_on]
    assert not any(dump.began < at < end for dump, end in zip(dumps, ends, strict=True) for at in changes)
    assert all(dump.ended is not None for dump in dumps[:-1])
    assert len(stops(bmc)) == len(bmc.host.crashes)
