"""An IPMI 1.5 login: capabilities, challenge, activation (IPMI 2.0, 22.13, 22.16, 22.17). Only by explicit choice.

It has no keys of its own: what a code proves is that its maker knows the password. The number that the console chooses for the
BMC to begin with keeps what an earlier session said out of this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.commands.login import (
    GET_CHANNEL_AUTHENTICATION_CAPABILITIES,
    ActivatedSession,
    AuthenticationCapabilities,
    AuthenticationCapabilitiesRequest,
    SessionChallenge,
    activate_session,
    get_session_challenge,
)
from ipmi_lan.crypto.auth15 import Sealing15, auth_code, oem_key
from ipmi_lan.crypto.rakp import verify_code
from ipmi_lan.errors import AuthTypeRefused, CommandRefused, Malformed, NotAuthentic
from ipmi_lan.session import retry
from ipmi_lan.session.entrance import Entrance, Gained
from ipmi_lan.session.events import Credentials, Terms
from ipmi_lan.session.numbering import ReplayWindow
from ipmi_lan.session.states import ACTIVATION, State15
from ipmi_lan.wire.codes import AuthType, CompletionCode, Privilege, meaning_of
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import Packet15, build_packet15, parse_packet15_untrusted

_NO_SLOT = (0x81, 0x82, 0x83)          # of Activate Session
_PRIVILEGE_TOO_HIGH = 0x86
_NO_SUCH_USER = (0x81, 0x82)           # of Get Session Challenge
_CHALLENGE_SIZE = 16
_RQ_SEQS = 64


class Activation(Entrance):
    """One login by IPMI 1.5; each message is sent once, and after silence all begins anew."""

    def __init__(
        self,
        credentials: Credentials,
        terms: Terms,
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        dropped: Counter[str],
    ) -> None:
        super().__init__(credentials, terms, randomness, now, deadline, dropped)
        assert terms.auth_type_15 is not None
        self._auth_type = terms.auth_type_15
        self._key = credentials.password
        self._state = State15.AWAIT_CAPABILITIES
        self._silences = 0
        self._number = randomness(1)[0] % _RQ_SEQS
        self._command: Command[Any] | None = None
        self._temporary_id = self._first_expected = 0
        self._per_message = True
        self._begin(now)

    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> bool:
        """Whatever arrived; whether it was of IPMI 1.5 at all. What is not awaited now is counted and dropped."""
        try:
            packet = parse_packet15_untrusted(datagram)
        except Malformed:
            self._heard_stranger(datagram)
            return False
        self._heard_bmc()
        self._receive_packet_untrusted(packet, now)
        return True

    def abandon(self) -> None:
        """Nothing to give back: until it is activated, a session of IPMI 1.5 has no slot that we could name."""
        self._command = None

    # ── handlers, named in the table ──────────────────────────────────────────

    def take_capabilities(self, packet: Packet15, answer: AuthenticationCapabilities, now: float) -> None:
        """Whether the BMC takes the type, and whether it authenticates every message."""
        relaxed = self._terms.relaxations
        offered = {
            AuthType.NONE: answer.none, AuthType.MD2: answer.md2, AuthType.MD5: answer.md5,
            AuthType.STRAIGHT: answer.straight_password, AuthType.OEM: answer.oem,
        }  # fmt: skip
        if not (offered[self._auth_type] or relaxed.trusts_no_capabilities):
            names = ", ".join(kind.name.lower() for kind, is_offered in offered.items() if is_offered) or "none of IPMI 1.5"
            self._refuse(f"the BMC offers {names}")
            return
        self._per_message = relaxed.forces_per_message or not answer.per_message_authentication_is_off
        if not self._per_message and not self._terms.accepts_forgeable_answers:
            self._refuse("the BMC does not authenticate single messages, so that anybody can forge its answers")
            return
        self._state = State15.AWAIT_CHALLENGE
        self._ask(get_session_challenge(self._auth_type, self._credentials.user), now)

    def take_challenge(self, packet: Packet15, answer: SessionChallenge, now: float) -> None:
        """Answer the challenge, and say with which number the BMC shall begin."""
        relaxed = self._terms.relaxations
        self._temporary_id, challenge = answer.temporary_id, answer.challenge
        if relaxed.mixes_challenge_15:
            self._key, challenge = oem_key(self._credentials.password, challenge), bytes(_CHALLENGE_SIZE)
        self._first_expected = int.from_bytes(self._randomness(4), "little") or 1
        self._state = State15.AWAIT_ACTIVATION
        command = activate_session(self._auth_type, Privilege(self._privilege), challenge, self._first_expected)
        self._send(command, now, retry.RAKP_WAITS, self._auth_type, self._temporary_id)

    def take_activation(self, packet: Packet15, answer: ActivatedSession, now: float) -> None:
        """The session. Its further packets are authenticated as the answer says, if they are at all."""
        relaxed = self._terms.relaxations
        if self._auth_type != AuthType.NONE and not relaxed.skips_codes_15:
            self._verify_untrusted(packet)
        is_off = answer.auth_type == AuthType.NONE and not relaxed.forces_per_message
        per_message = self._auth_type != AuthType.NONE and not is_off and (self._per_message or answer.auth_type != AuthType.NONE)
        if not per_message and not self._terms.accepts_forgeable_answers:
            self._refuse("the BMC switched authentication off when it activated the session")
            return
        sealing = Sealing15(
            self._auth_type, self._key, answer.session_id, per_message, swaps_sequence=relaxed.swaps_sequence,
            checks_codes=not relaxed.skips_codes_15, takes_zero_id=relaxed.takes_zero_id,
            takes_unexpected_codes=relaxed.takes_unexpected_codes,
        )  # fmt: skip
        self._state = State15.ESTABLISHED
        self.gained = Gained(
            sealing, ReplayWindow(self._first_expected) if per_message else None, answer.initial_sequence - 1, answer.session_id,
            self._privilege, auth15=self._auth_type, takes_number_0=relaxed.takes_zero_id,
        )  # fmt: skip

    # ── inside ────────────────────────────────────────────────────────────────

    @property
    def _awaits(self) -> Enum:
        return self._state

    def _forget(self) -> None:
        self._command = None

    def _wait_is_over(self, now: float) -> None:
        self._silences += self._command is not None
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._state = State15.AWAIT_CAPABILITIES
        request = AuthenticationCapabilitiesRequest(self._privilege, wants_ipmi_2=False)
        self._ask(GET_CHANNEL_AUTHENTICATION_CAPABILITIES(request), now)

    def _ask(self, command: Command[Any], now: float) -> None:
        self._send(command, now, retry.OPEN_SESSION_WAITS, AuthType.NONE, 0)

    def _send(
        self, command: Command[Any], now: float, waits: tuple[float, ...], auth_type: AuthType, session_id: int
    ) -> None:
        self._command = command
        self._number = (self._number + 1) % _RQ_SEQS
        message = build_request(Request(command.netfn, command.code, self._number, command.data))
        code = auth_code(auth_type, self._key, session_id, 0, message) if auth_type != AuthType.NONE else b""
        self.outbox.append(build_packet15(Packet15(auth_type, 0, session_id, code, message)))
        self._timer = now + retry.wait_of(waits, self._silences + 1)

    def _receive_packet_untrusted(self, packet: Packet15, now: float) -> None:
        command = self._command
        try:
            response = parse_response_untrusted(packet.payload, not self._terms.relaxations.skips_checksums)
        except Malformed:
            self._dropped["malformed login message"] += 1
            return
        answered = (response.command, response.netfn, response.sequence)
        if command is None or answered != (command.code, command.netfn, self._number):
            self._dropped["answer to another login"] += 1
            return
        try:
            self._take_untrusted(command, packet, response, now)
        except (Malformed, NotAuthentic):
            self._dropped["malformed login message"] += 1

    def _take_untrusted(self, command: Command[Any], packet: Packet15, response: Response, now: float) -> None:
        if response.completion_code:
            self._believe(command.name, response.completion_code, now)
            return
        answer = command.reply.parse_untrusted(response.data)
        move = ACTIVATION[self._state, command.name]
        getattr(self, move.handler)(packet, answer, now)
        assert self.error is not None or self._state in move.to, "the table says where a move may lead"

    def _verify_untrusted(self, packet: Packet15) -> None:
        """Raises `NotAuthentic` unless the packet's code verifies, under whatever id it carries: BMCs use the old or the new."""
        if packet.auth_type != self._auth_type:
            raise NotAuthentic("another authentication type")
        expected = auth_code(self._auth_type, self._key, packet.session_id, packet.sequence, packet.payload)
        verify_code(packet.code, expected)

    def _believe(self, name: str, code: int, now: float) -> None:
        evidence = f"{name}: {code:02X}h"
        if self._state is State15.AWAIT_CHALLENGE and code in _NO_SUCH_USER:
            self._fail(self._wrong_password(evidence))
        elif self._state is State15.AWAIT_ACTIVATION and code in _NO_SLOT:
            self._command = None
            self._wait_for_slot(now)
        elif self._state is State15.AWAIT_ACTIVATION and code == _PRIVILEGE_TOO_HIGH and self._comes_down():
            self._begin(now)
        elif self._state is State15.AWAIT_ACTIVATION and code == _PRIVILEGE_TOO_HIGH:
            self._fail(self._privilege_too_high(evidence))
        elif code in (CompletionCode.NODE_BUSY, CompletionCode.TIMEOUT):
            self._timer = now + retry.BUSY_WAIT
        else:
            self._fail(CommandRefused(name, code, meaning_of(code, CompletionCode)))

    def _refuse(self, evidence: str) -> None:
        self._state = State15.FAILED
        self._fail(AuthTypeRefused(self._auth_type.name.lower(), evidence))
