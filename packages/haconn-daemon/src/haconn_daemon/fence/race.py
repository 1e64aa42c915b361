"""One reset's part in the arbitration: when it is announced, with what right, and whether it gives way. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_daemon.fence.arbitration import COMMITTED, INTENT_LIFE, Arbitration
from haconn_daemon.fence.plan import Plan

ANNOUNCEMENTS = 3
"""While the others are listened to, and again when the power command leaves; each is sent several times by the reset path."""
SLOWEST_NETWORK = 1.0
"""Seconds that an announcement may be on its way."""


@dataclass(slots=True)
class Race:
    """Of one operation. What it was entered with holds to its end: both sides go by what was announced."""

    plan: Plan
    target: str
    own: str
    """The server that we stand on; empty: not known. Then nobody can be given way to, and the others are told so."""
    priority: int
    wait: float
    """Seconds of listening."""
    is_committed: bool = False
    """A power command has left."""
    _left: int = field(default=ANNOUNCEMENTS - 1, init=False)

    @property
    def right(self) -> int:
        """What is announced."""
        return COMMITTED if self.is_committed or not self.own else self.priority

    @property
    def interval(self) -> float:
        """Seconds between two announcements."""
        return self.wait / ANNOUNCEMENTS

    def enter(self, now: float) -> bool:
        """Begin; whether to announce it at once, which one that waits for long yet does later."""
        if not self.own:
            self.plan.findings.remark("not arbitrated: which server is the own one is not known")
            return True
        self.plan.hold.stale_at = now
        is_soon = self.plan.hold.delayed_until <= now + self.wait
        return is_soon and self._listen(now)

    def has_to_announce(self, now: float) -> bool:
        """Whether to announce it (again), and to listen again: the command could leave, and the others may have forgotten.

        Only then: who cannot reach the BMC would else keep the other side from its reset for the whole budget.
        """
        if now < self.plan.hold.stale_at or not self.plan.is_about_to_switch(now + self.wait):
            return False
        return self._listen(now)

    def has_to_repeat(self, now: float) -> bool:
        """Whether to say once more what was said: datagrams get lost."""
        if not self.is_committed:
            return now < self.plan.hold.arbitrates_until
        self._left -= 1
        return self._left >= 0

    def commits(self) -> bool:
        """Whether the power command left just now, and the others are to be told."""
        if self.is_committed or not self.plan.has_switched:
            return False
        self.is_committed = True
        return True

    def weigh(self, heard: Arbitration, now: float) -> None:
        """Give way, if somebody resets our own server with more right. `force` is no right."""
        winner = heard.winner(self.own, self.priority, self.target, now) if self.own else None
        if winner is not None:
            self.plan.lose_race(winner.words)

    def _listen(self, now: float) -> bool:
        hold = self.plan.hold
        hold.listens_from, hold.arbitrates_until = now, now + self.wait
        hold.stale_at = now + self.wait - self.interval + INTENT_LIFE - SLOWEST_NETWORK
        return True
