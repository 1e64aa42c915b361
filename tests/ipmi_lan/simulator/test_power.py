from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, RestartCause
from ipmi_lan.simulator import Chassis, PowerChange
from ipmi_lan.wire.codes import CompletionCode


def test_off_and_on_at_once() -> None:
    chassis = Chassis()
    assert chassis.command(Control.POWER_OFF, 10.0) == CompletionCode.OK
    assert not chassis.power_is_on(10.0)
    assert chassis.command(Control.POWER_ON, 20.0) == CompletionCode.OK
    assert chassis.power_is_on(20.0)
    assert chassis.trace == [PowerChange(10.0, False), PowerChange(20.0, True)]
    assert chassis.restart_cause is RestartCause.CHASSIS_CONTROL


def test_lag_delays_the_change_and_the_trace_has_the_true_time() -> None:
    chassis = Chassis(lag=5.0)
    chassis.command(Control.POWER_OFF, 10.0)
    assert chassis.power_is_on(14.9)
    assert not chassis.power_is_on(99.0)
    assert chassis.trace == [PowerChange(15.0, False)]


def test_the_past_stays_what_it_was() -> None:
    chassis = Chassis(is_on=False)
    chassis.command(Control.POWER_ON, 10.0)
    assert chassis.power_is_on(20.0)
    assert not chassis.power_is_on(9.0)


def test_cycle_is_off_for_its_time() -> None:
    chassis = Chassis(off_time=1.0)
    chassis.command(Control.POWER_CYCLE, 3.0)
    assert not chassis.power_is_on(3.5)
    assert chassis.power_is_on(4.0)
    assert chassis.trace == [PowerChange(3.0, False), PowerChange(4.0, True)]


def test_reset_leaves_power_alone_and_is_recorded() -> None:
    chassis = Chassis(lag=2.0)
    chassis.command(Control.HARD_RESET, 1.0)
    assert chassis.power_is_on(3.0)
    assert (chassis.trace, chassis.resets) == ([], [3.0])
    assert chassis.restart_cause is RestartCause.CHASSIS_CONTROL


def test_reset_that_comes_due_when_power_is_gone_is_none() -> None:
    chassis = Chassis(lag=2.0)
    chassis.command(Control.HARD_RESET, 1.0)
    chassis.lose_power(2.0)
    assert not chassis.power_is_on(9.0)
    assert chassis.resets == []


@pytest.mark.parametrize("action", [Control.POWER_CYCLE, Control.HARD_RESET])
def test_cycle_and_reset_of_a_server_that_is_off_are_refused(action: Control) -> None:
    chassis = Chassis(is_on=False)
    assert chassis.command(action, 1.0) == CompletionCode.NOT_IN_PRESENT_STATE
    assert not chassis.power_is_on(9.0)
    assert (chassis.trace, chassis.resets) == ([], [])


def test_an_action_that_does_not_exist_is_refused() -> None:
    assert Chassis().command(0xF, 1.0) == CompletionCode.INVALID_DATA_FIELD


def test_off_during_a_cycle_stays_off() -> None:
    chassis = Chassis()
    chassis.command(Control.POWER_CYCLE, 1.0)
    chassis.command(Control.POWER_OFF, 1.5)
    assert not chassis.power_is_on(99.0)
    assert chassis.trace == [PowerChange(1.0, False)]


def test_what_comes_due_earlier_than_a_later_order_still_happens() -> None:
    chassis = Chassis(lag=5.0)
    chassis.command(Control.POWER_OFF, 0.0)
    chassis.command(Control.POWER_ON, 1.0)
    assert chassis.power_is_on(6.0)
    assert chassis.trace == [PowerChange(5.0, False), PowerChange(6.0, True)]


def test_power_lost_and_gained_by_itself() -> None:
    chassis = Chassis()
    chassis.lose_power(1.0)
    assert chassis.last_off_by_supply
    assert not chassis.power_is_on(1.0)
    chassis.gain_power(2.0)
    assert chassis.power_is_on(2.0)
    assert chassis.restart_cause is RestartCause.POWER_BUTTON
    assert not chassis.last_off_by_supply


def test_orders_for_the_state_it_has_leave_no_trace() -> None:
    chassis = Chassis()
    chassis.command(Control.POWER_ON, 1.0)
    chassis.command(Control.DIAGNOSTIC_INTERRUPT, 2.0)
    assert chassis.power_is_on(3.0)
    assert chassis.trace == []
    assert chassis.restart_cause is RestartCause.UNKNOWN


@pytest.mark.parametrize("flaps", range(5))
def test_flapping_is_real_and_an_odd_number_ends_on(flaps: int) -> None:
    chassis = Chassis()
    chassis.command(Control.POWER_OFF, 1.0, flaps=flaps)
    assert chassis.power_is_on(99.0) == (flaps % 2 == 1)
    assert [change.is_on for change in chassis.trace] == [number % 2 == 1 for number in range(flaps + 1)]
    assert [change.at for change in chassis.trace] == pytest.approx([1.0 + 0.3 * number for number in range(flaps + 1)])


_ACTIONS = st.one_of(
    st.tuples(st.sampled_from(Control), st.floats(0, 5), st.integers(0, 4)), st.sampled_from(["lose", "gain", "look"])
)


@given(st.booleans(), st.lists(st.tuples(st.floats(0, 5), _ACTIONS), max_size=20))
def test_the_trace_alternates_in_order_and_agrees_with_the_state(
    is_on: bool, steps: list[tuple[float, tuple[Control, float, int] | str]]
) -> None:
    chassis, now = Chassis(is_on), 0.0
    for wait, step in steps:
        now += wait
        match step:
            case "lose":
                chassis.lose_power(now)
                assert not chassis.power_is_on(now)
            case "gain":
                chassis.gain_power(now)
                assert chassis.power_is_on(now)
            case (Control() as action, float() as lag, int() as flaps):
                chassis.command(action, now, lag, flaps)
        chassis.advance(now)
        assert all(change.at <= now for change in chassis.trace)
    assert all(one.at <= other.at and one.is_on != other.is_on for one, other in pairwise(chassis.trace))
    assert not chassis.trace or chassis.trace[0].is_on != is_on
    assert chassis.power_is_on(now) == (chassis.trace[-1].is_on if chassis.trace else is_on)
