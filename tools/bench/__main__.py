"""The benchmark: `make bench`. Prints progress on standard error, and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tools.bench.children import OURS, ROOT, run
from tools.bench.contests import CONTESTS, ORDERS, Ground
from tools.bench.page import page
from tools.bench.parts import keeping_parts
from tools.bench.rounds import Outcome, hold
from tools.bench.sim import free_port, running_sim
from tools.bench.steering import build, running_responder
from tools.bench.targets import TARGETS

PAGE = ROOT / "docs/benchmarks.md"
ROUNDS = 5
_PROFILE_LINES = 45


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    names = [contest.name for contest in CONTESTS]
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of the short jobs (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=names, metavar="CONTEST", help=f"print these rows only: {', '.join(names)}")
    parser.add_argument("--cpu", type=int, default=min(os.sched_getaffinity(0)), help="what client and server share")
    parser.add_argument("--figures", type=Path, help="write every figure of every round to this file, as JSON")
    parser.add_argument("--profile", nargs=2, metavar=("CLIENT", "CASE"), help="where our client spends its time: "
                        f"trio or blocking, and one of {', '.join(ORDERS)}")  # fmt: skip
    return parser.parse_args()


@contextmanager
def prepared(cpu: int) -> Iterator[Ground]:
    """Both servers running, and our modules compiled as those of an installed package are."""
    for folder in (ROOT / "packages/ipmi-lan/src", ROOT / "tools/bench"):
        compileall.compile_dir(folder, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_responder(build(folder), cpu) as steering, running_sim(folder, cpu) as sim:
            yield Ground(steering, folder, cpu, sim, free_port("127.2.6.1"))


def measure(wanted: argparse.Namespace) -> dict[str, Outcome]:
    with prepared(wanted.cpu) as ground:
        chosen = [contest for contest in CONTESTS if not wanted.only or contest.name in wanted.only]
        return {contest.name: hold(contest, ground, wanted.rounds, say) for contest in chosen}


def profile(client: str, case: str, cpu: int) -> str:
    """The top of our side, by the profiler's count of each function's own time."""
    with prepared(cpu) as ground:
        make, orders = ORDERS[case]
        ground.steering.tell("reset", *orders)
        module, order = f"tools.bench.ours_{client}", json.dumps(asdict(make(ground)))
        done = run([OURS, "-m", "cProfile", "-s", "tottime", "-m", module, case, order], cpu)
        return "\n".join(done.output.splitlines()[:_PROFILE_LINES])


def main() -> None:
    wanted = arguments()
    if wanted.profile:
        client, case = wanted.profile
        print(profile(client, case, wanted.cpu))
        return
    began = time.monotonic()
    outcomes = measure(wanted)
    say(f"{time.monotonic() - began:.0f} seconds")
    if wanted.figures:
        told = {name: asdict(outcome) for name, outcome in outcomes.items()}
        wanted.figures.write_text(json.dumps(told, indent=1), encoding="utf-8")
    text = page(TARGETS, outcomes, wanted.rounds)
    print(text)
    if not wanted.only:
        PAGE.write_text(keeping_parts(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
        say(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
