"""Every code, phase and piece of evidence has words, and only success is called that."""

from __future__ import annotations

import pytest

from haconn_cli.resetpath.outcomes import Accepted, Progress
from haconn_cli.resetpath.telling import progress_line, result_lines
from haconn_cli.resetpath.vocabulary import Evidence, Phase, Reading, ResetResult, ResultCode


@pytest.mark.parametrize("code", ResultCode)
def test_the_verdict_is_that_of_the_code(code: ResultCode) -> None:
    line, *_ = result_lines("PSERVER2", ResetResult(code))
    assert ("succeeded" in line) is code.is_success
    assert ("refused" in line) is code.is_refusal
    assert code.name in line


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_words(phase: Phase) -> None:
    assert progress_line(Progress(bytes(16), phase, 3)).endswith("(3 readings)")


def test_readings_are_counted_once_there_are_some() -> None:
    assert progress_line(Progress(bytes(16), Phase.LOGGING_IN, 0)) == "logging in at the BMC"
    assert progress_line(Progress(bytes(16), Phase.SWITCHING_OFF, 1)) == "switching off (1 reading)"


def test_joining_is_told() -> None:
    assert progress_line(Accepted(bytes(16), bytes(16), joined=False)) == "accepted"
    assert "joined" in progress_line(Accepted(bytes(16), bytes(16), joined=True))


def test_a_server_not_seen_on_again_is_told() -> None:
    evidence = Evidence((Reading(1.0, power_is_on=False),), power_commands=("power on at 2.000 s: accepted",))
    assert list(result_lines("PSERVER2", ResetResult(ResultCode.CYCLED_CONFIRMED, evidence=evidence)))[1:] == [
        "  power: not seen on again",
        "  read at 1.000 s: power off",
        "  power on at 2.000 s: accepted",
    ]


def test_equal_readings_in_a_row_are_one_line() -> None:
    states = (True, False, False, False, True)
    readings = tuple(Reading(n / 2, power_is_on=is_on) for n, is_on in enumerate(states))
    assert list(result_lines("PSERVER2", ResetResult(ResultCode.TIMEOUT, evidence=Evidence(readings))))[1:] == [
        "  read at 0.000 s: power on",
        "  read 3 times from 0.500 to 1.500 s: power off",
        "  read at 2.000 s: power on",
    ]


def test_why_stands_in_the_sentence_of_the_verdict_and_only_there() -> None:
    result = ResetResult(ResultCode.UNREACHABLE, evidence=Evidence(detail="the host refuses the port (4 tries)"))
    (line,) = result_lines("PSERVER2", result)
    assert line == (
        "reset of PSERVER2 FAILED: UNREACHABLE: the BMC could not be talked to, so nothing is known of the power:"
        " the host refuses the port (4 tries)"
    )
