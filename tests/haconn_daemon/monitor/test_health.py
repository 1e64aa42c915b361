from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status
from haconn_daemon.monitor.health import (
    BARRIER_LIFE,
    CONFIRMATION_DELAY,
    LOAD_SHARE,
    MOST_WRONG_PASSWORDS,
    SETTLING,
    SLOWEST_POLL,
    SUSPICIOUS_DELAY,
    WRONG_PASSWORD_PAUSE,
    Change,
    Judge,
    Silence,
)

OFF, ON, LOST, BACK = Change.POWER_OFF, Change.POWER_ON, Change.LINK_LOST, Change.LINK_BACK
QUIET, WRONG = Silence("no answer"), Silence("no user with this password", is_wrong_password=True)

NEWS: dict[str, Silence] = {"-": QUIET, "w": WRONG}
"""A course is written as text: `1` a reading of on, `0` of off, `-` silence, `w` a wrong password."""


def tell(judge: Judge, course: str, interval: float = 1.0) -> list[list[Change]]:
    """What each of the happenings changed, one second apart."""
    changes = []
    for number, happening in enumerate(course):
        now = number * interval
        if happening in NEWS:
            changes.append(judge.heard_nothing(NEWS[happening], now))
        else:
            changes.append(judge.saw_power(happening == "1", now, 0.01))
    return changes


def a_judge(course: str = "", patience: int = 3, poll_interval: float = 1.0) -> Judge:
    judge = Judge("PSERVER2", poll_interval, patience)
    tell(judge, course)
    return judge


@pytest.mark.parametrize(
    ("course", "last"),
    [
        ("1", []),
        ("11", []),
        ("0", []),
        ("00", []),                  # found off: a state, not a change
        ("001", []),
        ("0011", [ON]),
        ("010", []),
        ("0100", [OFF]),
        ("10", []),
        ("100", [OFF]),
        ("1000", []),
        ("1001", []),
        ("10011", [ON]),
        ("100111", []),
        ("1010", []),                # an odd answer now and then
        ("10-0", []),                # not two in a row
        ("10-00", [OFF]),
        ("10--00", []),              # a BMC that was silent for a while may just have restarted
        ("1-", []),
        ("1--", []),
        ("1---", [LOST]),
        ("1----", []),
        ("1---1", [BACK]),
        ("1---0", [BACK]),
        ("1---00", []),
        ("1--1--", []),
        ("---", [LOST]),             # never was there
        ("----", []),
        ("---1", [BACK]),
        ("-1", []),
        ("1w", [LOST]),              # no patience with a wrong password
        ("1w1", [BACK]),
        ("100---", [LOST]),
        ("100---0", [BACK]),
        ("100---00", []),
        ("100---11", [ON]),
    ],
)
def test_what_changes(course: str, last: list[Change]) -> None:
    assert tell(a_judge(), course)[-1] == last


def test_off_after_a_silence_is_believed_when_it_lasts() -> None:
    judge = a_judge("1---")
    changes = [change for second in range(4, 120) for change in judge.saw_power(False, float(second), 0.01)]
    assert changes == [BACK, OFF]
    judge = a_judge("1---")
    for second in range(4, 70):
        assert OFF not in judge.saw_power(second > 30, float(second), 0.01), "it was on all the time"
        assert judge.power_is_on
    assert not judge.is_settled(60.0)
    assert judge.is_settled(3.0 + SETTLING)


@pytest.mark.parametrize(
    ("course", "link", "status"),
    [
        ("", Link.NOT_YET, Status.NOT_YET),
        ("-", Link.NOT_YET, Status.NOT_YET),
        ("--", Link.NOT_YET, Status.NOT_YET),
        ("---", Link.NG, Status.MONITORING),
        ("w", Link.NG, Status.MONITORING),
        ("1", Link.OK, Status.MONITORING),
        ("0", Link.OK, Status.MONITORING),
        ("00", Link.OK, Status.POFF_DETECTED),
        ("10", Link.OK, Status.MONITORING),
        ("100", Link.OK, Status.POFF_DETECTED),
        ("100-", Link.OK, Status.POFF_DETECTED),
        ("100---", Link.NG, Status.POFF_DETECTED),
        ("1---", Link.NG, Status.MONITORING),
        ("1001", Link.OK, Status.POFF_DETECTED),
        ("10011", Link.OK, Status.MONITORING),
        ("---1", Link.OK, Status.MONITORING),
    ],
)
def test_how_it_stands(course: str, link: Link, status: Status) -> None:
    shown = a_judge(course).status(100.0, is_own=False)
    assert (shown.link, shown.status) == (link, status)
    assert shown.reset_capable is (link is Link.OK)


