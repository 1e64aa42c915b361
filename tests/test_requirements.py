"""The ledger and the tests agree, both ways: each requirement is shown by tests that run, and each marker is of a requirement."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.evidence import PAGE, TESTS, NotCounted, Shown, evidence, render, shown_by_tests, shown_in
from tests.requirements import IDS, LEDGER, PACKAGING, Requirement


def test_the_ledger_has_every_requirement_once() -> None:
    listed = [row.id for row in LEDGER] + [name for name, _ in PACKAGING]
    assert [name for name, times in Counter(listed).items() if times > 1] == []
    assert frozenset(listed) == IDS
    assert len(listed) == 53


@pytest.mark.parametrize("row", LEDGER, ids=lambda row: row.id)
def test_every_requirement_has_its_least_evidence(row: Requirement) -> None:
    assert row.least, "no test is named"
    assert len(set(row.least)) == len(row.least)
    assert [test for test in row.least if test not in evidence().get(row.id, [])] == [], f"without the marker shows('{row.id}')"


def test_every_marker_is_of_a_requirement() -> None:
    known = {row.id for row in LEDGER}
    assert {shown.test: shown.ids for shown in shown_by_tests() if not known.issuperset(shown.ids)} == {}


def test_what_is_shown_is_run() -> None:
    assert [shown.test for shown in shown_by_tests() if shown.may_not_run] == []


def test_pytest_collects_exactly_these() -> None:
    marked = {shown.test for shown in shown_by_tests()}
    files = sorted({str(TESTS / test.partition("::")[0]) for test in marked})
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "shows", "-p", "no:cacheprovider", *files]
    done = subprocess.run(words, cwd=TESTS.parent, capture_output=True, text=True, timeout=120, check=False)
    collected = {line.removeprefix("tests/").partition("[")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == marked, done.stdout[-2000:]


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "make requirements"


# ── the reader of markers itself ──────────────────────────────────────────────

_MARK = '@pytest.mark.shows("C8", "R3")\n'


def test_markers_are_read() -> None:
    source = f"{_MARK}def test_a(): ...\n\nclass TestB:\n    {_MARK}    async def test_c(self): ...\n\ndef test_d(): ...\n"
    ids = ("C8", "R3")
    assert shown_in(source, "x.py") == [Shown("x.py::test_a", ids, False), Shown("x.py::TestB::test_c", ids, False)]


@pytest.mark.parametrize(
    "source",
    [
        f"@pytest.mark.skip\n{_MARK}def test_a(): ...",
        f"{_MARK}@pytest.mark.skipif(True, reason='')\ndef test_a(): ...",
        f"pytestmark = [pytest.mark.whole, pytest.mark.xfail]\n{_MARK}def test_a(): ...",
        f"@pytest.mark.skip\nclass TestA:\n    {_MARK}    def test_a(self): ...",
        f"{_MARK}def test_a():\n    pytest.skip('not here')",
    ],
)
def test_a_test_that_may_not_run_is_no_evidence(source: str) -> None:
    (shown,) = shown_in(source, "x.py")
    assert shown.may_not_run


@pytest.mark.parametrize(
    "source",
    [
        f"{_MARK}def helper(): ...",
        "pytestmark = pytest.mark.shows('C8')",
        "@pytest.mark.shows\ndef test_a(): ...",
        "@pytest.mark.shows()\ndef test_a(): ...",
        "@pytest.mark.shows(ID)\ndef test_a(): ...",
        f"def test_a():\n    {_MARK}    def test_b(): ...",
    ],
)
def test_a_marker_that_would_not_count_is_refused(source: str) -> None:
    with pytest.raises(NotCounted):
        shown_in(source, "x.py")
