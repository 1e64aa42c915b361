"""The sessions of a simulated BMC: slots, time-outs, and the window of sequence numbers (IPMI 2.0, 6.12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from ipmi_lan.crypto.rakp import Login, SessionKeys
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.wire.codes import Privilege

HALF_OPEN_LIMIT = 3.0
"""Seconds from Open Session to RAKP 3, as OpenBMC has it."""
IDLE_LIMIT = 60.0
"""Seconds without an authentic packet after which a session ends (6.12.15)."""
WINDOW = 16
"""How far a sequence number may be from the highest one seen, in either direction (6.12.13)."""


class State(Enum):
    """What a session is waiting for."""

    AWAIT_RAKP_1 = auto()
    AWAIT_RAKP_3 = auto()
    OPEN = auto()


class ReplayWindow:
    """Which sequence numbers have been seen. The first may be any: ipmitool begins above 1."""

    def __init__(self) -> None:
        self._highest = 0
        self._seen: set[int] = set()

    def accept(self, number: int) -> bool:
        """Whether `number` is fresh; if so it is remembered. 0 is never fresh in a session."""
        if number == 0 or number in self._seen or (self._highest and abs(number - self._highest) > WINDOW):
            return False
        self._highest = max(self._highest, number)
        self._seen = {seen for seen in self._seen | {number} if self._highest - seen <= WINDOW}
        return True


@dataclass(slots=True)
class Session:
    """One slot, from Open Session to its end."""

    bmc_id: int
    console_id: int
    suite: CipherSuite
    privilege_granted: int
    """By Open Session: RAKP 1 may not ask for more."""
    heard_at: float
    """Seconds: when it was begun, or, once open, when its last authentic packet came."""
    state: State = State.AWAIT_RAKP_1
    login: Login | None = None
    keys: SessionKeys | None = field(default=None, repr=False)
    privilege_limit: int = Privilege.USER
    privilege: int = Privilege.USER
    """The present one: a session begins as a user's and is raised by Set Session Privilege Level (22.18)."""
    window: ReplayWindow = field(default_factory=ReplayWindow)
    numbers_used: int = 0

    @property
    def ends_at(self) -> float:
        """Seconds: when it ends unless something is heard."""
        return self.heard_at + (IDLE_LIMIT if self.state is State.OPEN else HALF_OPEN_LIMIT)

    def next_number(self) -> int:
        """The sequence number of the next packet to the console."""
        self.numbers_used += 1
        return self.numbers_used


class SessionTable:
    """The slots; half-open sessions take one as well."""

    def __init__(self, slots: int, randomness: Callable[[int], bytes]) -> None:
        self.slots = slots
        self._randomness = randomness
        self._sessions: dict[int, Session] = {}

    def begin(self, console_id: int, suite: CipherSuite, privilege: int, now: float) -> Session | None:
        """A new session with a fresh random id, or None where every slot is taken."""
        self.expire(now)
        if len(self._sessions) >= self.slots:
            return None
        session = Session(self._fresh_id(), console_id, suite, privilege, now)
        self._sessions[session.bmc_id] = session
        return session

    def find(self, bmc_id: int) -> Session | None:
        """The session with the BMC's id `bmc_id`."""
        return self._sessions.get(bmc_id)

    def end(self, session: Session) -> None:
        """Free its slot."""
        self._sessions.pop(session.bmc_id, None)

    def end_all(self) -> None:
        """Forget every session."""
        self._sessions.clear()

    def expire(self, now: float) -> None:
        """End what has been waited for too long."""
        self._sessions = {number: session for number, session in self._sessions.items() if now < session.ends_at}

    def open(self, now: float) -> list[Session]:
        """Those logged in."""
        self.expire(now)
        return [session for session in self._sessions.values() if session.state is State.OPEN]

    def half_open(self, now: float) -> list[Session]:
        """Those still logging in."""
        self.expire(now)
        return [session for session in self._sessions.values() if session.state is not State.OPEN]

    def _fresh_id(self) -> int:
        while True:
            number = int.from_bytes(self._randomness(4), "little")
            if number and number not in self._sessions:
                return number
