"""What a failed look at a BMC means to the person who set it up, and what to do about it."""

from __future__ import annotations

from ipmi_lan import (
    AuthTypeRefused,
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

_ADVICE: dict[type[IpmiError], str] = {
    NoAnswer: "see that the address is right, that the BMC has power and network, that IPMI over LAN is switched on at the BMC,"
    " and that UDP port 623 is let through",
    PortRefused: "a host has that address, but no IPMI there: see that it is the BMC's and not the server's own, and that IPMI"
    " over LAN is switched on at the BMC",
    NotIpmi: "something else answers there: see that the address and the port are those of the BMC",
    WrongPassword: "see that the account exists at the BMC, is enabled for IPMI over LAN, and has this password; some BMCs keep"
    " only 16 bytes of a longer one, and some must be given it once more, as a password for IPMI 2.0",
    WrongKg: "the BMC has a BMC key (Kg), which the connector has no setting for: clear it at the BMC",
    PrivilegeTooHigh: "give the account operator privilege at the BMC, for IPMI over LAN; with less, power cannot be switched",
    NoFreeSession: "end sessions of other programs at the BMC, or wait a minute for those that were left open, and check again",
    SuiteRefused: "enable cipher suite 17, or at least 3, at the BMC",
    AuthTypeRefused: "enable IPMI 2.0 (RMCP+) at the BMC",
    SessionLost: "the BMC has dropped the session, as one that restarts does: check again in a few minutes",
    CommandRefused: "see the BMC's own messages; where it is starting or updating, check again in a few minutes",
}
_OTHERWISE = "this BMC answers as none should: see whether there is newer firmware for it"


def advice_for(error: IpmiError) -> str:
    """What to do, in a sentence without its end."""
    return next((advice for kind, advice in _ADVICE.items() if isinstance(error, kind)), _OTHERWISE)
