"""Who may import whom. The table below is the law; docs/architecture.md prints it; everything else here checks it.

A module belongs to the row with the longest name that it begins with; a name with `=` before it means that module alone.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("ipmi_lan", "haconn_cli", "haconn_daemon")

CLOCK_AND_CHANCE = {"time", "datetime", "random", "secrets"}
FILES_AND_SOCKETS = {"os", "io", "pathlib", "socket", "select", "selectors", "asyncio", "threading", "subprocess"}
OUTSIDE = CLOCK_AND_CHANCE | FILES_AND_SOCKETS
"""What a sans-IO room is given as an argument instead."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the modules of one room may import."""

    room: str
    ours: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_sans_io: bool = False


PUBLIC = ("=ipmi_lan", "ipmi_lan.commands")
WORDS = "haconn_cli.resetpath.vocabulary"
NEIGHBOUR = ("haconn_cli.config", "haconn_cli.resetpath", "haconn_daemon.logs.journal", "haconn_daemon.bmcs", *PUBLIC)
DATA = ("ipmi_lan.errors", "ipmi_lan.wire", "ipmi_lan.command", "ipmi_lan.commands")
BELOW_SESSIONS = ("ipmi_lan.errors", "ipmi_lan.wire")
SHELLS = ("ipmi_lan.budget", "ipmi_lan.client", "ipmi_lan.probe", "ipmi_lan.profiles", "ipmi_lan.transport")
CLIENT = (*DATA, "ipmi_lan.crypto", "ipmi_lan.quirks", "ipmi_lan.session", "ipmi_lan.account")
REQUESTER = ("haconn_cli.resetpath", "haconn_cli.config")
COUNTER = ("haconn_cli.config", "haconn_cli.control", "haconn_cli.reports", "haconn_cli.words", "haconn_cli.screen")
VERB = ("=haconn_cli", *COUNTER, "haconn_cli.terminal", "haconn_cli.changes", "haconn_cli.exits", WORDS)
STATUS = "haconn_cli.verbs.show_status"
HOUSE = ("haconn_daemon", "haconn_cli", *PUBLIC)

WHOSE_BMC = ("haconn_cli.config", "haconn_cli.sighting")
WHERE_WE_STAND = ("haconn_cli.config", "haconn_daemon.logs.journal", "haconn_daemon.bmcs.roster", "haconn_daemon.standing")
LOOK = ("haconn_cli.check", "haconn_cli.config", "haconn_cli.sighting", *PUBLIC)

