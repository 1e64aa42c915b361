"""The words both ends of the reset path use: actions, result codes, states, and what proves a result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Role(StrEnum):
    """What a sender is; together with its name it makes the sender's id."""

    MONITOR = "monitor"
    """HA Monitor; its name is its partition name."""
    SETUP = "setup"
    """haconnsetup; its name is that of the configured own server, or `ADMIN`."""
    CONNECTOR = "connector"
    """A connector; its name is its reset-path address and port as text, so whoever knows where to send knows its id."""


ADMIN = "admin"
"""The name of a haconnsetup whose own server is not configured."""


class Standing(IntEnum):
    """Where the sender of a HELLO runs."""

    LOCAL = 1
    """HA Monitor on the very server that the connector stands on."""
    ELSEWHERE = 2


class Action(IntEnum):
    """What a requester may ask for."""

    OFF = 1
    """Power off, and stay off."""
    CYCLE = 2
    """Power off, be seen off, power on: the reset that can be proven, and the default."""
    RESET = 3
    """The chassis' own hard reset. There is no moment without power to see, so it never counts as success."""
    DUMP_CYCLE = 4
    """Diagnostic interrupt, so that the operating system writes a dump; wait for its end or for a while; then as CYCLE."""


SHORTEST_BUDGET, USUAL_BUDGET, LONGEST_BUDGET = 1.0, 60.0, 600.0
"""Seconds from a reset request to its final answer: less is over before a BMC has let anybody in, and whoever waits longer than
ten minutes has mistaken the unit. The usual one leaves room for a BMC that is slow, or restarts."""


class ResultCode(IntEnum):
    """The final answer to a reset request. A number that is not here is a failure."""

    OFF_CONFIRMED = 1
    ALREADY_OFF = 2
    CYCLED_CONFIRMED = 3
    RESET_UNVERIFIED = 16
    UNREACHABLE = 32
    WRONG_PASSWORD = 33
    WRONG_IDENTITY = 34
    REFUSED_BY_BMC = 35
    STILL_ON = 36
    TIMEOUT = 37
    INTERRUPTED = 38
    UNKNOWN_REQUEST = 39
    """The connector holds no request of that id, so what became of it is not known."""
    LOST_RACE = 40
    """Somebody with more right was about to reset the very server that wanted this reset; nothing was switched."""
    UNKNOWN_TARGET = 64
    OWN_SERVER = 65
    BUSY = 66
    POLICY = 67

    @property
    def is_success(self) -> bool:
        """Whether the server was certainly without power after the request."""
        return self in (ResultCode.OFF_CONFIRMED, ResultCode.ALREADY_OFF, ResultCode.CYCLED_CONFIRMED)

    @property
    def is_refusal(self) -> bool:
        """Whether nothing was tried at all."""
        return self >= ResultCode.UNKNOWN_TARGET


class Phase(IntEnum):
    """How far a running reset is."""

    WAITING = 1
    LOGGING_IN = 2
    READING = 3
    SWITCHING_OFF = 4
    CONFIRMING_OFF = 5
    SWITCHING_ON = 6
    CONFIRMING_ON = 7
    ARBITRATING = 8
    """Has announced the reset to the other connectors, and listens whether one of them means to reset us first."""
    WAITING_FOR_DUMP = 9
    """The server writes a crash dump; the reset waits for its end, at most `dump_wait`."""
    DUMPING = 10
    """The diagnostic interrupt was sent."""


class Link(IntEnum):
    """Whether a reset of this server would work now."""

    NOT_YET = 0
    OK = 1
    NG = 2

    @property
    def word(self) -> str:
        """As `show status` prints it (manual C8)."""
        return {Link.NOT_YET: "--", Link.OK: "OK", Link.NG: "NG"}[self]


class Status(IntEnum):
    """What the monitoring knows of a server."""

    NOT_YET = 0
    OWN_SERVER = 1
    MONITORING = 2
    POFF_DETECTED = 3
    DUMP_DETECTED = 4

    @property
    def words(self) -> str:
        """As `show status` prints it (manual C8)."""
        return {
            Status.NOT_YET: "----",
            Status.OWN_SERVER: "(own server)",
            Status.MONITORING: "monitoring",
            Status.POFF_DETECTED: "poff detected",
            Status.DUMP_DETECTED: "dump detected",
        }[self]


class EventKind(IntEnum):
    """What a connector tells unasked."""

    POWER_OFF = 1
    POWER_ON = 2
    LINK_LOST = 3
    LINK_BACK = 4
    DUMP_STARTED = 5
    DUMP_ENDED = 6


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server, as a connector sees it now."""

    name: str
    link: Link
    status: Status
    reset_capable: bool
    """Logged in with a privilege that allows Chassis Control, at the last proof."""
    proof_age: float | None
    """Seconds since the last authenticated answer of its BMC; None: never."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One authenticated reading of the power state."""

    after: float
    """Seconds after the request was accepted."""
    power_is_on: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a result rests on."""

    readings: tuple[Reading, ...] = ()
    """In order; a long row is shortened in the middle before it travels, never at the end."""
    bmc_guid: bytes = b""
    """16 bytes, covered by the RAKP 2 code of the login; empty when there was no login."""
    cipher_suite: int = 0
    power_commands: tuple[str, ...] = ()
    """Each power command sent, with what the BMC answered, like `power off at 0.012 s: accepted`."""
    detail: str = ""
    """One sentence for a person: what decided."""


@dataclass(frozen=True, slots=True)
class ResetResult:
    """The final answer to a reset request."""

    code: ResultCode
    back_on: bool = False
    """Seen on again after it was seen off."""
    evidence: Evidence = Evidence()
