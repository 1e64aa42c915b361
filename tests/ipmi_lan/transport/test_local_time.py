"""The local client and time: silence, answers that come late, drivers that hang, and the end. No test waits for a clock."""

from __future__ import annotations

import errno
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from ipmi_lan import DeviceFailed, NoAnswer
from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.transport.local import open_local
from tests.ipmi_lan.transport.ipmi_device import CHOOSE_EVENTS, GUID, LONG, RECEIVE, SEND, FakeDriver, Message, ask


def run_until_late(main: Callable[[], Awaitable[None]], is_time: Callable[[], bool]) -> None:
    """Run `main` while the clock stands; as often as `is_time` turns true the deadline passes."""
    clock = MockClock()

    async def watch() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            if is_time():
                clock.jump(2 * LONG)

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await main()
            nursery.cancel_scope.cancel()

    trio.run(both, clock=clock)


def once(is_so: Callable[[], bool]) -> Callable[[], bool]:
    """True the first time that it is so, and never again."""
    left = [True]
    return lambda: bool(left) and is_so() and left.pop()


def test_silence_ends_at_the_deadline(driver: FakeDriver) -> None:
    driver.answer = lambda netfn, command, data: None

    async def main() -> None:
        with pytest.raises(NoAnswer) as caught:
            await ask(driver)
        assert caught.value.was_sent

    run_until_late(main, lambda: bool(driver.requests))
    assert len(driver.requests) == 1, "never sent twice"


def test_the_late_answer_to_a_request_given_up_is_not_the_next_one_s(driver: FakeDriver) -> None:
    driver.answer = lambda netfn, command, data: b"\0" + GUID if len(driver.requests) > 1 else None

    async def main() -> None:
        async with open_local(str(driver.path), ioctl=driver) as bmc:
            with pytest.raises(NoAnswer):
                await bmc.run(get_system_guid(), LONG)
            late = driver.requests[0]
            driver.deliver(Message(late.number, 0x07, 0x37, b"\0" + bytes(16)))
            assert (await bmc.run(get_system_guid(), 10 * LONG)).guid == GUID

    run_until_late(main, once(lambda: bool(driver.requests)))


def test_a_driver_that_never_has_room_was_sent_nothing(driver: FakeDriver) -> None:
    driver.errors[SEND] = [errno.EAGAIN] * 1000

    async def main() -> None:
        with pytest.raises(NoAnswer) as caught:
            await ask(driver)
        assert not caught.value.was_sent

    run_until_late(main, lambda: trio.lowlevel.current_statistics().seconds_to_next_deadline < 1)   # between two tries


class Hanging:
    """An ioctl that comes back when it is told to."""

    def __init__(self, driver: FakeDriver, number: int) -> None:
        self.driver = driver
        self.number = number
        self.hangs = threading.Event()
        self.may_return = threading.Event()

    def __call__(self, descriptor: int, request: int, argument: bytearray) -> int:
        if request & 0xFF == self.number:
            self.hangs.set()
            self.may_return.wait()
        return self.driver(descriptor, request, argument)


def open_descriptors(path: Path) -> int:
    """How many files of this process are open on `path`."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += link.readlink() == path
    return found


@pytest.mark.parametrize("number", [SEND, RECEIVE])
def test_a_call_that_hangs_holds_nobody_beyond_his_deadline(driver: FakeDriver, number: int) -> None:
    hanging = Hanging(driver, number)

    async def main() -> None:
        async with open_local(str(driver.path), ioctl=hanging) as bmc:
            with pytest.raises(NoAnswer) as caught:
                await bmc.run(get_system_guid(), LONG)
            assert caught.value.was_sent, "it may have been"
            with pytest.raises(DeviceFailed, match="not come back"):
                await bmc.run(get_system_guid(), LONG)
        assert open_descriptors(driver.path) == 2, "not closed under the call that hangs"
        hanging.may_return.set()
        while open_descriptors(driver.path) > 1:
            await trio.lowlevel.checkpoint()

    run_until_late(main, once(hanging.hangs.is_set))


def test_an_opening_that_hangs_is_closed_when_it_ends(driver: FakeDriver) -> None:
    hanging = Hanging(driver, CHOOSE_EVENTS)

    async def main() -> None:
        with pytest.raises(NoAnswer, match="opening"):
            async with open_local(str(driver.path), timeout=LONG, ioctl=hanging):
                raise AssertionError("opened")
        hanging.may_return.set()
        while open_descriptors(driver.path) > 1:
            await trio.lowlevel.checkpoint()

    run_until_late(main, once(hanging.hangs.is_set))


def test_closing_ends_what_still_waits(driver: FakeDriver) -> None:
    driver.answer = lambda netfn, command, data: None
    outcomes = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            async with open_local(str(driver.path), ioctl=driver) as bmc:

                async def wait() -> None:
                    with pytest.raises(DeviceFailed, match="closed") as caught:
                        await bmc.run(get_system_guid(), LONG)
                    outcomes.append(caught.value)

                nursery.start_soon(wait)
                while not driver.requests:
                    await trio.lowlevel.checkpoint()
            with pytest.raises(DeviceFailed, match="closed"):
                await bmc.run(get_system_guid(), LONG)

    trio.run(main)
    assert len(outcomes) == 1
    assert open_descriptors(driver.path) == 1
