"""The benchmark where it can be wrong: statistics, whose turn it is, what counts as met, what is read from programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.bench import contests, one_loss, page, programs
from tools.bench.children import ChildFailed
from tools.bench.contests import CONTESTS, Contest, Ground
from tools.bench.measure import Figures, Order, hosts, latencies, percentile
from tools.bench.rounds import Outcome, Spread, hold, in_turn, rounds_of, spread
from tools.bench.steering import Steering
from tools.bench.targets import TARGETS, Target

COUNTERS = {"received": 7, "answered": 7, "bad": 0, "overflowed": 0, "commands": 2, "cpu_us": 20, "period_ns": 41_500, "lost": 0}


class FakeSteering:
    """Remembers its orders; the responder behind it loses what it is told to lose."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, ...]] = []

    def tell(self, *orders: str) -> dict[str, int]:
        self.orders.append(orders)
        return self.checked()

    def checked(self) -> dict[str, int]:
        return {**COUNTERS, "lost": int(any(order.startswith("drop") for order in self.orders[-1]))}


def ground() -> Ground:
    return cast("Ground", type("FakeGround", (), {"steering": FakeSteering()})())


def order(count: int, host: str = "127.3.0.1") -> Order:
    return Order(host, 9623, "user", "password", count)


def as_steering(fake: FakeSteering) -> Steering:
    return cast("Steering", fake)


def target(must: float | None = 1.0, aim: float | None = None, theirs: str | None = "peer", **more: bool) -> Target:
    return Target("a job", "job", "wall_s", "ours", theirs, "s", must, aim, **more)


# ── statistics ──────────────────────────────────────────────────────────────


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_a_value_that_was_measured(values: list[float], part: float) -> None:
    assert percentile(values, part) in values
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)


def test_percentiles_of_a_hundred_and_one() -> None:
    values = [float(n) for n in reversed(range(101))]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (50, 99)


