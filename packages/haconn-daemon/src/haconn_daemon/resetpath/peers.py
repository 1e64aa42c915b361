"""Who may talk to us, and who did: participants, their lives, and how much each may send."""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_cli.config.model import Servers
from haconn_cli.resetpath.seal import CHALLENGE_LIFE, Address, ReplayWindow, participant_id
from haconn_cli.resetpath.vocabulary import ADMIN, Role

PEER_LIFE = 120.0
"""Seconds since it was last heard of in which HA Monitor is told events. Not less than a challenge lives: with a peer goes its
replay window, and nothing that the window would have stopped may still be fresh then."""
MOST_LIVES = 64
"""Per participant; each run of haconnsetup is one."""
RATE, BURST = 100.0, 200.0
"""Datagrams per second and at once, per participant: about twenty times what four busy hosts need."""

assert PEER_LIFE >= CHALLENGE_LIFE


@dataclass(frozen=True, slots=True)
class Participant:
    """Who an id stands for."""

    role: Role
    name: str

    def __str__(self) -> str:
        return f"{self.role} {self.name}"


def participants(cluster: bytes, servers: Servers) -> dict[bytes, Participant]:
    """Everyone who may ask a connector something, by id: each server's HA Monitor and haconnsetup, and a haconnsetup of none."""
    names = [server.name for server in servers.servers]
    known = [Participant(Role.MONITOR, name) for name in names] + [Participant(Role.SETUP, name) for name in (*names, ADMIN)]
    return {participant_id(cluster, one.role, one.name): one for one in known}


@dataclass(slots=True, eq=False)
class Peer:
    """One life of a participant that said hello."""

    sender: bytes
    participant: Participant
    challenge: bytes
    """Its own; goes into all we send to it."""
    address: Address
    last_heard: float
    window: ReplayWindow = field(default_factory=ReplayWindow)


class Peers:
    """The lives that are known, bounded in number."""

    def __init__(self) -> None:
        self._lives: dict[bytes, dict[bytes, Peer]] = {}

    def find(self, sender: bytes, epoch: bytes) -> Peer | None:
        """That life of that sender, if it said hello."""
        return self._lives.get(sender, {}).get(epoch)

    def add(self, epoch: bytes, peer: Peer, now: float) -> bool:
        """Keep a new life; False where too many of this participant are young."""
        lives = self._lives.setdefault(peer.sender, {})
        for old in [key for key, life in lives.items() if now - life.last_heard > PEER_LIFE]:
            del lives[old]
        if len(lives) >= MOST_LIVES:
            return False
        lives[epoch] = peer
        return True

    def listeners(self, now: float) -> list[Peer]:
        """Of each HA Monitor heard of lately the life that was heard of last."""
        latest = [max(lives.values(), key=lambda life: life.last_heard) for lives in self._lives.values() if lives]
        return [peer for peer in latest if peer.participant.role is Role.MONITOR and now - peer.last_heard <= PEER_LIFE]


class Allowance:
    """How much each participant may send: a bucket of `BURST` that fills at `RATE`."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def take(self, sender: bytes, now: float) -> bool:
        """Whether one more datagram is within it. Only for senders known to be genuine and fresh."""
        left, since = self._buckets.get(sender, (BURST, now))
        left = min(BURST, left + RATE * (now - since))
        self._buckets[sender] = (left - 1 if left >= 1 else left, now)
        return left >= 1
