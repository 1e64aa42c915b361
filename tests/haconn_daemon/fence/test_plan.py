"""One readable course for each way that a reset can end; `test_plan_machine` has all the others."""

from __future__ import annotations

import pytest

from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResetResult, ResultCode
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.steps import Done, Read, ReadCause, Step, Switch, Timing, Wait
from ipmi_lan.commands.chassis import Control

GUID = bytes(range(1, 17))
TIMING = Timing()


class Course:
    """A plan under way, with the time of the latest happening. Readings take no time unless told."""

    def __init__(self, action: Action = Action.CYCLE, budget: float = 30.0) -> None:
        self.plan = Plan(action, 100.0, budget)
        self.now = 100.0
        self.plan.logged_in(GUID, 17, self.now)

    def at(self, after: float) -> Course:
        """Go to a moment, in seconds after the request."""
        assert 100.0 + after >= self.now
        self.now = 100.0 + after
        return self

    def sees(self, *readings: tuple[float, str]) -> Course:
        for after, state in readings:
            self.at(after)
            self.plan.saw_power(state == "on", self.now, self.now)
        return self

    def sends(self, control: Control, accepted: bool = True, refusal: int | None = None) -> Course:
        assert self.step() == Switch(control)
        self.plan.switching(self.now)
        if refusal is not None:
            self.plan.switch_refused(refusal, "its meaning", self.now)
        elif accepted:
            self.plan.switch_accepted(self.now)
        return self

    def step(self) -> Step:
        return self.plan.next_step(self.now)

    @property
    def result(self) -> ResetResult:
        step = self.step()
        assert isinstance(step, Done), step
        return step.result

    def is_open(self) -> bool:
        return not isinstance(self.step(), Done)


def test_a_reset_from_on_to_on_with_its_evidence() -> None:
    course = Course()
    assert course.step() == Read()
    course.sees((0.1, "on")).sends(Control.POWER_OFF)
    assert course.step() == Read()
    course.sees((0.2, "on"), (0.5, "off"))
    assert course.step() == Wait(100.5 + TIMING.read_interval)
    course.sees((0.9, "off"))
    assert course.is_open()
    course.sees((1.0, "off"))
    assert course.plan.phase is Phase.CONFIRMING_ON
    assert isinstance(course.at(1.49).step(), Read)
    course.at(1.5).sends(Control.POWER_ON).sees((1.7, "off"), (2.0, "on"))
    result = course.result
    assert result.code is ResultCode.CYCLED_CONFIRMED
    assert result.back_on
    assert [(reading.after, reading.power_is_on) for reading in result.evidence.readings] == [
        (0.1, True), (0.2, True), (0.5, False), (0.9, False), (1.0, False), (1.7, False), (2.0, True),
    ]  # fmt: skip
    assert result.evidence.power_commands == ("power off at 0.100 s: accepted", "power on at 1.500 s: accepted")
    assert (result.evidence.bmc_guid, result.evidence.cipher_suite) == (GUID, 17)


def test_off_confirmed() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF).sees((0.2, "off"), (0.7, "off"))
    assert (course.result.code, course.result.back_on) == (ResultCode.OFF_CONFIRMED, False)


@pytest.mark.parametrize("action", Action)
def test_already_off(action: Action) -> None:
    course = Course(action).sees((0.1, "off"), (0.6, "off"))
    assert course.result.code is ResultCode.ALREADY_OFF
    assert course.result.evidence.power_commands == ()


@pytest.mark.shows("R1")
def test_one_reading_of_off_proves_nothing() -> None:
    course = Course().sees((0.1, "off"), (0.5, "off")).at(30.0)
    assert course.result.code is ResultCode.TIMEOUT


def test_the_gap_counts_from_the_first_answer_to_the_second_question() -> None:
    course = Course()
    course.plan.saw_power(False, asked=100.0, now=100.3)
    course.plan.saw_power(False, asked=100.7, now=100.9)
    assert course.at(0.9).is_open()
    course.plan.saw_power(False, asked=100.81, now=100.95)
    assert course.result.code is ResultCode.ALREADY_OFF


