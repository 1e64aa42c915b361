"""The local client against a driver of our own that plays Linux and a BMC."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from ipmi_lan import BadArgument, CommandRefused, DeviceFailed, Hop, IpmiError, Malformed, NoDevice, NoPermission
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.sel import add_sel_entry
from ipmi_lan.transport.local import open_local
from tests.ipmi_lan.transport.ipmi_device import CHOOSE_EVENTS, GUID, LONG, RECEIVE, SEND, FakeDriver, Message, ask


def test_a_command_goes_to_the_bmc_itself_and_its_reply_comes_back(driver: FakeDriver) -> None:
    assert trio.run(ask, driver) == GUID
    (request,) = driver.requests
    assert (request.netfn, request.command, request.data) == (0x06, 0x37, b"")
    assert driver.addresses == [struct.pack("ihBx", 0x0C, 0x0F, 0)]


def test_the_data_of_a_request_go_with_it(driver: FakeDriver) -> None:
    record = bytes(range(100, 116))

    async def main() -> None:
        driver.answer = lambda netfn, command, data: b"\0\x07\x00"
        async with open_local(str(driver.path), ioctl=driver) as bmc:
            assert (await bmc.run(add_sel_entry(record), LONG)).record_id == 7

    trio.run(main)
    assert [request.data for request in driver.requests] == [record]


def test_tasks_take_turns_and_each_gets_its_own_answer(driver: FakeDriver) -> None:
    driver.answer = lambda netfn, command, data: b"\0\x01\0\0" if netfn == 0 else b"\0" + GUID
    found: list[bool | bytes] = []

    async def main() -> None:
        async with open_local(str(driver.path), ioctl=driver) as bmc, trio.open_nursery() as nursery:

            async def status() -> None:
                found.append((await bmc.run(get_chassis_status(), LONG)).power_is_on)

            async def guid() -> None:
                found.append((await bmc.run(get_system_guid(), LONG)).guid)

            for task in (status, guid, status, guid):
                nursery.start_soon(task)

    trio.run(main)
    assert sorted(found, key=str) == sorted([True, True, GUID, GUID], key=str)
    assert len({request.number for request in driver.requests}) == 4


def test_a_completion_code_is_a_refusal(driver: FakeDriver) -> None:
    driver.answer = lambda netfn, command, data: b"\xc1"
    with pytest.raises(CommandRefused) as caught:
        trio.run(ask, driver)
    assert (caught.value.code, caught.value.command) == (0xC1, "Get System GUID")


@pytest.mark.parametrize("answer", [b"", b"\0", b"\0" + GUID[:15]])
def test_an_answer_too_short_to_read(driver: FakeDriver, answer: bytes) -> None:
    driver.answer = lambda netfn, command, data: answer
    with pytest.raises(Malformed):
        trio.run(ask, driver)


def test_what_is_no_answer_to_this_request_is_passed_over(driver: FakeDriver) -> None:
    wrong = b"\0" + b"\xee" * 16

    def answer(netfn: int, command: int, data: bytes) -> bytes:
        number = driver.requests[-1].number
        for message in (
            Message(number - 1, 0x07, 0x37, wrong),          # late, of a request before
            Message(number, 0x07, 0x37, wrong, kind=2),      # an event
            Message(number, 0x07, 0x37, wrong, kind=3),      # a command for us
            Message(number, 0x06, 0x37, wrong),
            Message(number, 0x07, 0x01, wrong),
            Message(number, 0x07, 0x37, bytes(400)),
            Message(number, 0x07, 0x37, wrong, claims=0xFFFF),
        ):
            driver.deliver(message)
        driver.wake()
        return b"\0" + GUID

    driver.answer = answer
    dropped: dict[str, int] = {}

    async def main() -> None:
        async with open_local(str(driver.path), ioctl=driver) as bmc:
            assert (await bmc.run(get_system_guid(), LONG)).guid == GUID
            dropped.update(bmc.dropped)

    trio.run(main)
    assert dropped == {"answer to another request": 1, "no answer": 2, "answer to another command": 2, "too long": 2}


def test_readable_and_nothing_there_is_asked_again(driver: FakeDriver) -> None:
    driver.errors[RECEIVE] = [errno.EAGAIN, errno.EINTR]
    assert trio.run(ask, driver) == GUID


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EBUSY, errno.ENOMEM])
def test_a_driver_without_room_is_asked_again(driver: FakeDriver, error: int) -> None:
    driver.errors[SEND] = [error, error]
    assert trio.run(ask, driver) == GUID
    assert len(driver.requests) == 1


@pytest.mark.parametrize(
    ("number", "error", "kind"),
    [
        (SEND, errno.ENODEV, NoDevice),
        (RECEIVE, errno.ENODEV, NoDevice),
        (RECEIVE, errno.EFAULT, DeviceFailed),
        (SEND, errno.EINVAL, DeviceFailed),
        (CHOOSE_EVENTS, errno.ENOTTY, DeviceFailed),
        (CHOOSE_EVENTS, errno.EPERM, NoPermission),
    ],
)
def test_what_the_driver_refuses_is_told(driver: FakeDriver, number: int, error: int, kind: type[IpmiError]) -> None:
    driver.errors[number] = [error]
    with pytest.raises(kind, match="ipmi0"):
        trio.run(ask, driver)


async def open_and_close(path: str) -> None:
    async with open_local(path):
        raise AssertionError("opened")


def test_a_machine_without_the_device(tmp_path: Path) -> None:
    with pytest.raises(NoDevice, match="ipmi_devintf"):
        trio.run(open_and_close, str(tmp_path / "ipmi0"))


def test_a_file_that_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "ipmi0").write_bytes(b"")
    with pytest.raises(DeviceFailed):
        trio.run(open_and_close, str(tmp_path / "ipmi0"))


@pytest.mark.parametrize(
    ("error", "kind"), [(errno.EACCES, NoPermission), (errno.EPERM, NoPermission), (errno.EBUSY, DeviceFailed)]
)
def test_a_device_that_does_not_let_us_in(monkeypatch: pytest.MonkeyPatch, error: int, kind: type[IpmiError]) -> None:
    def refuse(path: str, flags: int) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("ipmi_lan.transport.local.os.open", refuse)
    with pytest.raises(kind):
        trio.run(open_and_close, "/dev/ipmi0")


def test_what_the_device_cannot_carry(driver: FakeDriver) -> None:
    async def main() -> None:
        async with open_local(str(driver.path), ioctl=driver) as bmc:
            with pytest.raises(BadArgument):
                await bmc.run(get_device_id().through(Hop(0, 0x82)))
            with pytest.raises(BadArgument):
                await bmc.run(get_device_id()._replace(data=bytes(273)))

    trio.run(main)
    assert driver.requests == []


# ── whatever comes ───────────────────────────────────────────────────────────

MESSAGES = st.builds(
    Message,
    number=st.integers(-3, 3) | st.integers(-(2**31), 2**31 - 1),
    netfn=st.sampled_from([0x06, 0x07]) | st.integers(0, 255),
    command=st.just(0x37) | st.integers(0, 255),
    data=st.binary(max_size=300),
    kind=st.integers(0, 6) | st.integers(-(2**31), 2**31 - 1),
    claims=st.none() | st.integers(0, 0xFFFF),
)


@given(st.lists(MESSAGES, max_size=6))
@settings(deadline=None, max_examples=60)
def test_whatever_arrives_the_command_ends_and_only_its_own_answer_is_believed(messages: list[Message]) -> None:
    with TemporaryDirectory() as folder:
        driver = FakeDriver(Path(folder, "ipmi0"))

        def answer(netfn: int, command: int, data: bytes) -> bytes:
            for message in messages:
                driver.deliver(message)
            return b"\0" + GUID

        driver.answer = answer
        hostile = [each for each in messages if (each.kind, each.number, each.netfn, each.command) == (1, 1, 0x07, 0x37)]
        try:
            found = trio.run(ask, driver)
        except (Malformed, CommandRefused):
            assert hostile
        else:
            assert found == GUID or any(found in bytes(1) + each.data + bytes(300) for each in hostile)
        finally:
            driver.close()
