"""The reset path and the fence: `python -m tools.bench.resetpath`, the last part of `make bench`, and of docs/benchmarks.md.

One connector as a process, on the same ipmi_sim as fence_ipmilan, and on simulated BMCs where many resets are wanted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn_cli.resetpath.vocabulary import Action, ResetResult
from tests.peers.ipmi_sim import IpmiSim, running_ipmi_sims
from tools.bench import programs
from tools.bench.children import ROOT
from tools.bench.measure import Figures, percentile
from tools.bench.page import cells, table
from tools.bench.parts import with_part
from tools.bench.rounds import Outcome
from tools.bench.targets import Target
from tools.soak.site import ACCOUNT, MONITOR, Site, Tally, free_port, open_site

PAGE, PART = ROOT / "docs/benchmarks.md", "resetpath"
ROUNDS = 3
CHECKS, BETWEEN_CHECKS = 300, 0.005
COMMANDS, BETWEEN_COMMANDS = 88, 0.1
"""Resets whose command is timed in a round, and the seconds between two of them."""
OFFS = 3
BUDGET = 20.0
OURS, THEIRS = "connector", "fence_ipmilan -o off"
WAIT = 0.3
"""Seconds, the usual `arbitration_wait`."""
_SIM, _HANGING = "PSERVER2", "PSERVER3"
_BOARDS = 12

_HEAD = f"""\
## The reset path

