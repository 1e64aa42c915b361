"""The power of a simulated server, and the truth about it: when it was really on or off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ipmi_lan.commands.chassis import Control, RestartCause
from ipmi_lan.wire.codes import CompletionCode

CYCLE_OFF_TIME = 1.0
"""Seconds that a power cycle leaves the power off; the specification leaves the time to the implementation (28.3)."""
FLAP_TIME = 0.3
"""Seconds between the changes of a flapping supply: shorter than a poll, longer than a message."""


@dataclass(frozen=True, slots=True)
class PowerChange:
    """The moment at which power went on or off."""

    at: float
    """Seconds of the clock that `now` comes from."""
    is_on: bool


@dataclass(frozen=True, slots=True)
class _Due:
    """Something that will happen to the power; `is_on` None is a reset."""

    at: float
    is_on: bool | None
    cause: RestartCause
    boot: int | None = None
    """It only happens in this boot of the server."""


class Chassis:
    """A server's power. `now` is in seconds and never goes back; nothing happens between the calls but by its time."""

    def __init__(self, is_on: bool = True, lag: float = 0.0, off_time: float = CYCLE_OFF_TIME) -> None:
        self.was_on_at_start = is_on
        self.lag = lag
        """Seconds between a command and its effect; may be set at any time, for the commands to come."""
        self.off_time = off_time
        """Seconds that a power cycle leaves the power off."""
        self.trace: list[PowerChange] = []
        """Every change of power until the last `now` given, oldest first; the state at the start is not one."""
        self.resets: list[float] = []
        """When the server was reset without losing power."""
        self.restart_cause = RestartCause.UNKNOWN
        self.last_off_by_supply = False
        """Whether power went off last by itself, not by a command."""
        self._due: list[_Due] = []

    def power_is_on(self, now: float) -> bool:
        """Whether power is on at `now`, which may also be a moment gone by."""
        self.advance(now)
        if not self.trace or self.trace[-1].at <= now:
            return self.trace[-1].is_on if self.trace else self.was_on_at_start
        before = [change for change in self.trace if change.at <= now]
        return before[-1].is_on if before else self.was_on_at_start

    def command(self, action: Control | int, now: float, further_lag: float = 0.0, flaps: int = 0) -> CompletionCode:
        """Order `action`; it happens `lag` and `further_lag` seconds later, and replaces what was due after that.

        After a power-off order `flaps` more changes follow, on first: an odd number leaves power on. The answer is 00h, D5h
        for a cycle or reset of a server that is off, CCh for an action that does not exist.
        """
        if action not in tuple(Control):
            return CompletionCode.INVALID_DATA_FIELD
        if action in {Control.POWER_CYCLE, Control.HARD_RESET} and not self.power_is_on(now):
            return CompletionCode.NOT_IN_PRESENT_STATE
        self._schedule(now, self._effects(Control(action), now + self.lag + further_lag, flaps))
        return CompletionCode.OK

    def lose_power(self, now: float) -> None:
        """Power goes off by itself, as when the plug is pulled; what was due does not happen any more."""
        self._schedule(now, [_Due(now, False, RestartCause.UNKNOWN)])
        self.last_off_by_supply = True

    def gain_power(self, now: float) -> None:
        """Power comes on by itself, as when the button is pressed; what was due does not happen any more."""
        self._schedule(now, [_Due(now, True, RestartCause.POWER_BUTTON)])

    @property
    def boots(self) -> int:
        """How often the server started, by power or by a reset, until the last `now` given."""
        return sum(change.is_on for change in self.trace) + len(self.resets)

    def restart_by_itself(self, at: float) -> None:
        """The server resets itself at `at`, unless it has lost power or been reset before."""
        self._due.append(_Due(at, None, RestartCause.UNKNOWN, self.boots))
        self._due.sort(key=lambda due: due.at)

    def advance(self, now: float) -> None:
        """Let happen what is due by `now`."""
        while self._due and self._due[0].at <= now:
            self._happen(self._due.pop(0))

    def _effects(self, action: Control, at: float, flaps: int) -> list[_Due]:
        cause = RestartCause.CHASSIS_CONTROL
        match action:
            case Control.POWER_ON:
                return [_Due(at, True, cause)]
            case Control.POWER_OFF | Control.SOFT_SHUTDOWN:
                return [_Due(at + FLAP_TIME * number, number % 2 == 1, cause) for number in range(flaps + 1)]
            case Control.POWER_CYCLE:
                return [_Due(at, False, cause), _Due(at + self.off_time, True, cause)]
            case Control.HARD_RESET:
                return [_Due(at, None, cause)]
        return []

    def _schedule(self, now: float, effects: Iterable[_Due]) -> None:
        self.advance(now)
        for number, effect in enumerate(effects):
            if number == 0:
                self._due = [due for due in self._due if due.at <= effect.at]
            self._due.append(effect)
        self.advance(now)

    def _happen(self, due: _Due) -> None:
        is_on = self.trace[-1].is_on if self.trace else self.was_on_at_start
        if due.boot not in {None, self.boots}:
            return
        if due.is_on is None and is_on:
            self.resets.append(due.at)
            self.restart_cause = due.cause
        elif due.is_on is not None and due.is_on != is_on:
            self.trace.append(PowerChange(due.at, due.is_on))
            self.restart_cause = due.cause if due.is_on else self.restart_cause
            self.last_off_by_supply = False
