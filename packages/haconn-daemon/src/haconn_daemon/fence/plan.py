"""The plan of a reset: off, seen off twice, on, seen on. No I/O; what to do next comes out of what was seen.

The promise: a result is a success only when this server was seen without power, in two authenticated readings at least
`Timing.confirm_gap` apart, both made after the request, with no reading of "on" between them. Silence, refusals and
acceptances prove nothing. A power command is sent again only after a reading made since showed that it did not work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haconn_cli.resetpath.vocabulary import Action, Evidence, Phase, Reading, ResetResult, ResultCode
from ipmi_lan.commands.chassis import Control

_BUSY_CODES = frozenset({0xC0, 0xC3, 0xCF, 0xD0, 0xD1, 0xD2, 0xD5, 0xFF})
"""Completion codes of a BMC that could not just now; FFh is what restarting firmware says of everything, D5h that it believes the
power to be so already."""
_UNCLEAR_CODES = frozenset({0xC3, 0xCF, 0xFF})
"""Codes after which the command may have been done all the same."""
_MOST_TAKEN = 2
"""Times that the BMC may take the same power command without obeying it."""
_MOST_SENDS = 8
"""Times that the same power command may leave at all; most of them were lost on the way then."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    confirm_gap: float = 0.5
    """Between the two readings that prove "off": longer than any bounce of a relay or of a BMC's sensor."""
    unsettled_gap: float = 5.0
    """The same where the BMC has just been silent: restarted ones have been seen to say "off" of a running host for a while."""
    read_interval: float = 0.2
    second_send_after: float = 5.0
    """Still as before after this, though the BMC took the command: once more. Usual BMCs act within 4 s."""
    resend_after: float = 1.5
    """Still as before after this, and no answer to the command came: it was lost, most likely."""
    hold_off: float = 1.0
    """From the first reading of "off" to the power-on command: supplies need a moment to fall."""
    refusal_patience: float = 2.0
    """A login that is refused for so long, always alike, will not succeed."""
    most_back_on: float = 15.0
    """Waiting for "on"; the server is fenced by then, and the requester should know."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the power state."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Send this power command, once."""

    control: Control


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class Done:
    """The final answer."""

    result: ResetResult


Step = Read | Switch | Wait | Done


@dataclass(slots=True)
class _Sent:
    """The power command of the present phase."""

    control: Control
    times: int = 0
    taken: int = 0
    """How often the BMC answered it, whatever the answer."""
    is_answered: bool = False
    """Whether the last one was answered."""
    last: float = 0.0
    refusal: int | None = None
    meaning: str = ""
    is_needed: bool = True
    """Whether the latest reading, made since the last send, shows that it did not work."""


