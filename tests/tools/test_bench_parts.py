"""Several makers of one page: each replaces its own part and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.bench import resetpath
from tools.bench.parts import keeping_parts, parts, with_part
from tools.bench.resetpath import ANNOUNCED, PLAIN, TARGETS

texts = st.text(st.sampled_from("ab |*\n\\1"), max_size=40)


@given(first=texts, second=texts, other=texts)
def test_a_part_is_replaced_in_its_place(first: str, second: str, other: str) -> None:
    page = with_part(with_part(with_part("# Title\n", "soak", first), "resetpath", other), "soak", second)
    assert page == with_part(with_part("# Title\n", "soak", second), "resetpath", other)
    assert page.startswith("# Title\n")
    assert len(parts(page)) == 2


@given(old=texts, new=texts, mine=texts)
def test_a_page_made_anew_keeps_the_parts_of_others(old: str, new: str, mine: str) -> None:
    page = with_part(with_part(f"# Old {old}\n", "soak", mine), "resetpath", "table")
    anew = keeping_parts(page, f"# New {new}")
    assert parts(anew) == parts(page)
    assert anew.startswith("# New")
    assert "# Old" not in anew
    assert with_part(anew, "soak", mine) == anew


def test_the_first_part_of_an_empty_page() -> None:
    assert parts(with_part("", "soak", "text")) == ["<!-- soak: begin -->\ntext\n<!-- soak: end -->"]


def test_every_row_names_a_contest_and_sides_of_it_and_every_contest_has_a_row() -> None:
    contests = PLAIN | ANNOUNCED
    for row in TARGETS:
        assert {row.ours, row.theirs} - {None} <= set(contests[row.contest]), row
    assert {row.contest for row in TARGETS} == set(contests)
    assert resetpath.BETWEEN_COMMANDS * (resetpath._BOARDS - 1) > 0.6, "a lap is longer than the confirmation of a reset"