def test_the_off_of_a_bmc_that_is_not_known_yet_is_not_believed_as_it_is() -> None:
    """It may be restarting, together with the connector after an outage."""
    judge = a_judge()
    assert not judge.believes_off(0.0)
    judge.saw_power(False, 1.0, 0.01)
    assert not judge.believes_off(1.0 + SETTLING / 2)
    for second in range(2, 2 + int(SETTLING)):
        judge.saw_power(False, float(second), 0.01)
    assert judge.believes_off(1.0 + SETTLING)


def test_a_bmc_that_called_its_server_on_is_known() -> None:
    judge = a_judge()
    judge.saw_power(True, 1.0, 0.01)
    judge.saw_power(False, 2.0, 0.01)
    assert judge.believes_off(2.0)


def test_an_answer_long_overdue_leaves_the_bmc_unsettled() -> None:
    """Between two polls that both succeeded, if late, there was room for a restart."""
    judge = a_judge()
    judge.saw_power(True, 1.0, 0.01)
    assert judge.is_settled(2.0 + SUSPICIOUS_DELAY)
    assert not judge.is_settled(2.1 + SUSPICIOUS_DELAY)
    late = 2.1 + SUSPICIOUS_DELAY
    judge.saw_power(True, late, 0.01)
    assert not judge.is_settled(late + 0.5)


def test_the_own_server_is_watched_as_well() -> None:
    assert a_judge("1").status(3.0, is_own=True) == ServerStatus("PSERVER2", Link.OK, Status.OWN_SERVER, True, 3.0)
    assert a_judge("1---").status(3.0, is_own=True) == ServerStatus("PSERVER2", Link.NG, Status.OWN_SERVER, False, 3.0)


def test_the_age_of_the_last_proof() -> None:
    assert a_judge("--").status(10.0, is_own=False).proof_age is None
    assert a_judge("11--").status(10.0, is_own=False).proof_age == 9.0


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience(patience: int) -> None:
    changes = tell(a_judge("1", patience=patience), "-" * 7)
    assert changes == [[LOST] if number == patience else [] for number in range(1, 8)]


def test_why_the_latest_reading_failed() -> None:
    assert a_judge("1").reason == ""
    assert a_judge("1-").reason == "no answer"
    assert a_judge("1-1").reason == ""


def test_why_a_link_is_ng_in_words() -> None:
    assert a_judge("1").why(5.0) == ""
    assert a_judge("1--").why(5.0) == "", "not NG yet"
    assert a_judge("1---").why(65.0) == "no answer (last answer 65 s ago)"
    assert a_judge("---").why(65.0) == "no answer (never an answer yet)"
    assert "tried again only every 300 s" in a_judge("www").why(65.0)
    assert a_judge("www---1").why(65.0) == ""


def test_a_link_over_which_nothing_can_be_switched_is_ng() -> None:
    judge = a_judge("1")
    assert judge.control_refused("refused", 1.0) == [LOST]
    assert judge.control_refused("refused", 1.5) == []
    for second in (2.0, 3.0, BARRIER_LIFE):
        assert judge.saw_power(True, second, 0.01) == []
        assert (judge.status(second, False).link, judge.status(second, False).reset_capable) == (Link.NG, False)
        assert judge.why(second) == "refused"
    assert judge.saw_power(True, 1.5 + BARRIER_LIFE, 0.01) == [BACK], "believed again until it is refused again"
    judge.control_refused("refused", 5000.0)
    judge.control_works()
    assert judge.saw_power(True, 5001.0, 0.01) == [BACK]


def test_silence_over_such_a_link_is_said_as_what_it_is() -> None:
    judge = a_judge("1")
    judge.control_refused("refused", 1.0)
    judge.heard_nothing(QUIET, 2.0)
    assert judge.why(10.0) == "no answer (last answer 10 s ago)"


@pytest.mark.parametrize(("gap", "changes"), [(0.05, []), (0.2, []), (CONFIRMATION_DELAY, [OFF])])
def test_readings_that_come_too_fast_do_not_confirm_each_other(gap: float, changes: list[Change]) -> None:
    """A reset reads more often than the watcher; what bounces meanwhile is no event."""
    judge = a_judge("1")
    judge.saw_power(False, 1.0, 0.01)
    assert judge.saw_power(False, 1.0 + gap, 0.01) == changes
    assert judge.saw_power(False, 1.5, 0.01) == ([] if changes else [OFF])


# ── when to ask next ──────────────────────────────────────────────────────────


