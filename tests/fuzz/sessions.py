"""The doors of a session, in each of its phases: nothing comes of octets that the BMC did not say, or could not have said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ipmi_lan.command import Hop
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.auth15 import Sealing15
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import Malformed
from ipmi_lan.session import retry
from ipmi_lan.session.activation import Activation
from ipmi_lan.session.events import Answered, Event, Failed, Opened, Terms
from ipmi_lan.session.opening import Opening
from ipmi_lan.session.session import Session
from ipmi_lan.session.states import Phase
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.message import Response, parse_response_untrusted
from ipmi_lan.wire.packet import build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_packet15, parse_packet15_untrusted
from tests.fuzz import recorded
from tests.fuzz.finding import Tape, Target, expect, head_and_rest
from tests.fuzz.stages import ADDRESS, BY_DEFAULT, PATIENCE, Recording, Scenario, emptied, of_15, of_suite, record
from tests.fuzz.wire import mended

_ARRIVES = 0.1   # seconds after the login began
_COVERED_FROM = 4   # the octets before, of RMCP, are not covered by a packet's code
_MOST_AT_ONCE = 4
_STATUSES = (0x01, 0x02, 0x09, 0x0D, 0x0F, 0x11, 0x7F)
_CODES_15 = (0x81, 0x82, 0x86, 0xC0, 0xC3, 0xCC)
_WAITING = (Phase.LOGGING_IN, Phase.RAISING, Phase.CLOSING)


class Stage:
    """A session at one point. It is kept from input to input, and made anew when one had an effect."""

    def __init__(self, recording: Recording, prepare: Callable[[Session], None] = lambda session: None) -> None:
        self.recording, self._prepare = recording, prepare
        self._genuine = {_covered(datagram) for datagram in recording.coming}
        self._codes = {code for datagram in recording.coming if (code := _code_of(datagram))}
        self.session = self._fresh()

    def take(self, datagram: bytes) -> None:
        """Let it arrive; judge what came of it."""
        session = self.session
        session.receive_datagram_untrusted(datagram, _ARRIVES)
        if _mark(session) != self._mark:
            sent, events = emptied(session)
            self.session = self._fresh()
            self._judge(session, datagram, sent, events)
            _go_on(session)

    def _fresh(self) -> Session:
        session = self.recording.session()
        self._prepare(session)
        self._phase = session.phase
        self._is_in_session = session._gained is not None
        self._mark = _mark(session)
        return session

    def _judge(self, session: Session, datagram: bytes, sent: list[bytes], events: list[Event]) -> None:
        expect(len(sent) <= _MOST_AT_ONCE, f"{len(sent)} datagrams for one")
        for each in sent:
            (parse_packet_untrusted if each[4] == AuthType.RMCP_PLUS else parse_packet15_untrusted)(each)
        deadline = session.next_deadline()
        expect(session.phase not in _WAITING or (deadline is not None and deadline <= PATIENCE), "no end in sight")
        if not self.recording.scenario.proves:
            return
        if self._is_in_session:
            expect(_covered(datagram) in self._genuine, f"{events} for octets that nobody sealed")
        elif session._gained is not None or any(map(_proves_password, sent)):
            expect(any(code in datagram for code in self._codes), "keys, or our proof, for octets without the BMC's proof")
        expect(self._phase is Phase.RAISING or not any(isinstance(event, Opened) for event in events), "opened at once")
        expect(self._is_in_session or not any(isinstance(event, Answered) for event in events), "an answer of no session")


def _proves_password(datagram: bytes) -> bool:
    """Whether this is a RAKP 3 with a code, with which whoever gets it can try passwords."""
    if datagram[4] != AuthType.RMCP_PLUS:
        return False
    packet = parse_packet_untrusted(datagram)
    return packet.payload_type == PayloadType.RAKP_3 and not packet.payload[1]


def _go_on(session: Session) -> None:
    """What an input did must not show only later, when time has passed."""
    if (deadline := session.next_deadline()) is not None:
        session.handle_deadline(deadline)
        emptied(session)


def _mark(session: Session) -> object:
    """What an effect changes; counts of dropped datagrams are none."""
    exchange = session._exchange
    waits = [(waiting.sends, waiting.wants, waiting.refusal) for waiting in exchange.waiting()]
    common = (session._phase, session._gained, session._inner, len(session._events), len(session._outbox), waits)
    entrance = session._entrance
    if isinstance(entrance, Opening):
        attempts = [(each.state, each.hint, each.latest_rakp_2) for each in entrance._attempts]
        return common, entrance._timer, entrance.error, attempts, len(entrance.outbox)
    if isinstance(entrance, Activation):
        return common, entrance._timer, entrance.error, entrance._state, len(entrance.outbox)
    return common, session._gained and session._gained.window and session._gained.window._seen


def _covered(datagram: bytes) -> object:
    """What a packet's code covers, and the code: of IPMI 1.5 nothing beyond the payload's length."""
    return datagram[_COVERED_FROM:] if datagram[4] == AuthType.RMCP_PLUS else parse_packet15_untrusted(datagram)


def _code_of(datagram: bytes) -> bytes:
    """The proof that a login message of the BMC carries, or that its packet does."""
    if datagram[4] == AuthType.RMCP_PLUS:
        packet = parse_packet_untrusted(datagram)
        return packet.payload[40:] if packet.payload_type == PayloadType.RAKP_2 else packet.payload[8:]
    return parse_packet15_untrusted(datagram).code


def _target(*stages: Stage) -> Target:
    """The first octet chooses the stage, where there are several, and whether checksums are mended, where there are some outside
    of what is sealed; the rest is the datagram.
    """
    is_15 = stages[0].recording.scenario.terms.auth15 is not None
    has_choice = len(stages) > 1 or is_15

    def run(data: bytes) -> None:
        (chosen,), rest = head_and_rest(data, 1)
        stages[chosen // 2 % len(stages)].take(_mended_packet(rest) if is_15 and chosen & 1 else rest)

    def seeds() -> list[bytes]:
        said = [(place, each) for place, stage in enumerate(stages) for each in (*stage.recording.coming, *stage.recording.heard)]
        said += [(place, each) for place, stage in enumerate(stages) for each in _refusals(stage.recording)]
        said += [(place, datagram) for place in range(len(stages)) for datagram in recorded.datagrams()[:12]]
        return [bytes((2 * place + is_15,)) * has_choice + datagram for place, datagram in said]

    return Target(run if has_choice else stages[0].take, seeds)


def _mended_packet(datagram: bytes) -> bytes:
    try:
        packet = parse_packet15_untrusted(datagram)
    except Malformed:
        return datagram
    return build_packet15(packet._replace(payload=mended(packet.payload)))


def _refusals(recording: Recording) -> Iterator[bytes]:
    """What the BMC would say next, as errors: marked as ours, marked as nobody's, and as short as they come."""
    for datagram in recording.coming:
        if datagram[4] != AuthType.RMCP_PLUS:
            packet = parse_packet15_untrusted(datagram)
            yield from (build_packet15(packet._replace(payload=_with_code(packet.payload, code))) for code in _CODES_15)
        elif not recording.slots or recording.slots[0].keys is None:
            plain = parse_packet_untrusted(datagram)
            for status in _STATUSES:
                ours, nobodys = plain.payload[:1] + bytes((status,)) + plain.payload[2:8], bytes((0, status)) + bytes(6)
                yield from (build_packet(plain._replace(payload=each)) for each in (ours, nobodys, ours[:2], bytes((status,))))