def test_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_latencies_are_in_microseconds() -> None:
    figures = latencies([0.001] * 99 + [0.002] * 2, cpu=0.0101)
    assert figures["p50_us"] == pytest.approx(1000)
    assert figures["p99_us"] == pytest.approx(2000)
    assert figures["tail"] == pytest.approx(2)
    assert figures["cpu_us"] == pytest.approx(100)


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that slows down between rounds changes no ratio; ratios of medians would tell 1.5 here."""
    outcome = Outcome({"ours": [{"s": 1.0}, {"s": 6.0}, {"s": 3.0}], "peer": [{"s": 2.0}, {"s": 12.0}, {"s": 2.0}]})
    assert outcome.ratio("ours", "peer", "s") == Spread(0.5, 0.5, 1.5)


def test_a_side_given_up_has_no_figures() -> None:
    outcome = Outcome({"ours": [{"s": 1.0}], "peer": []}, {"ours": "it fell over"})
    assert outcome.sides() == []
    for side in ("ours", "peer", "nobody"):
        with pytest.raises(KeyError):
            outcome.values(side, "s")


# ── hosts ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "127.3.0.1:9623"),
        (2, "127.3.0.[1-2]:9623"),
        (250, "127.3.0.[1-250]:9623"),
        (251, "127.3.0.[1-250]:9623,127.3.1.1:9623"),
        (600, "127.3.0.[1-250]:9623,127.3.1.[1-250]:9623,127.3.2.[1-100]:9623"),
    ],
)
def test_ranges_of_hosts(count: int, expected: str) -> None:
    assert programs.host_ranges(order(count)) == expected


def test_hosts_are_all_different() -> None:
    names = hosts("127.3.0.1", 5000)
    assert len(set(names)) == 5000
    assert (names[0], names[-1]) == ("127.3.0.1", "127.3.19.250")


def test_only_powers_are_counted_as_answers() -> None:
    assert programs.powers_told("127.3.0.1: on\n127.3.0.2: off\n127.3.0.3: connection timeout\n\n127.3.0.4: o") == 2


# ── rounds ──────────────────────────────────────────────────────────────────


def contest(**sides: Callable[[Ground], Figures]) -> Contest:
    return Contest("job", sides)


def test_each_side_begins_as_often_as_the_others() -> None:
    job = contest(a=lambda _: {}, b=lambda _: {}, c=lambda _: {})
    assert [in_turn(job, number) for number in range(3)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


@pytest.mark.parametrize(("share", "rounds", "expected"), [(1.0, 5, 5), (0.01, 5, 1), (0.6, 5, 3), (2.0, 5, 10), (0.3, 1, 1)])
def test_rounds_of_long_and_short_jobs(share: float, rounds: int, expected: int) -> None:
    assert rounds_of(Contest("job", {}, share), rounds) == expected


def test_a_side_that_fails_is_given_up_and_the_others_go_on() -> None:
    def fail(_: Ground) -> Figures:
        raise ChildFailed("it fell over")

    outcome = hold(contest(good=lambda _: {"wall_s": 1.0}, bad=fail), ground(), 3, lambda _: None)
    assert outcome.failures == {"bad": "ChildFailed: it fell over"}
    assert outcome.sides() == ["good"]
    assert outcome.values("good", "wall_s") == [1.0] * 3


def test_what_the_responder_counted_belongs_to_the_figures() -> None:
    outcome = hold(contest(good=lambda _: {"wall_s": 1.0}), ground(), 1, lambda _: None)
    assert outcome.rounds["good"] == [{"wall_s": 1.0, "datagrams": 7, "period_us": 41.5, "server_us": 10.0}]


def test_the_responder_is_told_anew_before_each_side() -> None:
    place = ground()
    hold(Contest("job", {"good": lambda _: {}}, orders=("delay-us 5",)), place, 2, lambda _: None)
    assert cast("FakeSteering", place.steering).orders == [("reset", "delay-us 5")] * 2


# ── losses ──────────────────────────────────────────────────────────────────


def test_every_request_and_every_answer_is_lost_once() -> None:
    fake = FakeSteering()
    places = list(one_loss.places(as_steering(fake)))
    assert places[: one_loss.UNDISTURBED] == ["nothing"] * one_loss.UNDISTURBED
    assert places[one_loss.UNDISTURBED :] == [f"{kind} {n}" for kind in ("request", "answer") for n in range(1, 8)]
    assert fake.orders[-2:] == [("reset", "drop-answer 7"), ("reset",)]


def test_a_loss_costs_what_is_beyond_an_undisturbed_operation() -> None:
    figures = one_loss.extra([0.1, 0.9, 0.1, 0.5, 0.05, 1.1])
    assert figures == pytest.approx({"extra_s": 0.4, "worst_s": 1.0, "places": 3})


# ── the page ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("judged", "expected"),
    [(0.5, "met, aim too"), (0.51, "met"), (0.6, "met"), (0.61, "**not met**"), (None, "**not measured**")],
)
def test_a_bound_itself_is_met(judged: float | None, expected: str) -> None:
    assert page.verdict(target(0.6, 0.5), judged) == expected


def test_a_row_without_a_bound_is_only_shown() -> None:
    assert page.verdict(target(must=None), 99.0) == ""


@pytest.mark.parametrize(("answers", "expected"), [([5000, 5000], "met"), ([5000, 4999, 5000], "**not met**")])
def test_a_least_must_be_reached_in_every_round(answers: list[int], expected: str) -> None:
    row = target(5000, is_ratio=False, least=True)
    assert page.verdict(row, page.worst(spread([float(n) for n in answers]), row)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.0403, "0.040"), (0.5, "0.500"), (1.234, "1.23"), (41.96, "42.0"), (271.2, "271"), (16384.4, "16384")],
)
def test_numbers(value: float, expected: str) -> None:
    assert page.number(value) == expected


def test_a_row_with_a_peer() -> None:
    outcome = Outcome({"ours": [{"wall_s": 1.0}, {"wall_s": 1.0}], "peer": [{"wall_s": 2.0}, {"wall_s": 4.0}]})
    assert page.cells(target(0.4, 0.3), outcome) == [
        "a job", "ours", "peer", "1.00 s", "3.00 s", "0.38 (0.25 to 0.50)", "≤ 0.4 (0.3)", "met",
    ]  # fmt: skip


def test_a_figure_judged_alone_is_shown_beside_the_peer() -> None:
    outcome = Outcome({"ours": [{"wall_s": 2.0}], "peer": [{"wall_s": 1.0}]})
    assert page.cells(target(1.0, is_ratio=False), outcome)[3:] == ["2.00 s", "1.00 s", "", "≤ 1", "**not met**"]


def test_a_peer_that_failed_is_no_success_of_ours() -> None:
    outcome = Outcome({"ours": [{"wall_s": 1.0}], "peer": []}, {"peer": "ChildFailed: not installed"})
    assert page.cells(target(), outcome)[-1] == "**not measured**"
    assert page.given_up({"job": outcome}) == ["* not measured: job, peer: ChildFailed: not installed"]


def test_ours_that_failed_is_not_measured() -> None:
    outcome = Outcome({"ours": [], "peer": [{"wall_s": 1.0}]}, {"ours": "ChildFailed: fell over"})
    assert page.cells(target(), outcome)[-1] == "**not measured**"


def test_every_row_names_a_contest_and_sides_of_it() -> None:
    sides = {contest.name: set(contest.sides) for contest in CONTESTS}
    for row in TARGETS:
        assert row.ours in sides[row.contest], row
        assert row.theirs is None or row.theirs in sides[row.contest], row


def test_every_contest_has_a_row() -> None:
    assert {row.contest for row in TARGETS} == {contest.name for contest in CONTESTS}
    assert len({contest.name for contest in CONTESTS}) == len(contests.CONTESTS)
