"""A real process that is killed at every call into the disk: nothing is torn, nothing is resumed, nothing is told twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from haconn_cli.resetpath.vocabulary import ResultCode
from haconn_daemon.fence import record as record_module
from haconn_daemon.fence.history import parse_line
from haconn_daemon.fence.record import Record
from tests.haconn_daemon.fence.test_history import COURSE
from tests.haconn_daemon.fence.test_record import RESULT, an_intent, past_of

FAULTS = ("write", "fdatasync", "fsync", "rename", "open", "ftruncate", "close")


def live_and_die(path: Path, at: int) -> int:
    """A child that works on the record and is killed at its `at`th call into the disk, a write being half done. Its status."""
    child = os.fork()
    if child == 0:
        try:
            _arm(at)
            record = Record(path)
            record.open()
            for number in range(3):
                record.intend(an_intent(number))
                record.join(an_intent(number).operation, "joined:1", "setup admin")
                record.conclude(an_intent(number).operation, RESULT, COURSE)
                record.tidy()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def _arm(at: int) -> None:
    calls = 0

    def armed(name: str) -> None:
        really = getattr(os, name)

        def call(*words: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls == at:
                if name == "write":
                    really(words[0], words[1][: len(words[1]) // 2])    # type: ignore[index,arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            return really(*words, **more)

        setattr(os, name, call)

    for name in FAULTS:
        armed(name)
    record_module.MOST_LINES = 4    # so that it is shortened on the way


def test_killed_at_every_call_into_the_disk(tmp_path: Path) -> None:
    for at in range(1, 400):
        path = tmp_path / str(at) / "record"
        status = live_and_die(path, at)
        rows = [parse_line(row) for row in path.read_text().splitlines()] if path.exists() else []
        assert None not in rows[:-1], "only the last line may be torn"
        past = past_of(path)
        rows = [parse_line(row) for row in path.read_text().splitlines()]
        assert None not in rows, "no torn line is left"
        for reset in past[:-1]:
            assert reset.result == RESULT, "only the last one can have been under way"
        if past:
            assert past[-1].result.code in (ResultCode.INTERRUPTED, ResultCode.CYCLED_CONFIRMED)
            assert past[-1].was_cut_short is (past[-1].result.code is ResultCode.INTERRUPTED)
        assert [again.result for again in past_of(path)] == [reset.result for reset in past]
        assert not any(again.was_cut_short for again in past_of(path)), "told once"
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            assert at > 40, "it was killed often enough"
            return
    raise AssertionError("it makes fewer calls than that")
