"""Whole resets over a network that loses datagrams, seeded: slower, and never wrong.

With three of ten lost each way most logins take longer than any BMC needs to restart, so that its "off" is not believed easily.
"""

from __future__ import annotations

import random

import pytest

from haconn_cli.resetpath.vocabulary import Action, ResetResult
from tests.fakes.lan import Lan, plug_in
from tests.haconn_daemon.fence.bench import Bench, run

BUDGET = 30.0   # seconds


@pytest.mark.parametrize(("loss", "seeds", "most_failures"), [(0.05, 20, 0), (0.1, 20, 0), (0.3, 20, 18)])
def test_loss_each_way(monkeypatch: pytest.MonkeyPatch, loss: float, seeds: int, most_failures: int) -> None:
    failures = 0
    for seed in range(seeds):
        print(f"seed {seed}")
        chance = random.Random(seed)
        lan = Lan()
        lan.latency = 0.001
        lan.is_lost = lambda direction, datagram, chance=chance: chance.random() < loss   # type: ignore[misc]
        plug_in(lan, monkeypatch)
        bench = Bench(lan)

        async def main(bench: Bench) -> ResetResult:
            async with bench.open():
                return await bench.result(await bench.order(Action.CYCLE, BUDGET))

        result = run(bench, monkeypatch, main)
        was_off = any(not change.is_on for change in bench.board.chassis.trace)
        assert was_off or not result.code.is_success, "said to be fenced, and never was off"
        assert bench.teller.finishes[0][0] <= BUDGET + 0.1
        failures += not result.code.is_success
    assert failures <= most_failures
