"""A connector's side of the reset path, sans-IO: who is heard, what is answered, and that a request counts once.

`now` is a monotonic clock's reading in seconds; `randomness` gives that many unpredictable bytes. Path checks are answered on
the spot from what `status` already knows. A reset request becomes one `ResetAsked`; the rest of the daemon answers it with
`accepted` or `refused`, then `progress`, and once `finished`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from haconn_cli.config.model import KeyRing, Servers
from haconn_cli.resetpath.seal import (
    Address,
    Challenges,
    OtherVersion,
    Randomness,
    Rejected,
    Seal,
    connector_name,
    participant_id,
)
from haconn_cli.resetpath.vocabulary import (
    LONGEST_BUDGET,
    EventKind,
    Phase,
    ResetResult,
    ResultCode,
    Role,
    ServerStatus,
    Standing,
)
from haconn_cli.resetpath.wire import messages
from haconn_cli.resetpath.wire.frame import EPOCH_SIZE, FLAG_REPLY, NO_CHALLENGE, REQUEST_SIZE, Frame, Malformed
from haconn_cli.resetpath.wire.messages import CHALLENGE_DATAGRAM, Message, Type, parse_body_untrusted
from haconn_daemon.resetpath.answers import Answers, Asked
from haconn_daemon.resetpath.arrivals import (
    Arrival,
    HelloSeen,
    OtherVersionSeen,
    RequestKey,
    ResetAsked,
    ResultAcknowledged,
)
from haconn_daemon.resetpath.notices import EVENT_WAITS, RESULT_WAITS, Notices
from haconn_daemon.resetpath.peers import Allowance, Peer, Peers, participants

BUSY_RETRY = 1.0
_ACKNOWLEDGEMENTS = (Type.RESULT_ACK, Type.EVENT_ACK)
_REQUESTS = (Type.HELLO, Type.PATH_CHECK, Type.RESET_REQUEST, Type.RESULT_QUERY)


class Responder:
    """One life of the connector at that reset-path address."""

    def __init__(
        self,
        keys: KeyRing,
        address: Address,
        servers: Servers,
        randomness: Randomness,
        status: Callable[[float], Sequence[ServerStatus]],
        *,
        own_server: str | None = None,
        version: str = "",
    ) -> None:
        self._randomness = randomness
        self._servers = servers
        self._digest = servers.digest()
        self._status = status
        self._version = version
        self._configured_own = own_server
        self._claimed_own: dict[str, None] = {}
        self._other_versions: set[tuple[bytes, int]] = set()
        self._participants = participants(keys.cluster, servers)
        own_id = participant_id(keys.cluster, Role.CONNECTOR, connector_name(*address))
        self._seal = Seal(keys, own_id, randomness(EPOCH_SIZE))
        self._challenges = Challenges(randomness)
        self._peers = Peers()
        self._allowance = Allowance()
        self._answers = Answers()
        self._notices = Notices()
        self._out: deque[tuple[bytes, Address]] = deque(maxlen=4096)
        self._arrivals: deque[Arrival] = deque(maxlen=8192)
        self.dropped: Counter[str] = Counter()
        """Datagrams that had no effect, by reason."""
        self.path_checks: Counter[str] = Counter()
        """Path checks answered, by who asked."""

    @property
    def own_servers(self) -> tuple[str, ...]:
        """The servers taken for our own: the configured one and each that a local HA Monitor claims.

        More than one is a mistake in somebody's configuration, and none of them may be reset.
        """
        configured = (self._configured_own,) if self._configured_own else ()
        return tuple(dict.fromkeys((*configured, *self._claimed_own)))

    # Time and output.

    def next_deadline(self) -> float | None:
        """When `handle_deadline` has something to do next."""
        return self._notices.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """Send again what nobody acknowledged."""
        for notice in self._notices.take_due(now):
            self._send(notice.peer, notice.message, notice.request)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        """What is due now, and where to."""
        self.handle_deadline(now)
        due = list(self._out)
        self._out.clear()
        return due

    def next_event(self) -> Arrival | None:
        """The next thing that the daemon should know, in order."""
        return self._arrivals.popleft() if self._arrivals else None

    def _send(self, peer: Peer, message: Message, request: bytes) -> None:
        is_reply = not isinstance(message, messages.Event)
        datagram = self._seal.seal(peer.sender, message, request, peer.challenge, reply=is_reply)
        self._out.append((datagram, peer.address))

    # What the daemon says of a reset.

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

    def finished_for(self, request: RequestKey, operation: bytes, result: ResetResult, now: float) -> None:
        """A final answer for one requester whose time is over before the operation's."""
        asked = self._answers.find(request)
        if asked is not None and asked.ended is None:
            self._end(asked, messages.Result.of(operation, result), now)

    def claim_own(self, server: str) -> None:
        """A claim of an earlier life: a local HA Monitor said that this is the own server."""
        if self._servers.find(server) is not None:
            self._claimed_own[server] = None

    def restore(self, request: RequestKey, operation: bytes, result: ResetResult, now: float) -> None:
        """A request out of the record of an earlier life, with its final answer."""
        asked = Asked(request, None, None, messages.Result.of(operation, result), ended=now)
        self._answers.add(asked, now)

    def announce(self, kind: EventKind, server: str, now: float) -> None:
        """Tell every HA Monitor heard of lately that a server's power changed."""
        event = self._randomness(REQUEST_SIZE)
        for peer in self._peers.listeners(now):
            self._notices.add(peer, messages.Event(kind, server), event, EVENT_WAITS, now)

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

    # What arrives.

    def receive_datagram_untrusted(self, data: bytes, address: Address, now: float) -> None:
        """Take in what arrived. What is not genuine and for us is counted in `dropped` and never answered."""
        try:
            frame = self._seal.unseal_untrusted(data, self._participants)
        except OtherVersion as other:
            self.dropped[other.reason] += 1
            self._tell_version(other.frame, address, now)
        except Rejected as rejected:
            self.dropped[rejected.reason] += 1
        else:
            if frame.type in _ACKNOWLEDGEMENTS:
                self._on_acknowledged(frame)
            elif frame.type in _REQUESTS and len(data) >= CHALLENGE_DATAGRAM:
                self._on_request(frame, address, now)
            else:
                self.dropped["type"] += 1

    def _tell_version(self, frame: Frame, address: Address, now: float) -> None:
        if frame.flags & FLAG_REPLY or not self._allowance.take(frame.sender + b"version", now):
            return
        self._out.append((self._seal.seal(frame.sender, messages.MyVersion(), frame.request, NO_CHALLENGE, reply=True), address))
        if (frame.sender, frame.version) not in self._other_versions:
            self._other_versions.add((frame.sender, frame.version))
            self._arrivals.append(OtherVersionSeen(self._participants[frame.sender].name, frame.version, address))

    def _on_acknowledged(self, frame: Frame) -> None:
        """An acknowledgement needs no challenge: it names what only its receiver can know, and counts once."""
        if not self._notices.acknowledge(frame.sender, frame.request):
            self.dropped["acknowledged"] += 1
        elif self._answers.find(key := RequestKey(frame.sender, frame.request)) is not None:
            self._arrivals.append(ResultAcknowledged(key))

    def _on_request(self, frame: Frame, address: Address, now: float) -> None:
        """A challenge for what is not provably fresh.

        That costs the sender no allowance: whoever repeats its old datagrams must not be able to use it up.
        """
        is_fresh = self._challenges.is_valid(frame.challenge, frame.sender, frame.epoch, address, now)
        peer = self._peers.find(frame.sender, frame.epoch)
        if not is_fresh or (peer is None and frame.type != Type.HELLO):
            self.dropped["stale"] += frame.challenge != NO_CHALLENGE
            self._send_challenge(frame, peer, address, now)
        elif peer is not None and not peer.window.accept(frame.sequence):
            self.dropped["replay"] += 1
        else:
            self._on_fresh(frame, peer, address, now)

    def _send_challenge(self, frame: Frame, peer: Peer | None, address: Address, now: float) -> None:
        message = messages.Challenge(self._challenges.issue(frame.sender, frame.epoch, address, now))
        theirs = peer.challenge if peer is not None else NO_CHALLENGE
        self._out.append((self._seal.seal(frame.sender, message, frame.request, theirs, reply=True), address))

    def _on_fresh(self, frame: Frame, peer: Peer | None, address: Address, now: float) -> None:
        try:
            message = parse_body_untrusted(frame.type, frame.body)
        except Malformed:
            self.dropped["body"] += 1
            self._refuse(frame, peer, address, ResultCode.POLICY)
            return
        if not self._allowance.take(frame.sender, now) and not self._is_first_reset(message):
            self.dropped["rate"] += 1
            return
        if peer is not None:
            peer.address, peer.last_heard = address, now
        if isinstance(message, messages.Hello):
            self._on_hello(frame, message, peer, address, now)
        elif peer is not None:
            _HANDLERS[type(message)](self, frame, message, peer, now)

    def _is_first_reset(self, message: Message) -> bool:
        return (
            isinstance(message, messages.ResetRequest)
            and self._servers.find(message.target) is not None
            and not self._answers.is_under_way(message.target)
        )

    def _refuse(self, frame: Frame, peer: Peer | None, address: Address, code: ResultCode, retry_after: float = 0.0) -> None:
        theirs = peer.challenge if peer is not None else NO_CHALLENGE
        refused = messages.Refused(code, retry_after)
        self._out.append((self._seal.seal(frame.sender, refused, frame.request, theirs, reply=True), address))

    def _on_hello(self, frame: Frame, message: messages.Hello, peer: Peer | None, address: Address, now: float) -> None:
        participant = self._participants[frame.sender]
        if message.name != participant.name or (peer is not None and message.challenge != peer.challenge):
            self._refuse(frame, peer, address, ResultCode.POLICY)
            return
        if peer is None:
            peer = Peer(frame.sender, participant, message.challenge, address, now)
            peer.window.accept(frame.sequence)
            if not self._peers.add(frame.epoch, peer, now):
                self.dropped["lives"] += 1
                return
            is_local = participant.role is Role.MONITOR and message.standing is Standing.LOCAL
            if is_local:
                self._claimed_own[message.name] = None
            self._arrivals.append(HelloSeen(message.name, is_local, address, message.digest != self._digest))
        self._send_welcome(frame, peer, now)

    def _send_welcome(self, frame: Frame, peer: Peer, now: float) -> None:
        challenge = self._challenges.issue(frame.sender, frame.epoch, peer.address, now)
        own = next(iter(self.own_servers), "")
        self._send(peer, messages.Welcome(challenge, own, self._version, self._digest), frame.request)

    def _on_path_check(self, frame: Frame, message: messages.PathCheck, peer: Peer, now: float) -> None:
        self.path_checks[peer.participant.name] += 1
        challenge = self._challenges.issue(frame.sender, frame.epoch, peer.address, now)
        self._send(peer, messages.PathStatus(challenge, self._digest, tuple(self._status(now))), frame.request)

    def _on_reset_request(self, frame: Frame, message: messages.ResetRequest, peer: Peer, now: float) -> None:
        key = RequestKey(frame.sender, frame.request)
        asked = self._answers.find(key)
        if asked is None:
            self._on_new_reset(key, message, frame, peer, now)
        elif asked.content is not None and asked.content != message:
            self._refuse(frame, peer, peer.address, ResultCode.POLICY)
        else:
            self._answer_again(asked, peer, now)

    def _on_new_reset(self, key: RequestKey, message: messages.ResetRequest, frame: Frame, peer: Peer, now: float) -> None:
        if self._servers.find(message.target) is None:
            self._refuse(frame, peer, peer.address, ResultCode.UNKNOWN_TARGET)
        elif not 0 < message.budget <= LONGEST_BUDGET:
            self._refuse(frame, peer, peer.address, ResultCode.POLICY)
        elif not self._answers.add(Asked(key, message, peer), now):
            self._refuse(frame, peer, peer.address, ResultCode.BUSY, BUSY_RETRY)
        else:
            who, what = str(peer.participant), message
            self._arrivals.append(ResetAsked(key, who, what.target, what.action, what.budget, what.force, what.reason))

    def _on_result_query(self, frame: Frame, message: messages.ResultQuery, peer: Peer, now: float) -> None:
        asked = self._answers.find(RequestKey(frame.sender, frame.request))
        if asked is None:
            self._refuse(frame, peer, peer.address, ResultCode.UNKNOWN_REQUEST)
        else:
            self._answer_again(asked, peer, now)

    def _answer_again(self, asked: Asked, peer: Peer, now: float) -> None:
        asked.peer = peer
        if isinstance(asked.answer, messages.Result):
            self._repeat_result(asked, now)
        elif asked.answer is not None:
            self._answer(asked, asked.answer)


_HANDLERS: dict[type, Callable[[Responder, Frame, Any, Peer, float], None]] = {
    messages.PathCheck: Responder._on_path_check,
    messages.ResetRequest: Responder._on_reset_request,
    messages.ResultQuery: Responder._on_result_query,
}