LAW = (
    Row("ipmi_lan.errors", is_sans_io=True),
    Row("ipmi_lan.wire", ("ipmi_lan.errors", "ipmi_lan.wire"), ("construct",), is_sans_io=True),
    Row("ipmi_lan.command", ("ipmi_lan.errors", "ipmi_lan.wire"), ("construct",), is_sans_io=True),
    Row("ipmi_lan.commands", DATA, ("construct",), is_sans_io=True),
    Row("ipmi_lan.crypto", ("ipmi_lan.errors", "ipmi_lan.wire", "ipmi_lan.crypto"), ("cryptography",), is_sans_io=True),
    Row("ipmi_lan.quirks", (*BELOW_SESSIONS, "ipmi_lan.crypto"), is_sans_io=True),
    Row("ipmi_lan.profiles", (*BELOW_SESSIONS, "ipmi_lan.quirks"), is_sans_io=True),
    Row("ipmi_lan.session", (*DATA, "ipmi_lan.crypto", "ipmi_lan.quirks", "ipmi_lan.session"), is_sans_io=True),
    Row("ipmi_lan.budget", DATA, is_sans_io=True),
    Row("ipmi_lan.account", (*BELOW_SESSIONS, "ipmi_lan.crypto", "ipmi_lan.quirks", "ipmi_lan.session"), is_sans_io=True),
    Row("ipmi_lan.transport", ("ipmi_lan.errors", "ipmi_lan.transport"), ("trio",)),
    Row(
        "ipmi_lan.transport.device",
        ("ipmi_lan.errors", "ipmi_lan.wire", "ipmi_lan.transport"),
        ("construct",),
        is_sans_io=True,
    ),
    Row("ipmi_lan.transport.local", ("ipmi_lan.errors", "ipmi_lan.wire", "ipmi_lan.command", "ipmi_lan.transport"), ("trio",)),
    Row("ipmi_lan.probe", ("ipmi_lan.account", "ipmi_lan.errors", "ipmi_lan.session", "ipmi_lan.transport"), ("trio",)),
    Row("ipmi_lan.client", (*CLIENT, "ipmi_lan.transport"), ("trio",)),
    Row("ipmi_lan.blocking", CLIENT),
    Row("ipmi_lan.simulator", (*DATA, "ipmi_lan.crypto", "ipmi_lan.simulator"), is_sans_io=True),
    Row("ipmi_lan.simulator.server", (*DATA, "ipmi_lan.simulator"), ("trio",)),
    Row("=ipmi_lan", (*CLIENT, *SHELLS)),
    Row("=haconn_cli"),
    Row("haconn_cli.exits", is_sans_io=True),
    Row("haconn_cli.screen"),
    Row("haconn_cli.config", ("haconn_cli.config", *PUBLIC)),
    Row("haconn_cli.config.store", ("haconn_cli.config", *PUBLIC), ("tomli_w",)),
    Row("haconn_cli.sighting", ("haconn_cli.config", *PUBLIC), is_sans_io=True),
    Row("haconn_cli.check", LOOK, is_sans_io=True),
    Row("haconn_cli.check.look", LOOK, ("trio",)),
    Row("haconn_cli.resetpath", REQUESTER, is_sans_io=True),
    Row("haconn_cli.resetpath.vocabulary", is_sans_io=True),
    Row("haconn_cli.resetpath.wire", (WORDS, "haconn_cli.resetpath.wire"), ("construct",), is_sans_io=True),
    Row("haconn_cli.resetpath.seal", REQUESTER, ("cryptography",), is_sans_io=True),
    Row("haconn_cli.resetpath.client", REQUESTER, ("trio",)),
    Row("haconn_cli.terminal"),
    Row("haconn_cli.reports", ("haconn_cli.config", WORDS), is_sans_io=True),
    Row("haconn_cli.control", ("haconn_cli.config", "haconn_cli.reports")),
    Row("haconn_cli.words", ("haconn_cli.config",)),
    Row("haconn_cli.logfile"),
    Row("haconn_cli.oplog", ("haconn_cli.config", "haconn_cli.exits", "haconn_cli.logfile")),
    Row("haconn_cli.changes", COUNTER),
    Row("haconn_cli.verbs", VERB),
    Row("haconn_cli.verbs.show", (*VERB, STATUS, "haconn_cli.verbs.show_watch", "haconn_cli.verbs.show_history")),
    Row("haconn_cli.verbs.show_watch", (*VERB, STATUS)),
    Row("haconn_cli.verbs.show_history", (*VERB, STATUS)),
    Row("haconn_cli.verbs.dump", (*VERB, "haconn_cli.verbs.dump_facts")),
    Row("haconn_cli.verbs.check", (*VERB, "haconn_cli.check")),
    Row("haconn_cli.verbs.pserver", (*VERB, "haconn_cli.check", "haconn_cli.verbs.check", "haconn_cli.verbs.repin")),
    Row("haconn_cli.verbs.repin", (*VERB, "haconn_cli.check", "haconn_cli.verbs.check", "=ipmi_lan")),
    Row("haconn_cli.verbs.reset", (*VERB, "haconn_cli.resetpath"), ("trio",)),
    Row("haconn_cli.app", ("haconn_cli",)),
    Row("=haconn_daemon"),
    Row("haconn_daemon.bmcs", (*WHOSE_BMC, "haconn_daemon.bmcs", *PUBLIC), is_sans_io=True),
    Row("haconn_daemon.bmcs.bmc", (*WHOSE_BMC, "haconn_daemon.bmcs", *PUBLIC)),
    Row("haconn_daemon.bmcs.sharing", PUBLIC, ("trio",)),
    Row("haconn_daemon.bmcs.pinning", ("haconn_cli.config", "haconn_daemon.logs.journal"), ("trio",)),
    Row("haconn_daemon.standing", (*WHERE_WE_STAND, *PUBLIC), ("trio",)),
    Row("haconn_daemon.standing.own_server", (*WHERE_WE_STAND, *PUBLIC), is_sans_io=True),
    Row("haconn_daemon.logs", ("haconn_cli.config", "haconn_cli.logfile", "haconn_daemon.logs")),
    Row("haconn_daemon.logs.events", is_sans_io=True),
    Row("haconn_daemon.logs.hook", ("haconn_daemon.logs.journal",), ("trio",)),
    Row("haconn_daemon.systemd"),
    Row("haconn_daemon.control", ("haconn_cli.config", "haconn_cli.control", "haconn_cli.reports"), ("trio",)),
    Row("haconn_daemon.monitor", (*NEIGHBOUR, "haconn_daemon.monitor"), is_sans_io=True),
    Row("haconn_daemon.monitor.watcher", (*NEIGHBOUR, "haconn_daemon.monitor"), ("trio",)),
    Row("haconn_daemon.monitor.dumps", (*NEIGHBOUR, "haconn_daemon.monitor"), ("trio",)),
    Row("haconn_daemon.monitor.watch", (*NEIGHBOUR, "haconn_daemon.monitor"), ("trio",)),
    Row("haconn_daemon.monitor.kdump", (*NEIGHBOUR, "haconn_daemon.monitor"), ("trio",)),
    Row("haconn_daemon.fence", (*NEIGHBOUR, "haconn_daemon.fence"), is_sans_io=True),
    Row("haconn_daemon.fence.record", (*NEIGHBOUR, "haconn_daemon.fence")),
    Row("haconn_daemon.fence.actuator", (*NEIGHBOUR, "haconn_daemon.fence"), ("trio",)),
    Row("haconn_daemon.fence.desk", (*NEIGHBOUR, "haconn_daemon.fence"), ("trio",)),
    Row("haconn_daemon.fence.operation", (*NEIGHBOUR, "haconn_daemon.fence"), ("trio",)),
    Row("haconn_daemon.resetpath", (*NEIGHBOUR, "haconn_daemon.resetpath"), is_sans_io=True),
    Row("haconn_daemon.resetpath.endpoint", (*NEIGHBOUR, "haconn_daemon.resetpath"), ("trio",)),
    Row("haconn_daemon.resetpath.sockets", (*NEIGHBOUR, "haconn_daemon.resetpath")),
    Row("haconn_daemon.resetpath.interfaces"),
    Row("haconn_daemon.door", HOUSE, ("trio",)),
    Row("haconn_daemon.past", HOUSE, ("trio",)),
    Row("haconn_daemon.reloading", HOUSE, ("trio",)),
    Row("haconn_daemon.reports", HOUSE, ("trio",)),
    Row("haconn_daemon.telling", HOUSE, ("trio",)),
    Row("haconn_daemon.reception", HOUSE, ("trio",)),
    Row("haconn_daemon.upkeep", HOUSE, ("trio",)),
    Row("haconn_daemon.service", HOUSE, ("trio",)),
    Row("haconn_daemon.start", HOUSE, ("trio",)),
    Row("haconn_daemon.__main__", HOUSE, ("trio",)),
)


