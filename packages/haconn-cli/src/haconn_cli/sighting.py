"""What a BMC shows of itself in a session, what of it tells it from all others, and whether two addresses lead to one BMC."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from haconn_cli.config.identity import Identity, names_nobody
from ipmi_lan import Client, CommandRefused, Malformed
from ipmi_lan.commands.lan import get_mac_address

_PASSING = {0xC0, 0xC3, 0xCE, 0xD0, 0xD1, 0xD2}
"""Completion codes of a BMC that is busy, updating or starting (table 5-2): asked again it may tell."""


class Sameness(Enum):
    """Whether two sightings are of one BMC."""

    DIFFERENT = auto()
    """Or nothing speaks for it."""
    LIKELY = auto()
    """The same GUID, and no MAC address that could tell one from the other."""
    PROVEN = auto()


class Sighting(NamedTuple):
    """What one BMC has shown. Each is None where it is not known, or where what was shown names nobody."""

    guid: bytes | None = None
    """16 bytes in the order in which they travel; the code of RAKP 2 covers them."""
    ethernet: bytes | None = None
    """The MAC address: 6 bytes, read in an authenticated session."""

    @classmethod
    def of(cls, guid: bytes, mac: bytes | None = None) -> Sighting:
        """From what came over the wire: what is all zeros or all ones counts as not shown."""
        return cls(_worth(guid), None if mac is None else _worth(mac))

    @classmethod
    def as_pinned(cls, identity: Identity) -> Sighting:
        """What is known of a BMC that was pinned and not seen yet."""
        return cls(guid=identity.value) if identity.kind == "guid" else cls(ethernet=identity.value)

    def shows(self, identity: Identity) -> bool:
        """Whether this is the BMC of that identity."""
        return identity.value == (self.guid if identity.kind == "guid" else self.ethernet)

    def identity(self, others: Iterable[Sighting]) -> Identity | None:
        """What tells this BMC from the others: its GUID, where another shows the same its MAC address; None: nothing does."""
        if self.guid is not None and not any(other.guid == self.guid for other in others):
            return Identity("guid", self.guid)
        return None if self.ethernet is None else Identity("mac", self.ethernet)

    def in_words(self) -> str:
        """For a person, like `guid 0011...`; `no GUID` where it shows nothing."""
        shown = [] if self.guid is None else [str(Identity("guid", self.guid))]
        shown += [] if self.ethernet is None else [str(Identity("mac", self.ethernet))]
        return ", ".join(shown) or "no GUID"


def sameness(one: Sighting, other: Sighting) -> Sameness:
    """Two GUIDs that differ are two BMCs, whatever else is equal; two MAC addresses that differ are two as well."""
    if one.guid is not None and other.guid is not None and one.guid != other.guid:
        return Sameness.DIFFERENT
    if one.ethernet is not None and other.ethernet is not None:
        return Sameness.PROVEN if one.ethernet == other.ethernet else Sameness.DIFFERENT
    return Sameness.LIKELY if one.guid is not None and one.guid == other.guid else Sameness.DIFFERENT


async def read_mac(client: Client, timeout: float) -> bytes | None:
    """The BMC's MAC address on the channel that the session came in on; None from one that does not tell.

    Raises what `Client.run` raises, but of refusals only those that pass.
    """
    try:
        return (await client.run(get_mac_address(), timeout)).octets
    except Malformed:
        return None
    except CommandRefused as refusal:
        if refusal.code in _PASSING:
            raise
        return None


def _worth(value: bytes) -> bytes | None:
    return None if not value or names_nobody(value) else value
