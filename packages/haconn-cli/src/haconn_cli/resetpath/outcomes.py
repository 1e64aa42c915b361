"""What a requester learns, as values. Each names the request it belongs to by its id of 16 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from haconn_cli.resetpath.vocabulary import EventKind, Phase, ResetResult, ServerStatus


class Why(Enum):
    """Why a request came to nothing."""

    NO_ANSWER = "no answer"
    REFUSED = "refused"
    VERSION = "the connector speaks another version of the protocol"
    UNKNOWN_CODE = "the answer is of a kind that this version does not know"


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The connector knows this requester."""

    request: bytes
    own_server: str
    """The server that the connector stands on; empty: it does not know yet."""
    version: str
    digest_differs: bool
    """The two sides have different lists of servers."""


@dataclass(frozen=True, slots=True)
class PathStatus:
    """The connector answered a path check."""

    request: bytes
    servers: tuple[ServerStatus, ...]
    digest_differs: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The reset is recorded and will be carried out."""

    request: bytes
    operation: bytes
    joined: bool
    """A reset of the same server was under way already; its result is this one's too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reset is."""

    request: bytes
    phase: Phase
    reads: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The final answer to a reset request, refusals included. Only `result.code.is_success` is success."""

    request: bytes
    result: ResetResult


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no answer; of a reset: it must be taken for not done, although it may have been."""

    request: bytes
    why: Why
    code: int | None = None
    """The number that was answered, where one was."""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """The connector saw a server's power change. A hint: nothing is proven by it."""

    event: bytes
    kind: EventKind
    server: str


Outcome = Welcomed | PathStatus | Accepted | Progress | Finished | Failed | EventSeen
