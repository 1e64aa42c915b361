"""For all tests: the summary says which foreign programs were really run."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

from tests.peers import programs
from tests.whole import privileges

settings.register_profile("patient", deadline=None, print_blob=True)   # a loaded machine is no fault of the code
settings.load_profile("patient")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:   # as in the background of a script: our children must hear it all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = programs.summary()
    terminalreporter.section("foreign peers")
    for line in lines or ["none was run"]:
        terminalreporter.line(line)
    for reason, count in privileges.not_run.items():
        terminalreporter.section("NOT RUN", sep="!", red=True)
        terminalreporter.line(f"{count} tests: {reason}")