def test_a_change_is_looked_at_again_soon() -> None:
    assert a_judge("1").next_delay() == 1.0
    assert a_judge("10").next_delay() == CONFIRMATION_DELAY
    assert a_judge("100").next_delay() == 1.0
    assert a_judge("0").next_delay() == CONFIRMATION_DELAY
    assert a_judge("10-").next_delay() == 1.0
    assert a_judge("10", poll_interval=0.2).next_delay() == 0.2


def test_a_wrong_password_is_not_tried_until_the_account_is_locked() -> None:
    assert MOST_WRONG_PASSWORDS < 5, "BMCs lock an account after five"
    assert a_judge("w" * (MOST_WRONG_PASSWORDS - 1)).next_delay() == 1.0
    assert a_judge("w" * MOST_WRONG_PASSWORDS).next_delay() == WRONG_PASSWORD_PAUSE
    assert a_judge("w" * (MOST_WRONG_PASSWORDS + 1)).next_delay() == WRONG_PASSWORD_PAUSE
    assert a_judge("w" * MOST_WRONG_PASSWORDS + "1").next_delay() == 1.0
    assert a_judge("ww-").next_delay() == 1.0
    assert a_judge("ww-w").next_delay() == WRONG_PASSWORD_PAUSE, "a lost answer does not unlock an account"


@pytest.mark.parametrize(("round_trip", "delay"), [(0.01, 1.0), (0.25, 1.0), (0.5, 2.0), (2.0, 8.0), (60.0, SLOWEST_POLL)])
def test_a_slow_bmc_is_asked_less_often(round_trip: float, delay: float) -> None:
    judge = a_judge()
    judge.saw_power(True, 1.0, round_trip)
    assert judge.next_delay() == delay


def test_never_more_often_than_configured() -> None:
    judge = a_judge(poll_interval=60.0)
    judge.saw_power(True, 1.0, 30.0)
    assert judge.next_delay() == 60.0


# ── whatever happens ──────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Happening:
    """One reading (`is_on`) or a silence."""

    is_on: bool | None
    silence: Silence
    after: float
    round_trip: float


happenings = st.builds(
    Happening,
    st.sampled_from((True, True, False, False, None)),
    st.sampled_from((QUIET, WRONG)),
    st.floats(0.0, 10.0),
    st.floats(0.0, 20.0),
)


@given(st.lists(happenings, max_size=60), st.integers(1, 5), st.sampled_from((0.2, 1.0, 60.0)))
def test_only_two_readings_in_a_row_change_the_power(row: list[Happening], patience: int, interval: float) -> None:
    judge = Judge("PSERVER2", interval, patience)
    now, told, before = 0.0, [], None
    for happening in row:
        now += happening.after
        known = judge.power_is_on
        changes = take(judge, happening, now)
        if happening.is_on is None:
            assert set(changes) <= {LOST}, "silence says nothing of the power"
            assert judge.power_is_on is known
        elif known is not None and judge.power_is_on is not known:
            assert before is not None
            assert before.is_on is happening.is_on is judge.power_is_on, "this reading and the one just before"
            assert changes[-1] is (ON if happening.is_on else OFF)
        else:
            assert not {ON, OFF} & set(changes), "no change without its change"
        told += changes
        before = happening
        check(judge, now, interval)
    power, link = [c for c in told if c in (ON, OFF)], [c for c in told if c in (LOST, BACK)]
    for events in (power, link):
        assert all(one is not other for one, other in itertools.pairwise(events)), "each change is told once"


def take(judge: Judge, happening: Happening, now: float) -> list[Change]:
    if happening.is_on is None:
        return judge.heard_nothing(happening.silence, now)
    return judge.saw_power(happening.is_on, now, happening.round_trip)


def check(judge: Judge, now: float, interval: float) -> None:
    status = judge.status(now, is_own=False)
    assert (status.status is Status.POFF_DETECTED) <= (judge.power_is_on is False)
    assert status.reset_capable <= (status.link is Link.OK)
    assert status.proof_age is None or status.proof_age >= 0
    assert 0 < judge.next_delay() <= max(interval, SLOWEST_POLL, WRONG_PASSWORD_PAUSE)
    assert LOAD_SHARE >= 1


@given(st.lists(st.sampled_from("01-w"), max_size=30).map("".join))
def test_it_stands_as_the_last_readings_say(course: str) -> None:
    """Told once more, differently: the last two equal readings in a row, or the first one if it was on."""
    judge, expected = a_judge(), None
    for number, happening in enumerate(course):
        is_believed = happening == "1" or not re.search("[w-]{2}", course[:number])    # silent for a while: not for a minute
        is_proven = course[number - 1 : number] == happening or (expected is None and happening == "1")
        if happening in "01" and is_believed and is_proven:
            expected = happening == "1"
    tell(judge, course)
    assert judge.power_is_on is expected
