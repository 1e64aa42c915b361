"""What holds for the whole tree: sizes, what no file may contain, where chance comes from, and that the map is true."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
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
    "ipmi_lan.blocking": "the same",
    "ipmi_lan.probe": "tags and sequence numbers of its questions",
    "haconn_cli.resetpath.client": "epoch and request ids",
    "haconn_cli.verbs.key": "keys",
    "haconn_daemon.fence.desk": "operation ids",
    "haconn_daemon.service": "the responder's epoch and challenge secrets",
}
"""Where the operating system's randomness comes in; every other module is handed it."""

FROM_THE_SYSTEM = {"os.urandom", "secrets.token_bytes"}

SECRET_ANYWHERE = {"mac", "icv", "auth_code", "sik", "k1", "k2"}
COMPARED_IN_CONSTANT_TIME = SECRET_ANYWHERE | {"code", "received", "expected", "tag", "challenge", "digest"}
GUARDED = ("ipmi_lan.crypto", "ipmi_lan.simulator.sealing15", "ipmi_lan.quirks", "haconn_cli.resetpath.seal")
"""Where those words mean nothing else; elsewhere `code` is also a command's number, and `tag` a message's."""
CODE_MAKER = re.compile(r"(_code|^_?digest|^finalize|^hexdigest|^_?md[25]|_key|^_tag|^_mac)$")
PUBLIC_DIGESTS = {"servers.digest"}
"""Of what is no secret: the list of servers."""
PROVES = {
    "ipmi_lan.crypto.rakp": 1,
    "ipmi_lan.crypto.sealing": 1,
    "ipmi_lan.crypto.auth15": 1,
    "ipmi_lan.quirks": 1,
    "ipmi_lan.session.attempt": 2,
    "ipmi_lan.session.activation": 1,
    "ipmi_lan.simulator.login": 2,
    "ipmi_lan.simulator.sealing15": 1,
    "haconn_cli.resetpath.seal": 2,
}
"""How many places in a module compare codes, all of them by what takes the same time whatever the octets are."""
IN_CONSTANT_TIME = {"verify_code", "compare_digest", "bytes_eq"}


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
    """Whether an operand of a comparison has one of `names`, or is what a maker of codes returns, or holds such a one."""
    if isinstance(node, ast.Subscript):
        return is_a_code(node.value, names)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(is_a_code(each, names) for each in node.elts)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) not in PUBLIC_DIGESTS and bool(CODE_MAKER.search(_name_of(node.func)))
    return _name_of(node) in names


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def made_codes(tree: ast.AST) -> set[str]:
    """The names that are given to what a maker of codes returns."""
    given: list[tuple[ast.expr | None, list[ast.expr]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            given.append((node.value, node.targets))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            given.append((node.value, [node.target]))
    return {_name_of(target) for value, targets in given if value is not None and is_a_code(value, set()) for target in targets}


def plain_comparisons(source: str, names: set[str]) -> list[str]:
    """Every `==`, `!=`, `in` or `not in` in `source` on something of these names, or on what a maker of codes has made."""
    tree = ast.parse(source)
    known = (names | made_codes(tree)) - {""}
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)) for operator in node.ops)
        and any(is_a_code(side, known) for side in (node.left, *node.comparators))
    ]


def test_codes_are_never_compared_plainly() -> None:
    for module, source in our_sources().items():
        names = COMPARED_IN_CONSTANT_TIME if module.startswith(GUARDED) else SECRET_ANYWHERE
        assert plain_comparisons(source, names) == [], module


def test_codes_are_compared_in_constant_time_where_they_come_in() -> None:
    found: Counter[str] = Counter()
    for module, source in our_sources().items():
        calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
        found[module] = sum(_name_of(call.func) in IN_CONSTANT_TIME for call in calls)
    assert {module: count for module, count in found.items() if count} == PROVES


@pytest.mark.parametrize(
    "source",
    [
        "code == other",
        "if packet.code != b'': ...",
        "digest(suite, key, data)[:12] == x",
        "x == rakp_2_code(login)",
        "(kind, packet.code) == (1, other)",
        "code in known",
        "wanted = auth_code(key, data)[:16]; x == wanted",
        "keys.sik == other.sik",
    ],
)
def test_a_plain_comparison_is_found(source: str) -> None:
    assert plain_comparisons(source, COMPARED_IN_CONSTANT_TIME)


def test_lengths_may_be_compared_plainly() -> None:
    assert not plain_comparisons("len(received) != len(expected)", COMPARED_IN_CONSTANT_TIME)


_SOURCES = {"urandom", "getrandom", "uuid1", "uuid4", "RAND_bytes", "generate_key", "generate_private_key"}


def uses_chance(source: str) -> bool:
    """Whether `source` names a source of randomness of its own."""
    imported = {name for node in ast.walk(ast.parse(source)) for name in _chance_of(node)}
    return bool(imported)


def _chance_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Attribute) and node.attr in _SOURCES:
        return {node.attr}
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & {"secrets", "random"}
    if isinstance(node, ast.ImportFrom):
        return ({str(node.module)} & {"secrets", "random"}) | ({alias.name for alias in node.names} & _SOURCES)
    return set()


def test_nobody_imports_the_random_module() -> None:
    pattern = re.compile(r"^\s*(import|from) random\b", re.MULTILINE)
    assert [module for module, source in our_sources().items() if pattern.search(source)] == []


def test_randomness_comes_in_only_where_it_is_known_to() -> None:
    assert {module for module, source in our_sources().items() if uses_chance(source)} == set(CHANCE)


def takes_randomness() -> dict[tuple[str, str], int]:
    """The place of the argument `randomness`, by module and name of each function or class of ours that takes one."""
    found: dict[tuple[str, str], int] = {}
    for module, source in our_sources().items():
        for node in ast.parse(source).body:
            inner = node.body if isinstance(node, ast.ClassDef) else []
            makers = [each for each in inner if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
            for function in [node] if isinstance(node, ast.FunctionDef) else makers:
                names = [argument.arg for argument in function.args.args if argument.arg != "self"]
                if "randomness" in names:
                    found[module, str(getattr(node, "name", ""))] = names.index("randomness")
    return found


def given_randomness(module: str, source: str, takers: dict[tuple[str, str], int]) -> Iterator[str]:
    """What `source` hands in for `randomness`, each as it is written."""
    tree = ast.parse(source)
    home = {name: (module, name) for where, name in takers if where == module}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            home |= {alias.asname or alias.name: (str(node.module), alias.name) for alias in node.names}
    for node in ast.walk(tree):
        place = takers.get(home.get(_name_of(node.func), ("", ""))) if isinstance(node, ast.Call) else None
        if place is not None and isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if keyword.arg == "randomness"]
            yield from (ast.unparse(value) for value in named or node.args[place : place + 1])


def test_what_is_handed_in_for_randomness_is_the_operating_systems() -> None:
    takers = takes_randomness()
    given = {module: set(given_randomness(module, source, takers)) for module, source in our_sources().items()}
    handed_on = {"randomness", "self._randomness", "board.randomness"}
    assert {word for words in given.values() for word in words} <= FROM_THE_SYSTEM | handed_on
    first = {module for module, words in given.items() if words & FROM_THE_SYSTEM}
    assert {"ipmi_lan.client", "ipmi_lan.blocking", "haconn_cli.resetpath.client", "haconn_daemon.service"} <= first


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


def test_make_help_fits_a_terminal() -> None:
    targets = re.findall(r"^[a-z]+:.*?## *(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets
    assert [text for text in targets if len(text) > 80 - 14] == []
