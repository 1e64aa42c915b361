from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.session.numbering import WINDOW, ReplayWindow, RequestNumbers, following
from ipmi_lan.session.retry import QUARANTINE

MODULUS = 1 << 32


class NaiveWindow:
    """The same rule, told with sets and whole numbers."""

    def __init__(self) -> None:
        self.newest: int | None = None
        self.seen: set[int] = set()

    def accept(self, number: int) -> bool:
        if number == 0:
            return False
        distance = 0 if self.newest is None else (number - self.newest + MODULUS // 2) % MODULUS - MODULUS // 2
        if abs(distance) > WINDOW or number in self.seen:
            return False
        if self.newest is None or distance > 0:
            self.newest = number
        self.seen.add(number)
        return True


_STARTS = st.sampled_from([1, 2, 17, 1 << 31, MODULUS - 20, MODULUS - 1]) | st.integers(0, MODULUS - 1)
_STEPS = st.lists(st.integers(-40, 40) | st.integers(-WINDOW - 1, WINDOW + 1) | st.integers(0, MODULUS - 1), max_size=60)


@given(_STARTS, _STEPS)
def test_window_does_what_the_naive_one_does(start: int, steps: list[int]) -> None:
    window, naive = ReplayWindow(), NaiveWindow()
    number = start
    for step in [0, *steps]:
        number = (number + step) % MODULUS
        assert window.accept(number) == naive.accept(number), number


@given(_STARTS, _STEPS)
def test_no_number_passes_twice(start: int, steps: list[int]) -> None:
    window, passed, number = ReplayWindow(), [], start
    for step in steps:
        number = (number + step) % MODULUS
        if window.accept(number):
            passed.append(number)
    assert len(passed) == len(set(passed))
    assert 0 not in passed


@pytest.mark.parametrize("first", [1, 3, 99, MODULUS - 1])
def test_the_first_number_may_be_any(first: int) -> None:
    assert ReplayWindow().accept(first)


@pytest.mark.parametrize(
    ("number", "passes"), [(984, True), (983, False), (1000, False), (1016, True), (1017, False), (0, False)]
)
def test_edges_of_the_window(number: int, passes: bool) -> None:
    window = ReplayWindow()
    window.accept(1000)
    assert window.accept(number) is passes


@pytest.mark.parametrize("first", [1, 2, 1000, MODULUS - 1])
def test_a_window_that_begins_where_the_other_end_was_told_to(first: int) -> None:
    """As in IPMI 1.5: what is far from there never passes, not even first."""
    cases = ((0, True), (1, True), (WINDOW - 1, True), (WINDOW, False), (1 << 31, False), (MODULUS - 2 - WINDOW, False))
    for ahead, passes in cases:
        number = (first + ahead) % MODULUS
        assert ReplayWindow(first).accept(number) is (passes and number != 0), ahead


def test_window_over_the_wrap() -> None:
    window = ReplayWindow()
    assert [window.accept(number) for number in (MODULUS - 2, MODULUS - 1, 1, 0, MODULUS - 1, MODULUS - 3, 2)] == [
        True, True, True, False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("sequence", "next_one"), [(0, 1), (1, 2), (MODULUS - 2, MODULUS - 1), (MODULUS - 1, 1)])
def test_following(sequence: int, next_one: int) -> None:
    assert following(sequence) == next_one


def test_request_numbers_go_round_all_64() -> None:
    numbers = RequestNumbers()
    for expected in [*range(64), *range(64)]:
        assert numbers.take(0.0) == expected
        numbers.give_back(expected)


def test_no_65th_number() -> None:
    numbers = RequestNumbers()
    assert [numbers.take(0.0) for _ in range(65)] == [*range(64), None]
    numbers.give_back(7)
    assert numbers.take(0.0) == 7


def test_quarantine_ends_by_itself() -> None:
    numbers = RequestNumbers()
    taken = [numbers.take(0.0) for _ in range(64)]
    numbers.quarantine(5, 1.0)
    assert len(set(taken)) == 64
    assert numbers.take(1.0 + QUARANTINE - 0.001) is None
    assert numbers.take(1.0 + QUARANTINE) == 5


@given(st.lists(st.tuples(st.sampled_from(["take", "answer", "time out"]), st.floats(0, 3)), max_size=150))
def test_a_number_is_never_in_use_twice_nor_out_of_quarantine_early(moves: list[tuple[str, float]]) -> None:
    numbers, now = RequestNumbers(), 0.0
    out: list[int] = []
    barred: dict[int, float] = {}
    for move, pause in moves:
        now += pause
        if move == "take":
            number = numbers.take(now)
            free = [n for n in range(64) if n not in out and barred.get(n, 0.0) <= now]
            assert (number in free) if free else (number is None)
            out += [] if number is None else [number]
        elif out and move == "answer":
            numbers.give_back(out.pop(0))
        elif out:
            numbers.quarantine(out[0], now)
            barred[out.pop(0)] = now + QUARANTINE
