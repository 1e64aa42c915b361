"""Which BMC belongs to which server: what is pinned, what each has shown, and whether one stands for two. No I/O.

The administrator's pin (setting `identity`) counts first; else the one that this connector made when it first saw a BMC at that
address. What tells one BMC from all others is its GUID, unless it has none or shares it; then its MAC address; or nothing does,
which is said. See docs/decisions/identity.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from haconn_cli.config.identity import Identity
from haconn_cli.config.model import ManagedServer
from haconn_cli.config.pins import Pin
from haconn_cli.sighting import Sameness, Sighting, sameness


class Tell(Protocol):
    """Writes an event into the log."""

    def __call__(self, name: str, level: int = ..., /, **fields: object) -> None:
        """`fields` are for the person who reads it."""


class Keep(Protocol):
    """Keeps a pin over a restart."""

    def __call__(self, name: str, bmc: str, identity: Identity) -> None:
        """The server's name, its BMC's address as the settings print it, and whose BMC that is."""


class Need(Enum):
    """Of a BMC's MAC address, at a login."""

    NONE = auto()
    IF_IT_TELLS = auto()
    ABSOLUTE = auto()
    """Without it nobody knows whose BMC it is."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a BMC is not to be switched."""

    why: str
    """For a person, with both identities."""
    pinned: Identity | None
    seen: Sighting


def _tell_nobody(name: str, level: int = logging.INFO, /, **fields: object) -> None:
    return


def _keep_nowhere(name: str, bmc: str, identity: Identity) -> None:
    return


