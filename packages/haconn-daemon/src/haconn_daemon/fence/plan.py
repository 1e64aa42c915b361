"""The plan of a reset: off, seen off twice, on, seen on. No I/O; what to do next comes out of what was seen.

The promise: a result is a success only when this server was seen without power, in two authenticated readings at least
`Timing.confirm_gap` apart, both made after the request, with no reading of "on" between them. Silence, refusals and
acceptances prove nothing, and neither does a dump. A power command is sent again only after a reading made since showed that
it did not work.
"""

from __future__ import annotations

from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResultCode
from haconn_daemon.fence.progress import Progress
from haconn_daemon.fence.sent import BUSY_CODES, Sent
from haconn_daemon.fence.steps import Done, Look, Read, ReadCause, Step, Switch, Wait
from haconn_daemon.fence.verdict import of_accepted_reset, of_spent_budget, of_unaccepted_reset
from ipmi_lan.commands.chassis import Control

_NEVER = float("inf")
_SLOW = (Phase.DUMPING, Phase.WAITING_FOR_DUMP)
"""Phases that may last for minutes, in which a BMC is not to be read as often as when power is about to change."""


class Plan(Progress):
    """One reset of one server. Ask `next_step`, do it, tell what came of it; `deadline` is when it must be over."""

    def next_step(self, now: float) -> Step:
        """What to do now."""
        self.expire(now)
        if self.result is not None:
            return Done(self.result)
        if self._reset_taken is not None:
            asks_at = self._reset_taken + self.timing.cause_after
            return ReadCause() if now >= asks_at else Wait(asks_at)
        self._end_dump(now)
        sends_at = self._may_send_at(now)
        if (look_until := self._look_until(now, sends_at)) > now:
            return Look(look_until)
        if self._sent is not None and now >= sends_at:
            return Switch(self._sent.control)
        return Read() if now >= self._next_read else Wait(min(self._next_read, sends_at))

    def expire(self, now: float) -> None:
        """End it if its time is over."""
        if self.result is None and now >= self.deadline:
            self._run_out_of_time(now)

    def is_about_to_switch(self, by: float) -> bool:
        """Whether the first power command is wanted, and nothing but the arbitration would hold it back at that moment."""
        is_wanted = self._sent is not None and not self.has_switched and self.phase is not Phase.CONFIRMING_ON
        return is_wanted and not self._has_to_look_first() and max(self.hold.delayed_until, self._dump_until()) <= by

    # ── what came of it ───────────────────────────────────────────────────────

    def logged_in(self, guid: bytes, suite: int, now: float) -> None:
        """A session is open with the BMC of this GUID."""
        if not self.findings.suite:
            self.findings.took("login", now - self.started)
        self.findings.guid, self.findings.suite = guid, suite
        self._next_read = now
        self._contact.logged_in()
        if self.phase is Phase.LOGGING_IN:
            self.phase = Phase.READING

    def give_up(self, code: ResultCode, why: str) -> None:
        """End it now. What is proven stays proven: a server that waits for its power to come on again is fenced."""
        if self.phase is Phase.CONFIRMING_ON:
            self._finish(ResultCode.CYCLED_CONFIRMED, f"seen off twice; {why}")
        elif self._reset_taken is not None:
            self.saw_no_cause(why)
        else:
            self._finish(code, why)

    def lose_race(self, why: str) -> None:
        """Another server resets ours with more right. After a power command, or the proof, it is too late to give way."""
        if self.has_switched or self.phase is Phase.CONFIRMING_ON:
            self.findings.remark(f"too late to give way: {why}")
        else:
            self._finish(ResultCode.LOST_RACE, f"given up, no power command was sent: {why}")

    def dump_sign(self, kind: EventKind, now: float) -> None:
        """The server began to write a crash dump, or has ended. It says nothing of the power."""
        self.dump.sign(kind, now)
        if self._sent is not None and self._sent.control is Control.DIAGNOSTIC_INTERRUPT:
            self._drop_unsent()     # a dump under way is not to be cut short by another

    def looked(self, has_restarted: bool | None, now: float) -> None:
        """Into the event log: whether the server was started anew and writes no dump; None: nothing could be learned.

        The other signs that were found came by `dump_sign`.
        """
        if not self.dump.has_looked:
            self.findings.took("event log, over by", now - self.started)
        self.dump.looked(has_restarted, now)

    def heard_nothing(self, why: str, now: float, code: ResultCode = ResultCode.UNREACHABLE) -> None:
        """No login, or no answer to a reading; `code` is the result if nothing better comes.

        A refusal of the login ends it early once it has stayed the same for a while: BMCs that start say strange things.
        """
        if self._reset_taken is not None:
            self.saw_no_cause(why)
            return
        refused_for = self._contact.failed(why, code, now)
        is_open = not self.has_switched and self.phase is not Phase.CONFIRMING_ON
        if code is not ResultCode.UNREACHABLE and is_open and refused_for >= self.timing.refusal_patience:
            self._finish(code, why)
        self._first_off = None
        self._drop_unsent()
        if self._sent is not None and self._sent.times:
            self._sent.is_needed = False
        self._next_read = now + self.timing.read_interval

    def saw_power(self, is_on: bool, asked: float, now: float) -> None:
        """An authenticated reading that was asked for at `asked` and answered at `now`."""
        self.findings.read(is_on, asked - self.started, now - self.started)
        if self._contact.answered(now) > self.timing.suspicious_silence:
            self.is_settled = False     # it may have restarted, during the very reset: its "off" is not just believed then
        if self._sent is not None:
            self._sent.was_shown(is_on, asked)
        self._next_read = now + self.timing.read_interval
        if self.phase is Phase.CONFIRMING_ON:
            if is_on:
                assert self._sent is not None
                self.findings.took("on", now - self._sent.first if self._sent.times else 0.0)
                self._finish(ResultCode.CYCLED_CONFIRMED, "seen off twice, then on again", back_on=True)
        elif is_on:
            if self._first_off is not None and self.is_settled:
                self.dump.restarted()
            self._first_off = None
            self._weigh_still_on(now)
            if self.phase in _SLOW:
                self._next_read = now + self.timing.slow_interval
        else:
            self._weigh_off(asked, now)

    def switching(self, now: float) -> None:
        """The power command is about to leave. From here on it may have been done."""
        sent = self._sent
        assert sent is not None
        if not self.has_switched:
            self.findings.took("before the power command", now - self.started)
            if self.hold.arbitrates_until > self.started:
                self.findings.took("arbitration", self.hold.arbitrates_until - max(self.hold.listens_from, self.started))
        sent.leaves(now)
        self._next_read = now
        match sent.control:
            case Control.POWER_OFF:
                self._first_off = None      # what was read before the command proves nothing of it
                self._off_sent = now if self._off_sent is None else self._off_sent
                self.phase = Phase.SWITCHING_OFF
            case Control.DIAGNOSTIC_INTERRUPT:
                self.dump.begin(now)
                self.phase = Phase.DUMPING
        self.findings.command(sent.words, now - self.started)

    def switch_accepted(self, now: float) -> None:
        """The BMC took the command. It acts later, or not at all."""
        self._answered("accepted", now)
        if self._sent is not None and self._sent.control is Control.HARD_RESET and self.result is None:
            self._reset_taken = now

    def switch_refused(self, code: int, meaning: str, now: float) -> None:
        """The BMC answered the command with a completion code other than 00h."""
        assert self._sent is not None
        self._answered(f"refused with {code:02X}h ({meaning})", now)
        self._sent.refusal, self._sent.meaning = code, meaning
        if self._sent.control is Control.DIAGNOSTIC_INTERRUPT:
            self.dump.cannot_be_had()
            self.findings.remark("no dump: the BMC refused the diagnostic interrupt")

    def saw_cause(self, cause: str) -> None:
        """What the BMC says of why the system started last, after it accepted a hard reset."""
        self._finish(ResultCode.RESET_UNVERIFIED, of_accepted_reset(f"restart cause: {cause}"))

    def saw_no_cause(self, why: str) -> None:
        """It does not say."""
        self._finish(ResultCode.RESET_UNVERIFIED, of_accepted_reset(f"its restart cause was not read: {why}"))

    # ── inside ────────────────────────────────────────────────────────────────

    def _answered(self, how: str, now: float) -> None:
        sent = self._sent
        assert sent is not None
        sent.is_taken()
        self.findings.took(f"{sent.words} answered", now - sent.last)
        self.findings.command_answered(how)

    def _may_send_at(self, now: float) -> float:
        """When the command of the present phase may leave; infinity: not before there is news."""
        sent = self._sent
        if sent is None:
            return _NEVER
        if not sent.times:
            return max(self._not_before, self._held_until(now))
        return now if sent.may_leave_again(now, self.timing) else _NEVER

    def _drop_unsent(self) -> None:
        """The reading that a waiting command rests on holds no more: the next one decides anew."""
        if self._sent is not None and not self._sent.times and self._sent.control is not Control.POWER_ON:
            self._sent, self.phase = None, Phase.READING

    def _end_dump(self, now: float) -> None:
        """Once the dump has ended or may take no longer, the next reading decides whether to switch off."""
        if self.dump.is_asked_for and now >= self._dump_until():
            self._stop_waiting_for_the_dump(now)
            self._sent, self._next_read = None, now

    def _stop_waiting_for_the_dump(self, now: float) -> None:
        if self.dump.is_asked_for:
            self.findings.took("dump", self.dump.end(now))

    def _weigh_off(self, asked: float, now: float) -> None:
        if self.dump.is_asked_for and not self.is_settled:
            return      # not believed before a power-off command of ours, and that waits for the dump
        if self._first_off is None:
            self._first_off = now
            self._drop_unsent()
            self._distrust(now)
        elif self._sent is not None and not self._sent.times:
            return      # not believed, and the off command that would change that is held back
        elif asked - self._first_off >= (self.timing.confirm_gap if self.is_settled else self.timing.unsettled_gap):
            self._proven_off(now)

    def _distrust(self, now: float) -> None:
        """A BMC that was silent just now says "off": have it switch off all the same, which does no harm if it is true."""
        if not self.is_settled and self._sent is None and self.action is not Action.RESET:
            self._prepare(Control.POWER_OFF, now)

    def _prepare(self, control: Control, now: float) -> None:
        """This command is to leave, as soon as nothing holds it back."""
        self._sent = Sent(control)
        self._show_hold(now)

    def _show_hold(self, now: float) -> None:
        """What the command waits for, as the requester is told, and how often to read meanwhile."""
        is_held = not self.has_switched and now < self.hold.until(self._dump_until(), now)
        self.phase = self.hold.phase(now, self._dump_until()) if is_held else Phase.SWITCHING_OFF

    def _weigh_still_on(self, now: float) -> None:
        """A reading of "on" before any proof of "off"."""
        sent = self._sent
        if sent is None:
            self._begin_switching(now)
        elif not sent.times:
            self._show_hold(now)
        elif sent.is_needed and sent.control is Control.HARD_RESET:
            self._finish(*of_unaccepted_reset(sent))
        elif sent.is_needed and sent.refusal is not None and sent.refusal not in BUSY_CODES and not self.dump.is_asked_for:
            self._finish(ResultCode.REFUSED_BY_BMC, f"{sent.refusal_in_words}, and it is on")
        elif sent.control is Control.POWER_OFF:
            self.phase = Phase.CONFIRMING_OFF

    def _begin_switching(self, now: float) -> None:
        if self.dump.is_asked_for:
            return
        if self.action is Action.RESET:
            self._prepare(Control.HARD_RESET, now)
        elif self.action is not Action.DUMP_CYCLE or self.dump.is_over:
            self._prepare(Control.POWER_OFF, now)
        elif self.dump.is_running:
            self.dump.begin(now)
            self.phase = Phase.DUMPING
            self.findings.remark("it wrote a dump already: no diagnostic interrupt was sent")
        else:
            self._prepare(Control.DIAGNOSTIC_INTERRUPT, now)

    def _proven_off(self, now: float) -> None:
        if self._off_sent is not None:
            self.findings.took("seen off", now - self._off_sent)
        if not self.has_switched and not (self.action is Action.DUMP_CYCLE and self._was_seen_on()):
            self._finish(ResultCode.ALREADY_OFF, "seen off twice; no power command was sent")
        elif self.action not in (Action.CYCLE, Action.DUMP_CYCLE):
            self._finish(ResultCode.OFF_CONFIRMED, "seen off twice after the command")
        else:
            assert self._first_off is not None, "the first of the two readings"
            if self._off_sent is None:
                self.findings.remark("it went off by itself")
            self.phase = Phase.CONFIRMING_ON
            self._stop_waiting_for_the_dump(now)
            self._sent = Sent(Control.POWER_ON)
            self._not_before = self._first_off + self.timing.hold_off
            self._on_deadline = now + self.timing.most_back_on

    def _run_out_of_time(self, now: float) -> None:
        if self.phase is Phase.CONFIRMING_ON:
            self._finish(ResultCode.CYCLED_CONFIRMED, "seen off twice; it did not come back on in time")
        elif self._reset_taken is not None:
            self.saw_no_cause("it did not answer in time")
        else:
            held = "" if self.has_switched else self.hold.reason(now, self._dump_until())
            self._finish(*of_spent_budget(self._contact, self.findings, self._sent, held))
