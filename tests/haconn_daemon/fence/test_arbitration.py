"""Two servers that would reset each other: never both die, and where nothing is lost exactly one does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import ResultCode
from haconn_daemon.fence.arbitration import COMMITTED, COMMITTED_LIFE, INTENT_LIFE, MOST_HEARD, Arbitration
from tests.haconn_daemon.fence.split import WAIT, Split, play, seeded_loss

names = st.text("ABab01", min_size=1, max_size=4)
priorities = st.integers(0, 100)


def heard(target: str, requester: str, priority: int, at: float = 0.0) -> Arbitration:
    arbitration = Arbitration()
    arbitration.heard(target, requester, priority, "192.0.2.1:30000", at)
    return arbitration


# ── who gives way ─────────────────────────────────────────────────────────────


@pytest.mark.shows("R5")
@given(names, names, priorities, priorities)
def test_of_two_exactly_one_gives_way(a: str, b: str, of_a: int, of_b: int) -> None:
    if a != b:
        loses_a = heard(a, b, of_b).winner(a, of_a, b, 0.1) is not None
        loses_b = heard(b, a, of_a).winner(b, of_b, a, 0.1) is not None
        assert loses_a is not loses_b
        if of_a != of_b:
            assert loses_b is (of_a > of_b)


def test_of_equal_priorities_the_first_name_wins() -> None:
    assert heard("A", "B", 5).winner("A", 5, "B", 0.1) is None
    assert heard("B", "A", 5).winner("B", 5, "A", 0.1) is not None
    assert heard("AB", "A", 5).winner("AB", 5, "A", 0.1) is not None


def test_who_has_begun_cannot_be_stopped_and_who_does_not_know_itself_will_not_stop() -> None:
    assert heard("A", "B", COMMITTED).winner("A", 100, "B", 0.1) is not None
    assert heard("A", "", 0).winner("A", 100, "B", 0.1) is not None


def test_an_announcement_in_our_own_name_is_not_above_us() -> None:
    assert heard("A", "A", 5).winner("A", 5, "B", 0.1) is None


def test_a_third_server_with_more_right_counts_as_well() -> None:
    assert heard("A", "C", 50).winner("A", 10, "B", 0.1) is not None


@pytest.mark.parametrize("target", ["B", "C"])
def test_resets_of_others_are_no_concern_of_ours(target: str) -> None:
    assert heard(target, "D", COMMITTED).winner("A", 0, "B", 0.1) is None


def test_to_reset_oneself_is_no_race() -> None:
    assert heard("A", "B", COMMITTED).winner("A", 0, "A", 0.1) is None


@pytest.mark.parametrize(("priority", "life"), [(50, INTENT_LIFE), (COMMITTED, COMMITTED_LIFE)])
def test_what_was_heard_does_not_count_for_ever(priority: int, life: float) -> None:
    arbitration = heard("A", "B", priority, at=10.0)
    assert arbitration.winner("A", 0, "B", 10.0 + life - 0.001) is not None
    assert arbitration.winner("A", 0, "B", 10.0 + life) is None


def test_an_older_announcement_that_comes_late_does_not_undo_a_commitment() -> None:
    arbitration = heard("A", "B", COMMITTED)
    arbitration.heard("A", "B", 0, "192.0.2.1:30000", 0.1)
    assert arbitration.winner("A", 100, "B", 0.2) is not None
    arbitration.heard("A", "B", 0, "192.0.2.1:30000", 2 * COMMITTED_LIFE)
    assert arbitration.winner("A", 100, "B", 2 * COMMITTED_LIFE) is None, "that is another reset"


def test_the_strongest_of_several_is_named() -> None:
    arbitration = heard("A", "C", 20)
    arbitration.heard("A", "D", 30, "192.0.2.3:30000", 0.0)
    arbitration.heard("A", "B", 10, "192.0.2.2:30000", 0.0)
    winner = arbitration.winner("A", 5, "B", 0.1)
    assert winner is not None
    assert winner.words == "D resets A"


def test_what_is_remembered_is_bounded() -> None:
    arbitration = heard("A", "B", 50)
    for number in range(MOST_HEARD):
        arbitration.heard("X", "Y", 0, f"192.0.2.9:{number}", 0.1)
    assert arbitration.winner("A", 0, "B", 0.2) is None, "the oldest goes first"


# ── two desks ─────────────────────────────────────────────────────────────────

RANKS = ((0, 0), (10, 0))


def check(split: Split) -> None:
    """Exactly one shot, and the results say the same."""
    a, b = split.sides
    assert a.was_shot is not b.was_shot, "exactly one dies"
    loser = a if a.was_shot else b
    assert [result.code for result in loser.results] in ([ResultCode.LOST_RACE], []), "or was dead before it was asked"
    assert [result.code for result in loser.other.results] == [ResultCode.OFF_CONFIRMED]


@pytest.mark.shows("R5")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("logins", [(0.02, 0.02), (0.02, 1.0), (1.0, 0.02)])
def test_any_skew_and_nothing_lost(monkeypatch: pytest.MonkeyPatch, ranks: tuple[int, int], logins: tuple[float, float]) -> None:
    for skew in range(0, 505, 5):
        for starts in ((0.0, skew / 1000), (skew / 1000, 0.0)):
            if logins == (0.02, 0.02) or skew % 50 == 0:
                print(f"starts {starts}")
                split = play(monkeypatch, Split(ranks, logins=logins), *starts)
                check(split)
                if abs(starts[0] - starts[1]) <= 0.25 and logins == (0.02, 0.02):
                    assert split.sides[0].was_shot is False, "in time, A wins, by its name or its priority"


@pytest.mark.parametrize("latency", [0.0, 0.05, 0.14])
def test_latency_up_to_half_the_wait(monkeypatch: pytest.MonkeyPatch, latency: float) -> None:
    for skew in (*range(0, 450, 30), 285, 295, 299, 301, 305):
        print(f"skew {skew}")
        check(play(monkeypatch, Split((0, 10), latency=latency), 0.0, skew / 1000))


@pytest.mark.shows("R5")
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_loss_of_announcements(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    for seed in range(60):
        print(f"seed {seed}")
        split = Split(RANKS[seed % 2], is_lost=seeded_loss(seed, share))
        play(monkeypatch, split, 0.0, seed * 5 % 505 / 1000)
        assert not all(side.was_shot for side in split.sides)
        assert any(side.was_shot for side in split.sides)


def test_force_is_no_right(monkeypatch: pytest.MonkeyPatch) -> None:
    check(play(monkeypatch, Split(), 0.0, 0.1, force=True))


def test_nobody_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login and the first reading go on while the others are listened to: it costs the wait, and no more."""
    split = play(monkeypatch, Split(logins=(0.25, 0.25)), 0.0, None)
    assert split.sides[1].bmc.shots == [pytest.approx(WAIT, abs=0.003)]


