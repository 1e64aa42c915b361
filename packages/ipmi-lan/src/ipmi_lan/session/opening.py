"""The login: Open Session and RAKP 1 to 4, over a ladder of cipher suites (IPMI 2.0, 13.15 to 13.24).

Each message is sent once. On silence the whole handshake starts again with fresh ids and a fresh random number: BMCs take
a repeated RAKP message for a new one, and answers of an earlier try must fit nothing. Nothing that the BMC says is used
before RAKP 2 and RAKP 4 have verified, and the algorithms are always our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ipmi_lan.crypto.rakp import (
    Login,
    NotAuthentic,
    SessionKeys,
    rakp_2_code,
    rakp_3_code,
    rakp_4_code,
    session_keys,
    verify_code,
)
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import (
    IpmiError,
    Malformed,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.session import retry
from ipmi_lan.session.events import Credentials
from ipmi_lan.session.states import AWAITED_PHASE, TABLE, State, Timer
from ipmi_lan.wire import handshake as wire
from ipmi_lan.wire.codes import PayloadType, RakpStatus, meaning_of
from ipmi_lan.wire.packet import Packet, build_packet

_NO_SLOT = (RakpStatus.INSUFFICIENT_RESOURCES, RakpStatus.INSUFFICIENT_RESOURCES_AT_ROLE)
_ROLE = (RakpStatus.INVALID_ROLE, RakpStatus.UNAUTHORIZED_ROLE)
_STALE = (RakpStatus.INVALID_SESSION_ID, RakpStatus.INACTIVE_SESSION_ID)
_MOST_STALE = 3
_MOST_BAD_CHECKS = 2
_NO_SUCH_USER = (RakpStatus.UNAUTHORIZED_NAME, RakpStatus.ILLEGAL_PARAMETER, RakpStatus.INVALID_NAME_LENGTH)


class Opening:
    """One login, from the first datagram to the keys or the reason why not."""

    def __init__(
        self,
        credentials: Credentials,
        suites: Sequence[CipherSuite],
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        dropped: Counter[str],
    ) -> None:
        """`randomness(n)` gives n unpredictable octets; `dropped` is where ignored datagrams are counted, by reason."""
        self.login: Login | None = None
        self.keys: SessionKeys | None = None
        self.error: IpmiError | None = None
        self.outbox: list[bytes] = []
        self.state = State.AWAIT_NEXT_TRY
        self._credentials = credentials
        self._suites = tuple(suites)
        self._randomness = randomness
        self._started, self._deadline = now, deadline
        self._dropped = dropped
        self._rung = 0
        self._refused_suites: dict[int, int | str] = {}
        self._silent_tries = self._slot_tries = self._refusals = self._bad_checks = self._stale_ids = 0
        self._strangers: list[bytes] = []
        self._hint: int | None = None
        self._newest_rakp_2: bytes | None = None
        self._tag = self._console_id = self._bmc_id = 0
        self._timer = now
        self.start_attempt(now)

    # ── what the session calls ────────────────────────────────────────────────

    def receive_packet_untrusted(self, packet: Packet, now: float) -> None:
        """A packet outside any session. What is not awaited now is counted and dropped."""
        self._refusals, self._strangers = 0, []
        handler = TABLE.get((self.state, packet.payload_type))  # type: ignore[arg-type]
        if handler is None or packet.session_id or packet.authenticated or packet.encrypted:
            self._dropped["not awaited in the login"] += 1
            return
        try:
            getattr(self, handler)(packet.payload, now)
        except Malformed:
            self._dropped["malformed login message"] += 1

    def receive_stranger_untrusted(self, datagram: bytes) -> None:
        """A datagram that is not RMCP+ at all."""
        if len(self._strangers) < 100:
            self._strangers.append(datagram)

    def peer_refused(self, now: float) -> None:
        """The host says that nothing listens; believed after a few spaced times."""
        self._refusals += 1
        if self._refusals >= retry.MOST_REFUSALS:
            self._fail(PortRefused(self._refusals))
        else:
            self._pause(now, retry.REFUSED_WAIT)

    def next_deadline(self) -> float:
        """When `handle_deadline` wants to be called."""
        return min(self._timer, self._deadline)

    def handle_deadline(self, now: float) -> None:
        """The time that `next_deadline` named has come."""
        if now >= self._deadline:
            self.abandon()
            self._fail(self._why_not(now))
        elif now >= self._timer:
            getattr(self, TABLE[self.state, Timer.EXPIRED])(now)

    def abandon(self) -> None:
        """Give a half-open slot back: RAKP 3 with an error status carries no code (13.22)."""
        if self._bmc_id and self.state in (State.AWAIT_RAKP_2, State.AWAIT_RAKP_4):
            status = RakpStatus.INVALID_INTEGRITY_CHECK_VALUE
            self._send(PayloadType.RAKP_3, wire.build_rakp_3(wire.Rakp3(self._tag, status, self._bmc_id)))

    # ── handlers, named in the table ──────────────────────────────────────────

    def start_attempt(self, now: float) -> None:
        """Open Session Request with fresh ids, for the suite whose turn it is."""
        self.login = None
        self._bmc_id = 0
        self._console_id = int.from_bytes(self._randomness(4), "little") or 1
        self._tag = self._randomness(1)[0]
        request = wire.OpenSessionRequest(self._tag, self._credentials.privilege, self._console_id, self._suite.algorithms)
        wait = retry.wait_of(retry.OPEN_SESSION_WAITS, self._silent_tries + 1)
        self._send(PayloadType.OPEN_SESSION_REQUEST, wire.build_open_session_request(request))
        self._await(State.AWAIT_OPEN_SESSION_RESPONSE, now, wait)

    def restart_after_silence(self, now: float) -> None:
        """No answer in time, or only one that did not say whose it was: then that one is believed."""
        if self._hint is not None:
            self._take_error(self._hint, now)
            return
        if self._newest_rakp_2 is not None:
            self.take_rakp_2(self._newest_rakp_2, now)
            return
        self._silent_tries += 1
        self.abandon()
        self.start_attempt(now)

    def take_open_session_response(self, payload: bytes, now: float) -> None:
        """The BMC's session id; its algorithms must be the ones asked for, or else somebody chose for us."""
        message = wire.parse_open_session_response_untrusted(payload)
        if message.status:
            self._take_status(message.status, message.tag, message.console_id, now)
        elif message.tag != self._tag or message.console_id != self._console_id or not message.bmc_id:
            self._dropped["answer to another login"] += 1
        elif message.algorithms != self._suite.algorithms:
            self._next_suite("answered with other algorithms than those asked for", now)
        else:
            self._bmc_id = message.bmc_id
            self._send_rakp_1(now)

    def take_rakp_2(self, payload: bytes, now: float) -> None:
        """The BMC's proof that it knows the password; ours goes out only if it holds."""
        message = wire.parse_rakp_2_untrusted(payload)
        if not self._is_ours(message, now):
            return
        if self._bad_checks and self._newest_rakp_2 != payload:
            self._newest_rakp_2, self._timer = payload, now + retry.SETTLE_WAIT
            return
        login = self._login_with(message.bmc_random, message.guid)
        if len(message.code) != login.suite.digest_size or not any(message.code):
            kind = "all zero" if message.code and not any(message.code) else f"of {len(message.code)} octets"
            self.abandon()
            self._next_suite(f"RAKP 2 code {kind}", now)
            return
        try:
            verify_code(message.code, rakp_2_code(login))
        except NotAuthentic:
            self.abandon()
            self._fail(WrongPassword(self._user, "the code of RAKP 2 does not verify"))
            return
        self.login = login
        self._tag = (self._tag + 1) & 0xFF
        self._send(PayloadType.RAKP_3, wire.build_rakp_3(wire.Rakp3(self._tag, 0, self._bmc_id, rakp_3_code(login))))
        self._await(State.AWAIT_RAKP_4, now, retry.RAKP_WAIT)

    def take_rakp_4(self, payload: bytes, now: float) -> None:
        """The BMC's proof that it has the same session integrity key."""
        message = wire.parse_rakp_4_untrusted(payload)
        if not self._is_ours(message, now):
            return
        assert self.login is not None, "set before RAKP 3 went out"
        keys = session_keys(self.login)
        try:
            verify_code(message.code, rakp_4_code(self.login, keys))
        except NotAuthentic:
            self._fail(WrongKg(bool(self._credentials.kg)))
            return
        self.keys = keys
        self.state = State.ESTABLISHED

    # ── inside ────────────────────────────────────────────────────────────────

    @property
    def _suite(self) -> CipherSuite:
        return self._suites[self._rung]

    @property
    def _user(self) -> str:
        return self._credentials.user.decode(errors="replace")

    def _send(self, payload_type: PayloadType, payload: bytes) -> None:
        self.outbox.append(build_packet(Packet(payload_type, payload)))

    def _await(self, state: State, now: float, wait: float) -> None:
        self.state, self._timer, self._hint, self._newest_rakp_2 = state, now + wait, None, None

    def _fail(self, error: IpmiError) -> None:
        self.state, self.error = State.FAILED, error

    def _pause(self, now: float, wait: float) -> None:
        self._await(State.AWAIT_NEXT_TRY, now, wait)

    def _send_rakp_1(self, now: float) -> None:
        self._tag = (self._tag + 1) & 0xFF
        self._console_random = self._randomness(16)
        who = self._credentials
        message = wire.Rakp1(self._tag, self._bmc_id, self._console_random, who.role, who.user)
        self._send(PayloadType.RAKP_1, wire.build_rakp_1(message))
        self._await(State.AWAIT_RAKP_2, now, retry.RAKP_WAIT)

    def _login_with(self, bmc_random: bytes, guid: bytes) -> Login:
        who = self._credentials
        return Login(
            self._suite, who.user, who.password, who.kg, who.role,
            self._console_id, self._bmc_id, self._console_random, bmc_random, guid,
        )  # fmt: skip

    def _is_ours(self, message: wire.Rakp2 | wire.Rakp4, now: float) -> bool:
        """Whether it is a good answer in this try; errors are dealt with here."""
        if message.status:
            self._take_status(message.status, message.tag, message.console_id, now)
        elif message.tag != self._tag or message.console_id != self._console_id:
            self._dropped["answer to another login"] += 1
        else:
            return True
        return False

    def _take_status(self, status: int, tag: int, console_id: int, now: float) -> None:
        """An error: believed at once where it is marked as ours, else only when nothing better comes (OpenBMC marks none)."""
        if tag == self._tag and console_id in (self._console_id, 0):
            self._take_error(status, now)
        elif (tag, console_id) == (0, 0):
            self._hint = status
        else:
            self._dropped["answer to another login"] += 1

    def _take_error(self, status: int, now: float) -> None:
        evidence = f"status {status:02X}h, {meaning_of(status, RakpStatus)}"
        if self.state is State.AWAIT_OPEN_SESSION_RESPONSE:
            self._next_suite(status, now)
        elif status in _ROLE:
            self._fail(PrivilegeTooHigh(self._user, self._credentials.privilege.word, evidence))
        elif status in _NO_SUCH_USER:
            self._fail(WrongPassword(self._user, evidence))
        elif status in _STALE and self._stale_ids < _MOST_STALE:
            self._stale_ids += 1    # a BMC that has just restarted; a fresh login mends it
            self._pause(now, retry.REFUSED_WAIT)
        elif status == RakpStatus.INVALID_INTEGRITY_CHECK_VALUE and self._bad_checks < _MOST_BAD_CHECKS:
            self._bad_checks += 1   # an answer may have overtaken another
            self.start_attempt(now)
        elif status == RakpStatus.INVALID_INTEGRITY_CHECK_VALUE:
            self._fail(WrongPassword(self._user, evidence))
        else:
            self._next_suite(status, now)

    def _next_suite(self, reason: int | str, now: float) -> None:
        """One rung down; at the end of the ladder wait for a slot if one suite spoke of slots, else give up."""
        self._refused_suites[self._suite.id] = reason
        self._rung += 1
        if self._rung < len(self._suites):
            self.start_attempt(now)
            return
        self._rung = 0
        reasons = self._refused_suites
        if any(reason in _NO_SLOT for reason in reasons.values()):
            self._slot_tries += 1
            self._pause(now, retry.jittered(retry.wait_of(retry.SLOT_WAITS, self._slot_tries), self._randomness(1)[0]))
        elif all(reason in _ROLE for reason in reasons.values()):
            self._fail(PrivilegeTooHigh(self._user, self._credentials.privilege.word, "refused in Open Session"))
        else:
            self._fail(SuiteRefused({suite: _in_words(reason) for suite, reason in reasons.items()}))

    def _why_not(self, now: float) -> IpmiError:
        if self._slot_tries:
            return NoFreeSession(self._slot_tries)
        if self._strangers:
            return NotIpmi(len(self._strangers), self._strangers[0])
        if self._refusals:
            return PortRefused(self._refusals)
        return NoAnswer(AWAITED_PHASE.get(self.state, "the login"), now - self._started)


def _in_words(reason: int | str) -> str:
    return reason if isinstance(reason, str) else f"status {reason:02X}h, {meaning_of(reason, RakpStatus)}"
