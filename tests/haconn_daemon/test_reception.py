"""What arrives: everybody is answered in his own time, and an announcement is of one reset only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.vocabulary import Action, ResultCode
from haconn_daemon.fence.arbitration import COMMITTED, COMMITTED_LIFE, INTENT_LIFE, Arbitration
from haconn_daemon.fence.desk import Admitted
from haconn_daemon.reception import Reception
from haconn_daemon.resetpath.arrivals import Arrival, IntentHeard, RequestKey, ResetAsked
from tests.fakes.clock import run_in_virtual_time

OPERATION, NEXT = b"operation 123456", b"operation 234567"
REQUEST = RequestKey(b"s" * 8, b"r" * 16)


class Room:
    """The desk, the responder, the endpoint and the journal, as far as the reception sees them."""

    def __init__(self, *, joined: bool = False) -> None:
        self.joined = joined
        self.left: list[tuple[Any, ...]] = []
        self.told: list[tuple[float, RequestKey, ResultCode]] = []
        self.arbitration = Arbitration()
        self.is_over = False

    async def admit(self, order: Any) -> Admitted:
        return Admitted(OPERATION, joined=self.joined)

    async def leave(self, *words: Any) -> None:
        self.left.append(words)

    def heard_intent(self, *words: Any) -> None:
        self.arbitration.heard(*words)

    def finished_for(self, request: RequestKey, operation: bytes, result: Any, now: float) -> None:
        self.told.append((now, request, result.code))


def play(room: Room, *arrivals: tuple[float, Arrival], lasts: float = 60.0) -> None:
    """Have these arrive at their times."""
    desk: Any = room
    responder: Any = SimpleNamespace(
        accepted=lambda *words: None, leave=lambda request: not room.is_over, finished_for=room.finished_for
    )
    journal: Any = SimpleNamespace(event=lambda *words, **fields: None)
    endpoint: Any = SimpleNamespace(wake=lambda: None)
    nobody: Any = None

    async def main() -> None:
        sender, receiver = trio.open_memory_channel[Arrival](10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Reception(journal, responder, endpoint, desk, nobody, nobody).run, receiver)
            start = trio.current_time()
            for when, arrival in arrivals:
                await trio.sleep_until(start + when)
                await sender.send(arrival)
            await trio.sleep(lasts)
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)


def asked(budget: float) -> ResetAsked:
    return ResetAsked(REQUEST, "monitor PSERVER1", "PSERVER2", Action.CYCLE, budget, False, "")


@pytest.mark.shows("R3")
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("budget", [0.1, 1.0, 10.0])
def test_nobody_waits_for_an_operation_that_others_have_extended(budget: float, joined: bool) -> None:
    """Who began it has less time than who joined it: he is answered within his budget and a second, too."""
    room = Room(joined=joined)
    play(room, (0.0, asked(budget)))
    ((when, request, code),) = room.told
    assert request == REQUEST
    assert code is ResultCode.TIMEOUT
    assert budget <= when <= budget + 1.0 or when <= 1.5
    assert len(room.left) == 1, "so that another life tells the same answer"


def test_who_has_the_result_is_told_nothing_else() -> None:
    room = Room()
    room.is_over = True
    play(room, (0.0, asked(1.0)))
    assert (room.told, room.left) == ([], [])


def test_what_was_committed_in_one_reset_says_nothing_of_the_next() -> None:
    """A connector whose resets fail again and again must not keep the one with more right from its own for ever."""
    room = Room()

    def intent(priority: int, operation: bytes) -> IntentHeard:
        return IntentHeard("192.168.0.2:30000", "A", "B", priority, operation)

    again = COMMITTED_LIFE - 1
    play(room, (0.0, intent(COMMITTED, OPERATION)), (again, intent(0, NEXT)), (again, intent(0, OPERATION)), lasts=INTENT_LIFE)
    assert room.arbitration.winner("A", 10, "B", again + COMMITTED_LIFE - 0.1) is not None, "a late copy takes nothing back"
    room = Room()
    play(room, (0.0, intent(COMMITTED, OPERATION)), (again, intent(0, NEXT)), lasts=INTENT_LIFE)
    assert room.arbitration.winner("A", 10, "B", COMMITTED_LIFE - 0.1) is not None
    assert room.arbitration.winner("A", 10, "B", COMMITTED_LIFE + 0.1) is None
