"""Who is called when: the endpoint's one clock for all its lines, on the virtual clock."""

from __future__ import annotations

import gc
import socket
import weakref

import trio
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.transport.endpoint import Endpoint, Line, open_endpoint
from ipmi_lan.transport.udp import Address
from tests.fakes.network import run_virtually
from tests.ipmi_lan.transport.mailbox import Mailboxes, Recorder

V4, V6 = socket.AF_INET, socket.AF_INET6


def host(number: int, port: int = 623) -> Address:
    return f"10.0.{number // 256}.{number % 256}", port


def _with_line(story: object) -> None:
    async def main() -> None:
        async with open_endpoint(open_port=Mailboxes().open) as endpoint:
            receiver = Recorder()
            await story(endpoint, endpoint.attach(V4, host(1), receiver), receiver)  # type: ignore[operator]

    run_virtually(main)


def test_the_newest_moment_counts_be_it_earlier_or_later() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        line.wake_at(5.0)
        line.wake_at(3.0)
        line.wake_at(9.0)
        await trio.sleep_until(8.0)
        assert receiver.woken == []
        await trio.sleep_until(20.0)
        assert receiver.woken == [9.0], "who was called asks anew"
        line.wake_at(30.0)
        line.wake_at(25.0)
        await trio.sleep_until(40.0)
        assert receiver.woken == [9.0, 25.0]

    _with_line(story)


def test_a_moment_gone_by_is_now() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        await trio.sleep(10.0)
        line.wake_at(3.0)
        await trio.testing.wait_all_tasks_blocked()
        assert receiver.woken == [10.0]

    _with_line(story)


def test_a_closed_line_is_not_called() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        other = Recorder()
        endpoint.attach(V4, host(2), other).wake_at(5.0)
        line.wake_at(4.0)
        line.wake_at(2.0)
        line.close()
        await trio.sleep(10.0)
        assert (receiver.woken, other.woken) == ([], [5.0])

    _with_line(story)


def test_one_that_closes_another_at_the_same_moment() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        other = Recorder()
        second = endpoint.attach(V4, host(2), other)
        receiver.handle_deadline = second.close  # type: ignore[method-assign]
        line.wake_at(1.0)
        second.wake_at(1.0)
        await trio.sleep(5.0)
        assert other.woken == []

    _with_line(story)


def test_one_that_always_wants_to_be_called_at_once_does_not_stop_the_world() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        called = [0]

        def again() -> None:
            called[0] += 1
            if called[0] < 100:
                line.wake_at(trio.current_time() - 1.0)

        receiver.handle_deadline = again  # type: ignore[method-assign]
        other = Recorder()
        endpoint.attach(V4, host(2), other).wake_at(0.0)
        line.wake_at(0.0)
        for _ in range(6):
            await trio.lowlevel.checkpoint()
        assert 1 < called[0] < 10
        assert other.woken == [0.0]
        await trio.sleep(1.0)

    _with_line(story)


def test_what_a_held_session_asks_for_does_not_pile_up() -> None:
    """Every command asks to be called soon, and when that has come to nothing, for the keep-alive in the far future."""

    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        receiver.handle_deadline = lambda: line.wake_at(trio.current_time() + 25.0)  # type: ignore[method-assign]
        for _ in range(1000):
            line.wake_at(trio.current_time() + 0.3)
            await trio.sleep(1.0)
        (station,) = endpoint._stations
        assert len(station._heap) <= 10

    _with_line(story)


def test_a_closed_line_does_not_keep_its_session() -> None:
    async def story(endpoint: Endpoint, line: Line, receiver: Recorder) -> None:
        other = Recorder()
        second = endpoint.attach(V4, host(2), other)
        second.wake_at(1000.0)
        second.close()
        gone = weakref.ref(other)
        del other
        gc.collect()
        assert gone() is None

    _with_line(story)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([0.0, 0.25, 1.0, 1.5]), st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0, 25.0, None])
        ),
        max_size=40,
    )
)
def test_everyone_is_called_at_the_moment_he_asked_for_last(steps: list[tuple[int, float, float | None]]) -> None:
    """Steps are: who, how much later, and what he asks for, None to close. A model without a heap says what must come of it."""
    receivers = [Recorder() for _ in range(4)]
    expected: list[list[float]] = [[] for _ in receivers]
    due: list[float | None] = [None for _ in receivers]
    closed = set()

    def pass_time(now: float) -> None:
        for number, moment in enumerate(due):
            if moment is not None and moment <= now:
                expected[number].append(moment)
                due[number] = None

    async def story() -> None:
        async with open_endpoint(open_port=Mailboxes().open) as endpoint:
            lines = [endpoint.attach(V4, host(number), receiver) for number, receiver in enumerate(receivers)]
            for who, later, asked in steps:
                await trio.sleep(later)
                await trio.testing.wait_all_tasks_blocked()
                now = trio.current_time()
                pass_time(now)
                if asked is None:
                    lines[who].close()
                    closed.add(who)
                    due[who] = None
                elif who not in closed:
                    lines[who].wake_at(now + asked)
                    due[who] = max(now, now + asked)
            await trio.sleep(100.0)
            pass_time(trio.current_time())

    run_virtually(story)
    assert [receiver.woken for receiver in receivers] == expected