def _with_code(message: bytes, code: int) -> bytes:
    return mended(message[:6] + bytes((code,)) + message[-1:])


class Sealed:
    """An open session whose BMC says whatever the input says, properly sealed."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._asked = {(command.netfn, command.code) for command in recording.scenario.asks}
        self._session, self._number = recording.session(), 0
        (self._slot,) = recording.slots
        self._far = self._sealing()

    def take(self, data: bytes) -> None:
        """First octet: payload type, and whether the checksums are mended. The rest is the payload."""
        (kind,), message = head_and_rest(data, 1)
        message = message if kind & 1 else mended(message)
        payload_type = kind >> 2 if kind & 2 and isinstance(self._far, Sealing) else PayloadType.IPMI
        self._number += 1
        session = self._session
        session.receive_datagram_untrusted(self._far.seal(self._number, message, Tape(3), payload_type), _ARRIVES)
        sent, events = emptied(session)
        if events or sent:
            self._session, self._number = self._recording.session(), 0
            self._judge(payload_type, message, events)

    def _judge(self, payload_type: int, message: bytes, events: list[Event]) -> None:
        tokens = [event.token for event in events if isinstance(event, Answered | Failed)]
        expect(len(tokens) == len(events) == 1, f"{events} for one message")
        answers = [answer for answer in _answers_in(message) if (answer.netfn, answer.command) in self._asked]
        carrier = [answer for answer in _answers_in(message) if answer.completion_code]
        expect(payload_type == PayloadType.IPMI and (answers or carrier), f"{events} for another message")
        if isinstance(events[0], Answered):
            expect(answers and not answers[-1].completion_code, "an answer in spite of a completion code")

    def _sealing(self) -> Sealing | Sealing15:
        slot = self._slot
        if slot.auth_type is not AuthType.RMCP_PLUS:
            return _Sealing15From(slot.first_number or 1, slot.auth_type, slot.password, slot.bmc_id)
        assert slot.keys is not None
        return Sealing(slot.suite, slot.keys, slot.password, slot.console_id, slot.bmc_id)


class _Sealing15From(Sealing15):
    """The BMC's end, which begins with the number that the console has chosen."""

    def __init__(self, first: int, auth_type: AuthType, password: bytes, session_id: int) -> None:
        super().__init__(auth_type, password, session_id)
        self._before = first

    def seal(self, sequence: int, payload: bytes, randomness: Callable[[int], bytes], payload_type: int = 0) -> bytes:
        """As the other, for the packet of this place."""
        return super().seal((self._before + sequence) % (1 << 32) or 1, payload, randomness, payload_type)


