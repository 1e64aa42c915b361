"""A session: the login, then commands under its keys.

Once keys exist, a datagram counts only if it is RMCP+, authenticated, encrypted, of this session, and new; all else is
counted and dropped, whoever sent it. A reply is matched on NetFn, command and rqSeq.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.crypto.rakp import NotAuthentic, SessionKeys
from ipmi_lan.crypto.sealing import BLOCK, seal, unseal_untrusted
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, CommandRefused, IpmiError, Malformed, NoAnswer, SessionLost
from ipmi_lan.session import retry
from ipmi_lan.session.events import Answered, Credentials, Event, Failed, Opened, OpeningFailed, Peer
from ipmi_lan.session.numbering import ReplayWindow, RequestNumbers, following
from ipmi_lan.session.opening import Opening
from ipmi_lan.wire.codes import CompletionCode, PayloadType, meaning_of
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet import Packet, parse_packet_untrusted

_MOST_DATAGRAM = 2048
"""Octets; an IPMI packet is far smaller."""
_BUSY_CODES = (
    CompletionCode.NODE_BUSY,
    CompletionCode.TIMEOUT,
    CompletionCode.SDR_UPDATING,
    CompletionCode.FIRMWARE_UPDATING,
    CompletionCode.STARTING_UP,
)


@dataclass(slots=True)
class _Outstanding:
    """A command that waits for its answer."""

    token: int
    command: Command[Any]
    request: Request
    started: float
    deadline: float
    sends: int = 0
    next_send: float = 0.0
    refusal: CommandRefused | None = None
    """The BMC was too busy; that is the outcome unless it finds the time before the deadline."""


class Session:
    """One session with one BMC, without I/O. Give it datagrams and the time; take from it datagrams and events."""

    def __init__(
        self,
        credentials: Credentials,
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        suites: Sequence[CipherSuite] = DEFAULT_SUITES,
    ) -> None:
        """Begins the login at once; it ends by `deadline`. `randomness(n)` gives n unpredictable octets."""
        if not suites:
            raise BadArgument("no cipher suite offered")
        self.dropped: Counter[str] = Counter()
        """Datagrams that were ignored, by reason."""
        self.last_heard = now
        """When the last packet came that counted: in the login any of RMCP+, in the session an authenticated one."""
        self._randomness = randomness
        self._opening: Opening | None = Opening(credentials, suites, randomness, now, deadline, self.dropped)
        self._peer: Peer | None = None
        self._keys: SessionKeys | None = None
        self._console_id = 0
        self._sequence = 0
        self._window = ReplayWindow()
        self._numbers = RequestNumbers()
        self._outstanding: dict[int, _Outstanding] = {}   # by rqSeq
        self._tokens = 0
        self._refused = 0
        self._lost: SessionLost | None = None
        self._outbox: list[bytes] = []
        self._events: deque[Event] = deque()

    @property
    def peer(self) -> Peer | None:
        """The BMC, once it has proven itself."""
        return self._peer

    def request(self, command: Command[Any], now: float, deadline: float) -> int:
        """Send a command; its `Answered` or `Failed` will carry the token returned. Needs an open session."""
        self._tokens += 1
        number = None if self._lost or self._peer is None else self._numbers.take(now)
        if number is None:
            self._events.append(Failed(self._tokens, self._lost or SessionLost("no session, or too many unanswered commands")))
            return self._tokens
        request = Request(command.netfn, command.code, number, command.data)
        waiting = _Outstanding(self._tokens, command, request, now, deadline)
        self._outstanding[number] = waiting
        self._transmit(waiting, now)
        return self._tokens

    def abandon(self, token: int, now: float) -> None:
        """Nobody waits for this command any more."""
        for number, waiting in list(self._outstanding.items()):
            if waiting.token == token:
                del self._outstanding[number]
                self._numbers.quarantine(number, now)

    def end(self, now: float) -> None:
        """Nobody moves this session any more: commands that wait, or are still to come, fail at once.

        A login that is half done gives its slot back with a last datagram.
        """
        if self._opening is not None:
            self._opening.abandon()
            self._outbox += self._opening.outbox
            self._opening = None
        if self._lost is None:
            self._lose(SessionLost("it was closed"), now)

    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> None:
        """Whatever arrived on the socket. Never raises for its content."""
        if len(datagram) > _MOST_DATAGRAM:
            self.dropped["oversized"] += 1
        elif self._peer is None:
            self._receive_in_login_untrusted(datagram, now)
        else:
            self._receive_in_session_untrusted(datagram, now)

    def peer_refused(self, now: float) -> None:
        """The host says (ICMP) that nothing listens. In a session this is evidence only: a BMC that restarts says so too."""
        if self._opening is not None:
            self._opening.peer_refused(now)
            self._look_at_opening()
        else:
            self._refused += 1
            if self._refused >= retry.MOST_REFUSALS:
                self._lose(SessionLost("the host refuses the port"), now)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, or None."""
        if self._opening is not None:
            return self._opening.next_deadline()
        return min((min(waiting.next_send, waiting.deadline) for waiting in self._outstanding.values()), default=None)

    def handle_deadline(self, now: float) -> None:
        """Time has passed: repeat, or give up."""
        if self._opening is not None:
            if now >= self._opening.next_deadline():
                self._opening.handle_deadline(now)
                self._look_at_opening()
            return
        for waiting in list(self._outstanding.values()):
            if now >= waiting.deadline:
                self._give_up(waiting, now)
            elif now >= waiting.next_send:
                self._repeat(waiting, now)

    def datagrams_to_send(self) -> list[bytes]:
        """What is to go out now, in order."""
        outbox, self._outbox = self._outbox, []
        if self._opening is not None:
            outbox, self._opening.outbox = outbox + self._opening.outbox, []
        return outbox

    def next_event(self) -> Event | None:
        """The next thing to tell, or None."""
        return self._events.popleft() if self._events else None

    # ── the login ─────────────────────────────────────────────────────────────

    def _receive_in_login_untrusted(self, datagram: bytes, now: float) -> None:
        if self._opening is None:
            self.dropped["after the login failed"] += 1
            return
        try:
            packet = parse_packet_untrusted(datagram)
        except Malformed:
            self.dropped["not RMCP+"] += 1
            self._opening.receive_stranger_untrusted(datagram)
            return
        self._opening.receive_packet_untrusted(packet, now)
        self.last_heard = now
        self._look_at_opening()

    def _look_at_opening(self) -> None:
        opening = self._opening
        if opening is None or (opening.keys is None and opening.error is None):
            return
        self._outbox += opening.outbox
        self._opening = None
        if opening.error is not None:
            self._events.append(OpeningFailed(opening.error))
            return
        login = opening.login
        assert login is not None, "keys come of a login"
        self._keys, self._console_id = opening.keys, login.console_id
        self._peer = Peer(login.guid, login.suite, login.bmc_id)
        self._events.append(Opened(self._peer))

    # ── in the session ────────────────────────────────────────────────────────

    def _transmit(self, waiting: _Outstanding, now: float) -> None:
        """Send, or send again: every datagram has a number of its own, the message keeps its rqSeq."""
        assert self._peer is not None
        assert self._keys is not None
        self._sequence = following(self._sequence)
        waiting.sends += 1
        wait = retry.wait_of(retry.COMMAND_WAITS, waiting.sends)
        waiting.next_send = now + wait if waiting.command.is_repeatable else waiting.deadline
        packet = Packet(PayloadType.IPMI, build_request(waiting.request), self._peer.session_id, self._sequence)
        self._outbox.append(seal(self._peer.suite, self._keys, packet, self._randomness(BLOCK)))

    def _repeat(self, waiting: _Outstanding, now: float) -> None:
        if not waiting.command.is_repeatable:
            waiting.next_send = waiting.deadline
        elif waiting.sends >= len(retry.COMMAND_WAITS) and self.last_heard <= waiting.started:
            self._lose(SessionLost(f"{waiting.sends} times no answer to {waiting.command.name}"), now)
        else:
            self._transmit(waiting, now)

    def _give_up(self, waiting: _Outstanding, now: float) -> None:
        silence = NoAnswer(waiting.command.name, now - waiting.started)
        self._finish(waiting, silence if waiting.refusal is None else waiting.refusal, now)

    def _lose(self, error: SessionLost, now: float) -> None:
        self._lost = error
        for waiting in list(self._outstanding.values()):
            self._finish(waiting, error, now)

    def _finish(self, waiting: _Outstanding, error: IpmiError, now: float) -> None:
        self.abandon(waiting.token, now)
        self._events.append(Failed(waiting.token, error))

    def _receive_in_session_untrusted(self, datagram: bytes, now: float) -> None:
        assert self._peer is not None
        assert self._keys is not None
        try:
            packet = unseal_untrusted(self._peer.suite, self._keys, self._console_id, datagram)
        except NotAuthentic:
            self.dropped["not authentic"] += 1
            return
        except Malformed:
            self.dropped["malformed"] += 1
            return
        if not self._window.accept(packet.sequence):
            self.dropped["replayed or too old"] += 1
            return
        self.last_heard, self._refused = now, 0
        if packet.payload_type != PayloadType.IPMI:
            self.dropped["other payload type"] += 1
            return
        try:
            response = parse_response_untrusted(packet.payload)
        except Malformed:
            self.dropped["malformed message"] += 1
            return
        self._take(response, now)

    def _take(self, response: Response, now: float) -> None:
        waiting = self._outstanding.get(response.sequence)
        if waiting is None or (response.netfn, response.command) != (waiting.request.netfn, waiting.request.command):
            self.dropped["answer to nothing asked"] += 1
            return
        if response.completion_code == CompletionCode.DUPLICATED_REQUEST:
            self.dropped["duplicate of ours noticed"] += 1   # the answer to the first one is still to come
            return
        if response.completion_code in _BUSY_CODES and waiting.command.is_repeatable:
            waiting.refusal = _refusal(waiting, response)
            waiting.next_send = now + retry.BUSY_WAIT
            return
        del self._outstanding[response.sequence]
        self._numbers.give_back(response.sequence)
        self._events.append(_outcome(waiting, response))


def _outcome(waiting: _Outstanding, response: Response) -> Event:
    if response.completion_code != CompletionCode.OK:
        return Failed(waiting.token, _refusal(waiting, response))
    try:
        return Answered(waiting.token, waiting.command.reply.parse_untrusted(response.data))
    except Malformed as error:
        return Failed(waiting.token, error)


def _refusal(waiting: _Outstanding, response: Response) -> CommandRefused:
    code = response.completion_code
    return CommandRefused(waiting.command.name, code, meaning_of(code, CompletionCode))