Made by `make bench`, {{rounds}} rounds. The connector is a process; who asks and the simulated BMCs are another. A path check is
answered while all is well, while one BMC hangs, and while a reset runs. From the request to the power command: on simulated
BMCs, over the session that is open already; the announcement to the other connectors, {WAIT:g} s by default, is measured apart.
Against fence_ipmilan: the same ipmi_sim, from the request (or the start of the program) until the chassis was told, and until
the server was proven off.
"""


def _row(case: str, contest: str, figure: str, must: float | None, unit: str, theirs: str | None = None) -> Target:
    return Target(case, contest, figure, OURS, theirs, unit, must, is_ratio=theirs is not None)


TARGETS = [
    _row("path check, all well, p50", "check", "p50_ms", None, "ms"),
    _row("path check, all well, p99", "check", "p99_ms", 5.0, "ms"),
    _row("path check while a BMC hangs, p99", "check, a BMC hangs", "p99_ms", 5.0, "ms"),
    _row("path check while a reset runs, p99", "check, a reset runs", "p99_ms", 5.0, "ms"),
    _row("path checks lost", "check, a reset runs", "lost", 0.0, ""),
    _row("request to the power command, warm session, p50", "command", "p50_ms", None, "ms"),
    _row("request to the power command, warm session, p99", "command", "p99_ms", 10.0, "ms"),
    _row("the same with the announcement, p50", "command, announced", "p50_ms", None, "ms"),
    _row("what the announcement adds to its wait, p99", "command, announced", "beyond_ms", 15.0, "ms"),
    _row("ipmi_sim: request to its chassis being told", "off", "told_s", 0.1, "s", THEIRS),
    _row("ipmi_sim: off, and proven off", "off", "wall_s", 0.5, "s", THEIRS),
]


@dataclass
class Bench:
    """Where it takes place."""

    site: Site
    sims: list[IpmiSim]


Job = Callable[[Bench], Awaitable[Figures]]


@asynccontextmanager
async def prepared(folder: Path, arbitration_wait: float) -> AsyncIterator[Bench]:
    """A connector that manages its own server, two ipmi_sims and the simulated BMCs; all links OK."""
    async with running_ipmi_sims(folder / "sims", ["127.0.3.61", "127.0.3.62"], free_port()) as sims:
        foreign = [(sim.host, sim.port) for sim in sims]
        async with open_site(
            folder, _BOARDS, 1, foreign=foreign, arbitration_wait=arbitration_wait, has_proxies=False
        ) as site:
            await site.start()
            await site.until_monitored()
            yield Bench(site, sims)


# ── path checks ───────────────────────────────────────────────────────────────


async def check(bench: Bench) -> Figures:
    return await _checks(bench)


async def check_while_a_bmc_hangs(bench: Bench) -> Figures:
    bench.sims[1].pause()
    try:
        await trio.sleep(1.5)
        return await _checks(bench)
    finally:
        bench.sims[1].resume()


async def check_while_a_reset_runs(bench: Bench) -> Figures:
    async def keep_resetting() -> None:
        while True:
            await bench.site.reset("PSERVER4", Action.CYCLE, BUDGET, Tally())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_resetting)
        figures = await _checks(bench)
        nursery.cancel_scope.cancel()
    await _idle(bench, "PSERVER4")
    return figures


async def _checks(bench: Bench) -> Figures:
    taken, lost = [], 0
    for _ in range(CHECKS):
        began = trio.current_time()
        with trio.move_on_after(1.0) as scope:
            await bench.site.requests.check()
            taken.append(1000 * (trio.current_time() - began))
        lost += scope.cancelled_caught
        await trio.sleep(BETWEEN_CHECKS)
    return {"p50_ms": percentile(taken, 0.5), "p99_ms": percentile(taken, 0.99), "lost": lost}


async def _idle(bench: Bench, target: str) -> None:
    """Until no reset of that server runs: the next request would join it."""
    await bench.site.reset(target, Action.CYCLE, BUDGET, Tally())


# ── from the request to the power command ─────────────────────────────────────


async def command(bench: Bench) -> Figures:
    """Of one simulated BMC after the other; the confirmations of several resets overlap."""
    names = [name for name in bench.site.boards if name not in (MONITOR, _SIM, _HANGING)]
    taken: list[float] = []
    free = {name: trio.Lock() for name in names}   # a reset that is not over yet would be joined
    async with trio.open_nursery() as nursery:
        for number in range(COMMANDS):
            target = names[number % len(names)]
            nursery.start_soon(_time_a_command, bench, target, free[target], taken)
            await trio.sleep(BETWEEN_COMMANDS + (WAIT if bench.site.settings.service.arbitration_wait else 0.0))
    p99 = percentile(taken, 0.99)
    return {"p50_ms": percentile(taken, 0.5), "p99_ms": p99, "beyond_ms": p99 - 1000 * WAIT}


async def _time_a_command(bench: Bench, target: str, free: trio.Lock, taken: list[float]) -> None:
    board = bench.site.boards[target]
    async with free:
        known, began = len(board.power_commands), trio.current_time()
        await _successful(bench, target)
        taken.append(1000 * (board.power_commands[known][0] - began))
        board.chassis.gain_power(trio.current_time())


async def _successful(bench: Bench, target: str) -> ResetResult:
    result = await bench.site.requests.reset(target, Action.OFF, BUDGET, reason="bench")
    if not result.code.is_success:
        raise RuntimeError(f"{target}: {result.code.name}: {result.evidence.detail}")
    return result


# ── beside fence_ipmilan ──────────────────────────────────────────────────────


async def off(bench: Bench) -> Figures:
    async def ours() -> None:
        await _successful(bench, _SIM)

    return await _offs(bench, ours)


async def off_by_fence_ipmilan(bench: Bench) -> Figures:
    sim = bench.sims[0]
    words = {"ip": sim.host, "ipport": sim.port, "username": ACCOUNT.name, "password": ACCOUNT.password}
    words |= {"lanplus": 1, "cipher": 3, "action": "off"}
    text = "".join(f"{key}={value}\n" for key, value in words.items()).encode()

    async def theirs() -> None:
        await trio.run_process([programs.find("fence_ipmilan")], stdin=text, capture_stdout=True, capture_stderr=True)

    return await _offs(bench, theirs)


async def _offs(bench: Bench, switch_off: Callable[[], Awaitable[None]]) -> Figures:
    sim, told, wall = bench.sims[0], [], []
    for _ in range(OFFS):
        sim.power_is_on = True
        await trio.sleep(2.5)   # a poll or two, for the connector to have seen it
        began, known = time.time(), len(_stamps(sim))
        await switch_off()
        wall.append(time.time() - began)
        told.append(_stamps(sim)[known] - began)
    sim.power_is_on = True
    return {"told_s": percentile(told, 0.5), "wall_s": percentile(wall, 0.5)}


def _stamps(sim: IpmiSim) -> list[float]:
    """When the chassis was told to switch off."""
    log = sim.folder / "power.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [float(line.split()[0]) for line in lines if line.endswith("power 0")]


# ── all of it ─────────────────────────────────────────────────────────────────

PLAIN: dict[str, dict[str, Job]] = {
    "check": {OURS: check},
    "check, a BMC hangs": {OURS: check_while_a_bmc_hangs},
    "check, a reset runs": {OURS: check_while_a_reset_runs},
    "command": {OURS: command},
    "off": {OURS: off, THEIRS: off_by_fence_ipmilan},
}
ANNOUNCED: dict[str, dict[str, Job]] = {"command, announced": {OURS: command}}
"""With the usual wait; the others without."""


async def measure(rounds: int, say: Callable[[str], None]) -> dict[str, Outcome]:
    """Every job, round by round."""
    outcomes: dict[str, Outcome] = {}
    for jobs, wait in ((PLAIN, 0.0), (ANNOUNCED, WAIT)):
        with tempfile.TemporaryDirectory(prefix="bench") as folder:
            async with prepared(Path(folder), wait) as bench:
                for number in range(rounds):
                    await _round(bench, jobs, outcomes, number, say)
    return outcomes


async def _round(
    bench: Bench, jobs: dict[str, dict[str, Job]], outcomes: dict[str, Outcome], number: int, say: Callable[[str], None]
) -> None:
    for name, sides in jobs.items():
        outcome = outcomes.setdefault(name, Outcome({side: [] for side in sides}))
        for side, job in sides.items():
            outcome.rounds[side].append(await job(bench))
            say(f"{name}, round {number + 1}: {side}: {outcome.rounds[side][-1]}")


def section(outcomes: dict[str, Outcome], rounds: int) -> str:
    """The text between the markers."""
    rows = [cells(target, outcomes[target.contest]) for target in TARGETS if target.contest in outcomes]
    return "\n".join([_HEAD.format(rounds=rounds), *table(rows)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.resetpath", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    wanted = parser.parse_args()
    outcomes = trio.run(measure, wanted.rounds, lambda line: print(line, file=sys.stderr, flush=True))
    text = section(outcomes, wanted.rounds)
    print(text)
    PAGE.write_text(with_part(PAGE.read_text(encoding="utf-8"), PART, text), encoding="utf-8")


if __name__ == "__main__":
    main()
