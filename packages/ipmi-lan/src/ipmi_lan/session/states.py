"""The login as a table: which message is awaited, and what arrives. A pair that is missing is an illegal move."""

from __future__ import annotations

from enum import Enum, auto

from ipmi_lan.wire.codes import PayloadType


class State(Enum):
    """Named for what is awaited."""

    AWAIT_OPEN_SESSION_RESPONSE = auto()
    AWAIT_RAKP_2 = auto()
    AWAIT_RAKP_4 = auto()
    AWAIT_NEXT_TRY = auto()
    """A pause: every slot was taken, or the port was refused."""
    ESTABLISHED = auto()
    FAILED = auto()


class Timer(Enum):
    """The other thing that can arrive."""

    EXPIRED = auto()


TABLE: dict[tuple[State, PayloadType | Timer], str] = {
    (State.AWAIT_OPEN_SESSION_RESPONSE, PayloadType.OPEN_SESSION_RESPONSE): "take_open_session_response",
    (State.AWAIT_OPEN_SESSION_RESPONSE, Timer.EXPIRED): "restart_after_silence",
    (State.AWAIT_RAKP_2, PayloadType.RAKP_2): "take_rakp_2",
    (State.AWAIT_RAKP_2, Timer.EXPIRED): "restart_after_silence",
    (State.AWAIT_RAKP_4, PayloadType.RAKP_4): "take_rakp_4",
    (State.AWAIT_RAKP_4, Timer.EXPIRED): "restart_after_silence",
    (State.AWAIT_NEXT_TRY, Timer.EXPIRED): "start_attempt",
}
"""(state, arrival) → the method of `Opening` that handles it."""

AWAITED_PHASE = {
    State.AWAIT_OPEN_SESSION_RESPONSE: "Open Session Request",
    State.AWAIT_RAKP_2: "RAKP 1",
    State.AWAIT_RAKP_4: "RAKP 3 (some BMCs stay silent at a wrong password)",
    State.AWAIT_NEXT_TRY: "Open Session Request",
}
"""What went unanswered, for the error."""
