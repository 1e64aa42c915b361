"""What the reset path tells the rest of the daemon, as values."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import Action


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


Arrival = ResetAsked | HelloSeen | ResultAcknowledged | OtherVersionSeen
