"""The sessions of a simulated BMC: slots, time-outs, and the window of sequence numbers (IPMI 2.0, 6.12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from ipmi_lan.crypto.rakp import Login, SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.wire.codes import AuthType, Privilege

WINDOW = 16
"""How far a sequence number may be from the highest one seen, in either direction (6.12.13)."""
WINDOW_15 = 8
"""The same in a session of IPMI 1.5 (6.12.12)."""
_NUMBERS = 1 << 32
Address = tuple[str, int]


class State(Enum):
    """What a session is waiting for."""

    AWAIT_RAKP_1 = auto()
    AWAIT_RAKP_3 = auto()
    OPEN = auto()


class ReplayWindow:
    """Which sequence numbers have been seen. The first may be any, unless it is told: ipmitool begins above 1."""

    __slots__ = ("_highest", "_seen", "_width")

    def __init__(self, width: int = WINDOW, first: int | None = None) -> None:
        self._width = width
        self._highest = None if first is None else (first - 1) % _NUMBERS
        self._seen = (2 << width) - 1   # bit n: the number n below the highest

    def accept(self, number: int) -> bool:
        """Whether `number` is fresh; if so it is remembered. 0 is never fresh in a session, and follows on nothing."""
        if number == 0:
            return False
        if self._highest is None:
            self._highest, self._seen = number, 1
            return True
        ahead = (number - self._highest + _NUMBERS // 2) % _NUMBERS - _NUMBERS // 2
        if abs(ahead) > self._width or (ahead <= 0 and self._seen >> -ahead & 1):
            return False
        if ahead > 0:
            self._highest, self._seen = number, (self._seen << ahead | 1) & ((2 << self._width) - 1)
        else:
            self._seen |= 1 << -ahead
        return True


@dataclass(slots=True)
class Session:
    """One slot, from Open Session (or Activate Session) to its end."""

    bmc_id: int
    console_id: int
    """In a session of IPMI 1.5 the same as `bmc_id`."""
    suite: CipherSuite
    """In a session of IPMI 1.5 the one without any algorithm."""
    privilege_granted: int
    """By Open Session: RAKP 1 may not ask for more."""
    heard_at: float
    """Seconds: when it was begun, or, once open, when its last authentic packet came."""
    faults: Faults = field(repr=False)
    address: Address
    """Where it was begun from."""
    state: State = State.AWAIT_RAKP_1
    privilege_asked: int = 0
    """By Open Session: 0 is the highest."""
    login: Login | None = None
    is_doomed: bool = False
    """The user does not exist, and the login will fail whatever the password."""
    keys: SessionKeys | None = field(default=None, repr=False)
    sealing: Sealing | None = field(default=None, repr=False)
    """Of an open RMCP+ session."""
    auth_type: AuthType = AuthType.RMCP_PLUS
    """Else it is a session of IPMI 1.5."""
    password: bytes = field(default=b"", repr=False)
    user: bytes = b""
    privilege_limit: int = Privilege.USER
    privilege: int = Privilege.USER
    """The present one: a session begins as a user's and is raised by Set Session Privilege Level (22.18)."""
    window: ReplayWindow = field(default_factory=ReplayWindow)
    packets: int = 0
    """Authentic ones that came."""
    first_number: int | None = None
    """The sequence number to begin with, where the console has chosen it (22.17)."""
    last_number: int | None = None
    """The sequence number of the last packet sent."""
    last_answer: bytes = b""

    @property
    def is_of_1_5(self) -> bool:
        """Whether it is a session of IPMI 1.5."""
        return self.auth_type is not AuthType.RMCP_PLUS

    def next_number(self) -> int:
        """The sequence number of the next packet to the console. 0 is left out where the numbers begin anew."""
        faults = self.faults.session
        first = faults.first_sequence if self.first_number is None else self.first_number
        number = first if self.last_number is None else self.last_number + faults.sequence_step
        self.last_number = number if number < _NUMBERS else number % _NUMBERS or 1
        return self.last_number


class SessionTable:
    """The slots; half-open sessions take one as well."""

    def __init__(self, slots: int, randomness: Callable[[int], bytes], faults: Faults) -> None:
        self.slots = slots
        self._randomness = randomness
        self._faults = faults
        self._sessions: dict[int, Session] = {}

    def begin(
        self, console_id: int | None, suite: CipherSuite, privilege: int, now: float, address: Address
    ) -> Session | None:
        """A new session with a fresh random id, or None where every slot is taken; `console_id` None: the same as the BMC's."""
        self.expire(now)
        if len(self._sessions) >= self.slots:
            return None
        bmc_id = self._fresh_id()
        own_id = bmc_id if console_id is None else console_id
        self._sessions[bmc_id] = session = Session(bmc_id, own_id, suite, privilege, now, self._faults, address)
        return session

    def find(self, bmc_id: int, now: float) -> Session | None:
        """The session with the BMC's id `bmc_id`, unless it has come to its end."""
        session = self._sessions.get(bmc_id)
        if session is not None and now >= self._ends_at(session):
            self.end(session)
            return None
        return session

    def end(self, session: Session) -> None:
        """Free its slot."""
        self._sessions.pop(session.bmc_id, None)

    def end_all(self) -> None:
        """Forget every session."""
        self._sessions.clear()

    def expire(self, now: float) -> None:
        """End what has been waited for too long."""
        for session in [session for session in self._sessions.values() if now >= self._ends_at(session)]:
            self.end(session)

    def open(self, now: float) -> list[Session]:
        """Those logged in."""
        self.expire(now)
        return [session for session in self._sessions.values() if session.state is State.OPEN]

    def half_open(self, now: float) -> list[Session]:
        """Those still logging in."""
        self.expire(now)
        return [session for session in self._sessions.values() if session.state is not State.OPEN]

    def _ends_at(self, session: Session) -> float:
        faults = self._faults.session
        if session.state is not State.OPEN:
            return session.heard_at + faults.half_open_limit
        crowding = max(1.0, 2 * len(self._sessions) / max(self.slots, 1)) if faults.idle_limit_shrinks else 1.0
        return session.heard_at + faults.idle_limit / crowding**3

    def _fresh_id(self) -> int:
        while True:
            number = int.from_bytes(self._randomness(4), "little")
            if number and number not in self._sessions:
                return number
