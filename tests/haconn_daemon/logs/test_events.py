"""The table of events is the code's, and the page prints it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from haconn_daemon.logs.events import EVENTS, Event, is_for_the_hook
from tests.test_import_law import our_sources

PAGE = Path(__file__).resolve().parents[3] / "docs/events.md"
LOGS = {"event": "eventlog", "periodic": "eventlogalt", "start_up": "initlog"}
TELLERS = {"_tell", "tell", "_say_once", "_say"}
"""What some rooms call the journal's `event` that they were handed."""


@dataclass(frozen=True)
class Said:
    """An event as the code says it."""

    where: str
    name: str
    log: str
    levels: frozenset[str]
    fields: frozenset[str]
    """`...` for fields whose names are not written there."""


def said() -> Iterator[Said]:
    for module, source in our_sources().items():
        if not module.startswith("haconn_daemon"):
            continue
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if verb in LOGS or verb in TELLERS:
                yield from _said(module, verb, call)


def _said(module: str, verb: str, call: ast.Call) -> Iterator[Said]:
    """Nothing where the name is not written there; then the table has to be right without this test."""
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
    if not words or not re.fullmatch(r"[a-z_]+", words[0]):
        return
    levels = frozenset(re.findall(r"logging\.([A-Z]+)", " ".join(ast.unparse(each) for each in call.args))) or {"INFO"}
    fields = frozenset(keyword.arg or "..." for keyword in call.keywords)
    yield Said(module, words[0], LOGS.get(verb, "eventlog"), frozenset(levels), fields)


def test_names_that_are_chosen_are_declared_too() -> None:
    """`name, level = ("this", …) if … else ("that", …)`, and the verb that goes by another name."""
    names = {event.name for event in EVENTS}
    found: set[str] = set()
    for module, source in our_sources().items():
        if module.startswith("haconn_daemon"):
            found |= {name for pair in re.findall(r"name, level = \(\"(\w+)\".*else \(\"(\w+)\"", source) for name in pair}
            found |= set(re.findall(r"\bevent\(\s*\"(\w+)\"", source))
    assert {"segment_right", "connector_seen"} <= found, "they are still found"
    assert found - names == set()


def declared(name: str) -> Event:
    (event,) = (each for each in EVENTS if each.name == name)
    return event


def test_whatever_is_said_is_declared() -> None:
    names = {event.name for event in EVENTS}
    assert {(each.where, each.name) for each in said() if each.name not in names} == set()


def test_levels_logs_and_fields_are_as_declared() -> None:
    for each in said():
        event = declared(each.name)
        always = set(re.sub(r"\(.*?\)", "", event.fields).split())
        sometimes = set(event.fields.replace("(", "").replace(")", "").split())
        assert each.levels <= set(event.levels.split("/")), each
        assert each.log == event.log or (each.log, each.name) == ("initlog", "reset_path_waits"), each
        hidden = sometimes if "..." in each.fields else set()
        assert always <= each.fields | hidden | {"server"}, each
        assert each.fields - {"..."} <= sometimes, each


def test_every_declared_event_is_said_somewhere() -> None:
    sources = "".join(source for module, source in our_sources().items() if module != "haconn_daemon.logs.events")
    assert [event.name for event in EVENTS if f'"{event.name}"' not in sources] == []


def test_names_are_given_once() -> None:
    names = [event.name for event in EVENTS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def events_as_markdown() -> str:
    """The table as docs/events.md prints it."""
    lines = ["| event | log | level | fields | meaning |", "| --- | --- | --- | --- | --- |"]
    for event in EVENTS:
        fields = " ".join(f"`{field}`" if field[0] != "(" else f"(`{field[1:-1]}`)" for field in event.fields.split())
        lines.append(f"| `{event.name}` | {event.log} | {event.levels} | {fields.replace('`...`', 'names')} | {event.meaning} |")
    return "\n".join(lines)


def test_the_page_prints_this_table() -> None:
    assert events_as_markdown() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("power_off", 30, True),
        ("link_back", 20, True),
        ("hello", 20, False),
        ("reset_not_recorded", 40, True),
        ("hook_failed", 40, False),
    ],
)
def test_what_the_hook_is_told(name: str, level: int, expected: bool) -> None:
    assert is_for_the_hook(name, level) is expected
