"""What a broadcast needs to count: a proven life, a young stamp, a number that is new."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.wire.frame import Frame
from haconn_daemon.resetpath.freshness import PROOF_LIFE, PROVE_GAP, RENEW_AFTER, STAMP_LIFE, Freshness, Verdict, stamp

OLD, LIFE = b"oldlife1", b"thislife"
ASKED = b"q" * 16


def frame(made: float, sequence: int, epoch: bytes = LIFE, request: bytes = bytes(16)) -> Frame:
    return Frame(0x40, b"s" * 8, b"\xff" * 8, epoch, sequence, stamp(made), request)


def proven(now: float = 100.0, ahead: float = 0.0) -> Freshness:
    """Life LIFE, whose clock is so much ahead, proven now."""
    freshness = Freshness()
    assert freshness.ask(ASKED, now)
    assert freshness.take_proof(frame(now + ahead, 1, request=ASKED), now) == (True, [])
    return freshness


def test_what_comes_before_the_proof_waits_for_it_and_counts_once() -> None:
    freshness = Freshness()
    first = frame(7.0, 5)
    assert freshness.judge(first, 100.0) is Verdict.UNPROVEN
    assert freshness.ask(ASKED, 100.0)
    assert freshness.take_proof(frame(7.002, 6, request=ASKED), 100.002) == (True, [first])
    assert freshness.judge(first, 100.003) is Verdict.OLD
    assert freshness.judge(frame(7.1, 7), 100.1) is Verdict.NEW


def test_what_waits_of_another_life_or_from_long_ago_never_counts() -> None:
    freshness = Freshness()
    freshness.judge(frame(7.0, 5, OLD), 100.0)
    freshness.judge(frame(7.0, 5), 100.0)
    freshness.ask(ASKED, 100.0)
    assert freshness.take_proof(frame(7.0 + STAMP_LIFE + 0.1, 9, request=ASKED), 100.01) == (True, [])


def test_an_answer_counts_once_and_only_to_what_was_asked_just_now() -> None:
    freshness = Freshness()
    assert freshness.take_proof(frame(7.0, 5, request=ASKED), 100.0) is None
    freshness.ask(ASKED, 100.0)
    assert freshness.take_proof(frame(7.0, 5, request=b"x" * 16), 100.0) is None
    assert freshness.take_proof(frame(7.0, 5, request=ASKED), 100.0) is not None
    assert freshness.take_proof(frame(7.0, 6, request=ASKED), 100.0) is None
    freshness.ask(b"y" * 16, 101.0)
    assert freshness.take_proof(frame(7.0, 7, request=b"y" * 16), 101.1 + PROOF_LIFE) is None


def test_it_is_asked_at_most_20_times_a_second() -> None:
    freshness = Freshness()
    asked = sum(freshness.ask(bytes((number % 256,)) * 16, 100 + number / 1000) for number in range(1000))
    assert asked <= 1 / PROVE_GAP == 20


def test_a_stamp_from_long_ago_is_not_believed_before_another_proof() -> None:
    freshness = proven()
    assert freshness.judge(frame(100.0, 2), 100.0 + STAMP_LIFE - 0.01) is Verdict.NEW
    assert freshness.judge(frame(100.0, 3), 100.0 + STAMP_LIFE + 0.01) is Verdict.UNPROVEN


def test_a_clock_that_stood_still_is_learnt_anew() -> None:
    """The other one slept for an hour: its stamps look an hour old, until it proves that this is what its clock shows."""
    freshness = proven()
    late = frame(101.0, 2)
    assert freshness.judge(late, 3700.0) is Verdict.UNPROVEN
    assert freshness.ask(b"z" * 16, 3700.0)
    assert freshness.take_proof(frame(101.001, 3, request=b"z" * 16), 3700.001) == (False, [late])


def test_what_waited_for_its_proof_too_long_does_not_count() -> None:
    """Whoever can hold the proof back must not choose when an announcement counts."""
    freshness = Freshness()
    assert freshness.judge(frame(7.0, 5), 100.0) is Verdict.UNPROVEN
    later = 100.0 + STAMP_LIFE + 0.1
    assert freshness.ask(ASKED, later)
    assert freshness.take_proof(frame(7.0 + STAMP_LIFE + 0.101, 6, request=ASKED), later + 0.002) == (True, [])


def test_what_was_held_back_while_we_slept_is_not_new() -> None:
    """Our clock stood still for an hour; by the old proof everything of that hour seems to come from the future."""
    freshness = proven()
    assert freshness.judge(frame(1900.0, 2), 101.0) is Verdict.UNPROVEN
    assert freshness.ask(b"z" * 16, 101.0)
    assert freshness.take_proof(frame(3701.0, 9, request=b"z" * 16), 101.001) == (False, [])
    assert freshness.judge(frame(3701.01, 10), 101.02) is Verdict.NEW


def test_a_proof_is_renewed_after_a_minute() -> None:
    freshness = proven()
    assert not freshness.wants_renewal(100.0 + RENEW_AFTER)
    assert freshness.wants_renewal(100.1 + RENEW_AFTER)


@given(st.floats(-1e6, 1e6), st.floats(0, 100), st.floats(0, PROOF_LIFE), st.floats(0, 50))
def test_nothing_older_than_a_stamp_lives_is_believed(ahead: float, made: float, round_trip: float, held_back: float) -> None:
    """Whenever it was made, however slow the proof was, and whatever the other clock shows."""
    start = 2e6
    freshness = Freshness()
    freshness.ask(ASKED, start)
    freshness.take_proof(frame(start + ahead + round_trip / 2, 1, request=ASKED), start + round_trip)
    arrival = start + round_trip + made + held_back
    verdict = freshness.judge(frame(start + ahead + round_trip + made, 2), arrival)
    if held_back > STAMP_LIFE + 0.002:
        assert verdict is not Verdict.NEW
    if held_back + round_trip < STAMP_LIFE - 0.002:
        assert verdict is Verdict.NEW
