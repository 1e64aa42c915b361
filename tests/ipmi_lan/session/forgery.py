"""Packets that a session must not take, made with everything that whoever listens or knows too much could have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.auth15 import auth_code
from ipmi_lan.crypto.integrity import code_maker
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.suites import SUITES, expect_available
from ipmi_lan.errors import SuiteUnavailable
from ipmi_lan.session.events import Answered
from ipmi_lan.simulator.sessions import Session as BmcSession
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.message import Request, Response, build_response
from ipmi_lan.wire.packet import AUTHENTICATED, ENCRYPTED, RMCP_SIZE, Packet, build_packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15
from tests.fakes.bmc import open_session_of, sealed
from tests.fakes.network import flip
from tests.ipmi_lan.session.pair import Pair, requests_of

LIE = bytes(40)
"""Data that every command would read: power is off, and so on."""
UNREAD = (1, 2)
"""Octets that no code covers and that mean nothing: RMCP's reserved one and its sequence number."""
FLAGS = 5
"""Where the flags of an RMCP+ packet stand."""
_AUTH_TYPES_15 = (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM)

Forger = Callable[[BmcSession, bytes, int], Iterator[bytes]]
"""Of the BMC's session, a lying answer to the command on its way, and a fresh sequence number: the packets."""


def is_available(number: int) -> bool:
    """Whether the cipher suite can be had here; xRC4 is not everywhere."""
    try:
        expect_available(SUITES[number])
    except SuiteUnavailable:
        return False
    return True


def lie_to(request: Request) -> bytes:
    """An answer that the command would take."""
    return build_response(Response(request.netfn, request.command, request.sequence, 0, LIE))


class Siege:
    """A session under attack. Every batch comes while a command is on its way, which must be answered afterwards."""

    def __init__(self, pair: Pair, read: Callable[[Pair, list[bytes]], list[Request]] = requests_of) -> None:
        """`read` tells the requests in datagrams that the session has sent."""
        self.pair, self.frames, self._read = pair, 0, read
        self.honest = list(pair.heard)
        """What the BMC has said and the session has taken."""
        self.session = open_session_of(pair.simulated, pair.now)

    def attack(self, forge: Forger, is_authentic: bool = False) -> None:
        """No packet of `forge` may be taken; `is_authentic`: the BMC itself has made them, and they still answer nothing."""
        pair, name = self.pair, getattr(forge, "__name__", "")
        token = pair.ask(get_chassis_status())
        sent = pair.out()
        message = lie_to(self._read(pair, sent)[0])
        heard, dropped = pair.session.last_heard, sum(pair.session.dropped.values())
        pair.now += 0.001
        for count, datagram in enumerate(forge(self.session, message, (self.session.last_number or 0) + 1), 1):
            assert pair.take(datagram) == [], f"{name}: frame {count} was taken: {datagram.hex(' ')}"
            assert sum(pair.session.dropped.values()) == dropped + count, f"{name}: frame {count} was not counted"
            assert is_authentic or pair.session.last_heard == heard, f"{name}: frame {count} counts as heard"
            self.frames += 1
        answers = pair.answers(sent)
        assert len(answers) == 1
        events = pair.take(*answers)
        assert [event.token for event in events if isinstance(event, Answered)] == [token], f"after {name}"
        assert pair.out() == []
        self.honest += answers


def signed(session: BmcSession, datagram: bytes, keys: SessionKeys | None = None, password: bytes | None = None) -> bytes:
    """The datagram with the right code in place of its own: only the BMC can make it, and it still breaks the agreement."""
    assert session.keys is not None
    size = session.suite.code_size
    secret = session.password if password is None else password
    return datagram[:-size] + code_maker(session.suite, keys or session.keys, secret)(datagram[RMCP_SIZE:-size])


def reflagged(datagram: bytes, flags: int) -> bytes:
    """The same packet, with `flags` for its own beside the payload type."""
    return datagram[:FLAGS] + bytes((flags,)) + datagram[FLAGS + 1 :]


