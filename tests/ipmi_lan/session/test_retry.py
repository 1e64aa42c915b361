from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.account import COMMAND_TIMEOUT, LOGIN_TIMEOUT
from ipmi_lan.session import retry


@pytest.mark.parametrize(("tries", "wait"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 2.0), (1000, 2.0)])
def test_the_last_wait_repeats(tries: int, wait: float) -> None:
    assert retry.wait_of((0.5, 1.0, 2.0), tries) == wait


@given(st.floats(0.01, 100), st.integers(0, 255))
def test_jitter_is_a_fifth(wait: float, octet: int) -> None:
    assert 0.799 * wait <= retry.jittered(wait, octet) <= 1.201 * wait


def test_jitter_spreads() -> None:
    assert [retry.jittered(1.0, octet) for octet in (0, 255)] == pytest.approx([0.8, 1.2])


def test_times_fit_each_other() -> None:
    """A lost session is noticed before a command's time is over; the time for a login holds several tries."""
    assert sum(retry.COMMAND_WAITS) < COMMAND_TIMEOUT
    assert sum(retry.OPEN_SESSION_WAITS) + sum(retry.RAKP_WAITS) < LOGIN_TIMEOUT
    assert max(retry.COMMAND_WAITS) <= retry.QUARANTINE
    assert retry.REFUSED_WAIT * (retry.MOST_REFUSALS - 1) < 1.0
