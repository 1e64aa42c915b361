"""Quick samples of the long fault runs (`tools/soak`): a connector as a process, behind the fault proxy on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action
from tools.fault_proxy.plan import Faults
from tools.soak import processes
from tools.soak.site import Tally, open_site

pytestmark = pytest.mark.whole
SEED = 1


def test_resets_on_a_bad_network_are_true(tmp_path: Path) -> None:
    """Three at once; whether they succeed is a matter of luck, whether a success is true is not."""
    tally = Tally()

    async def main() -> None:
        async with open_site(tmp_path, 4, SEED) as site:
            await site.start()
            await site.until_monitored()
            faults = Faults(loss=0.1, duplication=0.3, reorder=0.25, corruption=0.01)
            site.set_weather(faults, faults)
            async with trio.open_nursery() as nursery:
                for target in list(site.boards)[1:]:
                    nursery.start_soon(site.reset, target, Action.OFF, 10.0, tally)
            assert site.gate.counts["there"]["lost"] + site.gate.counts["back"]["datagrams"] > 0

    trio.run(main)
    print(f"seed {SEED}: {dict(tally.codes)}")
    assert tally.wrong == []
    assert tally.resets == 3


def test_sudden_death_in_the_middle_of_resets(tmp_path: Path) -> None:
    told = trio.run(processes.kills, tmp_path, 60.0, SEED, print, 2)
    assert told.tally.wrong == []
    assert told.kills == 2
