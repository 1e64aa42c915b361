"""The plan against a server whose power does what it likes and a BMC that does, says and loses what it likes.

The machine knows when power was really on or off, and holds every result against that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode
from haconn_daemon.fence.dump import DumpWait
from haconn_daemon.fence.hold import Hold
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.steps import Done, Look, Read, ReadCause, Switch, Timing, Wait
from ipmi_lan.commands.chassis import Control

GUID = bytes(range(1, 17))
SILENCE = "no answer"

UNREACHABLE = ResultCode.UNREACHABLE
LOGIN_FAILURES = (*[UNREACHABLE] * 3, ResultCode.WRONG_PASSWORD, ResultCode.WRONG_IDENTITY, ResultCode.REFUSED_BY_BMC)

delays = st.sampled_from((0.0, 0.001, 0.03, 0.3))
moments = st.sampled_from((0.0, 0.001, 0.05, 0.2, 0.3, 0.5, 0.51, 1.0, 2.0, 5.0))
lags = st.sampled_from((0.0, 0.0, 0.1, 0.4, 0.6, 2.0, 5.0, 19.0))
codes = st.one_of(st.sampled_from((0xC0, 0xC1, 0xC3, 0xD4, 0xD5, 0xFF)), st.integers(1, 255))


class Power:
    """A server's power: when it was really on or off."""

    def __init__(self, is_on: bool) -> None:
        self._changes = [(float("-inf"), is_on)]   # in the order of time, those to come included

    def is_on(self, at: float) -> bool:
        return [is_on for when, is_on in self._changes if when <= at][-1]

    def change(self, at: float, is_on: bool) -> None:
        """At that moment to come; what was due later does not happen."""
        self._changes = [change for change in self._changes if change[0] < at] + [(at, is_on)]

    def bounce(self, at: float, is_on: bool, times: int) -> None:
        """A change that takes a few tries."""
        for number in range(times + 1):
            self._changes = [*self._changes, (at + 0.3 * number, is_on is (number % 2 == 0))]
        self._changes.sort(key=lambda change: change[0])


@dataclass(frozen=True)
class Seen:
    """A reading, as the plan was told of it; `sampled` is when the BMC looked, which the plan does not know."""

    asked: float
    sampled: float
    answered: float
    is_on: bool
    gap: float = 0.0
    """Seconds that must lie between this reading and an earlier one, for both to prove off."""
    counts: bool = True
    """Not in a dump that is waited for, said by a BMC that was silent."""
    is_enough: bool = True
    """Not where a BMC that was silent has not had its off command yet."""


