from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from haconn_daemon.standing.local_bmc import LocalSighting, OpenDevice, look_at_local_bmc
from ipmi_lan import Command, CommandRefused, DeviceFailed, Malformed, NoAnswer, NoDevice, open_local
from tests.ipmi_lan.transport.ipmi_device import FakeDriver

GUID, MAC = bytes(range(1, 17)), bytes.fromhex("0a1b2c3d4e5f")
APP, TRANSPORT = 0x06, 0x0C


def answers(netfn: int, command: int, data: bytes) -> bytes | None:
    """A BMC with a LAN channel 1, a serial channel 2, and a LAN channel 8 without an address."""
    channel = data[0] & 0x0F if data else 0
    if (netfn, command) == (APP, 0x37):
        return b"\0" + GUID
    if (netfn, command) == (APP, 0x42) and channel in (1, 2, 8):
        return bytes([0, channel, 5 if channel == 2 else 4, 1, 0x80, 0xF2, 0x1B, 0, 0, 0])
    if (netfn, command) == (TRANSPORT, 0x02) and channel == 1:
        return b"\0\x11" + (MAC if data[1] == 5 else bytes((10, 0, 0, 1)))
    if (netfn, command) == (TRANSPORT, 0x02) and channel == 8:
        return b"\0\x11" + bytes(6 if data[1] == 5 else 4)
    return b"\xcc"


def test_through_a_device(tmp_path: Path) -> None:
    driver = FakeDriver(tmp_path / "ipmi0", answers)
    try:
        found = trio.run(look_at_local_bmc, partial(open_local, str(driver.path), ioctl=driver))
    finally:
        driver.close()
    assert found == LocalSighting(GUID, (MAC,), ("10.0.0.1",))


def test_without_a_device(tmp_path: Path) -> None:
    with pytest.raises(NoDevice):
        trio.run(look_at_local_bmc, partial(open_local, str(tmp_path / "ipmi0")))


def failing(error: Exception) -> OpenDevice:
    class Device:
        async def run(self, command: Command[object]) -> object:
            raise error

    @asynccontextmanager
    async def opened() -> AsyncIterator[Device]:
        yield Device()

    return opened  # type: ignore[return-value]


@pytest.mark.parametrize(
    "error", [CommandRefused("Get System GUID", 0xC1, "invalid command"), Malformed("short"), NoAnswer("Get System GUID", 5.0)]
)
def test_what_is_not_told_is_not_known(error: Exception) -> None:
    assert trio.run(look_at_local_bmc, failing(error)) == LocalSighting()


def test_a_device_that_fails_is_no_answer() -> None:
    with pytest.raises(DeviceFailed):
        trio.run(look_at_local_bmc, failing(DeviceFailed("/dev/ipmi0", "it was closed")))
