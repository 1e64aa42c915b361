"""For all tests: the summary says which foreign programs were really run."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

from tests.peers import programs
from tests.whole import privileges

settings.register_profile("patient", deadline=None, print_blob=True)   # a loaded machine is no fault of the code
settings.load_profile("patient")


for ignored in (signal.SIGINT, signal.SIGHUP):   # as in the background of a script: our children must hear them all the same
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else lambda *_: None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = programs.summary()
    terminalreporter.section("foreign peers")
    for line in lines or ["none was run"]:
        terminalreporter.line(line)
    for reason, count in privileges.not_run.items():
        terminalreporter.section("NOT RUN", sep="!", red=True)
        terminalreporter.line(f"{count} tests: {reason}")
