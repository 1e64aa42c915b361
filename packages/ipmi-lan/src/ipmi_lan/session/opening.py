"""An RMCP+ login: handshakes over a ladder of cipher suites, privileges and free slots, by one deadline (IPMI 2.0, 13.15).

Where a handshake meets silence a second one is begun beside it, and whichever is answered goes on: a lost datagram costs a
third of a second, and a BMC that needs longer over the password is not asked twice the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial

from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import IpmiError, Malformed, SuiteRefused, WrongKg, WrongPassword
from ipmi_lan.session import retry
from ipmi_lan.session.attempt import Attempt, NotOurs, StatusReceived, SuiteUnusable, console_id_of_untrusted
from ipmi_lan.session.entrance import Entrance
from ipmi_lan.session.events import Credentials, Terms
from ipmi_lan.session.states import State
from ipmi_lan.wire.codes import RakpStatus, meaning_of
from ipmi_lan.wire.packet import Packet, parse_packet_untrusted

_NO_SLOT = (RakpStatus.INSUFFICIENT_RESOURCES, RakpStatus.INSUFFICIENT_RESOURCES_AT_ROLE)
_ROLE = (RakpStatus.INVALID_ROLE, RakpStatus.UNAUTHORIZED_ROLE)
_STALE = (RakpStatus.INVALID_SESSION_ID, RakpStatus.INACTIVE_SESSION_ID)
_NO_SUCH_USER = (RakpStatus.UNAUTHORIZED_NAME, RakpStatus.ILLEGAL_PARAMETER, RakpStatus.INVALID_NAME_LENGTH)
_MOST_STALE, _MOST_BAD_CHECKS = 3, 2
_AT_ONCE = 2   # handshakes side by side
_MOST_PARKED = 3
_PATIENCE = 3.0   # seconds; OpenBMC itself gives a handshake up after these


class Opening(Entrance):
    """One login, from the first datagram to the handshake that succeeded or the reason why none did."""

    def __init__(
        self,
        credentials: Credentials,
        terms: Terms,
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        dropped: Counter[str],
        suites: Sequence[CipherSuite] = (),
    ) -> None:
        """`suites` is the order in which `terms.suites` are tried, where it is not theirs."""
        super().__init__(credentials, terms, randomness, now, deadline, dropped)
        self._suites = tuple(suites or terms.suites)
        self._rung = 0
        self._refused_suites: dict[int, int | str] = {}
        self._silences = self._bad_checks = self._stale_ids = 0
        self._attempts: list[Attempt] = []   # the newest last
        self._parked: list[Attempt] = []
        self._verdict: WrongPassword | WrongKg | None = None   # of a handshake that was not the last one alive
        self._begin(now)

    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> bool:
        """Whatever arrived; whether it was RMCP+ at all. What is not awaited now is counted and dropped."""
        try:
            packet = parse_packet_untrusted(datagram)
        except Malformed:
            self._heard_stranger(datagram)
            return False
        self._heard_bmc()
        if packet.session_id or packet.authenticated or packet.encrypted:
            self._dropped["not awaited in the login"] += 1
        else:
            self._receive_packet_untrusted(packet, now)
        return True

    def abandon(self) -> None:
        """Give every half-open slot back."""
        for attempt in self._attempts:
            self.outbox += attempt.abandon()
        self._attempts = []

    # ── inside ────────────────────────────────────────────────────────────────

    @property
    def _suite(self) -> CipherSuite:
        return self._suites[self._rung]

    @property
    def _awaits(self) -> Enum:
        return self._attempts[-1].state if self._attempts else State.AWAIT_OPEN_SESSION_RESPONSE

    def _forget(self) -> None:
        self.abandon()

    def _begin(self, now: float) -> None:
        """A handshake more; the one that is least advanced gives way, of several the oldest."""
        while len(self._attempts) >= _AT_ONCE:
            self._give_way(min(self._attempts, key=partial(_worth, now=now)))
        relaxations, settles = self._terms.relaxations, bool(self._bad_checks)
        attempt = Attempt(self._credentials, relaxations, self._suite, self._privilege, self._randomness, settles)
        attempt.moved_at = now
        self._attempts.append(attempt)
        self.outbox.append(attempt.open_session_request())
        self._timer = now + retry.wait_of(retry.OPEN_SESSION_WAITS, self._silences + 1)

    def _give_way(self, attempt: Attempt) -> None:
        """It ends. Where Open Session is not answered yet, the answer is waited for, to give that slot back as well."""
        self._attempts.remove(attempt)
        if attempt.has_session_id:
            self.outbox += attempt.abandon()
        else:
            self._parked = [*self._parked[-_MOST_PARKED:], attempt]

    def _begin_anew(self, now: float) -> None:
        """A handshake on other terms: what the earlier ones still hear is of no use."""
        self.abandon()
        self._begin(now)

    def _wait_is_over(self, now: float) -> None:
        """Only an answer came that did not say whose it was, or one that a newer could replace, or none at all."""
        newest = self._attempts[-1] if self._attempts else None
        settled = next((attempt for attempt in self._attempts if attempt.settles and attempt.latest_rakp_2 is not None), None)
        if newest is not None and newest.hint is not None:
            self._believe(newest, newest.hint, now)
        elif settled is not None:
            self._goes_on(settled, settled.take_latest_rakp_2, now)
        else:
            self._silences += newest is not None
            self._begin(now)

    def _receive_packet_untrusted(self, packet: Packet, now: float) -> None:
        try:
            console_id = console_id_of_untrusted(packet.payload)
        except Malformed:
            self._dropped["malformed login message"] += 1
            return
        for attempt in self._attempts[::-1]:
            if console_id in (attempt.console_id, 0):
                step = partial(attempt.receive_untrusted, packet.payload_type, packet.payload)
                if self._goes_on(attempt, step, now):
                    return
        self._dropped["answer to another login"] += 1
        for attempt in [parked for parked in self._parked if parked.console_id == console_id]:
            self._parked.remove(attempt)
            with suppress(NotOurs, Malformed, StatusReceived, SuiteUnusable):
                attempt.receive_untrusted(packet.payload_type, packet.payload)
                self.outbox += attempt.abandon()

    def _goes_on(self, attempt: Attempt, step: Callable[[], bytes | None], now: float) -> bool:
        """Let `attempt` make its step and judge how it ends; False: it was not for `attempt`."""
        had_rakp_2 = attempt.latest_rakp_2
        try:
            datagram = step()
        except NotOurs:
            return False
        except Malformed:
            self._dropped["malformed login message"] += 1
        except StatusReceived as refusal:
            self._believe(attempt, refusal.status, now)
        except SuiteUnusable as fault:
            self.outbox += attempt.abandon()
            if not self._leave_to_others(attempt, now):
                self._next_suite(attempt, str(fault), now)
        except (WrongPassword, WrongKg) as error:
            self._verdict = error
            self.outbox += attempt.abandon()
            if not self._leave_to_others(attempt, now):
                self._fail(error)
        else:
            if datagram is not None:
                self.outbox.append(datagram)
                attempt.moved_at = now
                self._prefer(attempt)
                for other in [other for other in self._attempts if other.state.value < attempt.state.value and attempt.login]:
                    self._give_way(other)
                self._timer = now + retry.wait_of(retry.RAKP_WAITS, self._silences + 1)
            elif attempt.state is State.ESTABLISHED:
                self._attempts.remove(attempt)
                self.abandon()
                self.gained = attempt.gained()
            elif attempt.latest_rakp_2 is not had_rakp_2:
                self._timer = now + retry.SETTLE_WAIT
        return True

    def _prefer(self, attempt: Attempt) -> None:
        """The one that made progress last is the last to give way."""
        self._attempts.remove(attempt)
        self._attempts.append(attempt)

    def _believe(self, attempt: Attempt, status: int, now: float) -> None:
        """A refusal; while another handshake is alive that has not heard one, that one decides."""
        if status in _STALE and attempt.may_be_open:
            self.outbox += attempt.abandon()    # the answer to a RAKP 3 that the network doubled reads the same
        if self._leave_to_others(attempt, now):
            self.outbox += attempt.abandon()
            return
        for other in self._attempts:
            self.outbox += [] if other is attempt else other.abandon()
        self._attempts, evidence = [attempt], _in_words(status)
        is_first = attempt.login is None and not attempt.has_session_id
        if status in _ROLE and self._comes_down():
            self._begin_anew(now)
        elif is_first:
            self._next_suite(attempt, status, now)
        elif status in _ROLE:
            self._fail(self._privilege_too_high(evidence))
        elif status in _NO_SUCH_USER:
            self._fail(self._wrong_password(evidence))
        elif status in _STALE and self._stale_ids < _MOST_STALE:
            self._stale_ids += 1    # a BMC that has just restarted; a fresh login mends it
            self._attempts = []
            self._timer = now + retry.REFUSED_WAIT
        elif status == RakpStatus.INVALID_INTEGRITY_CHECK_VALUE:
            self._take_bad_check(evidence, now)
        else:
            self._next_suite(attempt, status, now)

    def _leave_to_others(self, attempt: Attempt, now: float) -> bool:
        """Whether another handshake is alive that has heard no refusal: then that one decides, and `attempt` is out."""
        others = [other for other in self._attempts if other is not attempt]
        if all(other.hint is not None for other in others):
            return False
        self._attempts = others
        self._timer = max(self._timer, now + retry.wait_of(retry.RAKP_WAITS, self._silences + 1))
        return True

    def _why_not(self, now: float) -> IpmiError:
        return self._verdict or super()._why_not(now)

    def _take_bad_check(self, evidence: str, now: float) -> None:
        """Our RAKP 3 does not verify at the BMC: an answer may have overtaken another, so it is tried again with patience."""
        self._attempts = []
        if self._bad_checks < _MOST_BAD_CHECKS:
            self._bad_checks += 1
            self._begin(now)
        else:
            self._fail(self._wrong_password(evidence))

    def _next_suite(self, attempt: Attempt, reason: int | str, now: float) -> None:
        """One rung down; at the end of the ladder wait for a slot if one suite spoke of slots, else give up."""
        self._attempts = [other for other in self._attempts if other is not attempt]
        self._refused_suites[attempt.suite.id] = reason
        self._rung += 1
        if self._rung < len(self._suites):
            self._begin_anew(now)
            return
        self._rung = 0
        reasons = self._refused_suites
        if any(reason in _NO_SLOT for reason in reasons.values()):
            self.abandon()
            self._wait_for_slot(now)
        elif all(reason in _ROLE for reason in reasons.values()):
            self._fail(self._privilege_too_high("refused in Open Session"))
        else:
            self._fail(SuiteRefused({suite: _in_words(reason) for suite, reason in reasons.items()}))


def _worth(attempt: Attempt, now: float) -> int:
    """How far it is; one that has met nothing for long is worth nothing: its message was lost, or the BMC has given it up."""
    return attempt.state.value if now - attempt.moved_at < _PATIENCE else 0


def _in_words(reason: int | str) -> str:
    return reason if isinstance(reason, str) else f"status {reason:02X}h, {meaning_of(reason, RakpStatus)}"
