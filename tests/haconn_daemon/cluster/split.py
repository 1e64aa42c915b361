"""Two servers that cannot hear each other's HA Monitor any more, and would each reset the other: who is dead in the end?"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import trio

from haconn_cli.resetpath.vocabulary import Action
from ipmi_lan.simulator import Chassis
from tests.haconn_daemon.cluster.stage import run_world
from tests.haconn_daemon.cluster.world import World
from tools.fault_proxy.plan import Faults

MOST_SKEW = 0.5
"""Seconds between the two requests."""
ACQUAINTED = (11.0, 14.0)
"""Seconds that both have been up by then: long enough to have heard of each other."""
LAGS = (0.0, 0.05, 0.5, 2.0)
"""Seconds that a chassis takes to obey."""
BUDGET = 15.0
OUTCOMES = ("none dead", "one dead", "both dead")


@dataclass
class Split:
    """How one race went."""

    seed: int
    dead: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    skew: float = 0.0
    lag: float = 0.0

    @property
    def outcome(self) -> str:
        return OUTCOMES[len(self.dead)]


async def _race(world: World, split: Split, chance: random.Random, weather: Faults) -> None:
    world.weather["reset"] = weather
    await trio.sleep(chance.uniform(*ACQUAINTED))
    first, second = chance.sample([*world.servers.values()], 2)
    for server in world.servers.values():
        server.board.faults.lag = split.lag
    asked = [world.ask(first, first, second.name, Action.OFF, BUDGET)]
    await trio.sleep(split.skew)
    if second.monitor is not None:
        asked.append(world.ask(second, second, first.name, Action.OFF, BUDGET))
    with trio.move_on_after(BUDGET + 3):
        while any(each.answered is None and not each.is_moot for each in asked):
            await trio.sleep(0.25)
    now = trio.current_time()
    split.dead = [server.name for server in world.servers.values() if not Chassis.power_is_on(server.board.chassis, now)]
    split.answers = {each.by: "none" if each.result is None else each.result.code.name for each in asked}


def race(seed: int, loss: float, *, arbitration_wait: float = 0.3, **weather: float) -> Split:
    """One race; the same seed is the same one. `loss` is that of the reset path between the two, each way."""
    chance = random.Random(f"race {seed}")
    split = Split(seed, skew=chance.uniform(0, MOST_SKEW), lag=chance.choice(LAGS))
    faults = Faults(loss=loss, latency=0.0005, **weather)
    run_world(seed, 2, lambda world: _race(world, split, chance, faults), arbitration_wait=arbitration_wait)
    return split
