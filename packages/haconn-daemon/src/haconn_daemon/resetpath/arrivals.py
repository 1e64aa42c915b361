"""What the reset path tells the rest of the daemon, as values."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import Action, EventKind


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a request that request, over repeats and over restarts of the connector."""

    sender: bytes
    """8 bytes, the same in every life of the requester."""
    request: bytes
    """16 bytes, random."""


@dataclass(frozen=True, slots=True)
class ResetAsked:
    """A genuine, fresh request for a reset of a managed server. Comes once for a request; wants `accepted` or `refused`."""

    request: RequestKey
    requester: str
    """Role and name, for people."""
    target: str
    action: Action
    budget: float
    """Seconds from now to the final answer."""
    force: bool
    reason: str


@dataclass(frozen=True, slots=True)
class HelloSeen:
    """A participant began to talk to us, or began again."""

    name: str
    is_local: bool
    """HA Monitor on this very server: `name` is the own server."""
    address: tuple[str, int]
    digest_differs: bool
    """Its list of servers is not ours."""


@dataclass(frozen=True, slots=True)
class ResultAcknowledged:
    """The requester has the final answer."""

    request: RequestKey


@dataclass(frozen=True, slots=True)
class OtherVersionSeen:
    """A participant speaks another version of the protocol; it was told so (manual O3). Comes once for each."""

    name: str
    version: int
    address: tuple[str, int]


@dataclass(frozen=True, slots=True)
class IntentHeard:
    """Another connector is about to reset a server. Comes once for an announcement, and only of one that is fresh."""

    sender: str
    """The connector: `ADDRESS:PORT`."""
    target: str
    requester: str
    """The server it stands on; empty: it does not know."""
    priority: int
    operation: bytes
    """16 bytes."""


@dataclass(frozen=True, slots=True)
class EventHeard:
    """Another connector saw something. A hint: nothing is proven by it."""

    sender: str
    kind: EventKind
    server: str


@dataclass(frozen=True, slots=True)
class ConnectorSeen:
    """Another connector is there, or is there again in another life."""

    address: Address
    own_server: str
    version: str


OTHER_SERVERS = "has another list of servers (conf_pserver)"
OTHER_ARBITRATION = "differs in arbitration_wait, which is 0 on one side only: neither side's reset stops the other's"
"""Where another connector differs, for people."""


@dataclass(frozen=True, slots=True)
class ServersDiffer:
    """Another connector has other settings than this one of what all must agree on, or no longer has."""

    address: Address
    differ: bool
    what: str = OTHER_SERVERS


@dataclass(frozen=True, slots=True)
class VersionsDiffer:
    """Another connector speaks another version of the protocol, or no longer does."""

    address: Address
    version: int
    """The other one's."""
    differ: bool


@dataclass(frozen=True, slots=True)
class SegmentSeen:
    """Something is wrong with the reset-path address or its segment on this host (manual O5), or no longer is."""

    complaints: tuple[str, ...]
    """A line each; none: all is right."""


Arrival = (
    ResetAsked | HelloSeen | ResultAcknowledged | OtherVersionSeen
    | IntentHeard | EventHeard | ConnectorSeen | ServersDiffer | VersionsDiffer | SegmentSeen
)   # fmt: skip
