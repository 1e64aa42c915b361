"""Nothing that is decided hangs on the clock on the wall, which somebody may set at any moment."""

from __future__ import annotations

import ast

import pytest

from tests.test_import_law import our_sources

WALL = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime", "CLOCK_REALTIME"}
WALL_METHODS = {"now", "utcnow", "today", "fromtimestamp"}
"""Of `datetime` and `date`."""
FOR_PEOPLE = {
    "haconn_daemon.logs.journal": "the time of a line in a log",
    "haconn_daemon.logs.hook": "the time of an event",
    "haconn_daemon.reloading": "since when the settings are in force",
    "haconn_daemon.fence.desk": "the time of a reset in the record",
    "haconn_cli.oplog": "the time of a command",
    "haconn_cli.verbs": "names of archives, and what is shown",
}
"""Where it is read, and what for. Nothing is compared with it, and nothing waits for it."""


def looks_at_the_wall(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            if any(f"time.{alias.name}" in WALL for alias in node.names):
                return True
        elif isinstance(node, ast.Attribute):
            whose = ast.unparse(node.value)
            if f"{whose}.{node.attr}" in WALL or node.attr in WALL:
                return True
            if node.attr in WALL_METHODS and whose in ("datetime", "date", "datetime.datetime", "datetime.date"):
                return True
    return False


def test_only_what_is_for_people_has_that_time() -> None:
    looking = {module for module, source in our_sources().items() if looks_at_the_wall(source)}
    assert {"haconn_cli.verbs" if module.startswith("haconn_cli.verbs.") else module for module in looking} == set(FOR_PEOPLE)


@pytest.mark.parametrize(
    "source",
    ["time.time()", "from time import time", "datetime.now(UTC)", "datetime.datetime.now()", "x(time.CLOCK_REALTIME)"],
)
def test_a_look_at_the_wall_is_found(source: str) -> None:
    assert looks_at_the_wall(source)


@pytest.mark.parametrize("source", ["time.monotonic()", "trio.current_time()", "self.now", "time.CLOCK_MONOTONIC"])
def test_other_clocks_are_not_it(source: str) -> None:
    assert not looks_at_the_wall(source)
