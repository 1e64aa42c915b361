"""What a session tells, and who logs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import BadArgument, IpmiError
from ipmi_lan.wire.codes import Privilege
from ipmi_lan.wire.handshake import NAME_ONLY_LOOKUP

_MOST_NAME, _MOST_KEY = 16, 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in, and as what. Raises `BadArgument` for what IPMI cannot carry; nothing is ever cut to fit."""

    user: bytes
    """At most 16 octets; empty is the null user."""
    password: bytes = field(repr=False)
    """At most 20 octets."""
    kg: bytes = field(default=b"", repr=False)
    """The BMC key, at most 20 octets; empty: one-key login."""
    privilege: Privilege = Privilege.ADMINISTRATOR
    """Asked for in Open Session and in RAKP 1 alike: some BMCs key their digests with the one, some with the other."""
    by_name_only: bool = True
    """Whether the BMC is to find the user by name alone (13.20); by name and privilege, many BMCs find only exact matches."""

    def __post_init__(self) -> None:
        limits = (("user", self.user, _MOST_NAME), ("password", self.password, _MOST_KEY), ("Kg", self.kg, _MOST_KEY))
        for what, value, most in limits:
            if len(value) > most:
                raise BadArgument(f"{what} of {len(value)} octets: IPMI carries at most {most}")

    @property
    def role(self) -> int:
        """The role octet of RAKP 1."""
        return self.privilege | (NAME_ONLY_LOOKUP if self.by_name_only else 0)


@dataclass(frozen=True, slots=True)
class Peer:
    """The BMC at the other end, as the login proved it."""

    guid: bytes
    """16 octets; covered by the codes of RAKP 2 and RAKP 4, so whoever sent it knows the password."""
    suite: CipherSuite
    session_id: int
    """The BMC's id of this session."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The login succeeded; commands may be sent."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class OpeningFailed:
    """There will be no session."""

    error: IpmiError


@dataclass(frozen=True, slots=True)
class Answered:
    """A command's reply, decoded."""

    token: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A command's end without a usable reply."""

    token: int
    error: IpmiError


Event = Opened | OpeningFailed | Answered | Failed