def test_a_flap_starts_the_count_again() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF)
    course.sees((1.0, "off"), (1.3, "on"), (1.5, "off"), (1.9, "off"))
    assert course.is_open()
    assert course.sees((2.0, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_silence_between_two_readings_starts_the_count_again() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF).sees((1.0, "off"))
    course.plan.heard_nothing("no answer", 101.2)
    assert course.sees((1.6, "off")).is_open()
    assert course.sees((2.1, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_not_back_on_is_fenced_all_the_same() -> None:
    course = Course(budget=60).sees((0.1, "on")).sends(Control.POWER_OFF).sees((0.2, "off"), (0.7, "off"))
    course.at(1.2).sends(Control.POWER_ON).sees((3.0, "off"), (15.6, "off")).at(0.7 + TIMING.most_back_on)
    assert (course.result.code, course.result.back_on) == (ResultCode.CYCLED_CONFIRMED, False)


def test_power_on_is_sent_twice_at_most() -> None:
    course = Course(budget=60).sees((0.1, "on")).sends(Control.POWER_OFF).sees((0.2, "off"), (0.7, "off"))
    course.at(1.2).sends(Control.POWER_ON).sees((6.2, "off")).sends(Control.POWER_ON).sees((12.0, "off"))
    assert course.step() == Wait(112.0 + TIMING.read_interval)


def test_back_on_before_we_said_so() -> None:
    course = Course().sees((0.1, "on")).sends(Control.POWER_OFF).sees((0.2, "off"), (0.7, "off"), (0.9, "on"))
    assert (course.result.code, course.result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)
    assert len(course.result.evidence.power_commands) == 1


def test_still_on_although_accepted_twice() -> None:
    course = Course(budget=10.0).sees((0.1, "on")).sends(Control.POWER_OFF).sees((1.0, "on"), (5.0, "on"))
    assert course.step() == Wait(105.0 + TIMING.read_interval)
    course.sees((5.1, "on")).sends(Control.POWER_OFF).sees((9.9, "on")).at(10.0)
    assert course.result.code is ResultCode.STILL_ON
    assert len(course.result.evidence.power_commands) == 2


def test_unreachable_from_the_beginning() -> None:
    plan = Plan(Action.CYCLE, 0.0, 10.0)
    plan.heard_nothing("no answer to Open Session Request within 5.0 s", 5.0)
    step = plan.next_step(10.0)
    assert isinstance(step, Done)
    assert step.result.code is ResultCode.UNREACHABLE
    assert "Open Session" in step.result.evidence.detail
    assert step.result.evidence.bmc_guid == b""


def test_not_even_asked_when_the_budget_is_over() -> None:
    step = Plan(Action.CYCLE, 0.0, 1.0).next_step(1.0)
    assert isinstance(step, Done)
    assert step.result.code is ResultCode.UNREACHABLE


@pytest.mark.shows("R1")
def test_unreachable_after_the_off_command_is_never_success() -> None:
    course = Course(budget=10.0).sees((0.1, "on")).sends(Control.POWER_OFF, accepted=False).sees((0.5, "off"))
    course.plan.heard_nothing("no answer", 103.0)
    assert course.at(10.0).result.code is ResultCode.UNREACHABLE
    assert course.result.evidence.power_commands == ("power off at 0.100 s: no answer",)


@pytest.mark.parametrize("code", [0xC1, 0xD4, 0x80])
def test_refused_for_good(code: int) -> None:
    course = Course().sees((0.1, "on")).sends(Control.POWER_OFF, refusal=code)
    assert course.is_open()
    result = course.sees((0.2, "on")).result
    assert result.code is ResultCode.REFUSED_BY_BMC
    assert f"{code:02X}h" in result.evidence.detail


def test_refused_and_off_all_the_same() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF, refusal=0xD5).sees((0.2, "off"), (0.7, "off"))
    assert course.result.code is ResultCode.OFF_CONFIRMED


@pytest.mark.parametrize("code", [0xC0, 0xC3, 0xCF, 0xD0, 0xD1, 0xD2, 0xD5, 0xFF])
def test_a_busy_bmc_is_asked_again(code: int) -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF, refusal=code)
    course.sees((1.0, "on"), (3.0, "on"), (5.2, "on"))
    assert course.sends(Control.POWER_OFF).sees((5.4, "off"), (5.9, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_busy_to_the_end() -> None:
    course = Course(budget=8.0).sees((0.1, "on")).sends(Control.POWER_OFF, refusal=0xC0).sees((5.2, "on"))
    course.sends(Control.POWER_OFF, refusal=0xC0).sees((6.0, "on"))
    assert course.is_open()
    assert course.at(8.0).result.code is ResultCode.REFUSED_BY_BMC


def test_a_lost_answer_is_followed_by_a_reading_and_not_by_the_command() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF, accepted=False).at(6.0)
    assert course.step() == Read()
    course.plan.heard_nothing("no answer", 107.0)
    course.at(7.2)
    assert course.step() == Read()


def test_after_silence_the_command_is_not_sent_again_before_a_reading() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF).sees((4.0, "on"))
    course.plan.heard_nothing("no answer", 106.0)
    assert course.at(6.2).step() == Read()
    course.sees((6.3, "on")).sends(Control.POWER_OFF)


def test_an_answer_to_an_older_question_does_not_send_the_command_again() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF)
    course.plan.saw_power(True, asked=100.05, now=105.5)
    assert course.at(5.7).step() == Read()


