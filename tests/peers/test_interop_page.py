"""The committed page says what the table of expectations says; this needs none of the programs."""

from __future__ import annotations

import pytest

from tests.peers.interop import CASES, PASS, Cell, Seen, differs, fails, not_spoken
from tests.peers.interop_page import render
from tests.peers.interop_table import CLIENT_CELLS, PAGE, SERVER_CELLS, TRIED_WITH

REFUSED, SILENT = not_spoken("has it not", "status 04h"), fails("drops everything", "NoAnswer")


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(SERVER_CELLS, CLIENT_CELLS, TRIED_WITH)


def test_every_column_has_every_row() -> None:
    assert all(list(cells) == list(CASES) for cells in (*SERVER_CELLS.values(), *CLIENT_CELLS.values()))


def test_whatever_is_no_pass_has_a_reason() -> None:
    cells = [cell for column in (*SERVER_CELLS.values(), *CLIENT_CELLS.values()) for cell in column.values()]
    assert all(bool(cell.reason) == (cell != PASS) for cell in cells)
    assert all(cell.evidence for cell in cells if cell.verdict.value == "fails")


@pytest.mark.parametrize(
    ("cell", "seen"), [(PASS, Seen(True, "on")), (REFUSED, Seen(False, "status 04h")), (SILENT, Seen(False, "NoAnswer"))]
)
def test_as_expected(cell: Cell, seen: Seen) -> None:
    assert not differs(cell, seen)


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        (PASS, Seen(False, "NoAnswer")),
        (REFUSED, Seen(True, "on")),
        (REFUSED, Seen(False, "NoAnswer")),
        (SILENT, Seen(True, "NoAnswer")),
    ],
)
def test_a_change_in_either_direction_is_told(cell: Cell, seen: Seen) -> None:
    assert seen.text in differs(cell, seen) or "make it a pass" in differs(cell, seen)


def test_a_page() -> None:
    page = render(
        {"a": dict.fromkeys(CASES, PASS), "b": dict.fromkeys(CASES, SILENT)}, {"c": dict.fromkeys(CASES, REFUSED)}, {"x": "1.0"}
    )
    assert "Programs: x 1.0.\n" in page
    assert "| Kg of 20 octets | pass | **fails** (1) |\n" in page
    assert "1. b: drops everything; seen: `` NoAnswer ``\n" in page
    assert "| Kg of 20 octets | not spoken (1) |\n" in page
