"""The side of the reset path that asks: HA Monitor's, the fence agent's, haconnsetup's. Sans-IO.

`now` is a monotonic clock's reading in seconds; `randomness` gives that many unpredictable bytes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from haconn_cli.config.model import KeyRing, checked_name
from haconn_cli.resetpath import outcomes
from haconn_cli.resetpath.outcomes import Failed, Outcome, Why
from haconn_cli.resetpath.seal import (
    Address,
    OtherVersion,
    Randomness,
    Rejected,
    ReplayWindow,
    Seal,
    connector_name,
    participant_id,
)
from haconn_cli.resetpath.vocabulary import Action, ResetResult, ResultCode, Role, Standing
from haconn_cli.resetpath.wire import messages
from haconn_cli.resetpath.wire.frame import CHALLENGE_SIZE, EPOCH_SIZE, NO_CHALLENGE, REQUEST_SIZE, Frame, Malformed
from haconn_cli.resetpath.wire.messages import Message, parse_body_untrusted

PATIENCE = 2.0
"""Seconds to wait for the answer to a HELLO, a path check or a query: four sendings."""
GRACE = 1.0
"""Seconds that the final answer to a reset may travel after the reset's budget."""
_WAITS = (0.2, 0.4, 0.8, 1.6)
"""Seconds before a repeat; the last one again and again. Each varies by 10 %, so that two requesters do not stay in step."""
_KNOWN_EPOCHS, _KNOWN_EVENTS = 4, 256


@dataclass(slots=True)
class _Pending:
    """A request on its way."""

    message: Message
    ends: float
    due: float
    """When to send it (again); infinity while it waits for a WELCOME."""
    sent: int = 0
    was_prompted: bool = False
    """Already repeated at once for a CHALLENGE, after the last repeat in its turn."""
    is_silent: bool = False
    """A HELLO that nobody asked for; its failure is told by the requests that need it."""