def test_a_plain_reset_that_was_accepted_is_not_a_success() -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET)
    assert isinstance(course.step(), Wait), "the BMC notes the cause while the server restarts"
    assert not course.plan.may_be_joined, "what was done counts for who asked before"
    assert course.at(1.1).step() == ReadCause()
    course.plan.saw_cause("chassis control")
    assert course.result.code is ResultCode.RESET_UNVERIFIED
    assert not course.result.code.is_success
    assert "restart cause: chassis control" in course.result.evidence.detail


@pytest.mark.parametrize("end", ["no answer", "silence", "time", "stopped"])
def test_the_restart_cause_holds_no_answer_back(end: str) -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET)
    match end:
        case "no answer":
            course.plan.saw_no_cause("refused")
        case "silence":
            course.plan.heard_nothing("session lost", 101.0, ResultCode.WRONG_PASSWORD)
        case "stopped":
            course.plan.give_up(ResultCode.INTERRUPTED, "stopped")
        case "time":
            course.at(2.09)
            assert course.is_open()
            course.at(2.1 + 0.001)
    assert course.result.code is ResultCode.RESET_UNVERIFIED
    assert "not read" in course.result.evidence.detail


def test_a_plain_reset_without_an_answer() -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET, accepted=False)
    assert course.sees((3.2, "on")).result.code is ResultCode.TIMEOUT
    assert "not known" in course.result.evidence.detail


@pytest.mark.parametrize("code", [0xC0, 0xC1, 0xD0, 0xD5])
def test_a_plain_reset_refused_is_never_sent_again(code: int) -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET, refusal=code).sees((1.0, "on"))
    assert course.result.code is ResultCode.REFUSED_BY_BMC


@pytest.mark.parametrize("code", [0xC3, 0xCF, 0xFF])
def test_a_plain_reset_whose_outcome_is_unclear_is_never_sent_again(code: int) -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET, refusal=code).sees((1.0, "on"))
    assert course.result.code is ResultCode.TIMEOUT


