from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import close_session
from ipmi_lan.simulator import Faults, SessionFaults
from ipmi_lan.simulator.sessions import WINDOW, ReplayWindow
from ipmi_lan.wire.codes import RakpStatus
from tests.ipmi_lan.simulator.console import Console, a_bmc


def test_slots_are_as_many_as_said() -> None:
    bmc = a_bmc(slots=2)
    consoles = [Console(bmc, console_id=number).log_in() for number in (1, 2)]
    assert Console(bmc, console_id=3).open_session().status == RakpStatus.INSUFFICIENT_RESOURCES
    consoles[0].run(close_session(consoles[0].bmc_id))
    Console(bmc, console_id=3).log_in()


def test_half_open_ones_take_a_slot_for_three_seconds() -> None:
    bmc = a_bmc(slots=1)
    Console(bmc).open_session(now=10.0)
    assert Console(bmc).open_session(now=12.9).status == RakpStatus.INSUFFICIENT_RESOURCES
    assert bmc.half_open_sessions(12.9) == 1
    Console(bmc).log_in(now=13.0)


def test_login_that_takes_too_long_is_forgotten() -> None:
    bmc = a_bmc()
    console = Console(bmc)
    console.send_rakp_1(console.open_session(now=0.0).bmc_id, now=2.9)
    rakp_4 = console.send_rakp_3(now=3.0)
    assert rakp_4 is not None
    assert rakp_4.status == RakpStatus.INVALID_SESSION_ID


def test_idle_session_ends_after_sixty_seconds_and_use_keeps_it() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in(now=0.0)
    console.run(get_chassis_status(), now=59.0)
    console.run(get_chassis_status(), now=118.0)
    assert bmc.open_sessions(177.9) == 1
    assert console.send(console.datagram_of(get_chassis_status()), now=178.0) is None
    assert bmc.open_sessions(178.0) == 0


def test_bad_datagrams_do_not_keep_a_session_alive() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in(now=0.0)
    good = console.datagram_of(get_chassis_status())
    assert console.send(good[:-1] + bytes((good[-1] ^ 1,)), now=59.0) is None
    assert bmc.open_sessions(60.0) == 0


def test_closed_session_is_dead() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    console.run(close_session(console.bmc_id))
    assert console.send(console.datagram_of(get_chassis_status())) is None
    assert bmc.open_sessions(0.0) == 0


def test_replayed_reset_is_done_once() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    reset = console.datagram_of(chassis_control(Control.HARD_RESET))
    assert console.send(reset, now=1.0) is not None
    assert console.send(reset, now=1.1) is None
    console.run(get_chassis_status(), now=2.0)
    assert console.send(reset, now=3.0) is None
    assert bmc.chassis.resets == [1.0]
    assert bmc.counters["replayed"] == 2


def test_replay_into_a_later_session_is_dropped() -> None:
    bmc = a_bmc()
    first = Console(bmc).log_in()
    off = first.datagram_of(chassis_control(Control.POWER_OFF))
    first.run(close_session(first.bmc_id))
    Console(bmc).log_in()
    assert first.send(off) is None
    assert bmc.power_commands == []


def test_numbers_may_begin_anywhere_and_come_in_any_order_within_the_window() -> None:
    console = Console(a_bmc()).log_in(raise_to=0)
    for number, is_answered in [(100, True), (99, True), (84, True), (83, False), (116, True), (99, False), (133, False)]:
        assert (console.send(console.datagram(0, 1, sequence=number)) is not None) == is_answered, number
    assert console.send(console.datagram(0, 1, sequence=0)) is None


@given(st.lists(st.integers(0, 60), max_size=60))
def test_window_takes_each_number_once_and_none_from_afar(numbers: list[int]) -> None:
    window, taken = ReplayWindow(), list[int]()
    for number in numbers:
        fresh = number != 0 and number not in taken and (not taken or abs(number - max(taken)) <= WINDOW)
        assert window.accept(number) == fresh
        if fresh:
            taken.append(number)


@given(st.integers(1, 0xFFFFFFFF), st.lists(st.integers(-20, 20), max_size=40))
def test_a_window_that_is_told_the_first_number_takes_nothing_before_it_and_wraps_past_0(first: int, steps: list[int]) -> None:
    window, taken, highest = ReplayWindow(8, first), set[int](), -1
    for step in steps:
        number = (first + step) % 0x100000000
        fresh = number != 0 and step >= 0 and step not in taken and abs(step - highest) <= 8
        assert window.accept(number) == fresh, step
        if fresh:
            taken.add(step)
            highest = max(highest, step)


def test_limits_may_be_changed_while_it_runs() -> None:
    bmc = a_bmc(faults=Faults(session=SessionFaults(half_open_limit=10.0, idle_limit=20.0)))
    console = Console(bmc)
    console.send_rakp_1(console.open_session(now=0.0).bmc_id, now=9.9)
    assert bmc.half_open_sessions(9.9) == 1
    assert bmc.half_open_sessions(10.0) == 0
    Console(bmc).log_in(now=20.0)
    assert bmc.open_sessions(39.9) == 1
    bmc.faults.session.idle_limit = 5.0
    assert bmc.open_sessions(39.9) == 0


def test_the_idle_limit_shrinks_when_more_than_half_the_slots_are_taken() -> None:
    bmc = a_bmc(slots=4, faults=Faults(session=SessionFaults(idle_limit_shrinks=True)))
    for number in range(1, 3):
        Console(bmc, console_id=number).log_in(now=0.0)
    assert bmc.open_sessions(59.9) == 2
    Console(bmc, console_id=3).log_in(now=17.0)
    assert bmc.open_sessions(17.7) == 3    # 60 s / 1.5³ = 17.8 s
    assert bmc.open_sessions(17.8) == 1
    assert bmc.open_sessions(76.9) == 1
