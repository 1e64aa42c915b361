"""What keeps the first power command of a reset back. Readings go on meanwhile, so that nothing but the command waits. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import Phase

_LONG_AGO, _NEVER = float("-inf"), float("inf")


@dataclass(slots=True)
class Hold:
    """Moments on the monotonic clock; each may be over before it began."""

    is_recorded: bool = True
    """Whether the record had its chance to keep the intent."""
    arbitrates_until: float = _LONG_AGO
    """Listening whether another connector means to reset our own server."""
    delayed_until: float = _LONG_AGO
    """The configured delay of this server."""
    listens_from: float = _LONG_AGO
    """When the others were told last, if they were."""
    stale_at: float = _NEVER
    """From then on what the others were told does not count any more; they must be told anew before the command leaves."""

    def until(self, dump_until: float, now: float) -> float:
        """When the first power command may leave; `dump_until` is how long a dump is waited for."""
        if not self.is_recorded or now >= self.stale_at:
            return _NEVER
        return max(self.arbitrates_until, self.delayed_until, dump_until)

    def phase(self, now: float, dump_until: float) -> Phase:
        """What is waited for: the one that ends last."""
        last = max(self.arbitrates_until, self.delayed_until, dump_until)
        if last <= now:
            return Phase.ARBITRATING if now >= self.stale_at else Phase.WAITING
        if last == dump_until:
            return Phase.WAITING_FOR_DUMP
        return Phase.ARBITRATING if last == self.arbitrates_until else Phase.WAITING

    def reason(self, now: float, dump_until: float) -> str:
        """Why no power command was sent, for a person; empty where nothing held it back."""
        if now >= self.until(dump_until, now):
            return ""
        return {
            Phase.WAITING_FOR_DUMP: "a crash dump was waited for",
            Phase.ARBITRATING: "the other connectors were listened to",
        }.get(self.phase(now, dump_until), "the delay of this server, or the disk, took the time")
