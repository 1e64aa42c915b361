"""What a run reads out of the fuzzer's output, and what counts as a finding."""

from __future__ import annotations

import pytest

from tests.fuzz import run
from tests.fuzz.child import timed
from tests.fuzz.run import Leg, fuzz

_GOOD = "#4\tINITED cov: 3 ft: 3 corp: 2/9b\n#1000\tDONE   cov: 10 ft: 10 corp: 6/81b\nDone 1000 runs in 4 second(s)\n"


def test_executions_and_seconds() -> None:
    leg = Leg(_GOOD + "stat::number_of_executed_units: 1000\n")
    assert (leg.executions, leg.seconds, leg.has_failed) == (1000, 4, False)


def test_the_latest_count_of_one_that_died() -> None:
    leg = Leg("#4\tINITED cov: 3\n#512\tpulse  cov: 10\n==1== ERROR: libFuzzer: fuzz target exited\n")
    assert (leg.executions, leg.seconds, leg.has_failed) == (512, 1, True)


def test_one_that_did_nothing_has_failed() -> None:
    assert Leg("Traceback: no module named atheris").has_failed


def test_what_is_missing_is_done_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[tuple[str, str]] = []

    def child(name: str, way: str, arguments: list[str], seconds: float) -> str:
        ways.append((way, arguments[0]))
        return _GOOD

    monkeypatch.setattr(run, "_run_child", child)
    figures = fuzz("rmcp", 5000, 7)
    assert ways == [("guided", "-runs=5000"), ("blind", "-runs=4000")]
    assert (figures.executions, figures.guided, figures.a_second, figures.findings) == (2000, 1000, 250, 0)


def test_a_finding_is_counted_and_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "_run_child", lambda *arguments: "#9\tpulse\nBroken: it\n==1== ERROR: libFuzzer: exited\n")
    assert fuzz("rmcp", 5000, 7).findings == 1
    assert "Broken: it" in capsys.readouterr().err


def test_an_input_that_takes_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((0.0, 2.0))
    monkeypatch.setattr("tests.fuzz.child.perf_counter", lambda: next(moments))
    monkeypatch.setattr("tests.fuzz.child.process_time", iter((0.0, 1.5)).__next__)
    with pytest.raises(TimeoutError):
        timed(lambda data: None)(b"")


def test_a_busy_machine_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((0.0, 2.0))
    monkeypatch.setattr("tests.fuzz.child.perf_counter", lambda: next(moments))
    monkeypatch.setattr("tests.fuzz.child.process_time", iter((0.0, 0.1)).__next__)
    timed(lambda data: None)(b"")
