"""One reset of one server on a bad network, out of a seed: does it succeed in its budget, how long does it take, is it true?"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from haconn_cli.resetpath.vocabulary import Action
from tests.haconn_daemon.cluster.judge import Verdict, judge
from tests.haconn_daemon.cluster.stage import run_world
from tests.haconn_daemon.cluster.world import World
from tools.fault_proxy.plan import Faults

BUDGET = 30.0
SETTLED = 8.0
"""Seconds of polling in that weather before the request."""


@dataclass
class Single:
    """How it went."""

    seed: int
    code: str = "no answer"
    is_success: bool = False
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    detail: str = ""


async def _ask(world: World, single: Single, weather: Faults) -> None:
    first, second = world.servers.values()
    world.weather = {"ipmi": weather, "reset": weather}
    await trio.sleep(SETTLED)
    asked = world.ask(first, first, second.name, Action.OFF, BUDGET)
    while asked.answered is None and not asked.is_moot:
        await trio.sleep(0.1)
    assert asked.answered is not None
    single.seconds = asked.answered - asked.at
    if asked.result is not None:
        single.code, single.is_success = asked.result.code.name, asked.result.code.is_success
        single.detail = asked.result.evidence.detail
    verdict = Verdict(single.seed)
    judge(world, verdict, weather.slowest)
    single.faults = verdict.faults


def single(seed: int, weather: Faults, slots: int = 4) -> Single:
    """One reset; the same seed is the same one. The HA Monitor of the other server asks, which lives on."""
    told = Single(seed)
    run_world(seed, 2, lambda world: _ask(world, told, weather), slots=slots)
    return told
