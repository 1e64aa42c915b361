"""Fuzzing: `python -m tests.fuzz.run NAME|all --runs N --seconds S`. Figures go to docs/fuzzing.md; `make fuzz` runs all.

One target after the other, each in processes of its own, on one core: guided for S seconds at most, then blind for what is
missing of N executions, twenty times as long at most. Needs .venv-fuzz (`tools/setup fuzz`).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.corpus import write_corpus
from tests.fuzz.page import PAGE, Figures, read_figures, render
from tests.fuzz.targets import TARGETS

RUNS, SECONDS = 10_000_000, 120
_BLIND = 20   # times as long as guided, at most
_MOST_LEGS = 5
_HANG = 60   # seconds after which libFuzzer itself ends an input that does not come back
_MOST_MEMORY = 1024   # MiB
_GRACE = 120   # seconds beyond the bound, for start and stop
_FAILED = "ERROR: libFuzzer"
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)|^Done (\d+) runs", re.MULTILINE)
_LATEST = re.compile(r"^#(\d+)\t", re.MULTILINE)
_TOOK = re.compile(r"^Done \d+ runs in (\d+) second", re.MULTILINE)
_RATE = re.compile(r"^stat::average_exec_per_sec:\s*(\d+)", re.MULTILINE)
_NOISE = ("INFO:", "WARNING:", "#")


@dataclass(frozen=True, slots=True)
class Leg:
    """What one process of a fuzzer did."""

    output: str
    findings: tuple[str, ...] = ()
    """Each for a person to read."""

    @property
    def executions(self) -> int:
        """How many inputs it tried."""
        counts = [int(count) for pair in _EXECUTED.findall(self.output) for count in pair if count]
        return max(counts or [int(count) for count in _LATEST.findall(self.output)], default=0)

    @property
    def seconds(self) -> int:
        """How long it took by its own word; at least 1."""
        by_rate = [self.executions // int(rate) for rate in _RATE.findall(self.output) if int(rate)]
        return max([int(each) for each in _TOOK.findall(self.output)] or by_rate or [1], default=1) or 1


def fuzz(name: str, runs: int, seconds: int) -> Figures:
    """One target until its count, its time or its first finding, which is printed."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        seeds = write_corpus(name, corpus)
        legs = [_run_leg(name, "guided", runs, seconds, corpus)]
        while len(legs) <= _MOST_LEGS and not legs[-1].findings and (missing := runs - _executions(legs)) > 0:
            legs.append(_run_leg(name, "blind", missing, _BLIND * seconds, corpus))
            if _TOOK.search(legs[-1].output):
                break   # its count, or its time
        for leg in legs:
            print(*leg.findings, sep="\n", end="", file=sys.stderr, flush=True)
        a_second = round(_executions(legs) / sum(leg.seconds for leg in legs))
        kept, found = len(list(corpus.iterdir())), sum(len(leg.findings) for leg in legs)
        return Figures(name, _executions(legs), legs[0].executions, a_second, seeds, kept, found)


def _executions(legs: Sequence[Leg]) -> int:
    return sum(leg.executions for leg in legs)


def _run_leg(name: str, way: str, runs: int, seconds: int, corpus: Path) -> Leg:
    with tempfile.TemporaryDirectory(prefix="found-") as found:
        options = [
            f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={TARGETS[name].longest}", f"-timeout={_HANG}",
            f"-rss_limit_mb={_MOST_MEMORY}", f"-artifact_prefix={found}/", "-print_final_stats=1", "-print_funcs=0",
            "-keep_seed=1",
        ]  # fmt: skip
        output = _run_child(name, way, [*options, str(corpus)], seconds + _GRACE)
        return Leg(output, tuple(_findings(name, output, sorted(Path(found).iterdir()))))


def _run_child(name: str, way: str, arguments: Sequence[str], seconds: float) -> str:
    """What it printed; `_FAILED` is in it where it failed."""
    words = [sys.executable, "-m", "tests.fuzz.child", name, way, *arguments]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        return f"{(late.stderr or b'').decode(errors='replace')}\n{_FAILED} was still running after {seconds:.0f} s"
    return done.stdout + done.stderr + (f"\n{_FAILED} ended with {done.returncode}" if done.returncode else "")


def _findings(name: str, output: str, inputs: Sequence[Path]) -> Iterator[str]:
    """Each input in hexadecimal, with what it raises when it is played alone.

    An input that seemed to hang, and is done at once when it is played alone, is none: the machine stood still, not the input.
    """
    if not inputs and (_FAILED in output or not Leg(output).executions):
        yield f"{name}: no input, and this:\n{output[-2000:]}\n"
    for file in inputs:
        alone = _run_child(name, "guided", [f"-timeout={_HANG}", str(file)], 2 * _HANG)
        if _FAILED not in alone and file.name.startswith("timeout-"):
            continue
        raised = alone if _FAILED in alone else f"not by itself, only after others:\n{output[-3000:]}"
        lines = [line for line in raised.splitlines() if not line.startswith(_NOISE)]
        yield f"{name}: {file.name.partition('-')[0]} with input {file.read_bytes().hex()}\n" + "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="Fuzz the doors for bytes from outside.")
    parser.add_argument("name", choices=["all", *TARGETS], metavar="NAME|all", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=RUNS, help="executions of each target, at most (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="guided, of each target (default %(default)s)")
    options = parser.parse_args(arguments)
    known, found = read_figures(PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""), 0
    for name in TARGETS if options.name == "all" else [options.name]:
        figures = known[name] = fuzz(name, options.runs, options.seconds)
        found += figures.findings
        print(figures.in_words, flush=True)
        PAGE.write_text(render(known), encoding="utf-8")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
