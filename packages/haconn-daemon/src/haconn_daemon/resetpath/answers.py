"""What was asked and what was answered, so that a repeated request gets the first answer and does nothing again. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import ResetResult
from haconn_cli.resetpath.wire.messages import Message, ResetRequest
from haconn_daemon.resetpath.arrivals import RequestKey
from haconn_daemon.resetpath.peers import Peer

KEPT_FOR = 24 * 3600.0
MOST_ANSWERS = MOST_REFUSALS = 4096
_MOST_EARLY = 64


@dataclass(slots=True, eq=False)
class Asked:
    """One reset request and how it stands."""

    key: RequestKey
    content: ResetRequest | None
    """None: from before a restart; then only the id is known."""
    peer: Peer | None
    """Where it came from last."""
    answer: Message | None = None
    """The newest; None: not answered yet."""
    operation: bytes | None = None
    ended: float | None = None
    """When the final answer was given."""
    has_left: bool = False
    """Its time is over before the operation's: it gets an answer of its own."""


class Answers:
    """The requests of a day, at most `MOST_ANSWERS`; one that has no final answer is never forgotten.

    Beside them the newest `MOST_REFUSALS` that were refused at once: a late copy must not be taken up after all.
    """

    def __init__(self) -> None:
        self._asked: dict[RequestKey, Asked] = {}
        self._refused: dict[RequestKey, Asked] = {}
        self._members: dict[bytes, list[Asked]] = {}
        self._results: dict[bytes, ResetResult] = {}
        self._early: dict[bytes, ResetResult] = {}   # of operations that ended before their first request was bound to them

    def find(self, key: RequestKey) -> Asked | None:
        """What is known of a request."""
        return self._asked.get(key) or self._refused.get(key)

    def add(self, asked: Asked, now: float) -> bool:
        """Keep a new request; False where all the places are taken by requests without a final answer."""
        self._forget(now)
        if len(self._asked) >= MOST_ANSWERS:
            return False
        self._asked[asked.key] = asked
        return True

    def refuse(self, asked: Asked) -> None:
        """Keep a request that was answered with a refusal at once; it takes the place of older refusals only."""
        self._refused[asked.key] = asked
        assert asked.ended is not None, "a refusal is final"
        for oldest in list(self._refused.values()):
            assert oldest.ended is not None
            if len(self._refused) <= MOST_REFUSALS and asked.ended - oldest.ended <= KEPT_FOR:
                break
            del self._refused[oldest.key]

    def join(self, asked: Asked, operation: bytes) -> ResetResult | None:
        """Bind a request to an operation; the operation's result if it has one already."""
        asked.operation = operation
        self._members.setdefault(operation, []).append(asked)
        if operation in self._early:
            self._results.setdefault(operation, self._early.pop(operation))
        return self._results.get(operation)

    def members(self, operation: bytes) -> list[Asked]:
        """Those that share the operation, and its result once there is one."""
        return [asked for asked in self._members.get(operation, ()) if asked.ended is None and not asked.has_left]

    def end(self, operation: bytes, result: ResetResult) -> None:
        """Keep the operation's result as long as its requests are kept. The first one stays.

        A disk that hangs may hold up the acceptance until the operation is over; then the result waits for its request.
        """
        if operation in self._members:
            self._results.setdefault(operation, result)
            return
        self._early.setdefault(operation, result)
        if len(self._early) > _MOST_EARLY:
            del self._early[next(iter(self._early))]

    def is_under_way(self, target: str) -> bool:
        """Whether a reset of that server was asked for and has no final answer."""
        return any(asked.ended is None and asked.content is not None and asked.content.target == target
                   for asked in self._asked.values())   # fmt: skip

    def _forget(self, now: float) -> None:
        for asked in [asked for asked in self._asked.values() if asked.ended is not None and now - asked.ended > KEPT_FOR]:
            self._drop(asked)
        if len(self._asked) >= MOST_ANSWERS:
            finished = next((asked for asked in self._asked.values() if asked.ended is not None), None)
            if finished is not None:
                self._drop(finished)

    def _drop(self, asked: Asked) -> None:
        del self._asked[asked.key]
        if asked.operation is None:
            return
        members = self._members[asked.operation]
        members.remove(asked)
        if not members:
            del self._members[asked.operation]
            self._results.pop(asked.operation, None)
