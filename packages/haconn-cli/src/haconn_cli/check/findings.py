"""What is wrong or doubtful in what was seen: of each BMC, and of all together. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from haconn_cli.check.advice import advice_for
from haconn_cli.check.look import Look
from haconn_cli.config.identity import Identity
from haconn_cli.config.model import ManagedServer, Servers
from haconn_cli.config.pins import Pin
from haconn_cli.sighting import Sameness, Sighting, sameness
from ipmi_lan.commands.chassis import RestorePolicy

GOOD_PASSWORD = 16
"""Characters. The login shows anybody on the network something to try passwords on, so a short one is soon found."""
FEWEST_FREE_SESSIONS = 2
"""Beside ours: for the reset by another connector, and for a person."""
_OLD_SUITE = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know."""

    server: str | None
    """None: of all together."""
    is_problem: bool
    """The connector cannot do its work so, or would not; else it is a warning."""
    text: str


class Inspection:
    """What was seen, against what is set and pinned."""

    def __init__(self, looks: Sequence[Look], servers: Servers, pins: Mapping[str, Pin] | str) -> None:
        """`pins` of the connector on this server; or, where their file is damaged, what is wrong with it."""
        self.looks = tuple(looks)
        self._servers = servers
        self._damage = pins if isinstance(pins, str) else ""
        kept: Mapping[str, Pin] = {} if isinstance(pins, str) else pins
        self._pins = {pin.bmc: pin.identity for pin in kept.values()}
        self._seen = {look.server.bmc: look.seen for look in looks if look.seen is not None}
        self.findings = tuple(self._find())

    @property
    def is_all_right(self) -> bool:
        """Whether there is no problem; warnings there may be."""
        return not any(finding.is_problem for finding in self.findings)

    def of(self, server: ManagedServer) -> list[Finding]:
        """What was found of this one."""
        return [finding for finding in self.findings if finding.server == server.name]

    def identity(self, look: Look) -> Identity | None:
        """What tells this BMC from the others; None: nothing does, or it was not seen."""
        return None if look.seen is None else look.seen.identity(self._others(look.server).values())

    def pinned(self, server: ManagedServer) -> Identity | None:
        """Which BMC it must be: as written, else as the connector on this server has pinned it."""
        return server.identity or self._pins.get(str(server.bmc))

    def _find(self) -> Iterator[Finding]:
        for look in self.looks:
            name = look.server.name
            yield from (Finding(name, True, text) for text in self._problems(look))
            yield from (Finding(name, False, text) for text in self._warnings(look))
        if self._damage:
            yield Finding(None, True, f"which BMC each server was seen with first is lost: {self._damage}; once all are right, "
                                      "write them down with --pin, and remove that file")
        accounts = {(look.account.name, look.account.password) for look in self.looks}
        if len(self.looks) > 1 and len(accounts) == 1:
            yield Finding(None, False, "all these BMCs have the same account and password: whoever learns one has all")

    def _problems(self, look: Look) -> Iterator[str]:
        if look.error is not None:
            yield f"{look.error}; {advice_for(look.error)}"
        if look.device is not None and look.device.is_starting_or_updating:
            yield "the BMC is starting or updating its firmware; check again in a few minutes"
        if look.seen is None:
            return
        pinned = self.pinned(look.server)
        if pinned is not None and not look.seen.shows(pinned):
            where = "written in conf_pserver" if look.server.identity is not None else "pinned by the connector on this server"
            yield (f"another BMC answers there: {look.seen.in_words()}, {where} is {pinned}; if its board was replaced:"
                   f" haconnsetup pserver mod {look.server.name} repin")  # fmt: skip
        for other, seen in self._others(look.server).items():
            same = sameness(look.seen, seen)
            is_written = look.server.identity is not None
            if same is Sameness.PROVEN or (same is Sameness.LIKELY and not is_written):
                yield (f"this BMC ({look.seen.in_words()}) is that of {other} too, so that neither can be reset:"
                       " mend the address of one of them")  # fmt: skip

    def _warnings(self, look: Look) -> Iterator[str]:
        yield from _password_warnings(look)
        if look.seen is None:
            return
        identity = self.identity(look)
        if identity is None:
            yield ("nothing tells this BMC from another one: no GUID of its own and no MAC address; that its address leads to the"
                   " right server cannot be checked")  # fmt: skip
        elif identity.kind == "mac" and look.seen.guid is not None:
            yield "its GUID is that of another BMC too, so it is told apart by its MAC address"
        yield from _session_warnings(look)

    def _others(self, server: ManagedServer) -> dict[str, Sighting]:
        """What is known of the BMCs of the other servers: seen now, or pinned."""
        found: dict[str, Sighting] = {}
        for other in self._servers.servers:
            pinned = self.pinned(other)
            seen = self._seen.get(other.bmc) or (None if pinned is None else Sighting.as_pinned(pinned))
            if other.bmc != server.bmc and seen is not None:
                found[other.name] = seen
        return found


def _password_warnings(look: Look) -> Iterator[str]:
    account = look.account
    if account.password.casefold() == account.name.casefold():
        yield "the password is the account's name"
    elif len(account.password) < GOOD_PASSWORD:
        yield f"the password has {len(account.password)} characters; {GOOD_PASSWORD} or more, at random, are not found by trying"


def _session_warnings(look: Look) -> Iterator[str]:
    if look.may_be_administrator:
        yield "the account may be administrator at the BMC; operator is enough for the connector, and less to be stolen"
    if look.suite == _OLD_SUITE:
        yield "the BMC does not take cipher suite 17 (SHA-256), so suite 3 (SHA-1) is used; newer firmware may have it"
    if look.sessions is not None and look.sessions.slots - look.sessions.active < FEWEST_FREE_SESSIONS:
        free = max(look.sessions.slots - look.sessions.active, 0)
        yield f"{free} of {look.sessions.slots} sessions are free; a reset may have to wait for one: end those that nobody needs"
    policy = None if look.status is None else look.status.restore_policy
    if policy in (RestorePolicy.AS_BEFORE, RestorePolicy.POWER_UP):
        how = "comes on" if policy == RestorePolicy.POWER_UP else "comes on if it was on"
        yield f"after a loss of mains this server {how} by itself; with 'stay off' a server that was fenced stays so"
