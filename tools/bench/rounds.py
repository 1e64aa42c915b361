"""Rounds: every side of a contest once, in turn; what came of them, and the figures drawn from that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

from tools.bench.children import ChildFailed
from tools.bench.contests import Contest, Ground
from tools.bench.measure import Figures
from tools.bench.steering import ResponderFailed


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds."""

    middle: float
    least: float
    most: float


@dataclass
class Outcome:
    """What the rounds of a contest gave: for each side the figures round by round, or why it was given up."""

    rounds: dict[str, list[Figures]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def values(self, side: str, figure: str) -> list[float]:
        """A figure of a side, round by round. Raises KeyError where it was not measured."""
        if side in self.failures or not self.rounds.get(side):
            raise KeyError(side)
        return [figures[figure] for figures in self.rounds[side]]

    def sides(self) -> list[str]:
        """Those that were measured."""
        return [side for side, rounds in self.rounds.items() if rounds and side not in self.failures]

    def figure(self, side: str, figure: str) -> Spread:
        """A figure of a side. Raises KeyError where it was not measured."""
        return spread(self.values(side, figure))

    def ratio(self, ours: str, theirs: str, figure: str) -> Spread:
        """Ours to theirs, taken round by round. Raises KeyError where one was not measured."""
        pairs = zip(self.values(ours, figure), self.values(theirs, figure), strict=True)
        return spread([mine / other for mine, other in pairs])


def spread(values: list[float]) -> Spread:
    """Median, least and most."""
    return Spread(median(values), min(values), max(values))


def rounds_of(contest: Contest, rounds: int) -> int:
    """How often a contest is run where `rounds` are asked for; at least once."""
    return max(1, round(rounds * contest.share))


def in_turn(contest: Contest, number: int) -> list[str]:
    """The sides in the order of round `number`: each begins once before one begins again."""
    names = list(contest.sides)
    start = number % len(names)
    return names[start:] + names[:start]


def hold(contest: Contest, ground: Ground, rounds: int, say: Callable[[str], None]) -> Outcome:
    """Run the rounds; a side that fails is given up, and the others go on."""
    outcome = Outcome({name: [] for name in contest.sides})
    for number in range(rounds_of(contest, rounds)):
        for name in in_turn(contest, number):
            if name in outcome.failures:
                continue
            began = time.monotonic()
            try:
                outcome.rounds[name].append(once(contest, name, ground))
                told = f"{contest.name}, round {number + 1} of {rounds_of(contest, rounds)}: {name}"
                say(f"{told}, {time.monotonic() - began:.1f} s")
            except (ChildFailed, ResponderFailed, FileNotFoundError, AssertionError) as failure:
                outcome.failures[name] = f"{type(failure).__name__}: {failure}"
                say(f"  {name} is given up: {outcome.failures[name]}")
    return outcome


def once(contest: Contest, name: str, ground: Ground) -> Figures:
    """One side, once; with its own figures those that the responder counted."""
    ground.steering.tell("reset", *contest.orders)
    figures = contest.sides[name](ground)
    return {**figures, **counted(ground.steering.checked())}


def counted(counters: Mapping[str, int]) -> Figures:
    """Datagrams received, the time from one status command's arrival to the next one's, and what a command cost the responder."""
    return {
        "datagrams": counters["received"],
        "period_us": counters["period_ns"] / 1000,
        "server_us": counters["cpu_us"] / max(1, counters["commands"]),
    }
