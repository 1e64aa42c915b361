from __future__ import annotations

import pytest

from haconn_daemon.fence.sent import Sent
from haconn_daemon.fence.steps import Timing
from ipmi_lan.commands.chassis import Control


def sent(control: Control, *, times: int = 1, taken: bool = True) -> Sent:
    """Sent at 0 s, each time, and shown to be needed still."""
    command = Sent(control)
    for _ in range(times):
        command.leaves(0.0)
        if taken:
            command.is_taken()
    command.was_shown(control is not Control.POWER_ON, 0.5)
    return command


@pytest.mark.parametrize("control", [Control.HARD_RESET, Control.DIAGNOSTIC_INTERRUPT])
def test_what_cannot_be_seen_is_never_sent_twice(control: Control) -> None:
    assert not sent(control, taken=False).may_leave_again(600.0, Timing())


@pytest.mark.parametrize("control", [Control.POWER_OFF, Control.POWER_ON])
def test_when_it_may_leave_again(control: Control) -> None:
    assert not sent(control).may_leave_again(4.9, Timing())
    assert sent(control).may_leave_again(5.0, Timing())
    assert sent(control, taken=False).may_leave_again(1.5, Timing())
    assert not sent(control, times=2).may_leave_again(600.0, Timing()), "taken twice and not obeyed"
    assert sent(control, times=7, taken=False).may_leave_again(600.0, Timing())
    assert not sent(control, times=8, taken=False).may_leave_again(600.0, Timing())


def test_a_reading_asked_for_before_it_left_says_nothing_of_it() -> None:
    command = Sent(Control.POWER_OFF)
    command.leaves(1.0)
    command.was_shown(True, 0.9)
    assert not command.may_leave_again(600.0, Timing())
