"""docs/fuzzing.md: the figures of the last run of each target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.fuzz.doors import ROOT
from tests.fuzz.targets import TARGETS

PAGE = ROOT / "docs/fuzzing.md"

_HEAD = """\
# Fuzzing

Whatever takes bytes from outside is a function whose name ends in `_untrusted`. Each of them is entered by a target of
`tests/fuzz/`, which [Atheris](https://github.com/google/atheris) feeds with what becomes of its seeds: datagrams recorded between
programs that are not ours (`tests/vectors`), and what our session and our simulator say to each other.

`make fuzz` makes an environment of its own (`.venv-fuzz`), runs every target and writes this page; `make fuzz RUNS=100000` is a
short one. `make test` plays all seeds and 2500 mutations of them through each target, without Atheris, and fails where a function
of such a name is entered by none of them.

A finding is any exception but the one that the function documents, an input that takes more than a second of processor time, or
something that must always hold and does not:
- what is read, written and read again is the same;
- a code passes only if the standard library's own HMAC or MD5 says the same;
- a session has keys, or tells of an answer, only for octets that carry the BMC's proof; nothing else has any effect in it;
- one message is the outcome of one command at most, and no command is lost;
- a simulated BMC's power never changes for octets that no operator sealed, nor for what a mere user says;
- without the cluster key nothing has an effect on either end of the reset path.

## Figures
Of the last run of each target, on one core that others use as well. The *guided* executions watch every branch of our code and
keep what reaches something new; the others change at random what was kept, several times as fast. *kept* is the corpus at the
end, the seeds included.
"""
_COLUMNS = """\
| target | executions | guided | a second | seeds | kept | findings |
| --- | --: | --: | --: | --: | --: | --: |"""
_ROW = re.compile(r"^\| ([\w-]+) \|" + r" ([\d ]+) \|" * 6 + "$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run of one target."""

    name: str
    executions: int
    guided: int
    a_second: int
    seeds: int
    kept: int
    findings: int

    @property
    def row(self) -> str:
        """As the table has it."""
        counts = (self.executions, self.guided, self.a_second, self.seeds, self.kept, self.findings)
        return f"| {self.name} | " + " | ".join(map(_grouped, counts)) + " |"

    @property
    def in_words(self) -> str:
        """As a terminal shows it."""
        return (
            f"{self.name}: {_grouped(self.executions)} executions, {_grouped(self.guided)} of them guided, "
            f"{_grouped(self.a_second)} a second, {self.seeds} seeds, {self.kept} kept, {self.findings} findings"
        )


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def read_figures(page: str) -> dict[str, Figures]:
    """The figures that stand on the page."""
    rows = [(name, *(int(cell.replace(" ", "")) for cell in cells)) for name, *cells in _ROW.findall(page)]
    return {name: Figures(name, *counts) for name, *counts in rows if name in TARGETS}


def render(figures: Mapping[str, Figures]) -> str:
    """The whole page."""
    rows = [figures[name].row for name in TARGETS if name in figures]
    return "\n".join([_HEAD, _COLUMNS, *rows]) + "\n"