@dataclass
class Plan:
    """One reset of one server. Ask `next_step`, do it, tell what came of it; `deadline` is when it must be over."""

    action: Action
    started: float
    budget: float
    """Seconds for everything."""
    timing: Timing = field(default_factory=Timing)
    is_settled: bool = True
    """Whether the BMC has answered without a gap lately. If not, its "off" counts only after a power-off command of ours."""
    phase: Phase = Phase.LOGGING_IN
    bmc_guid: bytes = b""
    cipher_suite: int = 0
    result: ResetResult | None = field(default=None, init=False)
    _readings: list[Reading] = field(default_factory=list, init=False)
    _commands: list[str] = field(default_factory=list, init=False)
    _sent: _Sent | None = field(default=None, init=False)
    _first_off: float | None = field(default=None, init=False)
    _last_is_silence: bool = field(default=True, init=False)
    _silence: str = field(default="", init=False)
    _silence_code: ResultCode = field(default=ResultCode.UNREACHABLE, init=False)
    _silent_since: float = field(default=0.0, init=False)
    _next_read: float = field(default=0.0, init=False)
    _on_deadline: float = field(default=float("inf"), init=False)
    _not_before: float = field(default=0.0, init=False)

    @property
    def deadline(self) -> float:
        """When the final answer is due."""
        return min(self.started + self.budget, self._on_deadline)

    @property
    def may_be_joined(self) -> bool:
        """Whether a request made now would be answered by readings yet to come."""
        return self.result is None and self.phase is not Phase.CONFIRMING_ON

    def extend(self, deadline: float) -> None:
        """Somebody else wants the same, and has more time."""
        self.budget = max(self.budget, deadline - self.started)

    @property
    def reads(self) -> int:
        """Readings so far."""
        return len(self._readings)

    @property
    def has_switched(self) -> bool:
        """Whether any power command was sent."""
        return bool(self._commands)

    def next_step(self, now: float) -> Step:
        """What to do now."""
        self.expire(now)
        if self.result is not None:
            return Done(self.result)
        if self._sent is not None and self._may_send(now):
            return Switch(self._sent.control)
        return Read() if now >= self._next_read else Wait(self._next_read)

    def expire(self, now: float) -> None:
        """End it if its time is over."""
        if self.result is None and now >= self.deadline:
            self._run_out_of_time()

    def logged_in(self, guid: bytes, suite: int) -> None:
        """A session is open with the BMC of this GUID."""
        self.bmc_guid, self.cipher_suite = guid, suite
        if self.phase is Phase.LOGGING_IN:
            self.phase = Phase.READING

    def give_up(self, code: ResultCode, why: str) -> None:
        """End it now. What is proven stays proven: a server that waits for its power to come on again is fenced."""
        if self.phase is Phase.CONFIRMING_ON:
            self._finish(ResultCode.CYCLED_CONFIRMED, f"seen off twice; {why}")
        else:
            self._finish(code, why)

    def heard_nothing(self, why: str, now: float, code: ResultCode = ResultCode.UNREACHABLE) -> None:
        """No login, or no answer to a reading; `code` is the result if nothing better comes.

        A refusal of the login ends it early once it has stayed the same for a while: BMCs that start say strange things.
        """
        if code is not self._silence_code:
            self._silence_code, self._silent_since = code, now
        refused_for = now - self._silent_since
        if code is not ResultCode.UNREACHABLE and not self.has_switched and refused_for >= self.timing.refusal_patience:
            self._finish(code, why)
        self._last_is_silence, self._silence = True, why
        self._first_off = None
        if self._sent is not None and self._sent.times:
            self._sent.is_needed = False
        self._next_read = now + self.timing.read_interval

    def saw_power(self, is_on: bool, asked: float, now: float) -> None:
        """An authenticated reading that was asked for at `asked` and answered at `now`."""
        self._readings.append(Reading(round(now - self.started, 3), is_on))
        self._last_is_silence, self._silence_code = False, ResultCode.UNREACHABLE
        if self._sent is not None and self._sent.times:
            self._sent.is_needed = asked >= self._sent.last and is_on is not (self._sent.control is Control.POWER_ON)
        self._next_read = now + self.timing.read_interval
        if self.phase is Phase.CONFIRMING_ON:
            if is_on:
                self._finish(ResultCode.CYCLED_CONFIRMED, "seen off twice, then on again", back_on=True)
        elif is_on:
            self._first_off = None
            self._weigh_still_on()
        elif self._first_off is None:
            self._first_off = now
            self._distrust()
        elif asked - self._first_off >= (self.timing.confirm_gap if self.is_settled else self.timing.unsettled_gap):
            self._proven_off(now)

    def switching(self, now: float) -> None:
        """The power command is about to leave. From here on it may have been done."""
        assert self._sent is not None
        self._sent.times += 1
        self._sent.last, self._sent.is_needed, self._sent.is_answered, self._sent.refusal = now, False, False, None
        self._next_read = now
        if self._sent.control is Control.POWER_OFF:
            self._first_off = None      # what was read before the command proves nothing of it
        self._commands.append(f"{_words(self._sent.control)} at {now - self.started:.3f} s: no answer")

    def switch_accepted(self) -> None:
        """The BMC took the command. It acts later, or not at all."""
        self._answered("accepted")
        if self._sent is not None and self._sent.control is Control.HARD_RESET:
            self._finish(ResultCode.RESET_UNVERIFIED, "the BMC accepted a reset; there is no moment without power to see")

    def switch_refused(self, code: int, meaning: str) -> None:
        """The BMC answered the command with a completion code other than 00h."""
        assert self._sent is not None
        self._answered(f"refused with {code:02X}h ({meaning})")
        self._sent.refusal, self._sent.meaning = code, meaning

    # ── inside ────────────────────────────────────────────────────────────────

    @property
    def _refusal(self) -> str:
        assert self._sent is not None
        return f"{_words(self._sent.control)} refused with {self._sent.refusal:02X}h ({self._sent.meaning})"

    def _answered(self, how: str) -> None:
        assert self._sent is not None
        self._sent.taken += 1
        self._sent.is_answered = True
        self._commands[-1] = self._commands[-1].replace("no answer", how)

    def _distrust(self) -> None:
        """A BMC that was silent just now says "off": have it switch off all the same, which does no harm if it is true."""
        if not self.is_settled and self._sent is None and self.action is not Action.RESET:
            self._sent = _Sent(Control.POWER_OFF)
            self.phase = Phase.SWITCHING_OFF

    def _may_send(self, now: float) -> bool:
        sent = self._sent
        assert sent is not None
        if not sent.times:
            return now >= self._not_before
        if sent.control is Control.HARD_RESET:
            return False
        if not sent.is_needed or sent.taken >= _MOST_TAKEN or sent.times >= _MOST_SENDS:
            return False
        return now - sent.last >= (self.timing.second_send_after if sent.is_answered else self.timing.resend_after)

    def _weigh_still_on(self) -> None:
        """A reading of "on" before any proof of "off"."""
        sent = self._sent
        if sent is None:
            self._sent = _Sent(Control.HARD_RESET if self.action is Action.RESET else Control.POWER_OFF)
            self.phase = Phase.SWITCHING_OFF
        elif sent.is_needed and sent.control is Control.HARD_RESET:
            self._end_reset(sent)
        elif sent.is_needed and sent.refusal is not None and sent.refusal not in _BUSY_CODES:
            self._finish(ResultCode.REFUSED_BY_BMC, f"{self._refusal}, and it is on")
        elif sent.times:
            self.phase = Phase.CONFIRMING_OFF

    def _end_reset(self, sent: _Sent) -> None:
        """A plain reset that was not accepted. It is never sent again: whether it was done cannot be seen."""
        if sent.refusal is None or sent.refusal in _UNCLEAR_CODES:
            self._finish(ResultCode.TIMEOUT, "no clear answer to the reset; whether it was done is not known")
        else:
            self._finish(ResultCode.REFUSED_BY_BMC, f"{self._refusal}, and it is on")

    def _proven_off(self, now: float) -> None:
        if self._sent is None:
            self._finish(ResultCode.ALREADY_OFF, "seen off twice; no power command was sent")
        elif self.action is not Action.CYCLE:
            self._finish(ResultCode.OFF_CONFIRMED, "seen off twice after the command")
        else:
            assert self._first_off is not None, "the first of the two readings"
            self.phase = Phase.CONFIRMING_ON
            self._sent = _Sent(Control.POWER_ON)
            self._not_before = self._first_off + self.timing.hold_off
            self._on_deadline = now + self.timing.most_back_on

    def _run_out_of_time(self) -> None:
        if self.phase is Phase.CONFIRMING_ON:
            self._finish(ResultCode.CYCLED_CONFIRMED, "seen off twice; it did not come back on in time")
        elif self._last_is_silence:
            self._finish(self._silence_code, self._silence or "the budget was over before the BMC answered")
        elif self._readings[-1].power_is_on:
            if self._sent is not None and self._sent.refusal is not None:
                self._finish(ResultCode.REFUSED_BY_BMC, f"{self._refusal}, and it is still on")
            else:
                self._finish(ResultCode.STILL_ON, "still on at the last reading")
        else:
            self._finish(ResultCode.TIMEOUT, "seen off, and not long enough to be sure")

    def _finish(self, code: ResultCode, detail: str, *, back_on: bool = False) -> None:
        if self.result is None:
            evidence = Evidence(tuple(self._readings), self.bmc_guid, self.cipher_suite, tuple(self._commands), detail)
            self.result = ResetResult(code, back_on, evidence)


def _words(control: Control) -> str:
    return control.name.lower().replace("_", " ")
