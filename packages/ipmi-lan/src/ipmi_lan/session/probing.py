"""What a BMC offers before any login, as a machine without I/O: presence ping, capabilities, cipher suites (13.2, 22.13, 22.15).

All of it is hearsay: nothing here is authenticated, much of it is wrong on real boards, and half the BMCs leave something
unanswered. So it may order what a login tries and never decide what a login may try, and nobody waits for it to log in.
Questions go out in both framings, as an IPMI 1.5 packet and as an RMCP+ packet outside any session, for ipmi_sim answers the one
only and iDRAC 9 the other; an answer is read by its content, in whichever framing it comes, and belongs to the question by rqSeq.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.commands.channel import (
    GET_CHANNEL_CIPHER_SUITES,
    MOST_SUITE_CHUNKS,
    SUITE_CHUNK,
    get_channel_cipher_suites,
    parse_suite_records_untrusted,
)
from ipmi_lan.commands.login import (
    GET_CHANNEL_AUTHENTICATION_CAPABILITIES,
    AuthenticationCapabilities,
    AuthenticationCapabilitiesRequest,
)
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import AuthType, CompletionCode, PayloadType, Privilege
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from ipmi_lan.wire.rmcp import CLASS_ASF, build_ping, parse_pong_untrusted, rmcp_class_untrusted

PROBE_TIMEOUT = 1.5
"""Seconds that a probe takes at most."""
PATIENCE = 0.5
"""Seconds for each try of a question: many BMCs never answer, and some take a quarter of a second."""
TRIES = 2
"""Of each question."""
_MOST_DATAGRAM = 2048   # octets; an IPMI packet is far smaller
_TAGS, _RQ_SEQS = 255, 64
_AUTH_TYPE_AT = 4


class Framing(Enum):
    """How a message outside any session is wrapped."""

    IPMI_1_5 = auto()
    RMCP_PLUS = auto()


class Stage(Enum):
    """Of a probe, named for what is awaited."""

    AWAIT_CAPABILITIES = auto()
    AWAIT_SUITES = auto()
    AWAIT_REST = auto()
    """The pong and the other framing, for what is left of the first patience."""
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a BMC says of itself, unproven. What it did not say is False, or None."""

    pong: bool = False
    """It answers presence pings. Many BMCs that are well do not."""
    answers_1_5_framing: bool = False
    """Messages outside any session are answered when they come as IPMI 1.5 packets."""
    answers_rmcp_plus_framing: bool = False
    """The same as RMCP+ packets."""
    capabilities: AuthenticationCapabilities | None = None
    suites: tuple[int, ...] | None = None
    """Ids of the cipher suites advertised, vendors' own left out; possibly not all of them."""

    def candidates(self, wanted: Sequence[CipherSuite]) -> tuple[CipherSuite, ...]:
        """The order in which to try the suites `wanted`: those advertised first. All of them, for advertising is no promise."""
        advertised = self.suites or ()
        return tuple(sorted(wanted, key=lambda suite: suite.id not in advertised))


@dataclass(frozen=True, slots=True)
class _Question:
    command: Command[Any]
    framing: Framing
    wants_ipmi_2: bool = True
    chunk: int = 0


