from __future__ import annotations

import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, SUITES
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.probing import Offer

HERE, THERE = ("192.0.2.1", 623), ("192.0.2.2", 623)
HOUR = 3600.0

suites = st.lists(st.sampled_from(sorted(SUITES)), unique=True).map(lambda numbers: [SUITES[number] for number in numbers])


def test_of_an_unknown_bmc_the_order_is_the_one_given() -> None:
    assert KnownBmcs().order(HERE, DEFAULT_SUITES, 0.0) == (SUITE_17, SUITE_3)


def test_the_winner_comes_first_at_its_address_only() -> None:
    known = KnownBmcs()
    known.remember(HERE, SUITE_3, 0.0)
    assert known.order(HERE, DEFAULT_SUITES, 0.0) == (SUITE_3, SUITE_17)
    assert known.order(THERE, DEFAULT_SUITES, 0.0) == (SUITE_17, SUITE_3)
    assert known.order((HERE[0], 624), DEFAULT_SUITES, 0.0) == (SUITE_17, SUITE_3)


@given(suites, st.sampled_from(sorted(SUITES)))
def test_nothing_is_tried_that_was_not_given_and_all_of_that_is(given_suites: list[object], winner: int) -> None:
    known = KnownBmcs()
    known.remember(HERE, SUITES[winner], 0.0)
    order = known.order(HERE, given_suites, 0.0)   # type: ignore[arg-type]
    rest = [suite for suite in given_suites if suite is not SUITES[winner]]
    is_first = SUITES[winner] in given_suites and SUITES[winner].is_authenticated
    assert list(order) == ([SUITES[winner], *rest] if is_first else given_suites)


def test_a_winner_is_forgotten_an_hour_after_its_first_login_so_that_a_better_one_gets_its_turn() -> None:
    known = KnownBmcs()
    known.remember(HERE, SUITE_3, 0.0)
    assert known.order(HERE, DEFAULT_SUITES, HOUR)[0] is SUITE_3
    assert known.order(HERE, DEFAULT_SUITES, HOUR + 0.1)[0] is SUITE_17
    known.remember(HERE, SUITE_3, HOUR)
    known.remember(HERE, SUITE_3, HOUR + 10.0)
    assert known.order(HERE, DEFAULT_SUITES, 2 * HOUR)[0] is SUITE_3
    assert known.order(HERE, DEFAULT_SUITES, 2 * HOUR + 5.0)[0] is SUITE_17


def test_the_last_winner_counts_and_a_login_of_ipmi_1_5_has_none() -> None:
    known = KnownBmcs()
    known.remember(HERE, SUITE_3, 0.0)
    known.remember(HERE, SUITE_17, 1.0)
    assert known.order(HERE, [SUITE_3, SUITE_17], 1.0) == (SUITE_17, SUITE_3)
    known.remember(HERE, None, 2.0)
    assert known.order(HERE, [SUITE_3, SUITE_17], 2.0) == (SUITE_3, SUITE_17)


def test_an_offer_is_kept_for_an_hour_and_does_not_change_the_order() -> None:
    known = KnownBmcs()
    offer = Offer(suites=(3,))
    assert known.offer(HERE, 0.0) is None
    known.keep_offer(HERE, offer, 0.0)
    assert known.offer(HERE, HOUR) is offer
    assert known.offer(THERE, 0.0) is None
    assert known.order(HERE, DEFAULT_SUITES, 0.0) == (SUITE_17, SUITE_3)
    assert known.offer(HERE, HOUR + 0.1) is None


def test_what_is_forgotten_is_forgotten() -> None:
    known = KnownBmcs()
    known.forget(HERE)
    known.remember(HERE, SUITE_3, 0.0)
    known.keep_offer(HERE, Offer(), 0.0)
    known.remember(THERE, SUITE_3, 0.0)
    known.forget(HERE)
    assert known.order(HERE, DEFAULT_SUITES, 0.0)[0] is SUITE_17
    assert known.offer(HERE, 0.0) is None
    assert known.order(THERE, DEFAULT_SUITES, 0.0)[0] is SUITE_3


def test_of_ten_thousand_the_one_that_was_remembered_longest_ago_gives_way() -> None:
    known = KnownBmcs()
    for number in range(10_000):
        known.remember((HERE[0], number), SUITE_3, 0.0)
        known.keep_offer((HERE[0], number), Offer(), 0.0)
    known.remember((HERE[0], 0), SUITE_17, 1.0)
    known.remember((HERE[0], 0), SUITE_3, 1.0)
    known.remember(THERE, SUITE_3, 1.0)
    known.keep_offer(THERE, Offer(), 1.0)
    first = [known.order((HERE[0], number), DEFAULT_SUITES, 1.0)[0] for number in (0, 1, 2)]
    assert first == [SUITE_3, SUITE_17, SUITE_3]
    assert [known.offer((HERE[0], number), 1.0) for number in (0, 1)] == [None, Offer()]


def test_several_threads_may_share_one() -> None:
    """Their entries grow old, and the room runs out, while all of them read and write."""
    known = KnownBmcs()
    for number in range(9_990):
        known.remember((HERE[0], number), SUITE_3, 0.0)
    failures: list[BaseException] = []

    def use(first: int) -> None:
        try:
            for turn in range(3000):
                now = turn * 10.0
                known.remember((THERE[0], first + turn), SUITE_3, now)
                assert set(known.order((THERE[0], turn % 50), DEFAULT_SUITES, now)) == set(DEFAULT_SUITES)
                known.forget((THERE[0], turn % 70))
        except BaseException as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
