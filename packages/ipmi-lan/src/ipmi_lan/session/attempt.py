"""One RMCP+ handshake: Open Session and RAKP 1 to 4, each sent once (IPMI 2.0, 13.15 to 13.24).

BMCs take a repeated RAKP message for a new one, so a handshake never repeats itself: where it meets silence another one is begun,
with fresh ids and a fresh random number, so that answers to the one fit nothing in the other. Nothing that the BMC says is
used before RAKP 2 and RAKP 4 have verified, and the algorithms are always our own.
"""

from __future__ import annotations

from collections.abc import Callable

from ipmi_lan.commands.login import close_session
from ipmi_lan.crypto.rakp import Login, SessionKeys, rakp_2_code, rakp_3_code, rakp_4_code, session_keys, verify_code
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import Malformed, NotAuthentic, SuiteUnavailable, WrongKg, WrongPassword
from ipmi_lan.quirks import Relaxations, explain_code
from ipmi_lan.session.entrance import Gained
from ipmi_lan.session.events import Credentials
from ipmi_lan.session.numbering import ReplayWindow
from ipmi_lan.session.states import HANDSHAKE, State
from ipmi_lan.wire import handshake as wire
from ipmi_lan.wire.codes import PayloadType, RakpStatus
from ipmi_lan.wire.message import Request, build_request
from ipmi_lan.wire.packet import Packet, build_packet

_NAME_FIELD, _RAKP_1_HEAD = 16, 28
_Randomness = Callable[[int], bytes]


class NotOurs(Exception):  # noqa: N818 - named for the fact
    """An answer, but not to what this handshake sent last."""