def test_a_bmc_that_was_silent_just_now_is_not_believed_without_a_command() -> None:
    """Restarted BMCs have been seen to say "off" of a running host."""
    course = Course(Action.OFF)
    course.plan.is_settled = False
    course.sees((0.1, "off")).sends(Control.POWER_OFF).sees((0.7, "off"), (2.0, "off"), (5.2, "off"))
    assert course.is_open(), "not enough here, and what was read before the command does not count"
    assert course.sees((5.8, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_a_bmc_that_falls_silent_during_the_reset_and_comes_back_in_a_new_session_is_not_believed_without_a_command() -> None:
    """It may have restarted meanwhile."""
    course = Course(Action.OFF).at(9.0)
    course.plan.heard_nothing("silence", course.now)
    course.at(10.0).plan.logged_in(GUID, 17, course.now)
    course.sees((10.1, "off"), (10.7, "off")).sends(Control.POWER_OFF).sees((11.0, "off"), (12.0, "off"))
    assert course.is_open()
    assert course.sees((16.1, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_a_refused_login_is_believed_when_it_stays() -> None:
    course = Course()
    course.plan.heard_nothing("no common suite", 100.1, ResultCode.REFUSED_BY_BMC)
    assert course.is_open()
    course.plan.heard_nothing("silence", 101.0)
    course.plan.heard_nothing("no common suite", 101.5, ResultCode.REFUSED_BY_BMC)
    course.plan.heard_nothing("no common suite", 103.0, ResultCode.REFUSED_BY_BMC)
    assert course.is_open()
    course.plan.heard_nothing("no common suite", 103.6, ResultCode.REFUSED_BY_BMC)
    assert course.result.code is ResultCode.REFUSED_BY_BMC


def test_a_plain_reset_refused() -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET, refusal=0xC1).sees((0.2, "on"))
    assert course.result.code is ResultCode.REFUSED_BY_BMC


def test_a_plain_reset_that_left_the_server_off_was_seen() -> None:
    course = Course(Action.RESET).sees((0.1, "on")).sends(Control.HARD_RESET, accepted=False).sees((3.1, "off"), (3.6, "off"))
    assert course.result.code is ResultCode.OFF_CONFIRMED


@pytest.mark.parametrize("code", [ResultCode.WRONG_PASSWORD, ResultCode.WRONG_IDENTITY, ResultCode.INTERRUPTED])
def test_given_up(code: ResultCode) -> None:
    course = Course()
    course.plan.give_up(code, "because")
    assert (course.result.code, course.result.evidence.detail) == (code, "because")


def test_the_first_result_stands() -> None:
    course = Course(Action.OFF).sees((0.1, "off"), (0.6, "off"))
    first = course.result
    course.plan.give_up(ResultCode.INTERRUPTED, "too late")
    course.plan.heard_nothing("too late", 101.0)
    course.sees((1.5, "on"), (40.0, "on"))
    assert course.result is first


def test_phases_as_the_requester_hears_of_them() -> None:
    plan = Plan(Action.CYCLE, 0.0, 30.0)
    phases = [plan.phase]
    plan.logged_in(GUID, 3, 0.0)
    phases.append(plan.phase)
    plan.saw_power(True, 0.0, 0.1)
    phases.append(plan.phase)
    plan.switching(0.1)
    plan.switch_accepted(0.1)
    plan.saw_power(True, 0.2, 0.2)
    phases.append(plan.phase)
    plan.saw_power(False, 0.4, 0.4)
    plan.saw_power(False, 0.9, 0.9)
    phases.append(plan.phase)
    assert phases == [Phase.LOGGING_IN, Phase.READING, Phase.SWITCHING_OFF, Phase.CONFIRMING_OFF, Phase.CONFIRMING_ON]
    assert (plan.reads, plan.has_switched) == (4, True)


def test_a_command_that_was_never_answered_is_sent_again_once_a_reading_shows_that_it_is_needed() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF, accepted=False)
    course.sees((1.5, "on"))
    assert course.step() != Switch(Control.POWER_OFF), "the answer may be late"
    course.plan.heard_nothing("no answer", 101.8)
    course.at(2.0)
    assert course.step() != Switch(Control.POWER_OFF), "not blindly"
    course.sees((2.1, "on")).sends(Control.POWER_OFF).sees((4.0, "on"))
    assert course.step() != Switch(Control.POWER_OFF), "the BMC took this one, and gets its time"
    course.sees((7.2, "on")).sends(Control.POWER_OFF).sees((20.0, "on"))
    assert course.step() != Switch(Control.POWER_OFF), "taken twice and not obeyed"
    assert course.at(30.0).result.code is ResultCode.STILL_ON


# ── what the first power command waits for ────────────────────────────────────


def test_a_command_that_waits_is_forgotten_when_the_bmc_falls_silent() -> None:
    """The reading that it rests on may be old by the time the wait is over."""
    course = Course(Action.OFF)
    course.plan.hold.delayed_until = 105.0
    course.sees((0.1, "on"), (4.0, "on"))
    course.plan.heard_nothing("no answer", 104.5)
    assert course.at(5.1).step() == Read()
    course.sees((5.2, "on"))
    assert course.step() == Switch(Control.POWER_OFF)


def test_it_leaves_the_moment_the_wait_is_over() -> None:
    course = Course(Action.OFF)
    course.plan.hold.arbitrates_until = 100.3
    course.sees((0.15, "on"))
    assert course.plan.phase is Phase.ARBITRATING
    assert course.step() == Wait(100.3), "not at the next reading only"
    assert course.at(0.3).step() == Switch(Control.POWER_OFF)


def test_a_bmc_that_was_silent_is_not_believed_while_the_off_command_waits() -> None:
    course = Course(Action.OFF)
    course.plan.is_settled, course.plan.hold.delayed_until = False, 108.0
    course.sees((0.1, "off"), (3.0, "off"), (5.5, "off"), (7.0, "off"))
    assert course.is_open()
    course.at(8.0).sends(Control.POWER_OFF).sees((8.1, "off"), (11.0, "off"))
    assert course.is_open()
    assert course.sees((13.2, "off")).result.code is ResultCode.OFF_CONFIRMED


def test_nor_while_its_dump_is_waited_for() -> None:
    course = Course(Action.DUMP_CYCLE, budget=60.0)
    course.plan.is_settled = False
    course.sees((0.1, "on")).sends(Control.DIAGNOSTIC_INTERRUPT)
    course.sees((1.0, "off"), (4.0, "off"), (7.0, "off"))
    assert course.is_open()
    assert course.plan.phase is Phase.DUMPING, "a running host may be said to be off, and its dump be cut short"
    course.plan.dump_sign(EventKind.DUMP_ENDED, 108.0)
    assert course.at(8.0).step() == Read()
    course.sees((8.1, "off")).sends(Control.POWER_OFF)


def test_a_dump_that_begins_while_the_interrupt_waits_makes_it_needless() -> None:
    course = Course(Action.DUMP_CYCLE, budget=60.0)
    course.plan.hold.arbitrates_until = 100.5
    course.sees((0.1, "on"))
    course.plan.dump_sign(EventKind.DUMP_STARTED, 100.2)
    assert course.at(0.6).step() == Read()
    course.sees((0.6, "on"), (5.0, "on"))
    assert isinstance(course.step(), Wait)
    course.plan.dump_sign(EventKind.DUMP_ENDED, 105.5)
    assert course.at(5.5).step() == Read()
    course.sees((5.6, "on")).sends(Control.POWER_OFF)
    assert "no diagnostic interrupt was sent" in course.sees((6.0, "off"), (6.5, "off"), (7.1, "on")).result.evidence.detail


def test_silence_in_a_session_that_goes_on_is_no_restart() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF).sees((6.0, "off"), (6.5, "off"))
    assert course.result.code is ResultCode.OFF_CONFIRMED


def test_silence_before_a_new_session_may_have_been_one() -> None:
    course = Course(Action.OFF).sees((0.1, "on")).sends(Control.POWER_OFF).at(5.0)
    course.plan.logged_in(GUID, 17, course.now)
    course.sees((5.1, "off"), (5.6, "off"))
    assert course.is_open()
    assert course.sees((8.0, "off"), (10.2, "off")).result.code is ResultCode.OFF_CONFIRMED
