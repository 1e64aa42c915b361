"""docs/states/ is what the tables say now, and each table is whole: nothing that cannot be reached, nothing that ends nowhere."""

from __future__ import annotations

import re

import pytest

from tools.draw_states import PAGE, Machine, machines, render

_ARROW = re.compile(r"^    (\w+) --> (\w+): (.+)$", re.MULTILINE)


def test_the_page_is_what_the_tables_say_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(machines()), "make states"


@pytest.mark.parametrize("machine", machines(), ids=lambda machine: machine.title)
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached, before = {machine.first}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {target for arrow in machine.arrows if arrow.source in before for target in arrow.targets}
    named = {arrow.source for arrow in machine.arrows} | {target for arrow in machine.arrows for target in arrow.targets}
    assert named == reached


def test_the_drawing_has_every_row_of_the_tables() -> None:
    arrows = _ARROW.findall(render(machines()))
    drawn = {(source, event, target) for source, target, events in arrows for event in events.split(", ")}
    rows = {(arrow.source, arrow.event, target) for machine in machines() for arrow in machine.arrows for target in arrow.targets}
    assert drawn == rows