class Probe:
    """One probe of one BMC. Give it datagrams and the time; take from it datagrams, and the offer when it is done."""

    def __init__(self, randomness: Callable[[int], bytes], now: float, timeout: float = PROBE_TIMEOUT) -> None:
        """Asks at once, and is done `timeout` seconds later or sooner. `randomness(n)` gives n unpredictable octets."""
        self.dropped: Counter[str] = Counter()
        """Datagrams that were ignored, by reason."""
        self.stage = Stage.AWAIT_CAPABILITIES
        self._started, self._deadline, self._timer = now, now + timeout, now
        self._tag = randomness(1)[0] % _TAGS
        self._number = randomness(1)[0]
        self._outbox: list[bytes] = []
        self._asked: dict[int, _Question] = {}   # by rqSeq
        self._pong = False
        self._answering: list[Framing] = []      # in the order in which they answered
        self._capabilities: AuthenticationCapabilities | None = None
        self._chunks: list[bytes] | None = None
        self._tries = self._refusals = 0
        self._has_asked_suites = False
        self._ask_capabilities(now)

    @property
    def is_done(self) -> bool:
        """Whether nothing more is awaited."""
        return self.stage is Stage.DONE

    @property
    def offer(self) -> Offer:
        """What is known by now."""
        suites = None
        if self._chunks is not None:
            records = parse_suite_records_untrusted(b"".join(self._chunks))
            suites = tuple(dict.fromkeys(record.id for record in records if record.oem is None))
        framings = (Framing.IPMI_1_5 in self._answering, Framing.RMCP_PLUS in self._answering)
        return Offer(self._pong, *framings, self._capabilities, suites)

    def datagrams_to_send(self) -> list[bytes]:
        """What is to be sent now."""
        datagrams, self._outbox = self._outbox, []
        return datagrams

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called; None when the probe is done."""
        return None if self.is_done else min(self._timer, self._deadline)

    def handle_deadline(self, now: float) -> None:
        """The time that `next_deadline` named has come."""
        if self.is_done:
            return
        if now >= self._deadline:
            self.stage = Stage.DONE
        elif now >= self._timer:
            self._wait_is_over(now)

    def peer_refused(self, now: float) -> None:
        """The host says (ICMP) that nothing listens; believed when it says so in both tries and nothing else was heard."""
        self._refusals |= 1 << self._tries
        is_silent = not (self._pong or self._answering)
        if is_silent and self._tries == TRIES and self._refusals == 0b110:
            self.stage = Stage.DONE

    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> None:
        """Whatever arrived on the socket. Never raises for its content."""
        if self.is_done or len(datagram) > _MOST_DATAGRAM:
            self.dropped["late" if self.is_done else "oversized"] += 1
            return
        try:
            if rmcp_class_untrusted(datagram) == CLASS_ASF:
                self._take_pong_untrusted(datagram)
            else:
                self._take_response(_response_in_untrusted(datagram), now)
        except Malformed:
            self.dropped["malformed"] += 1
        if self.stage is Stage.AWAIT_REST and self._pong and len(self._answering) == len(Framing):
            self.stage = Stage.DONE

    # ── asking ────────────────────────────────────────────────────────────────

    def _ask(self, question: _Question) -> None:
        self._number = (self._number + 1) % _RQ_SEQS
        self._asked[self._number] = question
        command = question.command
        message = build_request(Request(command.netfn, command.code, self._number, command.data))
        is_plus = question.framing is Framing.RMCP_PLUS
        self._outbox.append(build_packet(Packet(PayloadType.IPMI, message)) if is_plus else build_sessionless(message))

    def _ask_capabilities(self, now: float) -> None:
        """In both framings, and a ping beside them."""
        self._tries, self._timer = self._tries + 1, now + PATIENCE
        if not self._pong:
            self._outbox.append(build_ping(self._tag))
        for framing in Framing:
            self._ask(_capabilities_question(framing, wants_ipmi_2=True))

    def _ask_suites(self, now: float) -> None:
        """The next chunk; a second try goes in the other framing, where that has answered too."""
        self.stage, self._timer, self._has_asked_suites = Stage.AWAIT_SUITES, now + PATIENCE, True
        framing = self._answering[self._tries % len(self._answering)]
        self._tries += 1
        chunk = len(self._chunks or ())
        self._ask(_Question(get_channel_cipher_suites(chunk), framing, chunk=chunk))

    def _wait_is_over(self, now: float) -> None:
        if self.stage is Stage.AWAIT_CAPABILITIES and self._tries < TRIES:
            self._ask_capabilities(now)
        elif self.stage is Stage.AWAIT_SUITES and self._tries < TRIES:
            self._ask_suites(now)
        elif self.stage is Stage.AWAIT_SUITES:
            self._await_rest(now)
        else:
            self.stage = Stage.DONE

    def _await_rest(self, now: float) -> None:
        self._timer = self._started + PATIENCE
        self.stage = Stage.AWAIT_REST if now < self._timer else Stage.DONE

    # ── hearing ───────────────────────────────────────────────────────────────

    def _take_pong_untrusted(self, datagram: bytes) -> None:
        if parse_pong_untrusted(datagram).tag == self._tag:
            self._pong = True
        else:
            self.dropped["answer to nothing asked"] += 1

    def _take_response(self, response: Response, now: float) -> None:
        question = self._asked.get(response.sequence)
        if question is None or (response.netfn, response.command) != (question.command.netfn, question.command.code):
            self.dropped["answer to nothing asked"] += 1
            return
        del self._asked[response.sequence]
        if question.framing not in self._answering:
            self._answering.append(question.framing)
        if question.command.code == GET_CHANNEL_CIPHER_SUITES.code:
            self._take_suites(question, response, now)
        else:
            self._take_capabilities(question, response, now)

    def _take_capabilities(self, question: _Question, response: Response, now: float) -> None:
        """Of two answers, one to each framing, the extended one counts. A BMC of IPMI 1.5 may refuse the bit that asks for it."""
        if response.completion_code == CompletionCode.INVALID_DATA_FIELD and question.wants_ipmi_2:
            self._ask(_capabilities_question(question.framing, wants_ipmi_2=False))
        if response.completion_code != CompletionCode.OK:
            return
        told = GET_CHANNEL_AUTHENTICATION_CAPABILITIES.reply.parse_untrusted(response.data)
        if self._capabilities is None or told.is_extended > self._capabilities.is_extended:
            self._capabilities = told
        if told.is_extended and told.ipmi_2 and not self._has_asked_suites:
            self._tries = 0
            self._ask_suites(now)
        elif self.stage is Stage.AWAIT_CAPABILITIES:
            self._await_rest(now)

    def _take_suites(self, question: _Question, response: Response, now: float) -> None:
        """One more chunk. Refused, short or said before: the list is at its end."""
        known = self._chunks or []
        if self.stage is not Stage.AWAIT_SUITES or question.chunk != len(known):
            self.dropped["answered before"] += 1
            return
        if response.completion_code != CompletionCode.OK:
            self._await_rest(now)
            return
        self._answering.sort(key=lambda framing: framing is not question.framing)   # the next chunk is asked for in it first
        chunk = GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(response.data).records
        is_repeated = known[-1:] == [chunk]
        self._chunks = known if is_repeated else [*known, chunk]
        if is_repeated or len(chunk) < SUITE_CHUNK or len(self._chunks) == MOST_SUITE_CHUNKS:
            self._await_rest(now)
        else:
            self._tries = 0
            self._ask_suites(now)


def _capabilities_question(framing: Framing, wants_ipmi_2: bool) -> _Question:
    asked = AuthenticationCapabilitiesRequest(Privilege.ADMINISTRATOR, wants_ipmi_2=wants_ipmi_2)
    return _Question(GET_CHANNEL_AUTHENTICATION_CAPABILITIES(asked), framing, wants_ipmi_2)


def _response_in_untrusted(datagram: bytes) -> Response:
    """The answer in a datagram outside any session, in either framing. Raises `Malformed`.

    Its checksums are not looked at: some Supermicro X9 compute them wrongly, and hearsay does not become truer by them.
    """
    if datagram[_AUTH_TYPE_AT : _AUTH_TYPE_AT + 1] != bytes((AuthType.RMCP_PLUS,)):
        return parse_response_untrusted(parse_sessionless_untrusted(datagram), checks=False)
    packet = parse_packet_untrusted(datagram)
    if packet.session_id or packet.authenticated or packet.encrypted or packet.payload_type != PayloadType.IPMI:
        raise Malformed("RMCP+ packet: in a session, or no message")
    return parse_response_untrusted(packet.payload, checks=False)
