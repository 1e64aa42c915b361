"""What a run reads out of the fuzzer's output, and what counts as a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.child import timed
from tests.fuzz.run import Leg, fuzz

_BAD = "#9\tpulse\nBroken: it\n==1== ERROR: libFuzzer: exited\n"
_GOOD = "#4\tINITED cov: 3 ft: 3 corp: 2/9b\n#1000\tDONE   cov: 10 ft: 10 corp: 6/81b\nDone 1000 runs in 4 second(s)\n"


def test_executions_and_seconds() -> None:
    leg = Leg(_GOOD + "stat::number_of_executed_units: 1000\n")
    assert (leg.executions, leg.seconds) == (1000, 4)


def test_the_latest_count_of_one_that_died() -> None:
    leg = Leg("#4\tINITED cov: 3\n#512\tpulse  cov: 10\n==1== ERROR: libFuzzer: fuzz target exited\n")
    assert (leg.executions, leg.seconds) == (512, 1)


def test_its_own_rate_where_it_did_not_end_in_order() -> None:
    assert Leg("stat::number_of_executed_units: 900\nstat::average_exec_per_sec: 300\n").seconds == 3


class _Fuzzer:
    """Says one thing after the other, and leaves an input behind where it says that it failed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *says: str, leaves: str = "crash-1") -> None:
        self.asked: list[tuple[str, str]] = []
        self._says, self._leaves = list(says), leaves
        monkeypatch.setattr(run, "_run_child", self)

    def __call__(self, name: str, way: str, arguments: list[str], seconds: float) -> str:
        said = self._says.pop(0)
        prefix = "".join(each.partition("=")[2] for each in arguments if each.startswith("-artifact_prefix"))
        if prefix:
            self.asked.append((way, arguments[0]))
            if said is _BAD:
                Path(prefix + self._leaves).write_bytes(b"\x01\x02")
        return said


def test_what_is_missing_is_done_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzzer = _Fuzzer(monkeypatch, _GOOD, _GOOD)
    figures = fuzz("rmcp", 5000, 7)
    assert fuzzer.asked == [("guided", "-runs=5000"), ("blind", "-runs=4000")]
    assert (figures.executions, figures.guided, figures.a_second, figures.findings) == (2000, 1000, 250, 0)


def test_a_finding_is_counted_and_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _Fuzzer(monkeypatch, _BAD, _BAD)
    assert fuzz("rmcp", 5000, 7).findings == 1
    told = capsys.readouterr().err
    assert "Broken: it" in told
    assert "0102" in told


def test_one_that_does_not_come_again_is_one_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _Fuzzer(monkeypatch, _BAD, _GOOD)
    assert fuzz("rmcp", 5000, 7).findings == 1
    assert "not by itself" in capsys.readouterr().err


def test_a_fuzzer_that_does_not_start_is_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _Fuzzer(monkeypatch, "Traceback: no module named atheris\nERROR: libFuzzer ended with 1")
    assert fuzz("rmcp", 5000, 7).findings == 1
    assert "no module" in capsys.readouterr().err


def test_a_machine_that_stood_still_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The input is done at once when it is played alone, and the rest of the count is made up for."""
    fuzzer = _Fuzzer(monkeypatch, _GOOD, _BAD, _GOOD, _GOOD, leaves="timeout-1")
    figures = fuzz("rmcp", 5000, 7)
    assert fuzzer.asked == [("guided", "-runs=5000"), ("blind", "-runs=4000"), ("blind", "-runs=3991")]
    assert (figures.executions, figures.findings) == (2009, 0)


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
