"""The long fault runs: `make soak`, or `python -m tools.soak --minutes 5`. Ends by itself; 0 only if nothing was wrong.

Seeds are printed: `python -m tests.haconn_daemon.cluster.test_machine SEED` tells a history again. Prints progress on standard
error, and writes its part of docs/benchmarks.md, unless only some parts were wanted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import trio

from tools.soak import processes, virtual
from tools.soak.page import Told, section, write

Outcome = TypeVar("Outcome")

PAGE = Path(__file__).resolve().parents[2] / "docs/benchmarks.md"
MINUTES = 26.0
SHARES = {"histories": 0.27, "races": 0.16, "singles": 0.17, "weather": 0.16, "kills": 0.12, "flood": 0.09}
"""Of the time; what is left is for starts, stops and resets that end after their part's time."""


def say(line: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"how long, all in all (default {MINUTES:g})")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000, help="where seeds begin")
    parser.add_argument("--only", nargs="+", choices=SHARES, help="these parts only; the page is not written")
    return parser.parse_args()


def run(part: str, seconds: float, told: Told) -> None:
    """One part, its results kept."""
    match part:
        case "histories":
            told.histories = virtual.histories(seconds, told.seed, say)
        case "races":
            told.races = virtual.races(seconds, told.seed, say)
        case "singles":
            told.singles = virtual.singles(seconds, told.seed, say)
        case "weather":
            told.weather = _on_site(processes.weather, seconds, told.seed)
        case "kills":
            told.kills = _on_site(processes.kills, seconds, told.seed)
        case "flood":
            told.flood = _on_site(processes.flood, seconds, told.seed)


def _on_site(part: Callable[..., Awaitable[Outcome]], seconds: float, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="soak") as folder:   # a short path: a control socket lies in it
        outcome: Outcome = trio.run(part, Path(folder), seconds, seed, say)
        return outcome


def main() -> int:
    wanted = arguments()
    told, began = Told(wanted.seed), time.monotonic()
    say(f"seed {wanted.seed}")
    for part in wanted.only or SHARES:
        say(f"{part}: {60 * wanted.minutes * SHARES[part]:.0f} s")
        run(part, 60 * wanted.minutes * SHARES[part], told)
    told.minutes = (time.monotonic() - began) / 60
    print(section(told))
    for wrong in told.wrong:
        say(f"WRONG: {wrong}")
    if not wanted.only:
        write(PAGE, told)
    return bool(told.wrong)


if __name__ == "__main__":
    sys.exit(main())