def is_in(module: str, room: str) -> bool:
    """Whether `module` is `room` or beneath it; of `=room` only the module itself."""
    return module == room[1:] if room.startswith("=") else module == room or module.startswith(room + ".")


def row_of(module: str) -> Row | None:
    rows = [row for row in LAW if is_in(module, row.room)]
    return max(rows, key=lambda row: len(row.room), default=None)


def imports_of(source: str, known: frozenset[str]) -> set[str]:
    """Every module that `source` names in an import, wherever in it, or as a string (a module that is loaded by name).

    A relative import keeps its dots, so that no row allows it: whole names are read, searched and checked more easily.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {whole if (whole := f"{base}.{alias.name}") in known else base for alias in node.names}
        elif isinstance(node, ast.Constant) and node.value in known and "." in str(node.value):
            found.add(str(node.value))
    return found - {"__future__"}


def offences(sources: Mapping[str, str]) -> list[str]:
    """One sentence for each import that the law does not allow. `sources` is source by module name."""
    known = frozenset(sources)
    return [each for module in sorted(sources) for each in _offences_of(module, imports_of(sources[module], known))]


def _offences_of(module: str, imported: set[str]) -> list[str]:
    row = row_of(module)
    if row is None:
        return [f"{module} is in no room of the law"]
    return [f"{module} imports {name}" for name in sorted(imported) if not _is_allowed(row, name)]


def _is_allowed(row: Row, name: str) -> bool:
    top = name.partition(".")[0]
    if top in OURS:
        return any(is_in(name, room) for room in row.ours)
    if top in sys.stdlib_module_names:
        return not (row.is_sans_io and top in OUTSIDE)
    return top in row.others


def cycle(edges: Mapping[str, set[str]]) -> list[str]:
    """The names along one cycle; empty where there is none."""
    try:
        TopologicalSorter({name: targets - {name} for name, targets in edges.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_edges(sources: Mapping[str, str]) -> dict[str, set[str]]:
    known = frozenset(sources)
    return {module: imports_of(source, known) & known for module, source in sources.items()}


def room_edges(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The same between rooms: a room is a folder or module directly in a package."""
    edges: dict[str, set[str]] = {}
    for module, targets in module_edges(sources).items():
        edges.setdefault(_room(module), set()).update(_room(target) for target in targets)
    return edges


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def our_sources() -> dict[str, str]:
    """Every module of packages/*/src; a package stands under its own name."""
    found = {}
    for top in sorted((ROOT / "packages").glob("*/src")):
        for file in sorted(top.rglob("*.py")):
            parts = file.relative_to(top).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file.read_text(encoding="utf-8")
    return found


