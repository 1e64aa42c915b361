from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.budget import SessionBudget, Stay
from ipmi_lan.commands.login import GET_SESSION_INFO, SessionInfo
from ipmi_lan.errors import BadArgument

counts = st.integers(0, 63)


@pytest.mark.parametrize(
    ("slots", "active", "stays"),
    [
        pytest.param(4, 1, True, id="three are left"),
        pytest.param(4, 2, True, id="two are left"),
        pytest.param(4, 3, False, id="one is left"),
        pytest.param(4, 4, False, id="none is left"),
        pytest.param(3, 1, True, id="a small one"),
        pytest.param(2, 1, False, id="a tiny one"),
        pytest.param(0, 0, False, id="counts nothing"),
        pytest.param(3, 0, True, id="does not count us"),
        pytest.param(2, 0, False, id="does not count us, and is tiny"),
        pytest.param(1, 5, False, id="more than there are"),
    ],
)
def test_a_session_is_kept_where_two_slots_stay_free(slots: int, active: int, stays: bool) -> None:
    assert SessionBudget().allows_staying(SessionInfo(1, slots, active)) is stays


@given(st.integers(0, 63), counts, counts)
def test_what_must_stay_free_stays_free(leave_free: int, slots: int, active: int) -> None:
    if SessionBudget(leave_free).allows_staying(SessionInfo(1, slots, active)):
        assert slots - max(active, 1) >= leave_free


@given(counts, counts)
def test_the_other_two_modes_do_not_look(slots: int, active: int) -> None:
    for info in (SessionInfo(1, slots, active), None):
        assert SessionBudget(stay=Stay.WARM).allows_staying(info)
        assert not SessionBudget(stay=Stay.SHORT).allows_staying(info)


def test_only_the_automatic_mode_needs_to_ask() -> None:
    assert [stay for stay in Stay if SessionBudget(stay=stay).asks] == [Stay.AUTOMATIC]


def test_a_bmc_that_does_not_tell_is_taken_for_a_small_one() -> None:
    assert not SessionBudget().allows_staying(None)
    assert not SessionBudget(0).allows_staying(None)


def test_an_answer_that_ends_after_the_handle_is_read_by_the_layout_or_not_at_all() -> None:
    info = GET_SESSION_INFO.reply.parse_untrusted(bytes((0, 4, 1)))
    assert SessionBudget().allows_staying(info)


def test_a_negative_number_of_slots_is_refused() -> None:
    with pytest.raises(BadArgument, match="-1"):
        SessionBudget(-1)