class StatusReceived(Exception):  # noqa: N818
    """The BMC refuses with a status other than 00h."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class SuiteUnusable(Exception):  # noqa: N818
    """What the BMC does with this cipher suite is not what the suite says."""


class Attempt:
    """One handshake, from its first datagram to the keys. Its exceptions end it; what is not ours changes nothing."""

    __slots__ = (
        "_bmc_id", "_console_random", "_credentials", "_randomness", "_relaxations", "_tag", "console_id", "hint", "keys",
        "latest_rakp_2", "login", "may_be_open", "moved_at", "privilege", "settles", "state",
        "suite",
    )  # fmt: skip

    def __init__(
        self,
        credentials: Credentials,
        relaxations: Relaxations,
        suite: CipherSuite,
        privilege: int,
        randomness: _Randomness,
        settles: bool = False,
    ) -> None:
        """With `settles`, RAKP 2 is not acted upon but kept, for a newer one may come: see `take_latest_rakp_2`."""
        self._credentials, self._relaxations, self._randomness = credentials, relaxations, randomness
        self.suite, self.privilege, self.settles = suite, privilege, settles
        self.state = State.AWAIT_OPEN_SESSION_RESPONSE
        self.console_id = int.from_bytes(randomness(4), "little") or 1
        self.login: Login | None = None
        self.keys: SessionKeys | None = None
        self.hint: int | None = None
        """An error status that does not say whose it is: believed when nothing better comes (OpenBMC marks none)."""
        self.latest_rakp_2: bytes | None = None
        self.moved_at = 0.0
        """When it began or was last answered; kept by whoever knows the time."""
        self.may_be_open = False
        """Our proof went out, so the BMC may have opened the session, under keys that we know."""
        self._tag = randomness(1)[0]
        self._bmc_id = 0
        self._console_random = b""

    @property
    def has_session_id(self) -> bool:
        """Whether Open Session was answered: there may be a slot to give back."""
        return self._bmc_id != 0

    def open_session_request(self) -> bytes:
        """The first datagram."""
        request = wire.OpenSessionRequest(self._tag, self.privilege, self.console_id, self.suite.algorithms)
        return _packet(PayloadType.OPEN_SESSION_REQUEST, wire.build_open_session_request(request))

    def receive_untrusted(self, payload_type: int, payload: bytes) -> bytes | None:
        """What is to be sent next, or None. Raises `Malformed`, `NotOurs`, and what ends the handshake: `StatusReceived`,
        `SuiteUnusable`, `WrongPassword`, `WrongKg`.
        """
        move = HANDSHAKE.get((self.state, payload_type))
        if move is None:
            raise NotOurs
        before = self.state
        try:
            datagram: bytes | None = getattr(self, move.handler)(payload)
        except (StatusReceived, SuiteUnusable, WrongPassword, WrongKg):
            self.state = State.FAILED
            raise
        assert self.state is before or self.state in move.to, "the table says where a move may lead"
        return datagram

    def take_latest_rakp_2(self) -> bytes | None:
        """The newest RAKP 2 has been the newest for long enough. As `receive_untrusted`."""
        assert self.latest_rakp_2 is not None
        self.settles = False
        return self.receive_untrusted(PayloadType.RAKP_2, self.latest_rakp_2)

    def gained(self) -> Gained:
        """What the handshake led to, once it is established."""
        assert self.login is not None
        window = ReplayWindow() if self.suite.integrity else None
        return Gained(self._sealing(), window, 0, self._bmc_id, self.privilege, self.login.guid, self.suite)

    def abandon(self) -> list[bytes]:
        """The datagrams that give the BMC's slot back.

        RAKP 3 with an error status and no code ends a half-open login (13.22). After our RAKP 3 the BMC may have opened the
        session already, under keys that we know; a sealed Close Session ends it then.
        """
        if not self._bmc_id or self.state is State.ESTABLISHED:
            return []
        farewell = wire.Rakp3(self._tag, RakpStatus.INVALID_INTEGRITY_CHECK_VALUE, self._bmc_id)
        datagrams = [_packet(PayloadType.RAKP_3, wire.build_rakp_3(farewell))]
        if self.may_be_open:
            command = close_session(self._bmc_id)
            message = build_request(Request(command.netfn, command.code, 0, command.data))
            datagrams.insert(0, self._sealing().seal(1, message, self._randomness))
        self.state, self.may_be_open, self._bmc_id = State.FAILED, False, 0
        return datagrams

    # ── handlers, named in the table ──────────────────────────────────────────

    def take_open_session_response(self, payload: bytes) -> bytes:
        """The BMC's session id; its algorithms must be the ones asked for, or else somebody chose for us."""
        message = wire.parse_open_session_response_untrusted(payload)
        self._expect_ours(message.status, message.tag, message.console_id)
        if not message.bmc_id:
            raise NotOurs
        if message.algorithms != self.suite.algorithms:
            raise SuiteUnusable("answered with other algorithms than those asked for")
        self._bmc_id = message.bmc_id
        self._console_random = self._randomness(16)
        self._go_on(State.AWAIT_RAKP_2)
        return self._rakp_1()

    def take_rakp_2(self, payload: bytes) -> bytes | None:
        """The BMC's proof that it knows the password; ours goes out only if it holds."""
        message = wire.parse_rakp_2_untrusted(payload)
        self._expect_ours(message.status, message.tag, message.console_id)
        if self.settles:
            self.latest_rakp_2 = payload
            return None
        self.login = self._login_with(message.bmc_random, message.guid)
        self._check_rakp_2(self._trimmed(message.code), self.login)
        self._go_on(State.AWAIT_RAKP_4)
        self.may_be_open = True
        rakp_3 = wire.Rakp3(self._tag, 0, self._bmc_id, rakp_3_code(self.login))
        return _packet(PayloadType.RAKP_3, wire.build_rakp_3(rakp_3))

    def take_rakp_4(self, payload: bytes) -> None:
        """The BMC's proof that it has the same session integrity key."""
        message = wire.parse_rakp_4_untrusted(payload)
        self._expect_ours(message.status, message.tag, message.console_id)
        assert self.login is not None, "set before RAKP 3 went out"
        keys = session_keys(self.login)
        if self.suite.authentication:
            self._check_rakp_4(message.code, self.login, keys)
        elif message.code and not self._relaxations.ignores_check_of_suite_0:
            raise SuiteUnusable("RAKP 4 carries a code, which suite 0 has none of (quirk integritycheckvalue)")
        self.keys, self.state = keys, State.ESTABLISHED

    # ── inside ────────────────────────────────────────────────────────────────

    @property
    def _user(self) -> str:
        return self._credentials.user.decode(errors="replace")

    def _sealing(self) -> Sealing:
        """What protects the packets of the session that this handshake opens, or would."""
        assert self.login is not None
        keys = self.keys or session_keys(self.login)
        return Sealing(
            self.suite, keys, self._credentials.password, self._bmc_id, self.console_id, self._relaxations.pads_short
        )

    def _go_on(self, state: State) -> None:
        self.state, self.hint = state, None
        self._tag = (self._tag + 1) & 0xFF

    def _expect_ours(self, status: int, tag: int, console_id: int) -> None:
        """Raises `StatusReceived` for an error that is marked as ours, `NotOurs` for an answer that is not."""
        is_marked = tag == self._tag and console_id in ((self.console_id, 0) if status else (self.console_id,))
        if is_marked and status:
            raise StatusReceived(status)
        if status and (tag, console_id) == (0, 0):
            self.hint = status
        if not is_marked:
            raise NotOurs

    def _rakp_1(self) -> bytes:
        who, relaxed = self._credentials, self._relaxations
        name = who.user.ljust(_NAME_FIELD, b"\0") if relaxed.variation.pads_name else who.user
        message = wire.Rakp1(self._tag, self._bmc_id, self._console_random, who.role(self.privilege), name)
        payload = wire.build_rakp_1(message)
        if relaxed.pads_name_field:
            payload = payload.ljust(_RAKP_1_HEAD + _NAME_FIELD, b"\0")
        return _packet(PayloadType.RAKP_1, payload)

    def _login_with(self, bmc_random: bytes, guid: bytes) -> Login:
        who = self._credentials
        return Login(
            self.suite, who.user, who.password, who.kg, who.role(self.privilege), self.console_id, self._bmc_id,
            self._console_random, bmc_random, guid, self._relaxations.variation,
        )  # fmt: skip

    def _trimmed(self, code: bytes) -> bytes:
        is_long = self._relaxations.trims_rakp_2 and len(code) == self.suite.digest_size + 1
        return code[:-1] if is_long else code

    def _check_rakp_2(self, code: bytes, login: Login) -> None:
        if len(code) != self.suite.digest_size:
            quirk = explain_code(code, login, "rakp 2", None)
            hint = f", which quirk {quirk} explains" if quirk else ""
            raise SuiteUnusable(f"RAKP 2 code of {len(code)} octets instead of {self.suite.digest_size}{hint}")
        if not self.suite.authentication:
            return
        if not any(code):
            raise SuiteUnusable("RAKP 2 code all zero")
        try:
            verify_code(code, rakp_2_code(login))
        except NotAuthentic:
            quirk = explain_code(code, login, "rakp 2", None)
            raise WrongPassword(self._user, "the code of RAKP 2 does not verify", quirk) from None

    def _check_rakp_4(self, code: bytes, login: Login, keys: SessionKeys) -> None:
        try:
            expected = rakp_4_code(login, keys)
        except SuiteUnavailable as lack:
            raise SuiteUnusable(lack.why) from None
        if not code and not expected:
            return      # quirks intel20 and intelplus in a suite without integrity: its packets prove nothing either
        if not code:
            quirk = explain_code(code, login, "rakp 4", keys)
            raise SuiteUnusable(f"RAKP 4 has no code{f', which quirk {quirk} explains' if quirk else ''}")
        try:
            verify_code(code, expected)
        except NotAuthentic:
            self.may_be_open = False    # it is, and under other keys
            raise WrongKg(bool(self._credentials.kg), explain_code(code, login, "rakp 4", keys)) from None


def console_id_of_untrusted(payload: bytes) -> int:
    """The console's session id that a login answer names, 0 where it names none. Raises `Malformed`."""
    if not payload:
        raise Malformed("login message without content")
    return int.from_bytes(payload[4:8], "little") if len(payload) >= 8 else 0


def _packet(payload_type: PayloadType, payload: bytes) -> bytes:
    return build_packet(Packet(payload_type, payload))
