"""What every login has in common: one deadline, silence, refused ports, strangers, and what to say of them in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import IpmiError, NoAnswer, NoFreeSession, NotIpmi, PortRefused, PrivilegeTooHigh, WrongPassword
from ipmi_lan.session import retry
from ipmi_lan.session.events import Credentials, Terms
from ipmi_lan.session.numbering import ReplayWindow
from ipmi_lan.session.states import AWAITED_PHASE
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.packet import Packet

_MOST_STRANGERS = 100


class Seals(Protocol):
    """What protects the packets of a session."""

    def seal(self, sequence: int, payload: bytes, randomness: Callable[[int], bytes]) -> bytes:
        """A datagram."""

    def unseal_untrusted(self, datagram: bytes) -> Packet:
        """The packet. Raises `NotAuthentic` or `Malformed`."""


@dataclass(slots=True)
class Gained:
    """What a login leads to."""

    sealing: Seals
    window: ReplayWindow | None
    """None where packets prove nothing anyway, so that their numbers prove nothing either."""
    before_first: int
    """Of our session sequence numbers."""
    session_id: int
    """The BMC's."""
    privilege: int
    guid: bytes = b""
    suite: CipherSuite | None = None
    auth15: AuthType | None = None
    takes_number_0: bool = False

    def is_fresh(self, sequence: int) -> bool:
        """Whether an authentic packet of this number is new."""
        if self.window is None or (sequence == 0 and self.takes_number_0):
            return True
        return self.window.accept(sequence)


class Entrance(ABC):
    """A login without I/O. It ends with either `gained` or `error` set."""

    def __init__(
        self,
        credentials: Credentials,
        terms: Terms,
        randomness: Callable[[int], bytes],
        now: float,
        deadline: float,
        dropped: Counter[str],
    ) -> None:
        """`dropped` is where ignored datagrams are counted, by reason."""
        self.gained: Gained | None = None
        self.error: IpmiError | None = None
        self.outbox: list[bytes] = []
        self._credentials, self._terms, self._randomness = credentials, terms, randomness
        self._started, self._deadline, self._timer = now, deadline, now
        self._dropped = dropped
        self._privilege = int(credentials.privilege)
        self._refusals = self._slot_tries = 0
        self._refused_at = float("-inf")
        self._strangers: list[bytes] = []

    # ── what the session calls ────────────────────────────────────────────────

    @abstractmethod
    def receive_datagram_untrusted(self, datagram: bytes, now: float) -> bool:
        """Whatever arrived; whether it was of a BMC at all. What is not awaited now is counted and dropped."""

    @abstractmethod
    def abandon(self) -> None:
        """Give back what the BMC may have reserved."""

    def peer_refused(self, now: float) -> None:
        """The host says that nothing listens; believed after a few spaced times. Several at once count as one."""
        if now < self._refused_at + 0.9 * retry.REFUSED_WAIT:
            return
        self._refused_at = now
        self._refusals += 1
        self._forget()
        if self._refusals >= retry.MOST_REFUSALS:
            self._fail(PortRefused(self._refusals))
        else:
            self._timer = now + retry.REFUSED_WAIT

    def extend(self, deadline: float) -> None:
        """Somebody else waits for this login as well, and longer."""
        self._deadline = max(self._deadline, deadline)

    def next_deadline(self) -> float:
        """When `handle_deadline` wants to be called."""
        return min(self._timer, self._deadline)

    def handle_deadline(self, now: float) -> None:
        """The time that `next_deadline` named has come."""
        if now >= self._deadline:
            self._fail(self._why_not(now))
        elif now >= self._timer:
            self._wait_is_over(now)

    # ── what each kind has of its own ─────────────────────────────────────────

    @abstractmethod
    def _forget(self) -> None:
        """Nothing that was sent so far has arrived anywhere."""

    @abstractmethod
    def _wait_is_over(self, now: float) -> None:
        """No answer came in time."""

    @property
    @abstractmethod
    def _awaits(self) -> Enum:
        """What is awaited now."""

    # ── what they share ───────────────────────────────────────────────────────

    @property
    def _user(self) -> str:
        return self._credentials.user.decode(errors="replace")

    def _fail(self, error: IpmiError) -> None:
        self.abandon()
        self.error = error

    def _heard_stranger(self, datagram: bytes) -> None:
        self._dropped["not RMCP+" if self._terms.auth15 is None else "not IPMI 1.5"] += 1
        if len(self._strangers) < _MOST_STRANGERS:
            self._strangers.append(datagram)

    def _heard_bmc(self) -> None:
        self._refusals, self._strangers = 0, []

    def _wait_for_slot(self, now: float) -> None:
        """Every slot of the BMC is taken: later again, not in step with other consoles."""
        self._slot_tries += 1
        wait = retry.wait_of(retry.SLOT_WAITS, self._slot_tries)
        self._timer = now + retry.jittered(wait, self._randomness(1)[0])

    def _comes_down(self) -> bool:
        """Ask for one privilege less from now on, where the caller allows."""
        lowest = self._credentials.lowest_privilege
        if lowest is None or self._privilege <= lowest:
            return False
        self._privilege -= 1
        return True

    def _privilege_too_high(self, evidence: str) -> PrivilegeTooHigh:
        return PrivilegeTooHigh(self._user, Privilege(self._privilege).word, evidence)

    def _wrong_password(self, evidence: str) -> WrongPassword:
        return WrongPassword(self._user, evidence)

    def _why_not(self, now: float) -> IpmiError:
        if self._slot_tries:
            return NoFreeSession(self._slot_tries)
        if self._strangers:
            return NotIpmi(len(self._strangers), self._strangers[0])
        if self._refusals:
            return PortRefused(self._refusals)
        return NoAnswer(AWAITED_PHASE.get(self._awaits, "the login"), now - self._started)
