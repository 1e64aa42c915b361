"""docs/fuzzing.md names the targets that there are; figures survive being written and read."""

from __future__ import annotations

from tests.fuzz.page import PAGE, Figures, read_figures, render
from tests.fuzz.targets import TARGETS


def test_the_page_has_figures_of_every_target_and_no_finding() -> None:
    figures = read_figures(PAGE.read_text(encoding="utf-8"))
    assert list(figures) == list(TARGETS)
    assert [name for name, each in figures.items() if each.findings] == []


def test_figures_are_read_as_they_were_written() -> None:
    figures = {name: Figures(name, 10_000_000 + place, 1_234_567, 45_678, 7, 1089, 0) for place, name in enumerate(TARGETS)}
    assert read_figures(render(figures)) == figures


def test_the_page_is_of_this_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(read_figures(page)) == page
