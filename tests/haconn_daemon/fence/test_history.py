"""What a person is shown of the record, also while it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from haconn_daemon.fence.record import Course, Record
from tests.haconn_daemon.fence.test_record import GARBAGE, RESULT, an_intent, opened

COURSE = Course(2.5, (("login", 0.01), ("arbitration", 0.3)))


def test_history(path: Path) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.join(an_intent(1).operation, "joined:1", "setup admin")
    record.conclude(an_intent(1).operation, RESULT, COURSE)
    record.intend(an_intent(2))
    done, runs = record.history()
    assert (done.operation, done.target, done.action) == (an_intent(1).operation, "PSERVER1", "CYCLE")
    assert (done.requesters, done.reason, done.time) == (("monitor PSERVER1", "setup admin"), "why\nnot", "2026-01-02")
    assert (done.code, done.back_on, done.detail) == ("CYCLED_CONFIRMED", True, RESULT.evidence.detail)
    assert (done.seconds, done.steps) == (COURSE.seconds, COURSE.steps)
    assert done.readings[0] == (0.012, True)
    assert (done.guid, done.suite, done.recorded) == (bytes(range(1, 17)).hex(), 17, True)
    assert done.power_commands == RESULT.evidence.power_commands
    assert (runs.target, runs.code, runs.recorded, runs.seconds) == ("PSERVER2", "", True, 0.0)
    record.close()
    again, second = opened(path)
    assert [entry.code for entry in again.history()] == ["CYCLED_CONFIRMED", "INTERRUPTED"]
    assert second[0].result == RESULT
    again.close()


def test_what_the_disk_did_not_take_is_shown_as_such(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))

    def fail(descriptor: int) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(OSError, match="gone"):
        record.conclude(an_intent(1).operation, RESULT)
    with pytest.raises(OSError, match="gone"):
        record.intend(an_intent(2))
    one, other = record.history()
    assert (one.code, one.recorded) == ("CYCLED_CONFIRMED", False)
    assert (other.target, other.recorded) == ("PSERVER2", False)
    record.close()


def test_history_before_it_is_opened(path: Path) -> None:
    assert Record(path).history() == []


@pytest.mark.parametrize("line", GARBAGE, ids=range(len(GARBAGE)))
def test_history_of_lines_that_are_not_ours(path: Path, line: bytes) -> None:
    record, _ = opened(path)
    record.intend(an_intent(1))
    record.conclude(an_intent(1).operation, RESULT, COURSE)
    with path.open("ab") as file:
        file.write(line + b"\n")
    assert record.history()[0].steps == COURSE.steps
    record.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "record"
