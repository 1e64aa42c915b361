"""What must be reached, row by row of the table, and what is shown beside it."""

from __future__ import annotations

from dataclasses import dataclass

from tools.bench.contests import BLOCKING, TRIO


@dataclass(frozen=True)
class Target:
    """One row."""

    case: str
    contest: str
    figure: str
    ours: str
    theirs: str | None
    unit: str
    must: float | None = None
    """The most that is allowed, of the ratio or of our figure; None for a row that is only shown."""
    aim: float | None = None
    is_ratio: bool = True
    """Whether `must` and `aim` are about ours to theirs, or about our figure alone."""
    least: bool = False
    """Whether `must` is the least that is allowed."""


def _warm(theirs: str, must: float, aim: float) -> list[Target]:
    case = "warm Get Chassis Status, p50"
    return [Target(case, "warm", "period_us", ours, theirs, "us", must, aim) for ours in (TRIO, BLOCKING)]


def _on_sim(theirs: str, figure: str) -> list[Target]:
    case = f"the same on ipmi_sim, {'p50' if figure == 'p50_us' else 'mean'}"
    return [Target(case, "warm, ipmi_sim", figure, ours, theirs, "us") for ours in (TRIO, BLOCKING)]


def _for_both(case: str, contest: str, figure: str, theirs: str | None, unit: str, must: float, aim: float | None,
              is_ratio: bool = True) -> list[Target]:  # fmt: skip
    return [Target(case, contest, figure, ours, theirs, unit, must, aim, is_ratio) for ours in (TRIO, BLOCKING)]


TARGETS = [
    *_warm("python-ipmi", 0.60, 0.50),
    *_warm("ipmitool exec", 0.30, 0.23),
    *_warm("ipmi-raw", 1.5, 1.2),
    *_for_both("warm, CPU of a command, answers after 1 ms", "warm, 1 ms", "cpu_us", "pyghmi", "us", 0.65, 0.55),
    *_for_both("warm, p99 / p50", "warm", "tail", None, "", 4, 3, is_ratio=False),
    *_on_sim("python-ipmi", "p50_us"),
    *_on_sim("ipmitool exec", "mean_us"),
    *_on_sim("ipmi-raw", "mean_us"),
    *_for_both("open, one command, close: CPU", "cold", "cpu_us", "python-ipmi", "us", 0.80, 0.65),
    *_for_both("the same, theirs as it comes", "cold", "cpu_us", "python-ipmi, keep-alive", "us", 0.80, 0.65),
    *_for_both("datagrams of a cold status, suite known", "datagrams", "datagrams", "ipmipower", "", 7, 5, is_ratio=False),
    Target("the same", "datagrams", "datagrams", TRIO, "ipmitool", ""),
    Target("1000 BMCs once, answers after 5 ms: wall", "1000 BMCs", "wall_s", TRIO, "ipmipower", "s", 1.25, 1.0),
    Target("the same: CPU", "1000 BMCs", "cpu_s", TRIO, "ipmipower", "s", 1.25, 1.0),
    Target("the same: peak memory", "1000 BMCs", "peak_mib", TRIO, "ipmipower", "MiB", 0.35, 0.25),
    Target("the same: wall, theirs with 64 threads", "1000 BMCs, threads", "wall_s", TRIO, "python-ipmi", "s", 0.35, 0.25),
    Target("the same, theirs as it comes", "1000 BMCs, threads", "wall_s", TRIO, "python-ipmi, keep-alive", "s", 0.35, 0.25),
    Target("the same: wall, theirs with 64 threads", "1000 BMCs, threads", "wall_s", TRIO, "pyghmi", "s", 0.35, 0.25),
    Target("5000 BMCs: wall", "5000 BMCs", "wall_s", TRIO, "ipmipower", "s", 0.75),
    Target("5000 BMCs: wall", "5000 BMCs", "wall_s", TRIO, "ipmipower --fanout=500", "s", 0.75),
    Target("5000 BMCs: peak memory", "5000 BMCs", "peak_mib", TRIO, "ipmipower", "MiB", 0.10),
    Target("5000 BMCs: answers", "5000 BMCs", "answers", TRIO, "ipmipower", "", 5000, is_ratio=False, least=True),
    Target("1000 sessions held: CPU of a poll", "held", "cpu_us", TRIO, "pyghmi", "us", 0.50, 0.40),
    Target("memory of a held session", "held", "held_kib", TRIO, "pyghmi", "KiB", 12, 9, is_ratio=False),
    Target("a script's power status, process start to end", "start", "wall_s", BLOCKING, "pyghmi", "s", 0.65, 0.35),
    *_for_both("one datagram lost in a cold status: extra", "one lost", "extra_s", "ipmipower", "s", 1.0, 0.6),
    *_for_both("3 % lost, 60 cold statuses: failures", "3 % lost", "failures", "python-ipmi", "", 0, None, is_ratio=False),
    *_for_both("a silent BMC: beyond the deadline", "silent", "beyond_ms", None, "ms", 50, None, is_ratio=False),
    *_for_both("a refused port: until told", "refused", "seconds", "ipmitool", "s", 1.0, None, is_ratio=False),
]
