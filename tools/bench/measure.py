"""What every child process of the benchmark does: read its order, time itself, answer. Standard library only: peers use it."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, float]
"""What was measured, by name; the name ends with the unit."""


@dataclass(frozen=True)
class Order:
    """What a child is to do; the same names as the JSON object it is given."""

    host: str
    port: int
    user: str
    password: str
    count: int = 1
    warm_up: int = 0
    window: int = 1
    timeout: float = 2.0
    sweeps: int = 1
    """How often the sessions that are held are polled."""
    steering: int = 0
    """Port of the responder on 127.0.0.1, for a child that steers it; 0 for one that does not."""


def obey(cases: dict[str, Callable[[Order], Figures]]) -> None:
    """Run the case named by the first argument with the order that is the second, and print its figures as JSON."""
    tell(cases[sys.argv[1]](Order(**json.loads(sys.argv[2]))))


def tell(figures: Figures) -> None:
    """Print `figures` where the harness reads them."""
    print(json.dumps(figures), flush=True)


def hosts(first: str, count: int) -> list[str]:
    """`count` addresses from `first` on; the last octet goes from 1 to 250."""
    a, b, c, _ = (int(octet) for octet in first.split("."))
    return [f"{a}.{b}.{c + n // 250}.{n % 250 + 1}" for n in range(count)]


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of `values` lie; the nearest one that was measured. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[min(len(values) - 1, round(part * (len(values) - 1)))]


def latencies(seconds: Sequence[float], cpu: float) -> Figures:
    """The figures of a series of operations, each of which took `seconds`, all together `cpu` seconds of processor."""
    middle = percentile(seconds, 0.5)
    return {
        "p50_us": 1e6 * middle,
        "p99_us": 1e6 * percentile(seconds, 0.99),
        "tail": percentile(seconds, 0.99) / middle,
        "mean_us": 1e6 * sum(seconds) / len(seconds),
        "cpu_us": 1e6 * cpu / len(seconds),
    }


def timed_loop(operation: Callable[[], Any], order: Order) -> Figures:
    """Run `operation` as often as ordered, after as many unmeasured ones as ordered."""
    for _ in range(order.warm_up):
        operation()
    clock = time.perf_counter
    seconds = []
    cpu = time.process_time()
    for _ in range(order.count):
        began = clock()
        operation()
        seconds.append(clock() - began)
    return latencies(seconds, time.process_time() - cpu)


def resident() -> int:
    """Octets of memory that this process holds now, after a collection."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
