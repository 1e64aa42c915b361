"""The operating system of a simulated server: it crashes, says so in the event log, dumps its memory and starts again.

What it does to power is in the chassis' trace and resets, which stay the truth; what is here follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipmi_lan.commands.sel import OsStop
from ipmi_lan.simulator.eventlog import EventLog
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.simulator.power import Chassis


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of the memory after a crash."""

    began: float
    ended: float | None
    """None: it is not over yet."""
    is_whole: bool
    """False: not over, or power or a reset cut it short."""


class Host:
    """What runs on the server while it has power. Times are those of the chassis."""

    def __init__(self, chassis: Chassis, log: EventLog, faults: Faults) -> None:
        self._chassis = chassis
        self._log = log
        self._faults = faults
        self._crashes: list[tuple[float, float, int]] = []   # when, until when it would dump, and in which boot
        self.crashes: list[float] = []
        """When it crashed."""

    def is_up(self, now: float) -> bool:
        """Whether it runs, and has not crashed since it started last."""
        if not self._chassis.power_is_on(now):
            return False
        return not self._crashes or self._crashes[-1][2] != self._chassis.boots

    def crash(self, now: float, offset: OsStop = OsStop.AT_RUN_TIME) -> None:
        """The kernel stops, logs it and dumps for `HostFaults.dump_time`; then it restarts. One that is down does nothing."""
        if not self.is_up(now):
            return
        faults = self._faults.host
        self.crashes.append(now)
        self._crashes.append((now, now + faults.dump_time, self._chassis.boots))
        if not faults.crashes_unlogged:
            self._log.add_os_stop(offset, now)
        if not faults.stays_down:
            self._chassis.restart_by_itself(now + faults.dump_time)

    def interrupt(self, now: float) -> None:
        """A diagnostic interrupt: the way to have a hung system crash, and dump."""
        if not self._faults.host.ignores_interrupt:
            self.crash(now)

    def dumps(self, now: float) -> list[Dump]:
        """Every dump so far, oldest first."""
        self._chassis.advance(now)
        return [self._dump(began, until, now) for began, until, _ in self._crashes if until > began]

    def _dump(self, began: float, until: float, now: float) -> Dump:
        lost = [change.at for change in self._chassis.trace if not change.is_on]
        cuts = [at for at in (*lost, *self._chassis.resets) if began < at < until]
        if cuts:
            return Dump(began, min(cuts), is_whole=False)
        return Dump(began, until, is_whole=True) if until <= now else Dump(began, None, is_whole=False)
