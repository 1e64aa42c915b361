"""The parts on a virtual clock, on all processors: histories, races of two servers, single resets on bad networks."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TypeVar

from tests.haconn_daemon.cluster.history import play
from tests.haconn_daemon.cluster.single import single
from tests.haconn_daemon.cluster.split import OUTCOMES, race
from tools.fault_proxy.plan import Faults
from tools.soak.processes import MIXES, Say
from tools.soak.site import Tally

Outcome = TypeVar("Outcome")

BATCH = 10
LONGEST = 60
"""Seconds for one history, which takes a fifth of one: a longer one hangs, and that is wrong as well."""
LOSSES = (0.0, 0.1, 0.3)


@dataclass
class Played:
    """What came of histories."""

    histories: int = 0
    resets: int = 0
    answers: int = 0
    successes: int = 0
    commands: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        """The counts of both."""
        for name in ("histories", "resets", "answers", "successes", "commands", "wrong"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Hangs(BaseException):
    """A history does not end."""


def _stop(*_: object) -> None:
    raise Hangs


def _play(seeds: range) -> Played:
    told = Played()
    signal.signal(signal.SIGALRM, _stop)
    for seed in seeds:
        signal.alarm(LONGEST)
        try:
            verdict = play(seed)
        except BaseException:   # whatever it is, its seed must be told
            told.wrong.append(f"seed {seed}: {traceback.format_exc(limit=-12)}")
            continue
        finally:
            signal.alarm(0)
        told.add(Played(1, verdict.resets, verdict.answers, verdict.successes, verdict.commands))
        told.wrong += [f"seed {seed}: {fault}" for fault in verdict.faults]
    return told


def _race(seeds: range, loss: float) -> dict[str, list[int]]:
    outcomes: dict[str, list[int]] = {outcome: [] for outcome in OUTCOMES}
    for seed in seeds:
        outcomes[race(seed, loss).outcome].append(seed)
    return outcomes


def _single(seeds: range, faults: Faults) -> Tally:
    tally = Tally()
    for seed in seeds:
        told = single(seed, faults)
        tally.codes[told.code] += 1
        tally.wrong += [f"seed {seed}: {fault}" for fault in told.faults]
        if told.is_success:
            tally.seconds.append(told.seconds)
    return tally


def _batches(first: int) -> Iterator[range]:
    return (range(first + BATCH * number, first + BATCH * (number + 1)) for number in count())


def spread(work: Callable[..., Outcome], words: tuple[object, ...], first: int, seconds: float) -> Iterator[Outcome]:
    """Batches of seeds on every processor, as many as fit into the time."""
    ends, batches = time.monotonic() + seconds, _batches(first)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        running: set[Future[Outcome]] = {pool.submit(work, batch, *words) for batch in islice(batches, os.cpu_count() or 1)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
                if time.monotonic() < ends:
                    running.add(pool.submit(work, next(batches), *words))


def histories(seconds: float, first: int, say: Say) -> Played:
    """From seed `first` on."""
    told = Played()
    for part in spread(_play, (), first, seconds):
        before = told.histories // 500
        told.add(part)
        if told.histories // 500 != before or part.wrong:
            say(f"histories: {told.histories} from seed {first}, {told.resets} resets, wrong {len(told.wrong)} {part.wrong[:2]}")
    return told


def races(seconds: float, first: int, say: Say) -> dict[float, dict[str, list[int]]]:
    """Each loss its share of the time; the seeds by outcome."""
    told: dict[float, dict[str, list[int]]] = {loss: {outcome: [] for outcome in OUTCOMES} for loss in LOSSES}
    for loss, outcomes in told.items():
        for part in spread(_race, (loss,), first, seconds / len(LOSSES)):
            for outcome, seeds in part.items():
                outcomes[outcome] += seeds
        words = ", ".join(f"{len(seeds)} {outcome}" for outcome, seeds in outcomes.items())
        say(f"races: loss {loss:.0%}: {words}; both dead at seeds {outcomes[OUTCOMES[2]][:5]}")
    return told


def singles(seconds: float, first: int, say: Say) -> dict[str, Tally]:
    """Each mix its share of the time."""
    told = {name: Tally() for name in MIXES}
    for name, faults in MIXES.items():
        tally = told[name]
        for part in spread(_single, (faults,), first, seconds / len(MIXES)):
            tally.codes += Counter(part.codes)
            tally.seconds += part.seconds
            tally.wrong += part.wrong
        say(f"one reset, network: {name}: {tally.resets}, {dict(tally.codes)}, wrong {len(tally.wrong)}")
    return told
