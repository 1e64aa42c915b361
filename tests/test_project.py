"""What holds for the whole tree: sizes, what no file may contain, where chance comes from, and that the map is true."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_import_law import our_sources

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 450
NOT_OURS = {"build", "__pycache__", "uv.lock"}
MADE_BY_A_PROGRAM = {"tools/requirements.txt", "tests/vectors/vectors.json"}

MACHINE_PATH = re.compile(r"(?<![\w./}*-])/(?:" + "|".join(("wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers")) + r")/\w")
REGISTRIES = re.compile(
    "|".join(
        re.escape("".join(pieces))
        for pieces in (
            ("pyp", "i.org"),
            ("python", "hosted.org"),
            ("npm", "js.org"),
            ("crates", ".io"),
            ("deb.deb", "ian.org"),
            ("go", "lang.org"),
            ("docker", ".io"),
        )
    )
)

CHANCE = {
    "ipmi_lan.client": "session ids, random numbers and IVs of a session",
    "haconn_cli.resetpath.client": "epoch and request ids",
    "haconn_cli.verbs.key": "keys",
    "haconn_daemon.fence.desk": "operation ids",
    "haconn_daemon.service": "the responder's epoch and challenge secrets",
}
"""Where the operating system's randomness comes in; every other module is handed it."""

COMPARED_IN_CONSTANT_TIME = {"code", "received", "expected", "tag", "mac", "icv", "challenge", "digest"}
GUARDED = ("ipmi_lan.crypto", "haconn_cli.resetpath.seal")
CODE_MAKER = re.compile(r"(_code|^digest|^seal|^_tag|^_mac)$")


def our_files() -> Iterator[Path]:
    """Every text file of the project: no hidden directory but .ci, nothing that a tool made."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if (name[0] != "." or name == ".ci") and name not in NOT_OURS]
        inner[:] = [name for name in inner if not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in names if (name[0] != "." or name == ".gitignore") and name not in NOT_OURS)


def texts() -> Iterator[tuple[str, str]]:
    """Path from the root, and content."""
    for path in our_files():
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def test_no_file_of_ours_is_too_long() -> None:
    long = {name: lines for name, text in texts() if (lines := text.count("\n")) > MOST_LINES and name not in MADE_BY_A_PROGRAM}
    assert long == {}


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRIES], ids=["paths of a machine", "hosts of package registries"])
def test_no_file_contains(pattern: re.Pattern[str]) -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in pattern.finditer(text)]
    assert found == []


def test_these_patterns_find_what_they_are_for() -> None:
    slash = "/"
    assert MACHINE_PATH.search("see " + slash + "ho" + "me/x")
    assert MACHINE_PATH.search('"' + slash + "wo" + "rk/x")
    assert not MACHINE_PATH.search("/opt/hitachi/haconn2 and tests/" + "ho" + "me/x")
    assert REGISTRIES.search("https://" + "py" + "pi.org/simple")


def is_a_code(node: ast.expr, names: set[str]) -> bool:
    """Whether an operand of a comparison has one of `names`, or is what a maker of codes returns."""
    if isinstance(node, ast.Subscript):
        return is_a_code(node.value, names)
    if isinstance(node, ast.Call):
        return bool(CODE_MAKER.search(_name_of(node.func)))
    return _name_of(node) in names


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def plain_comparisons(source: str, names: set[str]) -> list[str]:
    """Every `==` or `!=` in `source` on something of these names, or on what a maker of codes returns."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, (ast.Eq, ast.NotEq)) for operator in node.ops)
        and any(is_a_code(side, names) for side in (node.left, *node.comparators))
    ]


def test_codes_are_never_compared_plainly() -> None:
    """In the session `code` is also a command's number: there only what makes codes is looked for."""
    for module, source in our_sources().items():
        names = COMPARED_IN_CONSTANT_TIME if module.startswith(GUARDED) else set()
        assert plain_comparisons(source, names) == [], module


@pytest.mark.parametrize(
    "source", ["code == other", "if packet.code != b'': ...", "digest(suite, key, data)[:12] == x", "x == rakp_2_code(login)"]
)
def test_a_plain_comparison_is_found(source: str) -> None:
    assert plain_comparisons(source, COMPARED_IN_CONSTANT_TIME)


def test_lengths_may_be_compared_plainly() -> None:
    assert not plain_comparisons("len(received) != len(expected)", COMPARED_IN_CONSTANT_TIME)


def uses_chance(source: str) -> bool:
    """Whether `source` names a source of randomness of its own."""
    imported = {name for node in ast.walk(ast.parse(source)) for name in _chance_of(node)}
    return bool(imported)


def _chance_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Attribute) and node.attr in ("urandom", "getrandom", "uuid4"):
        return {node.attr}
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & {"secrets", "random"}
    if isinstance(node, ast.ImportFrom):
        return ({str(node.module)} & {"secrets", "random"}) | ({alias.name for alias in node.names} & {"urandom", "uuid4"})
    return set()


def test_nobody_imports_the_random_module() -> None:
    pattern = re.compile(r"^\s*(import|from) random\b", re.MULTILINE)
    assert [module for module, source in our_sources().items() if pattern.search(source)] == []


def test_randomness_comes_in_only_where_it_is_known_to() -> None:
    assert {module for module, source in our_sources().items() if uses_chance(source)} == set(CHANCE)


@pytest.mark.parametrize("source", ["import secrets", "from os import urandom", "os.urandom(4)", "import random"])
def test_a_source_of_randomness_is_found(source: str) -> None:
    assert uses_chance(source)


def rooms_on_the_map() -> dict[str, set[str]]:
    """For each folder that docs/architecture.md lists, the module files it names there."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- `([\w/]+)/`: (.*(?:\n  .*)*)", page, re.MULTILINE)
    return {folder: set(re.findall(r"`(\w+\.py)`", text)) for folder, text in listed}


def rooms_in_the_tree() -> dict[str, set[str]]:
    """Folders and module files of packages/*/src; what a folder says of itself (`__init__.py`) is the folder's line."""
    found: dict[str, set[str]] = {}
    for top in (ROOT / "packages").glob("*/src"):
        for file in top.rglob("*.py"):
            files = found.setdefault(file.parent.relative_to(top).as_posix(), set())
            files |= {file.name} - {"__init__.py"}
    return found


def test_the_map_names_every_folder_and_file_of_the_packages_and_no_other() -> None:
    assert rooms_on_the_map() == rooms_in_the_tree()
