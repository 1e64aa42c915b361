"""Of two servers that would reset each other, exactly one does. Sans-IO.

Every reset is announced to the other connectors (INTENT) and begins to switch only `arbitration_wait` seconds later. Whoever
hears meanwhile that its own server is meant, by a server that ranks higher, stops. The rank is the priority that was announced,
then the name of the server: both sides hear the same two pairs, so they agree, also where their configurations differ. It is not
the random id of the operation: then another one would win each time, and nobody could say beforehand who.

A power command cannot be taken back. So its sender announces at that moment that it is COMMITTED, and that outranks everything.
Of two announcements that crossed, one was heard before the other side was committed, or its sender hears of that before its own
wait is over: with a wait longer than a round trip, both never switch, whenever they began.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

Rank: TypeAlias = tuple[int, tuple[int, ...]]

COMMITTED = 255
"""In the place of the priority: the power command leaves now, or the sender does not know where it stands and never gives way."""
INTENT_LIFE = 3.0
"""Seconds that an announcement counts: a login and a reading of a slow BMC. Who is committed later says so."""
COMMITTED_LIFE = 10.0
"""Seconds: off command, once more after 5 s, 4 s to obey. Who is alive after that was not reset, and may reset others again."""
MOST_HEARD = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """An announcement of another connector."""

    target: str
    requester: str
    """The server that its sender stands on; empty: it does not know."""
    priority: int
    at: float

    @property
    def rank(self) -> Rank:
        """The higher one wins; of equal priorities, the name that comes first in the alphabet."""
        return _rank(self.priority if self.requester else COMMITTED, self.requester)

    @property
    def words(self) -> str:
        """For the evidence."""
        committed = " and has begun" if self.rank[0] == COMMITTED else ""
        return f"{self.requester or 'a connector that does not know its own server'} resets {self.target}{committed}"


class Arbitration:
    """What was heard of the others lately."""

    def __init__(self) -> None:
        self._heard: dict[tuple[Hashable, str], Heard] = {}   # the newest one of each sender for each target

    def heard(self, target: str, requester: str, priority: int, sender: Hashable, now: float) -> None:
        """An announcement has arrived; repeated and disordered ones do no harm."""
        before = self._heard.pop((sender, target), None)
        if before is not None and before.priority == COMMITTED and _is_alive(before, now):
            priority = COMMITTED
        self._heard[sender, target] = Heard(target, requester, priority, now)
        if len(self._heard) > MOST_HEARD:
            del self._heard[next(iter(self._heard))]

    def winner(self, own: str, priority: int, target: str, now: float) -> Heard | None:
        """Who resets our own server with more right than we have to reset `target`. None: nobody; go on."""
        if target == own:
            return None     # both want the same
        ours = _rank(priority, own)
        against = [heard for heard in self._heard.values() if heard.target == own and _is_alive(heard, now) and heard.rank > ours]
        return max(against, key=lambda heard: heard.rank, default=None)


def _is_alive(heard: Heard, now: float) -> bool:
    return now - heard.at < (COMMITTED_LIFE if heard.rank[0] == COMMITTED else INTENT_LIFE)


def _rank(priority: int, name: str) -> Rank:
    """Comparable; the name is turned round, so that the one that comes first is the higher."""
    return priority, (*(-ord(character) for character in name), 1)
