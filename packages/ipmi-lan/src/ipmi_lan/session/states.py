"""The machines as tables: what is awaited, and what arrives. A pair that is missing is an illegal move.

docs/states/ is drawn from these tables; whoever makes a move checks that it leads where its row says.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from ipmi_lan.wire.codes import PayloadType


class State(Enum):
    """Of one RMCP+ handshake, named for what is awaited."""

    AWAIT_OPEN_SESSION_RESPONSE = auto()
    AWAIT_RAKP_2 = auto()
    AWAIT_RAKP_4 = auto()
    ESTABLISHED = auto()
    FAILED = auto()


class State15(Enum):
    """Of one IPMI 1.5 activation, named for what is awaited."""

    AWAIT_CAPABILITIES = auto()
    AWAIT_CHALLENGE = auto()
    AWAIT_ACTIVATION = auto()
    ESTABLISHED = auto()
    FAILED = auto()


class Move(NamedTuple):
    """What handles an arrival, and the states that it may lead to."""

    handler: str
    to: tuple[Enum, ...]


HANDSHAKE: dict[tuple[State, int], Move] = {
    (State.AWAIT_OPEN_SESSION_RESPONSE, PayloadType.OPEN_SESSION_RESPONSE): Move(
        "take_open_session_response", (State.AWAIT_RAKP_2, State.FAILED)
    ),
    (State.AWAIT_RAKP_2, PayloadType.RAKP_2): Move("take_rakp_2", (State.AWAIT_RAKP_4, State.FAILED)),
    (State.AWAIT_RAKP_4, PayloadType.RAKP_4): Move("take_rakp_4", (State.ESTABLISHED, State.FAILED)),
}
"""(state, payload type) → the method of `Attempt`. What is not ours, or cannot be read, changes no state."""

ACTIVATION: dict[tuple[State15, str], Move] = {
    (State15.AWAIT_CAPABILITIES, "Get Channel Authentication Capabilities"): Move(
        "take_capabilities", (State15.AWAIT_CHALLENGE, State15.FAILED)
    ),
    (State15.AWAIT_CHALLENGE, "Get Session Challenge"): Move("take_challenge", (State15.AWAIT_ACTIVATION, State15.FAILED)),
    (State15.AWAIT_ACTIVATION, "Activate Session"): Move("take_activation", (State15.ESTABLISHED, State15.FAILED)),
}
"""(state, the command that is answered) → the method of `Activation`."""

AWAITED_PHASE: dict[Enum, str] = {
    State.AWAIT_OPEN_SESSION_RESPONSE: "Open Session Request",
    State.AWAIT_RAKP_2: "RAKP 1",
    State.AWAIT_RAKP_4: "RAKP 3 (some BMCs stay silent at a wrong password)",
    State15.AWAIT_CAPABILITIES: "Get Channel Authentication Capabilities",
    State15.AWAIT_CHALLENGE: "Get Session Challenge",
    State15.AWAIT_ACTIVATION: "Activate Session (some BMCs stay silent at a wrong password)",
}
"""What went unanswered, for the error."""


class Phase(Enum):
    """Of a session, from the first login to its end."""

    LOGGING_IN = auto()
    RAISING = auto()
    """Logged in; Set Session Privilege Level is not answered yet."""
    OPEN = auto()
    LOST = auto()
    """The BMC does not know the session any more; the next command that may be repeated logs in again."""
    CLOSING = auto()
    CLOSED = auto()


class Happening(Enum):
    """What moves a session from phase to phase."""

    LOGGED_IN = auto()
    LOGIN_FAILED = auto()
    RAISED = auto()
    RAISE_REFUSED = auto()
    WENT_SILENT = auto()
    WANTED_AGAIN = auto()
    CLOSE_ASKED = auto()
    CLOSE_DONE = auto()
    ENDED = auto()


PHASES: dict[tuple[Phase, Happening], Phase] = {
    (Phase.LOGGING_IN, Happening.LOGGED_IN): Phase.RAISING,
    (Phase.LOGGING_IN, Happening.LOGIN_FAILED): Phase.LOST,
    (Phase.LOGGING_IN, Happening.CLOSE_ASKED): Phase.CLOSED,
    (Phase.RAISING, Happening.RAISED): Phase.OPEN,
    (Phase.RAISING, Happening.RAISE_REFUSED): Phase.OPEN,       # the caller is told, and closes
    (Phase.RAISING, Happening.WENT_SILENT): Phase.LOST,
    (Phase.RAISING, Happening.CLOSE_ASKED): Phase.CLOSING,
    (Phase.OPEN, Happening.WENT_SILENT): Phase.LOST,
    (Phase.OPEN, Happening.CLOSE_ASKED): Phase.CLOSING,
    (Phase.LOST, Happening.WANTED_AGAIN): Phase.LOGGING_IN,
    (Phase.LOST, Happening.CLOSE_ASKED): Phase.CLOSED,
    (Phase.CLOSING, Happening.CLOSE_DONE): Phase.CLOSED,
    (Phase.CLOSING, Happening.WENT_SILENT): Phase.CLOSED,
    (Phase.CLOSING, Happening.CLOSE_ASKED): Phase.CLOSING,
    (Phase.CLOSED, Happening.CLOSE_ASKED): Phase.CLOSED,
    **{(phase, Happening.ENDED): Phase.CLOSED for phase in Phase},
}
"""(phase, happening) → phase."""
