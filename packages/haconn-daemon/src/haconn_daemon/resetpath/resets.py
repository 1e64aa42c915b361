"""The resets that were asked for: what the daemon says of them, who is told it, and how often. Sans-IO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from haconn_cli.config.model import Servers
from haconn_cli.resetpath.vocabulary import LONGEST_BUDGET, Phase, ResetResult, ResultCode
from haconn_cli.resetpath.wire import messages
from haconn_cli.resetpath.wire.frame import Frame
from haconn_cli.resetpath.wire.messages import Message
from haconn_daemon.resetpath.answers import Answers, Asked
from haconn_daemon.resetpath.arrivals import Arrival, RequestKey, ResetAsked, ResultAcknowledged
from haconn_daemon.resetpath.notices import RESULT_WAITS, Notices
from haconn_daemon.resetpath.peers import Peer

BUSY_RETRY = 1.0


class Resets(ABC):
    """The part of a responder that knows of resets."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._answers = Answers()
        self._notices = Notices()
        self._arrivals: deque[Arrival] = deque(maxlen=8192)

    @abstractmethod
    def _send(self, peer: Peer, message: Message, request: bytes) -> None:
        """Send a message to a peer that said hello."""

    # What the daemon says.

    def accepted(self, request: RequestKey, operation: bytes, joined: bool, now: float) -> None:
        """The request is recorded and belongs to `operation` (16 bytes); its result follows where there is one already."""
        asked = self._answers.find(request)
        if asked is None or asked.ended is not None or asked.operation is not None:
            return
        self._answer(asked, messages.Accepted(operation, joined))
        result = self._answers.join(asked, operation)
        if result is not None:
            self._end(asked, messages.Result.of(operation, result), now)

    def refused(self, request: RequestKey, code: ResultCode, now: float) -> None:
        """The request is not carried out; nothing of it was."""
        asked = self._answers.find(request)
        if asked is not None and asked.ended is None:
            asked.ended = now
            self._answer(asked, messages.Refused(code))

    def progress(self, operation: bytes, phase: Phase, reads: int, now: float) -> None:
        """How far the operation is, for all who wait for it. To be said about every second."""
        for asked in self._answers.members(operation):
            self._answer(asked, messages.Progress(operation, phase, min(reads, 0xFFFF)))

    def finished(self, operation: bytes, result: ResetResult, now: float) -> None:
        """The final answer, for all who wait for it. What is said after the first time is not heard."""
        self._answers.end(operation, result)
        for asked in self._answers.members(operation):
            self._end(asked, messages.Result.of(operation, result), now)

    def leave(self, request: RequestKey) -> bool:
        """The operation's result is not for this request any more, `finished_for` will say what is; False where it was told."""
        asked = self._answers.find(request)
        if asked is None or asked.ended is not None:
            return False
        asked.has_left = True
        return True

    def finished_for(self, request: RequestKey, operation: bytes, result: ResetResult, now: float) -> None:
        """A final answer for one requester whose time is over before the operation's."""
        asked = self._answers.find(request)
        if asked is not None and asked.ended is None:
            self._end(asked, messages.Result.of(operation, result), now)

    def restore(self, request: RequestKey, operation: bytes, result: ResetResult, now: float) -> None:
        """A request out of the record of an earlier life, with its final answer. One that was asked anew has its own."""
        known = self._answers.find(request)
        if known is not None and not isinstance(known.answer, messages.Refused):
            return
        asked = Asked(request, None, None, messages.Result.of(operation, result), ended=now)
        self._answers.add(asked, now)

    def _answer(self, asked: Asked, message: Message) -> None:
        asked.answer = message
        if asked.peer is not None:
            self._send(asked.peer, message, asked.key.request)

    def _end(self, asked: Asked, result: messages.Result, now: float) -> None:
        asked.ended = now
        asked.answer = result
        self._repeat_result(asked, now)

    def _repeat_result(self, asked: Asked, now: float) -> None:
        if asked.peer is not None and asked.answer is not None:
            self._notices.add(asked.peer, asked.answer, asked.key.request, RESULT_WAITS, now)

    # What is asked.

    def _is_first_reset(self, message: Message) -> bool:
        """Whether it asks for a reset of a server for which none is under way."""
        return (
            isinstance(message, messages.ResetRequest)
            and self._servers.find(message.target) is not None
            and not self._answers.is_under_way(message.target)
        )

    def _ask_reset(self, frame: Frame, message: messages.ResetRequest, peer: Peer, now: float) -> messages.Refused | None:
        """Take a fresh request in; the refusal where it is refused at once."""
        key = RequestKey(frame.sender, frame.request)
        asked = self._answers.find(key)
        if asked is None:
            return self._ask_new_reset(key, message, peer, now)
        if asked.content is not None and asked.content != message:
            return messages.Refused(ResultCode.POLICY)
        self._answer_again(asked, peer, now)
        return None

    def _ask_new_reset(self, key: RequestKey, message: messages.ResetRequest, peer: Peer, now: float) -> messages.Refused | None:
        if self._servers.find(message.target) is None:
            refusal = messages.Refused(ResultCode.UNKNOWN_TARGET)
        elif not 0 < message.budget <= LONGEST_BUDGET:
            refusal = messages.Refused(ResultCode.POLICY)
        elif not self._answers.add(Asked(key, message, peer), now):
            refusal = messages.Refused(ResultCode.BUSY, BUSY_RETRY)
        else:
            self._tell_asked(key, message, peer)
            return None
        self._answers.refuse(Asked(key, message, peer, refusal, ended=now))
        return refusal

    def _tell_asked(self, key: RequestKey, message: messages.ResetRequest, peer: Peer) -> None:
        who, what = str(peer.participant), message
        self._arrivals.append(ResetAsked(key, who, what.target, what.action, what.budget, what.force, what.reason))

    def _query_result(self, frame: Frame, peer: Peer, now: float) -> messages.Refused | None:
        """Answer how a request stands; the refusal where there is no such request."""
        asked = self._answers.find(RequestKey(frame.sender, frame.request))
        if asked is None:
            return messages.Refused(ResultCode.UNKNOWN_REQUEST)
        self._answer_again(asked, peer, now)
        return None

    def _answer_again(self, asked: Asked, peer: Peer, now: float) -> None:
        asked.peer = peer
        if isinstance(asked.answer, messages.Result):
            self._repeat_result(asked, now)
        elif asked.answer is not None:
            self._answer(asked, asked.answer)

    def _acknowledge(self, frame: Frame) -> bool:
        """Take an acknowledgement in, which needs no challenge: it names what only its receiver can know, and counts once."""
        if not self._notices.acknowledge(frame.sender, frame.request):
            return False
        if self._answers.find(key := RequestKey(frame.sender, frame.request)) is not None:
            self._arrivals.append(ResultAcknowledged(key))
        return True