def weaker_flags(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Every other pair of the authenticated and the encrypted bit: plain, cut out of a good packet, and with the right code."""
    suite, good = session.suite, sealed(session, message, number)
    right = (ENCRYPTED if suite.is_encrypted else 0) | (AUTHENTICATED if suite.is_authenticated else 0)
    for flags in {0, ENCRYPTED, AUTHENTICATED, ENCRYPTED | AUTHENTICATED} - {right}:
        is_coded = bool(flags & AUTHENTICATED)
        plain = build_packet(Packet(0, message, session.console_id, number, bool(flags & ENCRYPTED), is_coded))
        yield from (reflagged(good, flags), signed(session, reflagged(good, flags)), reflagged(good[: -suite.code_size], flags))
        yield from (plain, plain + bytes(suite.code_size), signed(session, plain + bytes(suite.code_size)))
    if suite.is_encrypted:
        plain = build_packet(Packet(0, message, session.console_id, number, True, True))
        yield plain + bytes(suite.code_size)


def older_header(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """The lie as a packet of IPMI 1.5, of every type, with codes that the right password made."""
    for session_id in (session.console_id, session.bmc_id, 0):
        for kind in _AUTH_TYPES_15:
            password = session.password[:16]
            codes = {auth_code(kind, password, session_id, number, message), b"" if kind == AuthType.NONE else bytes(16)}
            yield from (build_packet15(Packet15(kind, number, session_id, code, message)) for code in codes)


def other_ids(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Sealed with the session's own keys, for another session."""
    others = {0, session.bmc_id, 0xFFFFFFFF, *(session.console_id ^ 1 << bit for bit in range(32))} - {session.console_id}
    for session_id in others:
        yield sealed(replace(session, console_id=session_id), message, number)


def other_payloads_in_the_clear(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Of every payload type, without protection, in and out of the session."""
    for payload_type in range(64):
        for session_id in (session.console_id, 0):
            yield build_packet(Packet(payload_type, message, session_id, number))


def flipped_bits(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """A good packet with one bit the other way, whichever."""
    good = sealed(session, message, number)
    yield from (flip(good, bit) for bit in range(8 * len(good)) if bit // 8 not in UNREAD)


def cut_and_lengthened(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """A good packet of every other length: with no code, with one that is an octet short, with one too many."""
    good = sealed(session, message, number)
    yield from (good[:size] for size in range(len(good)))
    yield from (good + bytes(size) for size in (1, 2, 16, 2048))
    yield from (good + good, good[:4] + good)


def other_codes(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Codes of zeros, of other keys and of other algorithms."""
    assert session.keys is not None
    keys, good, size = session.keys, sealed(session, message, number), session.suite.code_size
    body = good[:-size]
    yield from (body + bytes(size), body + b"\xff" * size, body + good[-size:][::-1])
    is_keyed_by_password = session.suite.id in (11, 12, 13, 14)
    if is_keyed_by_password:
        yield from (signed(session, good, password=other) for other in (b"", b"guess", session.password[:-1]))
    else:
        for key in (b"", bytes(20), keys.k2, keys.sik, session.password.ljust(20, b"\0")):
            yield signed(session, good, replace(keys, k1=key))
    others = [suite for suite in SUITES.values() if suite.is_authenticated and suite.integrity != session.suite.integrity]
    for other in {suite.integrity: suite for suite in others}.values():
        yield body + code_maker(other, keys, session.password)(body[RMCP_SIZE:])


def never_fresh(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Good packets whose numbers are zero, used already, or outside of the window."""
    newest = number - 1
    outside = [newest + jump for jump in (17, 18, 64, 1 << 16, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 18)]
    for other in (0, newest, *outside):
        yield sealed(session, message, other % (1 << 32))


def other_payloads(session: BmcSession, message: bytes, number: int) -> Iterator[bytes]:
    """Good packets of other payload types. The BMC has sent them, so its numbers go on behind them."""
    for payload_type in range(1, 64):
        session.last_number = number - 1 + payload_type
        yield sealed(session, message, session.last_number, payload_type)


def replayed(*recorded: bytes) -> Forger:
    """What was recorded."""
    return lambda session, message, number: iter(recorded)


FORGERIES: tuple[Forger, ...] = (
    weaker_flags, older_header, other_ids, other_payloads_in_the_clear, flipped_bits, cut_and_lengthened, other_codes,
)  # fmt: skip
