"""Waiting for a crash dump: one that was found under way, or one that the diagnostic interrupt asked for. No I/O.

A dump is a reason to wait, within bounds. It is never a sign of power, neither on nor off.
"""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import EventKind

_NO_MORE, _NEVER = float("-inf"), float("inf")


@dataclass(slots=True)
class DumpWait:
    """Times in seconds, moments on the monotonic clock."""

    patience: float = 0.0
    """Of a reset that finds a dump under way (`dump_wait`)."""
    limit: float = 60.0
    """Of a dump-then-cycle, from its interrupt (`dump_limit`)."""
    is_running: bool = False
    """A dump is being written, as far as its signs tell."""
    look_interval: float = 0.0
    """Between two looks into the BMC's event log; 0: none."""
    is_over: bool = False
    """The dump of a dump-then-cycle has ended, took too long or cannot be had."""
    _begun: float | None = None
    _ended: bool = False
    _looked: float | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether a dump-then-cycle waits for its dump now."""
        return self._begun is not None and not self.is_over

    def sign(self, kind: EventKind, now: float) -> None:
        """DUMP_STARTED or DUMP_ENDED; an end counts only for what has begun."""
        self.is_running = kind is EventKind.DUMP_STARTED
        if self._begun is not None:
            self._ended = not self.is_running

    def restarted(self) -> None:
        """The server was started anew, and writes no dump now."""
        self.is_running = False
        self._ended = self._begun is not None

    @property
    def looks_at(self) -> float:
        """When the event log is due; infinity: never."""
        if not self.look_interval:
            return _NEVER
        return _NO_MORE if self._looked is None else self._looked + self.look_interval

    @property
    def has_looked(self) -> bool:
        """Whether a look was tried."""
        return self._looked is not None

    def looked(self, has_restarted: bool | None, now: float) -> None:
        """What a look found; None: nothing could be learned. Where the first one learns nothing there is no other."""
        if has_restarted is None and self._looked is None:
            self.look_interval = 0.0
        self._looked = now
        if has_restarted:
            self.restarted()

    def begin(self, now: float) -> None:
        """The interrupt leaves, or the dump that runs is taken for the one wanted."""
        self._begun = now

    def cannot_be_had(self) -> None:
        """No use waiting."""
        self._ended = True

    def end(self, now: float) -> float:
        """It is waited for no longer; how long it was."""
        self.is_over = True
        assert self._begun is not None
        return now - self._begun

    def until(self, started: float, latest: float) -> float:
        """When the waiting is over at the latest; `latest` is what the budget allows."""
        if self._begun is not None:
            return _NO_MORE if self._ended or self.is_over else min(self._begun + self.limit, latest)
        return min(started + self.patience, latest) if self.is_running and self.patience else _NO_MORE