class PlanMachine(RuleBasedStateMachine):
    """Each rule is one thing that may happen next to a plan that is carried out."""

    @initialize(
        action=st.sampled_from(Action),
        budget=st.sampled_from((1.0, 3.0, 10.0, 30.0, 60.0)),
        is_on=st.sampled_from((True, True, True, False)),
        started=st.sampled_from((0.0, 12345.678)),
        is_settled=st.sampled_from((True, True, False)),
        arbitrates=st.sampled_from((0.0, 0.3, 5.0)),
        delay=st.sampled_from((0.0, 0.0, 2.0, 12.0)),
        is_recorded=st.booleans(),
        dump=st.builds(
            DumpWait, st.sampled_from((0.0, 3.0, 60.0)), st.sampled_from((1.0, 60.0)), st.booleans(),
            look_interval=st.sampled_from((0.0, 1.0, 10.0)),
        ),
    )
    def begin(
        self, action: Action, budget: float, is_on: bool, started: float, is_settled: bool, arbitrates: float, delay: float,
        is_recorded: bool, dump: DumpWait,
    ) -> None:  # fmt: skip
        self.timing = timing = Timing()
        hold = Hold(is_recorded, started + arbitrates, started + delay)
        self.plan = Plan(action, started, budget, timing, is_settled=is_settled, hold=hold, dump=dump)
        self.most_dump_wait = started + dump.patience
        self.looks: list[float] = []    # when each began
        self.is_settled, self.heard, self.barrier = is_settled, started, 0
        self.now = self.started = started
        self.power = Power(is_on)
        self.power.change(started - 3.0, is_on)
        self.has_session = False
        self.row: list[Seen | None] = []   # None: silence
        self.sent: list[tuple[float, Control]] = []
        self.first: ResetResult | None = None

    # ── the actuator's part: the next step, and what comes of it ──────────────

    @rule(steps=st.integers(1, 15), there=delays, back=delays, lag=lags, bounces=st.integers(0, 3))
    def go_on(self, steps: int, there: float, back: float, lag: float, bounces: int) -> None:
        """For some steps, a BMC that does as it should, if slowly."""
        for _ in range(steps):
            self.log_in(there + back)
            match self.plan.next_step(self.now):
                case Wait(until):
                    assert until > self.now
                    self.now = until
                case ReadCause():
                    self.plan.saw_cause("chassis control")
                case Look(until):
                    self.note_look(until)
                    self.now = min(self.now + there + back, until)
                    self.plan.looked(False, self.now)
                case Read():
                    sampled = self.now + there
                    self.tell_reading(Seen(self.now, sampled, sampled + back, self.power.is_on(sampled)))
                case Switch(control):
                    self.note_switch(control)
                    self.power.bounce(self.now + there + lag, control is Control.POWER_ON, bounces * (lag > 0))
                    self.now += there + back
                    self.plan.switch_accepted(self.now)

    @rule(takes=moments, obeys=st.booleans(), lag=lags, code=st.one_of(st.none(), codes))
    def lie_or_fall_silent(self, takes: float, obeys: bool, lag: float, code: int | None) -> None:
        """A power command's answer is lost (`code` None) or a refusal, and it is obeyed or not; a reading gets no answer."""
        self.log_in(0.0)
        match self.plan.next_step(self.now):
            case Switch(control):
                self.note_switch(control)
                if obeys:
                    self.power.change(self.now + lag, control is Control.POWER_ON)
                self.now += takes
                if code is not None:
                    self.plan.switch_refused(code, "it says", self.now)
            case Read():
                self.now += takes
                self.fall_silent()

    @rule(takes=moments)
    def accept_and_do_nothing(self, takes: float) -> None:
        step = self.plan.next_step(self.now)
        if self.has_session and isinstance(step, Switch):
            self.note_switch(step.control)
            self.now += takes
            self.plan.switch_accepted(self.now)

    @rule(takes=moments, code=st.sampled_from(LOGIN_FAILURES))
    def fail_to_log_in(self, takes: float, code: ResultCode) -> None:
        """Silence, or a refusal."""
        if self.has_session or self.plan.result is not None:
            return
        self.now += takes
        if code is ResultCode.WRONG_IDENTITY and not self.plan.has_switched:
            self.plan.give_up(code, "another BMC")
        else:
            self.fall_silent(code)

    @rule(budget=st.sampled_from((1.0, 20.0, 90.0)))
    def be_joined(self, budget: float) -> None:
        if self.plan.may_be_joined:
            before = self.plan.deadline
            self.plan.extend(self.now + budget)
            assert self.plan.deadline >= before

    @rule()
    def be_recorded(self) -> None:
        self.plan.hold.is_recorded = True

    @rule(starts=st.booleans())
    def dump_starts_or_ends(self, starts: bool) -> None:
        self.plan.dump_sign(EventKind.DUMP_STARTED if starts else EventKind.DUMP_ENDED, self.now)

    @rule(takes=moments, found=st.sampled_from((None, False, True)), is_dumping=st.booleans())
    def look_into_the_event_log(self, takes: float, found: bool | None, is_dumping: bool) -> None:
        """It finds a dump, a start or nothing, or cannot be looked into."""
        step = self.plan.next_step(self.now)
        if self.has_session and isinstance(step, Look):
            self.note_look(step.until)
            self.now = step.until if found is None else min(self.now + takes, step.until)
            if found is False and is_dumping:
                self.plan.dump_sign(EventKind.DUMP_STARTED, self.now)
            self.plan.looked(found, self.now)

    def note_look(self, until: float) -> None:
        """Held against the rules of looking."""
        assert self.now < until <= self.now + self.timing.most_look
        latest = self.row[-1]
        assert latest is not None, "after a reading only"
        assert latest.is_on
        assert not self.looks or self.now >= self.looks[-1] + 1.0
        if self.sent:
            assert {control for _, control in self.sent} == {Control.DIAGNOSTIC_INTERRUPT}
            assert self.looks, "one before the interrupt, so that it is known what is old"
        self.looks.append(self.now)

    @rule()
    def lose_the_race(self) -> None:
        """In one of ten; else no machine would come to an end of its own."""
        had_result, self.races = self.plan.result, getattr(self, "races", 0) + 1
        if self.races % 10:
            return
        self.plan.lose_race("another")
        assert self.plan.result is had_result or not self.sent, "what was sent cannot be taken back"

    # ── the world's part ──────────────────────────────────────────────────────

    @rule(takes=delays)
    def time_passes(self, takes: float) -> None:
        self.now += takes

    @rule(after=moments, is_on=st.booleans(), back_after=st.one_of(st.none(), moments))
    def power_changes_by_itself(self, after: float, is_on: bool, back_after: float | None) -> None:
        self.power.change(self.now + after, is_on)
        if back_after:
            self.power.change(self.now + after + back_after, not is_on)

    @rule(is_on=st.booleans(), code=st.sampled_from(ResultCode))
    def late_news(self, is_on: bool, code: ResultCode) -> None:
        """What arrives after the end changes nothing."""
        if self.first is None:
            return
        self.plan.saw_power(is_on, self.now, self.now)
        self.plan.heard_nothing(SILENCE, self.now)
        self.plan.give_up(code, "late")

    # ── what the machine notes ────────────────────────────────────────────────

    def log_in(self, takes: float) -> None:
        if not self.has_session and self.plan.result is None:
            self.now += takes
            self.plan.logged_in(GUID, 17, self.now)
            self.has_session = self.is_new_session = True

    def tell_reading(self, seen: Seen) -> None:
        self.now = seen.answered
        if self.is_new_session and seen.answered - self.heard > self.timing.suspicious_silence:
            self.is_settled = False
        self.heard, self.is_new_session = seen.answered, False
        had_off = any(control is Control.POWER_OFF for _, control in self.sent)
        is_enough = self.is_settled or had_off or self.plan.action is Action.RESET
        gap = self.timing.confirm_gap if self.is_settled else self.timing.unsettled_gap
        seen = replace(seen, gap=gap, counts=self.is_settled or not self.plan.dump.is_asked_for, is_enough=is_enough)
        self.row.append(seen)
        self.plan.saw_power(seen.is_on, seen.asked, seen.answered)

    def fall_silent(self, code: ResultCode = UNREACHABLE) -> None:
        self.row.append(None)
        self.has_session = False
        self.plan.heard_nothing(SILENCE, self.now, code)

    def note_switch(self, control: Control) -> None:
        """Held against the rules of sending before it is sent."""
        if not self.sent and control is Control.POWER_ON:
            assert self.plan.hold.is_recorded
        elif not self.sent:
            is_said_off = self.row[-1] is None or not self.row[-1].is_on    # which is not believed just like that
            assert self.looks or is_said_off or not self.plan.dump.look_interval, "the event log comes first"
            hold, budget_end = self.plan.hold, self.plan.started + self.plan.budget
            assert hold.is_recorded
            assert self.now >= max(hold.arbitrates_until, hold.delayed_until)
            if self.plan.dump.is_running and self.plan.action is not Action.DUMP_CYCLE:
                assert self.now >= min(self.most_dump_wait, budget_end - self.timing.kept_after_dump)
        before = [at for at, other in self.sent if other is control]
        latest = next(seen for seen in reversed(self.row) if seen is not None)
        if before:
            assert len(before) == 1, "never a third time"
            assert control not in (Control.HARD_RESET, Control.DIAGNOSTIC_INTERRUPT), "these never twice"
            assert self.row[-1] is latest, "after silence it is not known"
            assert latest.asked >= before[0], "a reading asked for after the first sending"
            assert latest.is_on is (control is not Control.POWER_ON), "which shows that it did not work"
        match control:
            case Control.POWER_ON:
                assert self.plan.action in (Action.CYCLE, Action.DUMP_CYCLE)
                assert self.proof() is not None, "on only after it was proven off"
            case Control.HARD_RESET:
                assert self.plan.action is Action.RESET
                assert latest.is_on
            case Control.DIAGNOSTIC_INTERRUPT:
                assert self.plan.action is Action.DUMP_CYCLE
                assert not self.sent
                assert latest.is_on
                assert not self.plan.dump.is_running, "a dump under way is not cut short by another"
            case other:
                assert other is Control.POWER_OFF
                assert self.plan.action is not Action.RESET
                assert latest.is_on or not self.plan.is_settled
                assert self.proof() is None, "what is proven off is not switched off again"
        self.sent.append((self.now, control))
        if control is Control.POWER_OFF:
            self.barrier = len(self.row)    # what was read before it proves nothing
        self.plan.switching(self.now)

    def proof(self) -> tuple[Seen, Seen] | None:
        """Two readings of off, far enough apart, and neither a reading of on nor silence between them."""
        first = None
        for seen in self.row[self.barrier :]:
            if seen is None or seen.is_on:
                first = None
            elif first is None:
                first = seen if seen.counts else None
            elif seen.counts and seen.asked - first.answered >= seen.gap and seen.is_enough:
                return first, seen
        return None

    # ── what must always hold ─────────────────────────────────────────────────

    @invariant()
    def a_result_never_changes(self) -> None:
        if not hasattr(self, "plan"):
            return
        if self.first is not None:
            assert self.plan.result is self.first
        elif self.plan.result is not None:
            self.first = self.plan.result
            self.weigh(self.first)

    def weigh(self, result: ResetResult) -> None:
        event(result.code.name)
        assert [reading.power_is_on for reading in result.evidence.readings] == [seen.is_on for seen in self.row if seen]
        assert len(result.evidence.power_commands) == len(self.sent)
        proof = self.proof()
        assert result.code.is_success is (proof is not None)
        if proof is not None:
            self.weigh_success(result, proof)
        assert not result.back_on or (self.row[-1] is not None and self.row[-1].is_on)
        if result.code is ResultCode.RESET_UNVERIFIED:
            assert self.plan.action is Action.RESET

    def weigh_success(self, result: ResetResult, proof: tuple[Seen, Seen]) -> None:
        for seen in proof:
            assert seen.sampled >= self.started
            assert not self.power.is_on(seen.sampled), "the truth"
        before = [control for at, control in self.sent if control is not Control.POWER_ON]
        was_on = any(seen is not None and seen.is_on for seen in self.row[: self.row.index(proof[0])])
        if not before and self.plan.action is Action.DUMP_CYCLE and was_on:
            assert result.code is ResultCode.CYCLED_CONFIRMED, "off by itself, and on again as it was promised"
        elif not before:
            assert result.code is ResultCode.ALREADY_OFF
            assert not self.sent
            assert self.is_settled or self.plan.action is Action.RESET, "a BMC that was silent is not just believed"
        elif self.plan.action in (Action.CYCLE, Action.DUMP_CYCLE):
            assert result.code is ResultCode.CYCLED_CONFIRMED
        else:
            assert result.code is ResultCode.OFF_CONFIRMED

    @invariant()
    def it_ends_by_its_deadline(self) -> None:
        if hasattr(self, "plan") and self.now >= self.plan.deadline:
            assert isinstance(self.plan.next_step(self.now), Done)

    def teardown(self) -> None:
        if hasattr(self, "plan"):
            self.now = max(self.now, self.plan.deadline)
            self.it_ends_by_its_deadline()
            self.a_result_never_changes()


TestPlan = PlanMachine.TestCase
TestPlan.settings = settings(max_examples=400, stateful_step_count=25, deadline=None)