class Roster:
    """All servers of the settings and their BMCs."""

    def __init__(
        self,
        servers: Iterable[ManagedServer],
        pins: Mapping[str, Pin] | str,
        tell: Tell = _tell_nobody,
        keep: Keep = _keep_nowhere,
    ) -> None:
        """`pins` as they were kept, by server name; or, where they are damaged, what is wrong with them."""
        self._tell, self._keep = tell, keep
        self._shown: dict[str, Sighting] = {}     # by address, as all that is learnt
        self._asked: dict[str, bytes] = {}        # the GUID that went with the question for the MAC address
        self._servers: tuple[ManagedServer, ...] = ()
        self._said: set[tuple[str, str]] = set()
        self.replace_pins(pins)
        self.change(servers)

    def replace_pins(self, pins: Mapping[str, Pin] | str) -> None:
        """The pins as they are kept now: somebody may have changed them from outside."""
        self._damage = pins if isinstance(pins, str) else ""
        kept: Mapping[str, Pin] = {} if isinstance(pins, str) else pins
        self._pins = {pin.bmc: pin.identity for pin in kept.values()}
        self._pinned_at = {name: pin.bmc for name, pin in kept.items()}
        self._said.clear()
        if self._damage:
            self._tell("pins_damaged", logging.ERROR, why=self._damage)

    def change(self, servers: Iterable[ManagedServer]) -> None:
        """Other settings. What the BMCs have shown, and what is pinned at their addresses, stays known."""
        self._servers = tuple(servers)
        self._said.clear()

    def need_of_mac(self, server: ManagedServer, guid: bytes) -> Need:
        """Whether to ask a BMC that has logged us in with this GUID for its MAC address."""
        address, pinned, seen = str(server.bmc), self._pinned(server), Sighting.of(guid)
        is_shared = seen.guid is not None and any(other.guid == seen.guid for other in self._others(server))
        has_told = self._shown.get(address, Sighting()).ethernet is not None
        if (pinned is not None and pinned.kind == "mac") or (has_told and (is_shared or seen.guid is None)):
            return Need.ABSOLUTE
        if is_shared:
            return Need.IF_IT_TELLS
        return Need.NONE if self._asked.get(address) == (seen.guid or b"") else Need.IF_IT_TELLS

    def sighting(self, server: ManagedServer, guid: bytes) -> Sighting:
        """What a BMC has shown that was not asked for its MAC address: it stays that of the BMC with this GUID."""
        seen = Sighting.of(guid)
        return seen._replace(ethernet=self._mac_seen_before(server, seen.guid))

    def _mac_seen_before(self, server: ManagedServer, guid: bytes | None) -> bytes | None:
        before = self._shown.get(str(server.bmc), Sighting())
        return before.ethernet if guid is not None and before.guid == guid else None

    def admit(self, server: ManagedServer, seen: Sighting) -> Refusal | None:
        """A BMC has logged us in at the server's address: pin it, or find that it is the one pinned; or why it is not."""
        address, pinned = str(server.bmc), self._pinned(server)
        self._asked[address] = seen.guid or b""
        if pinned is None and self._damage:
            return Refusal(f"which BMC it must be is not known any more: {self._damage}; {_REMEDY}", None, seen)
        if pinned is not None and not seen.shows(pinned):
            self._shown.pop(address, None)
            self._asked.pop(address)
            source = "written in conf_pserver is" if server.identity is not None else "first seen there was"
            return Refusal(f"another BMC answers there: {seen.in_words()}, {source} {pinned}", pinned, seen)
        self._shown[address] = seen
        refusal = self.doubt(server)
        for each in self._servers:
            if str(each.bmc) in self._shown and self.doubt(each) is None:
                self._settle(each)
        return refusal

    def doubt(self, server: ManagedServer) -> Refusal | None:
        """Why the BMC that was admitted may be another server's after all: what was seen meanwhile can tell."""
        seen = self._shown.get(str(server.bmc))
        if seen is None:
            return None
        for other in self._servers:
            theirs = self._known(other)
            if other.bmc == server.bmc or theirs is None or self._is_settled_between(server, other, sameness(seen, theirs)):
                continue
            why = f"the BMC at {server.bmc} is that of {other.name} at {other.bmc} too ({seen.in_words()}): mend one address"
            self._say_once(server, "same_bmc_twice", logging.ERROR, other=other.name, identity=seen.in_words())
            return Refusal(why, self._pinned(server), seen)
        return None

    def servers_of(self, guid: bytes, macs: Iterable[bytes], addresses: Iterable[str]) -> set[str]:
        """Names of the servers whose BMC is the one that shows this of itself, unless it shows what several do."""
        whole, hosts = Sighting.of(guid), set(addresses)
        some = {mac for mac in macs if any(mac)}
        found: set[str] = set()
        for server in self._servers:
            seen = self._known(server) or Sighting()
            has_guid = whole.guid is not None and seen.guid == whole.guid and not self._is_shared(whole.guid)
            if has_guid or (seen.ethernet is not None and seen.ethernet in some) or server.bmc.host in hosts:
                found.add(server.name)
        return found

    def identity(self, server: ManagedServer) -> Identity | None:
        """Which BMC is expected there; None: it has not been seen yet."""
        return self._pinned(server)

    def notes(self) -> list[str]:
        """What a person should mend, a line each."""
        anonymous = [server.name for server in self._servers if (server.name, "no_identity") in self._said]
        notes = [f"the pins are lost: {self._damage}; {_REMEDY}"] if self._damage else []
        if anonymous:
            notes.append(f"nothing tells the BMC of {', '.join(anonymous)} from another one, so a wrong address would not show")
        return notes

    def _is_shared(self, guid: bytes) -> bool:
        return sum(seen is not None and seen.guid == guid for seen in map(self._known, self._servers)) > 1

    def _pinned(self, server: ManagedServer) -> Identity | None:
        return server.identity or self._pins.get(str(server.bmc))

    def _known(self, server: ManagedServer) -> Sighting | None:
        """What the server's BMC has shown; before it has, what is pinned."""
        pinned = self._pinned(server)
        return self._shown.get(str(server.bmc)) or (None if pinned is None else Sighting.as_pinned(pinned))

    def _others(self, server: ManagedServer) -> list[Sighting]:
        known = (self._known(other) for other in self._servers if other.bmc != server.bmc)
        return [sighting for sighting in known if sighting is not None]

    @staticmethod
    def _is_settled_between(server: ManagedServer, other: ManagedServer, same: Sameness) -> bool:
        """Whether the settings say that `server` has this BMC: it alone, or where nothing is proven, it as well."""
        match same:
            case Sameness.PROVEN:
                return server.identity is not None and other.identity is None
            case Sameness.LIKELY:
                return server.identity is not None
        return True

    def _settle(self, server: ManagedServer) -> None:
        """Pin what tells this BMC from the others. A GUID that another one shows too gives way to the MAC address."""
        address, pinned = str(server.bmc), self._pinned(server)
        identity = self._shown[address].identity(self._others(server))
        if identity is None and pinned is None:
            self._say_once(server, "no_identity", logging.ERROR, advice="its BMC has nothing that tells it from another one")
        if identity is None or identity == pinned:
            return
        if server.identity is not None:
            if identity.kind == "mac":
                self._say_once(server, "identity_not_unique", logging.ERROR, written=str(pinned), better=str(identity))
        elif pinned is None or (pinned.kind, identity.kind) == ("guid", "mac"):
            self._pins[address] = identity
            before = self._pinned_at.get(server.name, address)
            fields = {} if before == address else {"address_before": before}
            self._tell("identity_pinned", logging.WARNING, server=server.name, bmc=address, identity=str(identity), **fields)
            self._keep(server.name, address, identity)

    def _say_once(self, server: ManagedServer, event: str, level: int, **fields: object) -> None:
        if (server.name, event) not in self._said:
            self._said.add((server.name, event))
            self._tell(event, level, server=server.name, **fields)


_REMEDY = "see with 'haconnsetup check' that every BMC is the right one, then write that down with 'haconnsetup check --pin'"