def law_as_markdown() -> str:
    """The table as docs/architecture.md prints it."""
    lines = ["| room | may import of ours | of third parties | sans-IO |", "| --- | --- | --- | --- |"]
    for row in LAW:
        ours, others = (" ".join(f"`{name}`" for name in names) or "—" for names in (row.ours, row.others))
        lines.append(f"| `{row.room}` | {ours} | {others} | {'yes' if row.is_sans_io else ''} |")
    return "\n".join(lines)


def test_the_tree_keeps_the_law() -> None:
    assert offences(our_sources()) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycle(module_edges(our_sources())) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    assert cycle(room_edges(our_sources())) == []


def test_every_row_is_about_something() -> None:
    modules = list(our_sources())
    assert [row.room for row in LAW if not any(row_of(module) == row for module in modules)] == []


def test_the_page_prints_this_law() -> None:
    assert law_as_markdown() in (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_packages_stand_on_each_other_in_one_direction() -> None:
    below = {"ipmi_lan": set(OURS[:1]), "haconn_cli": set(OURS[:2]), "haconn_daemon": set(OURS)}
    for row in LAW:
        package = row.room.lstrip("=").partition(".")[0]
        assert {name.lstrip("=").partition(".")[0] for name in row.ours} <= below[package], row.room


@pytest.mark.parametrize("room", ["monitor", "fence", "resetpath"])
def test_the_three_rooms_of_the_daemon_do_not_know_each_other(room: str) -> None:
    room = f"haconn_daemon.{room}"
    others = {"haconn_daemon.monitor", "haconn_daemon.fence", "haconn_daemon.resetpath", "haconn_daemon"} - {room}
    assert not any(others & set(row.ours) for row in LAW if is_in(row.room, room))


@pytest.mark.parametrize(
    ("module", "source", "offence"),
    [
        ("ipmi_lan.wire.rmcp", "import ipmi_lan.session", "imports ipmi_lan.session"),
        ("ipmi_lan.wire.rmcp", "from cryptography.x import y", "imports cryptography.x"),
        ("ipmi_lan.wire.rmcp", "import ipmi_lan", "imports ipmi_lan"),
        ("ipmi_lan.wire.rmcp", "from ..session import session", "imports ..session"),
        ("ipmi_lan.wire.rmcp", "from . import fields", "imports ."),
        ("ipmi_lan.errors", "from ipmi_lan.wire import codes", "imports ipmi_lan.wire"),
        ("ipmi_lan.session.session", "import time", "imports time"),
        ("ipmi_lan.session.session", "def f():\n    from secrets import token_bytes", "imports secrets"),
        ("ipmi_lan.session.session", "import socket as s", "imports socket"),
        ("ipmi_lan.session.session", "import trio", "imports trio"),
        ("ipmi_lan.session.session", "from ipmi_lan.transport.udp import Port", "imports ipmi_lan.transport.udp"),
        ("ipmi_lan.blocking", "import trio", "imports trio"),
        ("ipmi_lan.crypto.rakp", "from os import urandom", "imports os"),
        ("ipmi_lan.simulator.bmc", "import trio", "imports trio"),
        ("ipmi_lan.simulator.server", "from ipmi_lan.client import Client", "imports ipmi_lan.client"),
        ("ipmi_lan.commands.sel", "import haconn_cli", "imports haconn_cli"),
        ("haconn_cli.config.load", "import tomli_w", "imports tomli_w"),
        ("haconn_cli.resetpath.vocabulary", "import haconn_cli.config.model", "imports haconn_cli.config.model"),
        ("haconn_cli.verbs.show", "from ipmi_lan.session.session import Session", "imports ipmi_lan.session.session"),
        ("haconn_cli.verbs.show", "if TYPE_CHECKING:\n    import haconn_daemon.logs", "imports haconn_daemon.logs"),
        ("haconn_daemon.monitor.health", "import haconn_daemon.fence.plan", "imports haconn_daemon.fence.plan"),
        ("haconn_daemon.fence.plan", "import trio", "imports trio"),
        ("haconn_daemon.resetpath.responder", "import haconn_daemon.monitor", "imports haconn_daemon.monitor"),
        ("haconn_daemon.fence.plan", "from ipmi_lan.session.events import Peer", "imports ipmi_lan.session.events"),
        ("ipmi_lan.sensors", "", "is in no room of the law"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, offence: str) -> None:
    assert offences({module: source, "ipmi_lan.client": ""}) == [f"{module} {offence}"]


def test_a_module_loaded_by_its_name_counts_as_imported() -> None:
    sources = {"haconn_cli.exits": "load('haconn_cli.screen')", "haconn_cli.screen": ""}
    assert offences(sources) == ["haconn_cli.exits imports haconn_cli.screen"]


def test_an_allowed_import_is_no_offence() -> None:
    source = "import struct\nfrom construct import Byte\nfrom ipmi_lan.wire import fields\nimport ipmi_lan.errors"
    assert offences({"ipmi_lan.wire.rmcp": source, "ipmi_lan.wire.fields": ""}) == []


def test_a_circle_is_found_between_modules_and_between_rooms() -> None:
    circle = {"ipmi_lan.wire.a": "from ipmi_lan.wire import b", "ipmi_lan.wire.b": "import ipmi_lan.wire.a"}
    assert set(cycle(module_edges(circle))) == set(circle)
    rooms = {"a.x.one": "import a.y.two", "a.y.two": "", "a.y.three": "import a.x.four", "a.x.four": ""}
    assert cycle(module_edges(rooms)) == []
    assert set(cycle(room_edges(rooms))) == {"a.x", "a.y"}
