"""The section of docs/benchmarks.md that `make soak` writes; the rest of the page is `make bench`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.haconn_daemon.cluster.split import OUTCOMES
from tools.bench.measure import percentile
from tools.bench.page import number
from tools.bench.parts import with_part
from tools.soak.processes import Flooded, Kills
from tools.soak.site import Tally
from tools.soak.virtual import Played

PART = "soak"
FEWEST = 20
"""Values of which a p99 is told."""
_HEAD = """\
## The long fault runs

Made by `make soak` in {minutes:.0f} minutes from seed {seed}. What is wrong: a success while the server's power was on all the
time (by the simulated BMC's own trace), a second answer, an answer too late, a power command that nobody asked for, a torn
record, a leak. **Wrong results: {wrong}.**
"""


@dataclass
class Told:
    """All that a run gave; what was not run is None."""

    seed: int
    minutes: float = 0.0
    histories: Played | None = None
    races: Mapping[float, Mapping[str, list[int]]] = field(default_factory=dict)
    singles: Mapping[str, Tally] = field(default_factory=dict)
    weather: Mapping[str, Tally] = field(default_factory=dict)
    kills: Kills | None = None
    flood: Flooded | None = None

    @property
    def wrong(self) -> list[str]:
        """Everything that should not have been."""
        found = [*(self.histories.wrong if self.histories else [])]
        for tallies in (self.singles, self.weather):
            found += [f"{name}: {wrong}" for name, tally in tallies.items() for wrong in tally.wrong]
        found += self.kills.tally.wrong if self.kills else []
        return found + (self.flood.wrong if self.flood else [])


def section(told: Told) -> str:
    """The text between the markers."""
    parts = [_HEAD.format(minutes=told.minutes, seed=told.seed, wrong=len(told.wrong))]
    if told.histories is not None:
        parts.append(_histories(told.histories))
    if told.races:
        parts.append(_races(told.races))
    if told.singles:
        parts.append("**Single resets**, four session slots, 30 s, each fault on both ways and both networks, virtual clock:\n")
        parts.append(_tallies(told.singles))
    if told.weather:
        parts.append("**Real processes**, seven servers at once, on the loopback behind `tools/fault_proxy`:\n")
        parts.append(_tallies(told.weather))
    if told.kills is not None:
        parts.append(_kills(told.kills))
    if told.flood is not None:
        parts.append(_flood(told.flood))
    return "\n".join(parts).rstrip() + "\n"


def write(page: Path, told: Told) -> None:
    """Put the section into the page, in the place of the one before."""
    page.write_text(with_part(page.read_text(encoding="utf-8"), PART, section(told)), encoding="utf-8")


def _histories(told: Played) -> str:
    return (
        f"**Histories**: {told.histories} of three servers with a connector each: requests, crashes, restarts, BMC faults, bad\n"
        f"networks, replayed and forged datagrams, steps of the wall clock. {told.resets} resets asked for,\n"
        f"{told.answers} answered, {told.successes} with success, {told.commands} power commands.\n"
    )


def _races(races: Mapping[float, Mapping[str, list[int]]]) -> str:
    rows = [[f"{loss:.0%}", *(str(len(outcomes[outcome])) for outcome in OUTCOMES)] for loss, outcomes in races.items()]
    head = "**Two servers that would reset each other**, 0 to 0.5 s apart, by the loss on the reset path between them:\n"
    return "\n".join([head, *_table(("loss", *OUTCOMES), rows), ""])


def _tallies(tallies: Mapping[str, Tally]) -> str:
    rows = []
    for name, tally in tallies.items():
        others = ", ".join(f"{code} {count}" for code, count in sorted(tally.codes.items()) if not _is_success(code))
        share = f"{100 * len(tally.seconds) / tally.resets:.2f} %" if tally.resets else "-"
        rows.append([name, str(tally.resets), share, _seconds(tally.seconds, 0.5), _seconds(tally.seconds, 0.99), others])
    return "\n".join([*_table(("network", "resets", "success", "p50", "p99", "else"), rows), ""])


def _is_success(code: str) -> bool:
    return code in {"OFF_CONFIRMED", "ALREADY_OFF", "CYCLED_CONFIRMED"}


def _kills(told: Kills) -> str:
    return (
        f"**Sudden death**: {told.kills} times SIGKILL at a random moment of one to three resets, and a new start.\n"
        f"{told.interrupted} resets were cut short; each became INTERRUPTED, none was resumed.\n"
        f"Answers: {_counts(told.tally.codes)}. From the start of the process to the first path check: median\n"
        f"{_seconds(told.ready, 0.5)}, at most {_seconds(told.ready, 1.0)}.\n"
    )


def _flood(told: Flooded) -> str:
    rows = [
        [when, str(len(times) + told.lost[when]), str(told.lost[when]), _milliseconds(times, 0.5), _milliseconds(times, 0.99),
         str(tally.resets), _seconds(tally.seconds, 0.5), _seconds(tally.seconds, 0.99), _counts(tally.codes)]
        for when, times, tally in (("idle", told.checks["idle"], told.idle), ("flooded", told.checks["flooded"], told.flooded))
    ]  # fmt: skip
    first, *_, last = told.footprints
    head = (
        f"**A flood** of {told.rate:.0f} hostile datagrams a second ({', '.join(told.sent)}), {sum(told.sent.values())} in all.\n"
        f"The connector took {100 * told.processor:.0f} % of a processor; memory {first['rss'] / 1024:.1f} to\n"
        f"{last['rss'] / 1024:.1f} MiB, descriptors {first['descriptors']} to {last['descriptors']}, "
        f"threads {first['threads']} to {last['threads']}.\n"
    )
    columns = ("", "path checks", "lost", "p50", "p99", "resets", "p50", "p99", "results")
    return "\n".join([head, *_table(columns, rows), ""])


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(words) + " |" for words in (columns, ["---"] * len(columns), *rows)]


def _counts(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or "none"


def _seconds(values: list[float], part: float) -> str:
    return f"{number(percentile(values, part))} s" if len(values) >= (FEWEST if part > 0.9 and part < 1 else 1) else "-"


def _milliseconds(values: list[float], part: float) -> str:
    return f"{number(1000 * percentile(values, part))} ms" if values else "-"
