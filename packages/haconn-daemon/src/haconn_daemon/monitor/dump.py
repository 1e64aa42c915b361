"""The judge of one server's crash dump: what speaks for one being written now. No I/O.

Two signs: a critical stop of the operating system in the BMC's event log, and fence_kdump's datagrams from the server itself.
Both only say that a dump may be going on. Neither ever says that the server is off.
"""

from __future__ import annotations

import struct
from enum import Enum

from haconn_cli.config.model import LONGEST_DUMP

CRASH_LIFE = float(LONGEST_DUMP)
"""Seconds after a crash that only the event log shows in which it counts as a dump: nothing there says when a dump has ended."""
USUAL_INTERVAL = 10.0
"""Seconds between two datagrams of fence_kdump, unless it was told otherwise."""
MISSING_IN_A_ROW = 3
SHORTEST_SILENCE = 15.0
"""Seconds; the network may be lost for a moment while the dump goes on."""
LONGEST_SILENCE = 300.0

_KDUMP = tuple(struct.pack(order + "II", 0x1B302A40, 1) for order in "<>")


class DumpChange(Enum):
    """What has changed."""

    STARTED = "dump started"
    ENDED = "dump ended"


def parse_kdump_untrusted(datagram: bytes) -> bool:
    """Whether it is one of fence_kdump: a magic number and version 1, in the byte order of who sends. Never raises."""
    return datagram in _KDUMP


class DumpJudge:
    """Whether one server is writing a dump. Times in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._is_dumping = False
        self._crashed_until = float("-inf")
        self._crash = ""
        self._heard = float("-inf")
        self._interval = USUAL_INTERVAL
        self._silent_from = float("-inf")
        self._restarted = float("-inf")

    def heard_kdump(self, now: float) -> list[DumpChange]:
        """A datagram of fence_kdump has come from one of the server's own addresses."""
        gap = now - self._heard
        if now > self._silent_from:
            self._interval = USUAL_INTERVAL
        elif gap >= 1.0:     # sooner, it is the same one over another network
            self._interval = gap
        self._heard = now
        self._silent_from = now + min(max(MISSING_IN_A_ROW * self._interval, SHORTEST_SILENCE), LONGEST_SILENCE)
        self._crashed_until = float("-inf")     # from now on the datagrams tell, and they tell its end as well
        return self._weigh(now)

    def saw_crash(self, what: str, age: float | None, now: float, since: float = float("inf")) -> list[DumpChange]:
        """The event log has a new critical stop, `age` seconds old; `what` is for people. Without an age: it came after `since`.

        It is often read late: a reset has the BMC to itself until it has ended. One from before a restart is over with it, and
        one from before a datagram is the crash that the datagrams told of.
        """
        moment = min(since, now) if age is None else now - age
        if now > self._silent_from and moment >= max(self._restarted, self._heard):
            self._crashed_until = max(self._crashed_until, now + CRASH_LIFE - (age or 0.0))
            self._crash = what
        return self._weigh(now)

    def saw_restart(self, now: float) -> list[DumpChange]:
        """Power went off or on, or a reset was carried out: whatever was written, it is over."""
        self._crashed_until = self._silent_from = float("-inf")
        self._restarted = now
        return self._weigh(now)

    def saw_start(self, now: float) -> list[DumpChange]:
        """The event log says that the system was started anew, after the crash that it showed. What is heard now came later."""
        self._crashed_until = float("-inf")
        return self._weigh(now)

    def look(self, now: float) -> list[DumpChange]:
        """Whether it has ended by the passing of time. To be asked every second or so."""
        return self._weigh(now)

    def is_dumping(self, now: float) -> bool:
        """Whether there is a sign of it that still counts."""
        return now <= max(self._crashed_until, self._silent_from)

    def sign(self, now: float) -> str:
        """What speaks for it, for a person; "" where nothing does."""
        if now <= self._silent_from:
            return f"fence_kdump, {now - self._heard:.0f} s ago"
        return self._crash if now <= self._crashed_until else ""

    def _weigh(self, now: float) -> list[DumpChange]:
        was, self._is_dumping = self._is_dumping, self.is_dumping(now)
        if was == self._is_dumping:
            return []
        return [DumpChange.STARTED if self._is_dumping else DumpChange.ENDED]
