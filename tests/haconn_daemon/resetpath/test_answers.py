"""What was asked and answered is kept a day, and never more than there is room for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import Action, ResetResult, ResultCode
from haconn_cli.resetpath.wire.messages import ResetRequest
from haconn_daemon.resetpath import answers
from haconn_daemon.resetpath.answers import KEPT_FOR, Answers, Asked
from haconn_daemon.resetpath.arrivals import RequestKey

OFF, STILL_ON = ResetResult(ResultCode.OFF_CONFIRMED), ResetResult(ResultCode.STILL_ON)
OPERATION = b"p" * 16


def asked(number: int, ended: float | None = None, target: str = "PSERVER2") -> Asked:
    key = RequestKey(b"s" * 8, number.to_bytes(16, "big"))
    return Asked(key, ResetRequest(target, Action.OFF, 1), None, ended=ended)


def test_an_answer_is_forgotten_after_a_day_and_an_open_request_never() -> None:
    kept = Answers()
    finished, still_open = asked(1, ended=0.0), asked(2)
    kept.add(finished, 0.0)
    kept.add(still_open, 0.0)
    kept.add(asked(3), KEPT_FOR)
    assert kept.find(finished.key) is finished
    kept.add(asked(4), KEPT_FOR + 1)
    assert kept.find(finished.key) is None
    assert kept.find(still_open.key) is still_open


def test_a_result_is_kept_as_long_as_its_requests() -> None:
    kept, first = Answers(), asked(1)
    kept.add(first, 0.0)
    assert kept.join(first, OPERATION) is None
    kept.end(OPERATION, OFF)
    kept.end(OPERATION, STILL_ON)
    assert kept.join(asked(2), OPERATION) is OFF


def test_a_result_that_is_there_before_its_request_waits_for_it() -> None:
    kept = Answers()
    kept.end(OPERATION, OFF)
    kept.end(OPERATION, STILL_ON)
    assert kept.join(asked(1), OPERATION) is OFF
    assert kept.join(asked(2), OPERATION) is OFF
    for number in range(1000):
        kept.end(number.to_bytes(16), OFF)
    assert kept.join(asked(3), bytes(16)) is None, "but not in any number"
    assert kept.join(asked(4), (999).to_bytes(16)) is OFF


def test_members_are_those_without_a_final_answer() -> None:
    kept, first, second = Answers(), asked(1), asked(2)
    for one in (first, second):
        kept.add(one, 0.0)
        kept.join(one, OPERATION)
    first.ended = 1.0
    assert kept.members(OPERATION) == [second]
    assert kept.is_under_way("PSERVER2")
    assert not kept.is_under_way("PSERVER3")
    second.ended = 1.0
    assert not kept.is_under_way("PSERVER2")


def test_refusals_are_kept_a_day_and_in_no_number_and_take_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_REFUSALS", 10)
    kept, taken = Answers(), asked(0, ended=0.0)
    kept.add(taken, 0.0)
    refused = [asked(number, ended=float(number)) for number in range(1, 31)]
    for one in refused:
        kept.refuse(one)
    assert [one for one in refused if kept.find(one.key) is one] == refused[20:]
    assert kept.find(taken.key) is taken
    assert not kept.is_under_way("PSERVER2")
    kept.refuse(asked(31, ended=25.5 + KEPT_FOR))
    assert [one for one in refused if kept.find(one.key) is one] == refused[25:]


@given(st.lists(st.booleans(), max_size=60))
def test_there_are_never_more_than_there_is_room_for(are_finished: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "MOST_ANSWERS", 10)
        kept = Answers()
        opened: list[Asked] = []
        for number, is_finished in enumerate(are_finished):
            one = asked(number, ended=0.0 if is_finished else None)
            if kept.add(one, 1.0):
                kept.join(one, bytes((number % 5,)) * 16)
                opened += [] if is_finished else [one]
            assert len(kept._asked) <= 10
            assert sum(map(len, kept._members.values())) == len(kept._asked)
        assert all(kept.find(one.key) is one for one in opened)
