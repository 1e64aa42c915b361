"""Who may talk to us, and who did: participants, their lives, and how much each may send."""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_cli.config.model import Servers
from haconn_cli.resetpath.seal import CHALLENGE_LIFE, Address, ReplayWindow, participant_id
from haconn_cli.resetpath.vocabulary import ADMIN, Role

PEER_LIFE = 120.0
"""Seconds since it was last heard of in which HA Monitor is told events. Not less than a challenge lives: with a peer goes its
replay window, and nothing that the window would have stopped may still be fresh then."""
MOST_LIVES = 256
"""Per participant; each run of haconnsetup is one, and a script may run it every second. More than four new ones a second for
as long as a challenge lives are not heard."""
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
    key: int | None = None
    """The id of the key that it used last; that one it surely has."""
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
        _forget(lives, now - PEER_LIFE)
        if len(lives) >= MOST_LIVES:
            _forget(lives, now - CHALLENGE_LIFE)
        if len(lives) >= MOST_LIVES:
            return False
        lives[epoch] = peer
        return True

    def listeners(self, now: float) -> list[Peer]:
        """Of each HA Monitor heard of lately, at each of its hosts, the life that was heard of last.

        The guests of one machine are one HA Monitor by name, each at an address of its own (manual, chapter 5), and all are told.
        """
        latest: dict[tuple[bytes, str], Peer] = {}
        for peer in sorted((life for lives in self._lives.values() for life in lives.values()), key=lambda life: life.last_heard):
            if peer.participant.role is Role.MONITOR and now - peer.last_heard <= PEER_LIFE:
                latest[peer.sender, peer.address[0]] = peer
        return list(latest.values())


def _forget(lives: dict[bytes, Peer], before: float) -> None:
    """Those that were heard of last before that."""
    for old in [key for key, life in lives.items() if life.last_heard < before]:
        del lives[old]


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
