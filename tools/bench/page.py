"""The table as Markdown: docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tools.bench import programs
from tools.bench.children import THEIRS, ChildFailed, run
from tools.bench.rounds import Outcome, Spread
from tools.bench.targets import Target

_HEAD = """\
# What a command costs, beside the programs that others use

Made by `make bench` in one run of {rounds} rounds (short jobs more, long ones fewer); in a round every side does the job once, in
turn. Client and server share one processor. A ratio is ours to theirs, taken round by round: median (least to most). Figures are
medians. Only ratios within one table compare, for the speed of a virtual machine drifts.

The server is `tools/bench/responder.c`, a BMC at every address of 127.0.0.0/8 that checks every checksum, pad and HMAC; it took
**{server} us** of processor a command. The p50 of a warm command is the time from one command's arrival there to the next
one's, the same clock for all sides. `trio` is `ipmi_lan.open_client` (fleets: on one shared endpoint), `blocking` is
`ipmi_lan.blocking.open_client`. Suite 3; pyghmi speaks its suite 17. FreeIPMI, ipmitool and our clients ask for the privilege
of a user, which a status needs. By default python-ipmi starts a thread that keeps a session alive; it is told not to, except
where `keep-alive` stands. All Python is compiled beforehand.
"""
_COLUMNS = ("case", "ours", "against", "ours", "theirs", "ratio", "must (aim)", "")
_NUMBER = re.compile(r"\d+\.\d+(?:\.\d+)?")


def page(targets: Sequence[Target], outcomes: Mapping[str, Outcome], rounds: int) -> str:
    """The whole page."""
    head = _HEAD.format(rounds=rounds, server=server_cost(outcomes))
    rows = [cells(target, outcomes[target.contest]) for target in targets if target.contest in outcomes]
    return "\n".join([head, *machine(), "", *table(rows), "", *given_up(outcomes), ""]).rstrip() + "\n"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of `cells` under their columns."""
    return [_line(words) for words in (_COLUMNS, ["---"] * len(_COLUMNS), *rows)]


def server_cost(outcomes: Mapping[str, Outcome]) -> str:
    """What the responder took for a warm command, or a dash."""
    try:
        return number(min(outcomes["warm"].figure(side, "server_us").middle for side in outcomes["warm"].sides()))
    except (KeyError, ValueError):
        return "-"


def cells(target: Target, outcome: Outcome) -> list[str]:
    """One row."""
    try:
        ours = outcome.figure(target.ours, target.figure)
    except KeyError:
        return [target.case, target.ours, target.theirs or "", "-", "-", "-", _bounds(target), "**not measured**"]
    theirs = ratio = None
    if target.theirs in outcome.sides():
        theirs = outcome.figure(target.theirs, target.figure)
        ratio = outcome.ratio(target.ours, target.theirs, target.figure) if target.is_ratio else None
    judged = ratio.middle if ratio else None if target.is_ratio else worst(ours, target)
    return [
        target.case,
        target.ours,
        target.theirs or "",
        _with_unit(ours.middle, target.unit),
        _with_unit(theirs.middle, target.unit) if theirs else "",
        f"{ratio.middle:.2f} ({ratio.least:.2f} to {ratio.most:.2f})" if ratio else "",
        _bounds(target),
        verdict(target, judged),
    ]


def worst(ours: Spread, target: Target) -> float:
    """What a figure without a peer is judged by: the median, or for a least that must always be reached, the least."""
    return ours.least if target.least else ours.middle


def verdict(target: Target, judged: float | None) -> str:
    """Whether a row is met; nothing for a row that is only shown."""
    if target.must is None:
        return ""
    if judged is None:
        return "**not measured**"
    if target.least:
        return "met" if judged >= target.must else "**not met**"
    if target.aim is not None and judged <= target.aim:
        return "met, aim too"
    return "met" if judged <= target.must else "**not met**"


def number(value: float) -> str:
    """Three digits that count, and never an exponent."""
    if value == 0:
        return "0"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.{digits}f}"


def _with_unit(value: float, unit: str) -> str:
    if not unit and value == int(value):
        return str(int(value))
    return f"{number(value)} {unit}".rstrip()


def _bounds(target: Target) -> str:
    if target.must is None:
        return ""
    sign = "≥" if target.least else "≤"
    aim = "" if target.aim is None else f" ({target.aim:g})"
    return f"{sign} {target.must:g}{aim}"


def _line(words: Sequence[str]) -> str:
    return "| " + " | ".join(words) + " |"


def given_up(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Who could not do which job, and why, in a line each."""
    return [
        f"* not measured: {contest}, {side}: {failure.splitlines()[-1]}"
        for contest, outcome in outcomes.items()
        for side, failure in outcome.failures.items()
    ]


def machine() -> list[str]:
    """Where it was measured, and with what."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = model.group(1).strip() if model else platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("trio", "construct", "cryptography"))
    return [
        f"* machine: {os.cpu_count()} processors ({name}), Linux {platform.release()}",
        f"* ours: Python {platform.python_version()}, {libraries}",
        f"* theirs: {', '.join(_versions())}",
    ]


def _versions() -> list[str]:
    """The peers with their versions; those that are not installed say so."""
    found = []
    for name, flag in (("ipmitool", "-V"), ("ipmipower", "--version"), ("ipmi_sim", "-v")):
        try:
            text = run([programs.find(name), flag], None, may_fail=True)
            told = _NUMBER.search(text.output + text.errors)
        except FileNotFoundError:
            told = None
        found.append(f"{name} {told.group() if told else 'of unknown version'}")
    words = "from importlib.metadata import version as v; print('python-ipmi', v('python-ipmi') + ', pyghmi', v('pyghmi'))"
    try:
        found.append(run([THEIRS, "-c", words], None).output.strip())
    except (ChildFailed, FileNotFoundError):
        found.append("python-ipmi and pyghmi not installed")
    return found