def _answers_in(message: bytes) -> list[Response]:
    """The answer in a message, and those that it carries in its data."""
    try:
        response = parse_response_untrusted(message)
    except Malformed:
        return []
    return [response, *_answers_in(response.data)]


def _sealed_target(*sessions: Sealed) -> Target:
    """The first octet chooses the session."""

    def run(data: bytes) -> None:
        (chosen,), rest = head_and_rest(data, 1)
        sessions[chosen % len(sessions)].take(rest)

    def seeds() -> list[bytes]:
        said = [bytes((0,)) + message for message in recorded.messages()]
        said += [b"\x03\x81\x04\x7b", b"\x06" + bytes(40), b"\0\x81\x05\0\x20\0\x01\0" + bytes(4)]
        return [bytes((place,)) + each for place in range(len(sessions)) for each in said]

    return Target(run, seeds, longest=96)


_PLAIN = (get_chassis_status(),)
_BRIDGED = (get_device_id().through(Hop(0, 0x82)), get_device_id().through(Hop(0, 0x82), Hop(7, 0x24)), get_chassis_status())
_OPEN = tuple(record(of_suite(SUITES[number], asks=_PLAIN)) for number in (17, 3, 2, 8, 12, 4, 1, 0))
_OPEN_15 = tuple(record(of_15(kind, asks=_PLAIN)) for kind in (AuthType.MD5, AuthType.STRAIGHT, AuthType.NONE))
_UNCODED_15 = record(of_15(AuthType.MD5, per_message=False, asks=_PLAIN))
_BRIDGING = record(Scenario(Terms((SUITES[17],), window=3), asks=_BRIDGED))
_MD5 = of_15(AuthType.MD5)


def _close(session: Session) -> None:
    session.close(0.0)
    emptied(session)


def _end(session: Session) -> None:
    session.end(0.0)
    emptied(session)


def _fall_silent(session: Session) -> None:
    """A second handshake beside the first."""
    deadline = session.next_deadline()
    assert deadline is not None
    session.handle_deadline(deadline)
    emptied(session)


def _login(rounds: int) -> tuple[Stage, ...]:
    """At one point of a login: over a ladder of suites, with one suite and lower privileges to come, and twice side by side."""
    one_suite = replace(of_suite(SUITES[17]), lowest_privilege=Privilege.USER)
    ladder = record(BY_DEFAULT, rounds)
    return Stage(ladder), Stage(record(one_suite, rounds)), Stage(ladder, _fall_silent)


def _lose(session: Session) -> None:
    """The host refuses the port for a while: the session is lost, and logs in again for the command that waits."""
    for _ in range(retry.MOST_REFUSALS):
        session.peer_refused(0.0)
    emptied(session)


def _login_again() -> Stage:
    recording = _OPEN[0]
    session, bmc = recording.session(), recording.scenario.make_bmc()
    for _ in range(retry.MOST_REFUSALS):
        session.peer_refused(0.0)
    said = [reply for each in session.datagrams_to_send() for reply in bmc.receive_datagram_untrusted(each, ADDRESS, 0.0)]
    return Stage(replace(recording, coming=tuple(said)), _lose)


TARGETS = {
    "session-open-session": _target(*_login(0), _login_again()),
    "session-rakp-2": _target(*_login(1)),
    "session-rakp-4": _target(*_login(2)),
    "session-raising": _target(*_login(3)[:2]),
    "session-open": _target(*(Stage(recording) for recording in _OPEN)),
    "session-ending": _target(Stage(_OPEN[0], _close), Stage(_OPEN[0], _end)),
    "session-authentic": _sealed_target(Sealed(_OPEN[0]), Sealed(_BRIDGING), Sealed(_OPEN_15[0])),
    "session15-login": _target(*(Stage(record(_MD5, rounds)) for rounds in range(3))),
    "session15-open": _target(*(Stage(recording) for recording in (*_OPEN_15, _UNCODED_15))),
}
