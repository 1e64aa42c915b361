"""The doors inside a session, entered directly: one handshake, the commands on their way, and the probe before any login."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ipmi_lan.command import Command, Hop
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.suites import SUITES, CipherSuite
from ipmi_lan.errors import Malformed, WrongKg, WrongPassword
from ipmi_lan.quirks import Quirk, Relaxations, relaxations_of
from ipmi_lan.session.attempt import Attempt, NotOurs, StatusReceived, SuiteUnusable
from ipmi_lan.session.events import Answered, Credentials, Failed
from ipmi_lan.session.exchange import Exchange, Waiting
from ipmi_lan.session.probing import PROBE_TIMEOUT, Probe
from ipmi_lan.session.states import State
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.fuzz import recorded
from tests.fuzz.finding import Tape, Target, expect, head_and_rest
from tests.fuzz.stages import ADDRESS, PATIENCE, USERS, of_suite, record
from tests.fuzz.wire import mended

_TYPES = (PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4)
_ENDS = (StatusReceived, SuiteUnusable, WrongPassword, WrongKg)


class _Handshake(NamedTuple):
    """One handshake as it would go, and how far it is."""

    suite: CipherSuite
    relaxations: Relaxations
    settles: bool
    replies: tuple[bytes, ...]
    """Open Session Response, RAKP 2 and RAKP 4: payloads."""
    steps: int

    def attempt(self) -> Attempt:
        """At this point."""
        password, privilege = USERS["admin"]
        credentials = Credentials(b"admin", password.encode(), b"", privilege)
        attempt = Attempt(credentials, self.relaxations, self.suite, privilege, Tape(2), self.settles and self.steps > 0)
        for kind, payload in zip(_TYPES, self.replies[: self.steps], strict=False):
            attempt.receive_untrusted(kind, payload)
        return attempt


def _handshakes(suite: CipherSuite, relaxations: Relaxations, settles: bool = False) -> list[_Handshake]:
    said = record(of_suite(suite, relaxations), rounds=3).heard
    replies = tuple(parse_packet_untrusted(datagram).payload for datagram in said)
    return [_Handshake(suite, relaxations, settles, replies, steps) for steps in range(2 if settles else 4)]


def _all_handshakes() -> list[_Handshake]:
    plain = [each for number in (17, 3, 8, 12, 1, 0) for each in _handshakes(SUITES[number], relaxations_of([]))]
    quirks = (Quirk.INTELPLUS, Quirk.I82571SPT, Quirk.SUPERMICRO20, Quirk.INTEGRITYCHECKVALUE)
    relaxed = [each for quirk in quirks for each in _handshakes(SUITES[3], relaxations_of([quirk]))]
    return plain + relaxed + _handshakes(SUITES[17], relaxations_of([]), settles=True)


_HANDSHAKES = _all_handshakes()
_ATTEMPTS = [each.attempt() for each in _HANDSHAKES]


def attempt(data: bytes) -> None:
    """First octet: which handshake, and how far. Second: what payload type. The rest is the payload."""
    (chosen, kind), payload = head_and_rest(data, 2)
    place = chosen % len(_HANDSHAKES)
    handshake, trying = _HANDSHAKES[place], _ATTEMPTS[place]
    before, hint, latest = trying.state, trying.hint, trying.latest_rakp_2
    has_failed = False
    try:
        trying.receive_untrusted(_TYPES[kind] if kind < len(_TYPES) else kind, payload)
    except (Malformed, NotOurs):
        expect(trying.state is before, "what is not ours moved it")
    except _ENDS:
        has_failed = True
    if has_failed or trying.state is not before or trying.hint != hint or trying.latest_rakp_2 is not latest:
        _ATTEMPTS[place] = handshake.attempt()
        _judge_attempt(handshake, trying, before, has_failed, payload)


def _judge_attempt(handshake: _Handshake, trying: Attempt, before: State, has_failed: bool, payload: bytes) -> None:
    expect(has_failed == (trying.state is State.FAILED), "failed, and has not ended")
    proofs = {State.AWAIT_RAKP_4: handshake.replies[1][40:], State.ESTABLISHED: handshake.replies[2][8:]}
    if trying.state is not before and trying.state in proofs:
        expect(proofs[trying.state] in payload, f"{trying.state} without the BMC's proof")
    if trying.state is State.ESTABLISHED:
        trying.gained()
    expect(len(trying.abandon()) <= 2, "a long farewell")


class _Commands:
    """Five commands on their way: a power command, a plain one, and three through other controllers."""

    def __init__(self) -> None:
        self.told: list[Answered | Failed] = []
        self.sent: list[bytes] = []
        self.exchange = Exchange(8, False, self._send, self._tell, Counter())
        hop = Hop(0, 0x82)
        commands: tuple[Command[Any], ...] = (
            chassis_control(Control.POWER_ON), get_chassis_status(), get_device_id().through(hop),
            get_device_id().through(hop, Hop(7, 0x24)), chassis_control(Control.POWER_ON).through(hop),
        )  # fmt: skip
        for token, command in enumerate(commands, 1):
            self.exchange.add(Waiting(token, command, 0.0, PATIENCE), 0.0, is_open=True)
        self.commands = dict(enumerate(commands, 1))
        self.sent.clear()

    def _send(self, message: bytes, now: float) -> None:
        self.sent.append(message)

    def _tell(self, event: Answered | Failed, now: float) -> None:
        self.told.append(event)

    def mark(self) -> object:
        """What an effect changes."""
        return len(self.told), len(self.sent), [(each.wants, each.refusal) for each in self.exchange.waiting()]


class _ExchangeTarget:
    """Messages in the place of answers."""

    def __init__(self) -> None:
        self._now = _Commands()
        self._mark = self._now.mark()

    def take(self, data: bytes) -> None:
        """First octet: whether the checksums are mended. The rest is a message."""
        (kind,), message = head_and_rest(data, 1)
        commands = self._now
        has_answered = commands.exchange.receive_untrusted(message if kind & 1 else mended(message), 0.1)
        if commands.mark() == self._mark:
            expect(not has_answered, "answered, and nothing came of it")
            return
        self._now = _Commands()
        expect(len(commands.told) <= 1, "two outcomes of one message")
        expect(not commands.sent, "a command went out again at once")
        waiting = {each.token for each in commands.exchange.waiting()}
        expect(waiting | {event.token for event in commands.told} == set(commands.commands), "a command was lost")
        expect(not waiting & {event.token for event in commands.told}, "an outcome, and it still waits")


def _exchange_seeds() -> list[bytes]:
    commands = [bytes((0,)) + message for message in recorded.messages()]
    asked = bytearray(b"\0\x81\x1c\0\x20\x08\x34\0" + b"\x81\x1c\x63\x82\x08\x01\0" + bytes(11) + b"\0\0")
    plain = [b"\0\x81\x04\0\x20" + bytes((number << 2,)) + b"\x01\0\x01\0\0\0" for number in range(5)]
    return [*commands, bytes(asked), *plain, *(each[:6] + b"\x02" + each[7:] for each in plain)]


class _ProbeTarget:
    """Two probes: one that has just begun, and one that asks for suites."""

    def __init__(self) -> None:
        self._bmc = record(of_suite(SUITES[17]), 0).scenario.make_bmc()
        self.said = self._said(Probe(Tape(2), 0.0))
        self._probes = [self._fresh(place) for place in range(2)]
        self._marks = [_probe_mark(probe) for probe in self._probes]

    def take(self, data: bytes) -> None:
        """First octet: which probe. The rest is a datagram."""
        (chosen,), datagram = head_and_rest(data, 1)
        place = chosen % 2
        probe = self._probes[place]
        probe.receive_datagram_untrusted(datagram, 0.1)
        if _probe_mark(probe) == self._marks[place]:
            return
        self._probes[place] = self._fresh(place)
        deadline = probe.next_deadline()
        expect(probe.is_done == (deadline is None), "done, and still waits")
        expect(deadline is None or deadline <= PROBE_TIMEOUT, "waits longer than it may")
        expect(len(probe.datagrams_to_send()) <= 2, "many questions for one answer")
        offer = probe.offer
        expect(set(offer.candidates((SUITES[17], SUITES[3]))) == {SUITES[17], SUITES[3]}, "advertising took a suite away")

    def _fresh(self, place: int) -> Probe:
        probe = Probe(Tape(2), 0.0)
        probe.datagrams_to_send()
        if place:
            for reply in self.said[:2]:
                probe.receive_datagram_untrusted(reply, 0.0)
            probe.datagrams_to_send()
        return probe

    def _said(self, probe: Probe) -> list[bytes]:
        said: list[bytes] = []
        while sent := probe.datagrams_to_send():
            replies = [reply for one in sent for reply in self._bmc.receive_datagram_untrusted(one, ADDRESS, 0.0)]
            for reply in replies:
                probe.receive_datagram_untrusted(reply, 0.0)
            said += replies
        return said


def _probe_mark(probe: Probe) -> object:
    return probe.stage, probe._pong, len(probe._answering), len(probe._asked), len(probe._chunks or ()), len(probe._outbox)


_EXCHANGE, _PROBE = _ExchangeTarget(), _ProbeTarget()


def _attempt_seeds() -> list[bytes]:
    """Every honest reply at every point, errors, and replies with a code of another length."""
    seeds = [
        bytes((place, kind)) + payload
        for place, handshake in enumerate(_HANDSHAKES)
        for kind, payload in enumerate(handshake.replies)
    ]
    errors = [each[:3] + b"\x0d" + each[4:10] for each in seeds]
    longer = [each + b"\0" for each in seeds if each[1]]
    return [*seeds, *errors, *longer]


def _probe_seeds() -> list[bytes]:
    said = [bytes((place,)) + datagram for place in range(2) for datagram in _PROBE.said]
    return [*said, *(b"\0" + datagram for datagram in recorded.datagrams()[-8:])]


TARGETS = {
    "attempt": Target(attempt, _attempt_seeds, longest=128),
    "exchange": Target(_EXCHANGE.take, _exchange_seeds, longest=96),
    "probe": Target(_PROBE.take, _probe_seeds, longest=128),
}