def test_a_slow_login_takes_the_wait_in(monkeypatch: pytest.MonkeyPatch) -> None:
    split = play(monkeypatch, Split(logins=(2.0, 2.0)), 0.0, None)
    assert split.sides[1].bmc.shots == [pytest.approx(2.0, abs=0.003)]


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    split = play(monkeypatch, Split(wait=0.0), 0.0, None)
    assert split.sides[1].bmc.shots == [pytest.approx(0.02, abs=0.003)]
    assert split.sides[0].announced == []


def test_turned_off_it_hears_nobody_either(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(wait=0.0)
    a, b = split.sides
    b.bmc.on_login = lambda: a.desk.heard_intent("A", "B", COMMITTED, "192.0.2.2:1", 0.02)
    assert play(monkeypatch, split, 0.0, None).sides[1].was_shot


def test_who_does_not_know_its_own_server_says_so_and_the_other_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    split = play(monkeypatch, Split((100, 0), know_themselves=(True, False)), 0.0, 0.1)
    a, b = split.sides
    assert (a.was_shot, b.was_shot) == (True, False)
    assert [result.code for result in a.results] == [ResultCode.LOST_RACE]
    assert "own one is not known" in b.results[0].evidence.detail


def test_a_request_that_comes_after_the_announcement(monkeypatch: pytest.MonkeyPatch) -> None:
    """B hears of A's reset, still logging in, before anybody asks B for one."""
    split = play(monkeypatch, Split((10, 0), logins=(0.02, 2.0)), 0.0, 1.0)
    assert [result.code for result in split.sides[1].results] == [ResultCode.LOST_RACE]
    assert split.sides[1].announced == [], "who has lost already announces nothing"


def test_who_loses_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its BMC has not answered yet."""
    split = play(monkeypatch, Split((10, 0), latency=0.005, logins=(2.0, 0.02)), 0.1, 0.0)
    assert split.sides[1].finished_at == [pytest.approx(0.105, abs=0.001)]


def test_who_lost_to_one_that_failed_may_soon_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cannot reach B's BMC. B loses its first race, and not the one after."""
    split = play(monkeypatch, Split((10, 0), logins=(0.02, 99.0)), 0.0, 1.0)
    assert [result.code for result in split.sides[1].results] == [ResultCode.LOST_RACE]
    split = play(monkeypatch, Split((10, 0), logins=(0.02, 99.0)), 0.0, INTENT_LIFE + 0.5, lasts=INTENT_LIFE + 2.0)
    assert split.sides[0].was_shot


def test_too_late_to_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """An announcement with more right, heard after the power command: it is said, and the reset goes on to its end."""
    split = Split((0, 0), latency=0.0)
    b = split.sides[1]
    b.bmc.on_shot = lambda: split.sides[0].desk.heard_intent("A", "C", 100, "192.0.2.3:1", 1.0)
    play(monkeypatch, split, 0.0, None)
    (result,) = split.sides[0].results
    assert result.code is ResultCode.OFF_CONFIRMED
    assert "too late to give way: C resets A" in result.evidence.detail


def test_what_is_announced_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    split = play(monkeypatch, Split((7, 0)), 0.0, None)
    times, said = zip(*split.sides[0].announced, strict=True)
    assert said == (7, 7, 7, COMMITTED, COMMITTED, COMMITTED)
    assert times[:3] == pytest.approx((0.0, 0.1, 0.2))
    assert times[3] == split.sides[1].bmc.shots[0] - 0.001, "together with the power command"