class Requester:
    """One life of one participant that asks one connector."""

    def __init__(
        self,
        keys: KeyRing,
        role: Role,
        name: str,
        connector: Address,
        randomness: Randomness,
        digest: bytes,
        *,
        standing: Standing = Standing.ELSEWHERE,
        version: str = "",
    ) -> None:
        """Raises `BadValue` for a name that no server may have."""
        checked_name(name)
        self._randomness = randomness
        self._connector = participant_id(keys.cluster, Role.CONNECTOR, connector_name(*connector))
        self._seal = Seal(keys, participant_id(keys.cluster, role, name), randomness(EPOCH_SIZE))
        self._hello = messages.Hello(name, standing, version, digest, randomness(CHALLENGE_SIZE))
        self._challenge = NO_CHALLENGE
        self._is_welcome = False
        self._windows: dict[bytes, ReplayWindow] = {}
        self._pending: dict[bytes, _Pending] = {}
        self._seen_events: dict[bytes, None] = {}
        self._out: list[bytes] = []
        self._outcomes: deque[Outcome] = deque()
        self.dropped: Counter[str] = Counter()
        """Datagrams that had no effect, by reason."""

    # What may be asked. Each returns the request's id, which its outcomes carry.

    def say_hello(self, now: float, patience: float = PATIENCE) -> bytes:
        """Make oneself known; every other request does it by itself where needed."""
        return self._ask(self._hello, now, patience)

    def check_path(self, now: float, patience: float = PATIENCE) -> bytes:
        """Ask what the connector sees."""
        return self._ask(messages.PathCheck(), now, patience)

    def request_reset(
        self, target: str, action: Action, budget: float, now: float, *, reason: str = "", force: bool = False
    ) -> bytes:
        """Ask for a reset, which ends within `budget` seconds; without an answer it has `Failed` a second later.

        Raises `BadValue` for a target that no server may be named.
        """
        return self._ask(messages.ResetRequest(checked_name(target), action, budget, force, reason), now, budget + GRACE)

    def query_result(self, request: bytes, now: float, patience: float = PATIENCE) -> bytes:
        """Ask how an earlier reset request of this name stands; begins nothing."""
        return self._ask(messages.ResultQuery(), now, patience, request)

    def _ask(self, message: Message, now: float, patience: float, request: bytes | None = None) -> bytes:
        request = request or self._randomness(REQUEST_SIZE)
        self._pending[request] = _Pending(message, ends=now + patience, due=now)
        return request

    def forget(self, request: bytes) -> None:
        """Nobody waits for its outcome any more: it is not repeated, and has none."""
        self._pending.pop(request, None)

    # Time and output.

    def next_deadline(self) -> float | None:
        """When `handle_deadline` and `datagrams_to_send` have something to do next."""
        return min((min(pending.due, pending.ends) for pending in self._pending.values()), default=None)

    def handle_deadline(self, now: float) -> None:
        """Give up what is over."""
        for request, pending in list(self._pending.items()):
            if pending.ends <= now:
                self._fail(request, Why.NO_ANSWER)

    def next_event(self) -> Outcome | None:
        """The next thing learnt, in order."""
        return self._outcomes.popleft() if self._outcomes else None

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """What is due now, for the connector's address."""
        for request, pending in list(self._pending.items()):
            if pending.due <= now < pending.ends:
                self._send_or_wait(request, pending, now)
        due, self._out = self._out, []
        return due

    def _send_or_wait(self, request: bytes, pending: _Pending, now: float) -> None:
        if not self._is_welcome and not isinstance(pending.message, messages.Hello):
            pending.due = float("inf")
            self._become_known(pending.ends, now)
            return
        self._send(pending.message, request)
        pending.due = now + self._wait(pending.sent)
        pending.sent += 1
        pending.was_prompted = False

    def _become_known(self, ends: float, now: float) -> None:
        """Say hello, unless one that lasts long enough is on its way."""
        hellos = [pending for pending in self._pending.values() if isinstance(pending.message, messages.Hello)]
        if not any(hello.ends >= ends for hello in hellos):
            request = self._randomness(REQUEST_SIZE)
            hello = self._pending[request] = _Pending(self._hello, ends, due=now, is_silent=True)
            self._send_or_wait(request, hello, now)

    def _send(self, message: Message, request: bytes) -> None:
        self._out.append(self._seal.seal(self._connector, message, request, self._challenge))

    def _wait(self, sent: int) -> float:
        jitter = 0.9 + 0.2 * self._randomness(1)[0] / 255
        return _WAITS[min(sent, len(_WAITS) - 1)] * jitter

    # Input.

    def receive_datagram_untrusted(self, data: bytes, now: float) -> None:
        """Take in what arrived. What is not genuine, fresh and for us is counted in `dropped` and has no effect."""
        try:
            frame = self._seal.unseal_untrusted(data, (self._connector,))
            message = parse_body_untrusted(frame.type, frame.body)
            self._check_fresh(frame, message)
        except OtherVersion as other:
            self.dropped[other.reason] += 1
            self._fail(other.frame.request, Why.VERSION, other.frame.version)
        except Rejected as rejected:
            self.dropped[rejected.reason] += 1
        except Malformed:
            self.dropped["body"] += 1
        else:
            _HANDLERS.get(type(message), Requester._on_other)(self, frame, message, now)

    def _check_fresh(self, frame: Frame, message: Message) -> None:
        """Raises `Rejected` unless this was made for this life of ours and never came before.

        Either it carries our challenge, or it answers a request under way, whose id nobody could have known earlier; the latter
        is enough only where the connector cannot know our challenge yet. Another life of the connector is believed in an answer.
        """
        answers = frame.request in self._pending
        before_welcome = frame.challenge == NO_CHALLENGE and isinstance(message, messages.Challenge | messages.Refused)
        if frame.challenge != self._hello.challenge and not (answers and before_welcome):
            raise Rejected("challenge")
        if frame.epoch not in self._windows:
            if not answers:
                raise Rejected("epoch")
            self._windows[frame.epoch] = ReplayWindow()
            if len(self._windows) > _KNOWN_EPOCHS:
                del self._windows[next(iter(self._windows))]
        if not self._windows[frame.epoch].accept(frame.sequence):
            raise Rejected("replay")

    def _on_other(self, frame: Frame, message: Message, now: float) -> None:
        self.dropped["type"] += 1

    def _on_challenge(self, frame: Frame, message: messages.Challenge, now: float) -> None:
        pending = self._pending.get(frame.request)
        if pending is None:
            return
        self._challenge = message.challenge
        if frame.challenge == NO_CHALLENGE and not isinstance(pending.message, messages.Hello):
            self._is_welcome = False
        if not pending.was_prompted:
            pending.was_prompted = True
            self._repeat_at_once(frame.request, pending, now)

    def _repeat_at_once(self, request: bytes, pending: _Pending, now: float) -> None:
        if self._is_welcome or isinstance(pending.message, messages.Hello):
            self._send(pending.message, request)
        else:
            pending.due = now

    def _on_welcome(self, frame: Frame, message: messages.Welcome, now: float) -> None:
        self._challenge = message.challenge
        self._is_welcome = True
        if self._pending.pop(frame.request, None) is not None:
            differs = message.digest != self._hello.digest
            self._outcomes.append(outcomes.Welcomed(frame.request, message.own_server, message.version, differs))
        for pending in self._pending.values():
            pending.due = min(pending.due, now) if pending.due == float("inf") else pending.due

    def _on_path_status(self, frame: Frame, message: messages.PathStatus, now: float) -> None:
        self._challenge = message.challenge
        if self._pending.pop(frame.request, None) is not None:
            differs = message.digest != self._hello.digest
            self._outcomes.append(outcomes.PathStatus(frame.request, message.servers, differs))

    def _on_accepted(self, frame: Frame, message: messages.Accepted, now: float) -> None:
        if self._is_accepted(frame.request, now):
            self._outcomes.append(outcomes.Accepted(frame.request, message.operation, message.joined))

    def _on_progress(self, frame: Frame, message: messages.Progress, now: float) -> None:
        if frame.request in self._pending:
            self._is_accepted(frame.request, now)
            self._outcomes.append(outcomes.Progress(frame.request, message.phase, message.reads))

    def _is_accepted(self, request: bytes, now: float) -> bool:
        """Go over from asking for the reset to asking how it stands, so that a connector that forgot it does not begin again.

        True the first time.
        """
        pending = self._pending.get(request)
        if pending is None:
            return False
        is_first = isinstance(pending.message, messages.ResetRequest)
        pending.message = messages.ResultQuery()
        pending.due = now + self._wait(len(_WAITS))
        return is_first

    def _on_result(self, frame: Frame, message: messages.Result, now: float) -> None:
        self._send(messages.ResultAck(), frame.request)
        self._finish(frame.request, message.known(), message.code)

    def _on_refused(self, frame: Frame, message: messages.Refused, now: float) -> None:
        """A refusal is an answer; a success code in it is not believed."""
        pending = self._pending.get(frame.request)
        if pending is None:
            return
        if not isinstance(pending.message, messages.ResetRequest | messages.ResultQuery):
            self._fail(frame.request, Why.REFUSED, message.code)
            return
        is_known = message.code in set(ResultCode) and not ResultCode(message.code).is_success
        self._finish(frame.request, ResetResult(ResultCode(message.code)) if is_known else None, message.code)

    def _finish(self, request: bytes, result: ResetResult | None, code: int) -> None:
        if result is None:
            self._fail(request, Why.UNKNOWN_CODE, code)
        elif self._pending.pop(request, None) is not None:
            self._outcomes.append(outcomes.Finished(request, result))

    def _fail(self, request: bytes, why: Why, code: int | None = None) -> None:
        pending = self._pending.pop(request, None)
        if pending is None:
            return
        if not pending.is_silent:
            self._outcomes.append(Failed(request, why, code))
        if isinstance(pending.message, messages.Hello) and why is not Why.NO_ANSWER:
            for waiting in [key for key, other in self._pending.items() if other.due == float("inf")]:
                self._fail(waiting, why, code)

    def _on_event(self, frame: Frame, message: messages.Event, now: float) -> None:
        self._send(messages.EventAck(), frame.request)
        if frame.request in self._seen_events:
            return
        self._seen_events[frame.request] = None
        if len(self._seen_events) > _KNOWN_EVENTS:
            del self._seen_events[next(iter(self._seen_events))]
        self._outcomes.append(outcomes.EventSeen(frame.request, message.kind, message.server))


_HANDLERS: dict[type, Callable[[Requester, Frame, Any, float], None]] = {
    messages.Challenge: Requester._on_challenge,
    messages.Welcome: Requester._on_welcome,
    messages.Refused: Requester._on_refused,
    messages.PathStatus: Requester._on_path_status,
    messages.Accepted: Requester._on_accepted,
    messages.Progress: Requester._on_progress,
    messages.Result: Requester._on_result,
    messages.Event: Requester._on_event,
}
