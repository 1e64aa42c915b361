"""How far a reset has come: what was ordered, what was seen and sent, when it must be over. No I/O; `plan.py` decides by it."""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_cli.resetpath.vocabulary import Action, Phase, ResetResult, ResultCode
from haconn_daemon.fence.contact import Contact
from haconn_daemon.fence.dump import DumpWait
from haconn_daemon.fence.findings import Findings
from haconn_daemon.fence.hold import Hold
from haconn_daemon.fence.sent import Sent
from haconn_daemon.fence.steps import Timing

_NEVER = float("inf")


@dataclass
class Progress:
    """One reset of one server. Moments on the monotonic clock, seconds."""

    action: Action
    started: float
    budget: float
    """Seconds for everything."""
    timing: Timing = field(default_factory=Timing)
    is_settled: bool = True
    """Whether the BMC has answered without a gap lately. If not, its "off" counts only after a power-off command of ours."""
    hold: Hold = field(default_factory=Hold)
    """What the first power command waits for. Who changes it wakes the actuator."""
    dump: DumpWait = field(default_factory=DumpWait)
    phase: Phase = Phase.LOGGING_IN
    result: ResetResult | None = field(default=None, init=False)
    findings: Findings = field(default_factory=Findings, init=False)
    _contact: Contact = field(init=False)
    _sent: Sent | None = field(default=None, init=False)
    _off_sent: float | None = field(default=None, init=False)
    _first_off: float | None = field(default=None, init=False)
    _next_read: float = field(default=0.0, init=False)
    _on_deadline: float = field(default=_NEVER, init=False)
    _not_before: float = field(default=0.0, init=False)
    _reset_taken: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._contact = Contact(self.started)

    @property
    def deadline(self) -> float:
        """When the final answer is due."""
        cause = _NEVER if self._reset_taken is None else self._reset_taken + self.timing.most_cause
        return min(self.started + self.budget, self._on_deadline, cause)

    @property
    def may_be_joined(self) -> bool:
        """Whether a request made now would be answered by readings yet to come."""
        return self.result is None and self.phase is not Phase.CONFIRMING_ON and self._reset_taken is None

    def extend(self, deadline: float) -> None:
        """Somebody else wants the same, and has more time."""
        self.budget = max(self.budget, deadline - self.started)

    @property
    def reads(self) -> int:
        """Readings so far."""
        return len(self.findings.readings)

    @property
    def has_switched(self) -> bool:
        """Whether any power command was sent."""
        return bool(self.findings.commands)

    def _dump_until(self) -> float:
        return self.dump.until(self.started, self.started + self.budget - self.timing.kept_after_dump)

    def _held_until(self, now: float) -> float:
        """What is proven off may be switched on without regard to anybody, but not before the record had its chance."""
        if self.has_switched or (self.phase is Phase.CONFIRMING_ON and self.hold.is_recorded):
            return float("-inf")
        return _NEVER if self.phase is Phase.CONFIRMING_ON else self.hold.until(self._dump_until(), now)

    def _look_until(self, now: float, sends_at: float) -> float:
        """When a look into the event log that is due now must be over; minus infinity: none is due.

        Only the first one may keep a command back. It also shows what is old, so that what a later one finds is of this dump.
        """
        if self._has_to_look_first():
            return now + self.timing.most_look
        is_waiting = self.dump.is_asked_for or (self._sent is not None and not self.has_switched)
        if not is_waiting or not self._sees_on() or now < self.dump.looks_at:
            return float("-inf")
        return min(now + self.timing.most_look, self._dump_until() if self.dump.is_asked_for else sends_at)

    def _has_to_look_first(self) -> bool:
        is_before = not self.dump.has_looked and not self.has_switched and self.phase is not Phase.CONFIRMING_ON
        return is_before and self._sees_on() and self.dump.looks_at < _NEVER

    def _sees_on(self) -> bool:
        return not self._contact.is_lost and self.reads > 0 and self.findings.readings[-1].power_is_on

    def _was_seen_on(self) -> bool:
        """After the request: then a dump-then-cycle keeps its promise of a server that runs again, whoever switched it off."""
        return any(reading.power_is_on for reading in self.findings.readings)

    def _finish(self, code: ResultCode, detail: str, *, back_on: bool = False) -> None:
        if self.result is None:
            self.result = ResetResult(code, back_on, self.findings.evidence(detail))
