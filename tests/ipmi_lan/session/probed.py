"""A probe and a scripted board face to face, without network or clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ipmi_lan.commands.channel import GET_CHANNEL_CIPHER_SUITES, CipherSuites
from ipmi_lan.commands.login import GET_CHANNEL_AUTHENTICATION_CAPABILITIES, AuthenticationCapabilities
from ipmi_lan.errors import Malformed
from ipmi_lan.session.probing import PROBE_TIMEOUT, Offer, Probe
from ipmi_lan.wire.codes import CompletionCode
from ipmi_lan.wire.message import Request, Response, build_response, parse_request_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from ipmi_lan.wire.rmcp import build_pong, parse_ping_untrusted

RECORDS = bytes.fromhex("c003014181c011034481")
EXTENDED = AuthenticationCapabilities(1, is_extended=True)
CAPABILITIES, SUITE_LIST = GET_CHANNEL_AUTHENTICATION_CAPABILITIES.code, GET_CHANNEL_CIPHER_SUITES.code
BOTH = ("1.5", "2.0")


def wrap(framing: str, message: bytes) -> bytes:
    return build_sessionless(message) if framing == "1.5" else build_packet(Packet(0, message))


def unwrap(datagram: bytes) -> tuple[str, bytes] | None:
    """The framing of a question and its message; None: a ping."""
    try:
        return "1.5", parse_sessionless_untrusted(datagram)
    except Malformed:
        pass
    try:
        return "2.0", parse_packet_untrusted(datagram).payload
    except Malformed:
        parse_ping_untrusted(datagram)
        return None


@dataclass
class Board:
    """A BMC as scripted."""

    pongs: bool = True
    hears: tuple[str, ...] = BOTH
    lists_in: tuple[str, ...] = BOTH
    """In which framing cipher suites are told."""
    speaks: Callable[[str], str] = str
    """The framing of the answer, by that of the question."""
    capabilities: AuthenticationCapabilities | None = EXTENDED
    takes_the_bit: bool = True
    records: bytes = RECORDS
    looks_at_the_index: bool = True
    list_code: int = CompletionCode.OK
    asked: int = 0

    def receive_datagram_untrusted(self, data: bytes) -> list[bytes]:
        """The answer."""
        self.asked += 1
        question = unwrap(data)
        if question is None:
            return [build_pong(parse_ping_untrusted(data))] if self.pongs else []
        framing, message = question
        response = self._response(framing, parse_request_untrusted(message))
        is_heard = framing in self.hears and response is not None
        return [wrap(self.speaks(framing), build_response(response))] if is_heard and response else []

    def _response(self, framing: str, request: Request) -> Response | None:
        answer = Response(request.netfn, request.command, request.sequence, CompletionCode.OK)
        if request.command == CAPABILITIES:
            return self._capabilities(request, answer)
        assert request.command == SUITE_LIST
        index = request.data[2] & 0x3F if self.looks_at_the_index else 0
        chunk = CipherSuites(1, self.records[index * 16 :][:16])
        told = answer._replace(completion_code=self.list_code, data=GET_CHANNEL_CIPHER_SUITES.reply.build(chunk))
        return told if framing in self.lists_in else None

    def _capabilities(self, request: Request, answer: Response) -> Response | None:
        wants_ipmi_2 = bool(request.data[0] & 0x80)
        if wants_ipmi_2 and not self.takes_the_bit:
            return answer._replace(completion_code=CompletionCode.INVALID_DATA_FIELD)
        if self.capabilities is None:
            return None
        told = self.capabilities._replace(is_extended=wants_ipmi_2 and self.capabilities.is_extended)
        return answer._replace(data=GET_CHANNEL_AUTHENTICATION_CAPABILITIES.reply.build(told))


Answers = Callable[[bytes], list[bytes]]


class Course:
    """A probe from its first datagram to its last deadline; time passes only between."""

    def __init__(self, answers: Answers, seed: int = 1, timeout: float = PROBE_TIMEOUT, latency: float = 0.0) -> None:
        self.probe = Probe(random.Random(seed).randbytes, 100.0, timeout)
        self.now = 100.0
        self.latency = latency
        self.sent: list[bytes] = []
        self._answers = answers
        self._flying: list[tuple[float, bytes]] = []

    @property
    def took(self) -> float:
        return self.now - 100.0

    def run(self) -> Offer:
        while True:
            self._exchange()
            due = self.probe.next_deadline()
            if due is None:
                return self.probe.offer
            arrival = min((at for at, _ in self._flying), default=due)
            self.now = max(self.now, min(due, arrival))
            if arrival > due or not self._flying:
                self.probe.handle_deadline(self.now)

    def _exchange(self) -> None:
        self._deliver()
        while datagrams := self.probe.datagrams_to_send():
            self.sent += datagrams
            self._flying += [(self.now + self.latency, reply) for one in datagrams for reply in self._answers(one)]
            self._deliver()

    def _deliver(self) -> None:
        for due, reply in [each for each in self._flying if each[0] <= self.now]:
            self._flying.remove((due, reply))
            self.probe.receive_datagram_untrusted(reply, self.now)


def probed(board: Board, **changes: float) -> tuple[Offer, float]:
    course = Course(board.receive_datagram_untrusted, **changes)   # type: ignore[arg-type]
    return course.run(), course.took
