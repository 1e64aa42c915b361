"""The interop table: its rows, what a cell can say, and how a cell is compared with what was seen.

A row is one way of logging in; a column is a program of somebody else, as a server for our client or as a client of our
simulator. What each cell has to be is data in `interop_table.py`; the page docs/interop.md is made by `interop_page.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.wire.codes import AuthType

PASSWORD = "secret_pass12"
LONG_PASSWORD = "twenty-octets-of-it."
SHORT_KG, LONG_KG = "key_of_this_BMC", "a_key_of_20_octets__"


@dataclass(frozen=True, slots=True)
class Case:
    """A row: one way of logging in."""

    name: str
    suite: int = 3
    auth15: AuthType | None = None
    """Of IPMI 1.5; then there is no suite."""
    user: str = "admin"
    password: str = PASSWORD
    kg: str = ""
    by_name_only: bool = True


def suite(number: int) -> str:
    """The name of a suite's row."""
    chosen = SUITES[number]
    words = (part.name.replace("_", "-") for part in (chosen.authentication, chosen.integrity, chosen.confidentiality))
    return f"{number}: {', '.join(words)}"


NONE_15, STRAIGHT_15, MD2_15, MD5_15 = "1.5, none", "1.5, straight password", "1.5, MD2", "1.5, MD5"
KG_15, KG_20 = "Kg of 15 octets", "Kg of 20 octets"
BY_PRIVILEGE, PASSWORD_20, NULL_USER = "user by name and privilege", "password of 20 octets", "no user name"

CASES = {
    case.name: case
    for case in (
        *(Case(suite(number), number) for number in SUITES),
        Case(NONE_15, auth15=AuthType.NONE),
        Case(STRAIGHT_15, auth15=AuthType.STRAIGHT),
        Case(MD2_15, auth15=AuthType.MD2),
        Case(MD5_15, auth15=AuthType.MD5),
        Case(KG_15, kg=SHORT_KG),
        Case(KG_20, kg=LONG_KG),
        Case(BY_PRIVILEGE, by_name_only=False),
        Case(PASSWORD_20, user="long", password=LONG_PASSWORD),
        Case(NULL_USER, user=""),
    )
}
"""Every row, in the order of the page. Those below IPMI 1.5 use suite 3, the one that every program here has."""


class Verdict(Enum):
    """What a cell says, in the word that the page prints."""

    PASS = "pass"
    FAILS = "fails"
    NOT_SPOKEN = "not spoken"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is expected of one program in one row."""

    verdict: Verdict
    reason: str = ""
    """Whose fault it is and which, in a sentence for the page. Empty for a pass."""
    evidence: str = ""
    """What the run has to show for that, to the letter. Empty: the program cannot even be asked, and is not run."""

    @property
    def is_run(self) -> bool:
        """Whether there is anything to run."""
        return self.verdict is Verdict.PASS or bool(self.evidence)


PASS = Cell(Verdict.PASS)


def fails(reason: str, evidence: str) -> Cell:
    """A cell where the program has the feature and does it wrongly."""
    return Cell(Verdict.FAILS, reason, evidence)


def not_spoken(reason: str, evidence: str = "") -> Cell:
    """A cell where the program has no such feature."""
    return Cell(Verdict.NOT_SPOKEN, reason, evidence)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run gave."""

    passed: bool
    text: str
    """What the program, or our client, said."""


def differs(cell: Cell, seen: Seen) -> str:
    """How `seen` is not what `cell` says, or nothing where it is."""
    if cell.verdict is Verdict.PASS:
        return "" if seen.passed else f"expected a pass, and it said: {seen.text.strip()}"
    if seen.passed:
        return f"expected that it {cell.verdict.value} ({cell.reason}), and it passed: make it a pass in the table"
    return "" if cell.evidence in seen.text else f"expected '{cell.evidence}', and it said: {seen.text.strip()}"
