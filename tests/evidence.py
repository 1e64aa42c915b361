"""What the tests say that they show: their `shows` markers, read from the sources; and docs/requirements.md made of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.requirements import LEDGER, PACKAGING, PACKAGING_REASON

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs/requirements.md"
_KEEP_FROM_RUNNING = {"skip", "skipif", "xfail"}
_GIVE_UP = {"pytest.skip", "pytest.xfail", "pytest.importorskip"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef

_HEAD = """\
# What is required, and what shows it

Each row is a requirement of the manual or a promise of the reset path, in short words; (+) marks what is ours. The tests are
those that carry `@pytest.mark.shows("ID")`, below `tests/`. Made by `make requirements` from `tests/requirements.py` and them;
`tests/test_requirements.py` holds that every row has its tests, that they exist and run, and that this page is current.
"""


class NotCounted(Exception):  # noqa: N818 - errors here are named for the fact
    """A marker that stands where it would not count, or does not say what for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One test with a marker."""

    test: str
    """`path below tests::name`."""
    ids: tuple[str, ...]
    may_not_run: bool
    """It, its class or its module is marked to be skipped or to fail, or it can say so while it runs."""


def shown_in(source: str, path: str) -> list[Shown]:
    """The marked tests of one file. Raises `NotCounted`."""
    tree = ast.parse(source)
    held_back = bool(_KEEP_FROM_RUNNING & _module_marks(tree))
    found, counted = [], 0
    for function, names, outer in _functions(tree.body, [], set()):
        ids = tuple(ids for decorator in function.decorator_list for ids in _ids_of(decorator))
        counted += sum(_is_shows(decorator) for decorator in function.decorator_list)
        if ids:
            marks = outer | {mark for decorator in function.decorator_list for mark in _marks(decorator)}
            may_not_run = held_back or bool(marks & _KEEP_FROM_RUNNING) or _gives_up(function)
            found.append(Shown(f"{path}::{'::'.join(names)}", ids, may_not_run))
    if counted != sum(_is_a_mark(node, "shows") for node in ast.walk(tree)):
        raise NotCounted(f"{path}: a marker 'shows' that does not stand at a test")
    return found


def _functions(body: list[ast.stmt], names: list[str], outer: set[str]) -> Iterator[tuple[_Function, list[str], set[str]]]:
    for node in body:
        if isinstance(node, _Function) and node.name.startswith("test_"):
            yield node, [*names, node.name], outer
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            marks = {mark for decorator in node.decorator_list for mark in _marks(decorator)}
            yield from _functions(node.body, [*names, node.name], outer | marks)


def _ids_of(decorator: ast.expr) -> Iterator[str]:
    if not _is_shows(decorator):
        return
    ids = decorator.args if isinstance(decorator, ast.Call) and not decorator.keywords else []
    if not ids or not all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ids):
        raise NotCounted(f"line {decorator.lineno}: shows() takes the ids of requirements")
    yield from (ast.literal_eval(each) for each in ids)


def _is_shows(decorator: ast.expr) -> bool:
    return "shows" in _marks(decorator)


def _marks(node: ast.AST) -> set[str]:
    """The names of the marks within: the `x` of each `….mark.x`."""
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and _is_a_mark(each, each.attr)}


def _is_a_mark(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node.value) in {"pytest.mark", "mark"}


def _gives_up(function: _Function) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in _GIVE_UP for node in ast.walk(function))


def _module_marks(tree: ast.Module) -> set[str]:
    given = (node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark")
    return {mark for node in given for mark in _marks(node.value)}


@cache
def shown_by_tests() -> list[Shown]:
    """Of all files below tests/, in order."""
    files = sorted(path for path in TESTS.rglob("test_*.py") if "__pycache__" not in path.parts)
    return [shown for path in files for shown in shown_in(path.read_text("utf-8"), path.relative_to(TESTS).as_posix())]


def evidence() -> dict[str, list[str]]:
    """Tests by the id that they show."""
    found: dict[str, list[str]] = {}
    for shown in shown_by_tests():
        for each in shown.ids:
            found.setdefault(each, []).append(shown.test)
    return found


def render() -> str:
    """The whole page."""
    found = evidence()
    rows = [f"| {row.id} | {row.words} | {'<br>'.join(f'`{test}`' for test in found.get(row.id, []))} |" for row in LEDGER]
    left_out = [f"| {name} | {words} |" for name, words in PACKAGING]
    table = ["| id | what | shown by |", "| --- | --- | --- |", *rows]
    rest = ["## Not in this version", "", f"The reason: {PACKAGING_REASON}.", "", "| id | what |", "| --- | --- |", *left_out]
    return "\n".join([_HEAD, *table, "", *rest]) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
