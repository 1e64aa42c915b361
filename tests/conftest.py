"""For all tests: the summary says which foreign programs were really run."""

from __future__ import annotations

import pytest

from tests.peers import programs


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = programs.summary()
    terminalreporter.section("foreign peers")
    for line in lines or ["none was run"]:
        terminalreporter.line(line)
