"""Why a BMC could not be read, in the words of the one who has to mend it. No numbers that change from one time to the next."""

from __future__ import annotations

from haconn_daemon.bmcs.bmc import NotReady, WrongIdentity
from ipmi_lan import (
    CommandRefused,
    IpmiError,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)

_UNSPECIFIED = 0xFF


def in_words(error: IpmiError) -> str:
    """One line."""
    match error:
        case WrongPassword():
            return f"wrong password, or no such user '{error.user}' at the BMC"
        case WrongKg():
            return "the BMC wants another BMC key (Kg)"
        case NoFreeSession():
            return "the BMC has no free session: others have taken all of them"
        case PrivilegeTooHigh():
            return f"privilege too low: user '{error.user}' may not be operator, which power commands need"
        case SuiteRefused():
            return "the BMC takes none of our cipher suites"
        case NoAnswer() | SessionLost():
            return "the BMC does not answer"
        case PortRefused():
            return "the BMC's address answers, and nothing listens on its IPMI port"
        case NotIpmi():
            return "something else than a BMC answers at its address"
        case CommandRefused() if error.code == _UNSPECIFIED:
            return "the BMC answers only that something is wrong (FFh), as one does that restarts or updates"
        case WrongIdentity() | NotReady() | _:
            return str(error)
