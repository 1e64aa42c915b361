"""Who logs in and how, and what a session tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite, Confidentiality, Integrity, expect_available
from ipmi_lan.errors import BadArgument, IpmiError
from ipmi_lan.quirks import NO_RELAXATIONS, Relaxations
from ipmi_lan.session.retry import KEEP_ALIVE
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.handshake import NAME_ONLY_LOOKUP

_MOST_NAME, _MOST_KEY, _MOST_PASSWORD_15 = 16, 20, 16
_MOST_WINDOW = 32
_AUTH15 = (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM)


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
    lowest_privilege: Privilege | None = None
    """How far down to go where the BMC refuses `privilege`; None: not at all."""

    def __post_init__(self) -> None:
        limits = (("user", self.user, _MOST_NAME), ("password", self.password, _MOST_KEY), ("Kg", self.kg, _MOST_KEY))
        for what, value, most in limits:
            if len(value) > most:
                raise BadArgument(f"{what} of {len(value)} octets: IPMI carries at most {most}")
        if self.lowest_privilege is not None and self.lowest_privilege > self.privilege:
            words = self.lowest_privilege.word, self.privilege.word
            raise BadArgument("lowest privilege {}: it is above the one asked for, {}".format(*words))

    def role(self, privilege: int) -> int:
        """The role octet of RAKP 1 that asks for `privilege`."""
        return privilege | (NAME_ONLY_LOOKUP if self.by_name_only else 0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session may and may not do. Raises `BadArgument` for what weakens it without saying so."""

    suites: Sequence[CipherSuite] = DEFAULT_SUITES
    """Tried in this order."""
    auth15: AuthType | None = None
    """Log in by IPMI 1.5 with this authentication type instead, which nothing but this asks for."""
    relaxations: Relaxations = NO_RELAXATIONS
    window: int = 1
    """Commands on their way at the same time, 1 to 32; many BMCs mix up more than one."""
    keep_alive: float | None = KEEP_ALIVE
    """Seconds of quiet before a keep-alive; None where nobody moves the session between two commands."""
    logs_in_again: bool = True
    """Whether a session that is lost is opened anew, once for each command that may be repeated."""
    accepts_forgeable_answers: bool = False
    """Whether answers that anybody on the network could have made are good enough."""

    def __post_init__(self) -> None:
        if self.auth15 is not None and self.auth15 not in _AUTH15:
            raise BadArgument(f"authentication type {self.auth15!r}: IPMI 1.5 has none, MD2, MD5, straight password and OEM")
        if not 1 <= self.window <= _MOST_WINDOW:
            raise BadArgument(f"window of {self.window} commands: must be 1 to {_MOST_WINDOW}")
        if not self.suites:
            raise BadArgument("no cipher suite offered")
        for suite in self.suites:
            expect_available(suite)
            if self.relaxations.variation.checks_by_integrity and suite.integrity == Integrity.MD5_128:
                why = "quirks intel20 and intelplus check RAKP 4 by its integrity algorithm, which has no keyed hash"
                raise BadArgument(f"cipher suite {suite.id}: {why}")
        if not self.accepts_forgeable_answers:
            self._expect_proof()

    @property
    def auth_type_15(self) -> AuthType | None:
        """The authentication type of IPMI 1.5 that is really used: some quirks have one of their own."""
        return AuthType.OEM if self.auth15 is not None and self.relaxations.uses_oem_type_15 else self.auth15

    def _expect_proof(self) -> None:
        """Raises `BadArgument` where a stranger could forge what the BMC says."""
        remedy = "; who wants that nevertheless says accepts_forgeable_answers=True"
        if self.auth_type_15 in (AuthType.NONE, AuthType.STRAIGHT, AuthType.OEM):
            raise BadArgument(f"authentication type {self.auth_type_15.name.lower()} proves nothing of an answer{remedy}")
        if self.auth15 is not None and self.relaxations.skips_codes_15:
            raise BadArgument(f"quirk noauthcodecheck leaves the codes of answers unread{remedy}")
        weak = [suite.id for suite in self.suites if suite.integrity == Integrity.NONE]
        if self.auth15 is None and weak:
            raise BadArgument(f"cipher suite {weak[0]} has no integrity algorithm: anybody can forge its answers{remedy}")

    def check_password(self, credentials: Credentials) -> None:
        """Raises `BadArgument` for a password that IPMI 1.5 cannot carry."""
        if self.auth15 is not None and len(credentials.password) > _MOST_PASSWORD_15:
            raise BadArgument(f"password of {len(credentials.password)} octets: IPMI 1.5 carries at most {_MOST_PASSWORD_15}")


class Peer(NamedTuple):
    """The BMC at the other end, as the login proved it."""

    guid: bytes
    """16 octets; covered by the codes of RAKP 2 and RAKP 4, so whoever sent it knows the password. Empty in IPMI 1.5."""
    suite: CipherSuite | None
    """None in IPMI 1.5."""
    session_id: int
    """The BMC's id of this session."""
    privilege: Privilege | int = Privilege.ADMINISTRATOR
    """What the session may do: as asked for, or what the BMC came down to."""
    auth15: AuthType | None = None
    """Of IPMI 1.5: how its packets are authenticated."""

    @property
    def is_confidential(self) -> bool:
        """Whether nobody on the way can read along."""
        return self.suite is not None and self.suite.confidentiality != Confidentiality.NONE


class Opened(NamedTuple):
    """The login succeeded; commands may be sent."""

    peer: Peer


class OpeningFailed(NamedTuple):
    """There will be no session."""

    error: IpmiError


class Answered(NamedTuple):
    """A command's reply, decoded."""

    token: int
    value: Any


class Failed(NamedTuple):
    """A command's end without a usable reply."""

    token: int
    error: IpmiError


class Closed(NamedTuple):
    """The session has been given back, or there was none; nothing more will come."""


Event = Opened | OpeningFailed | Answered | Failed | Closed
