"""Our client against OpenIPMI's ipmi_sim: the one BMC here that somebody else wrote."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from ipmi_lan.blocking import open_client as open_blocking_client
from ipmi_lan.client import Client, open_client
from ipmi_lan.command import Command
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.login import get_session_info
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES
from ipmi_lan.errors import CommandRefused, NoAnswer, PortRefused, SessionLost, SuiteRefused, WrongKg, WrongPassword
from ipmi_lan.wire.codes import AuthType, CompletionCode, Privilege
from tests.peers.ipmi_sim import PASSWORD, USER, IpmiSim, running_ipmi_sims
from tests.peers.lateness import unexplained

pytestmark = pytest.mark.peer

HOST = "127.0.0.61"
LIMIT = 60.0   # seconds for a whole test, which takes few of them where the machine has time
KG = "key-of-this-BMC"   # ipmi_sim reads no spaces and at most 19 octets
Story = Callable[[IpmiSim], Awaitable[None]]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def with_sim(tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story beside an ipmi_sim."""

    def run(story: Story) -> None:
        async def main() -> None:
            with trio.fail_after(LIMIT):
                async with running_ipmi_sims(tmp_path, [HOST], free_port()) as (sim,):
                    await story(sim)

        trio.run(main)

    return run


@asynccontextmanager
async def connect(sim: IpmiSim, password: str = PASSWORD, **changes: Any) -> AsyncIterator[Client]:
    settings: dict[str, Any] = {"user": USER, "port": sim.port} | changes
    async with open_client(sim.host, password=password, **settings) as client:
        yield client


async def sessions_open(sim: IpmiSim) -> int:
    """How many there are, the one that asks included."""
    async with connect(sim) as client:
        return (await client.run(get_session_info())).active


def test_identity(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        began = trio.current_time()
        async with connect(sim) as client:
            device = await client.run(get_device_id())
            assert (device.device_revision, device.firmware, device.manufacturer, device.product) == (3, "9.08", 0x1291, 0x0F02)
            assert (device.ipmi_major, device.ipmi_minor) == (2, 0)
            assert (await client.run(get_system_guid())).guid == client.peer.guid == sim.guid
            assert (await client.run(get_session_info())).active == 1
            assert not unexplained(client.dropped, trio.current_time() - began)

    with_sim(story)


def test_suite_17_is_tried_and_suite_3_taken(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as client:
            assert client.peer.suite == SUITE_3
        with pytest.raises(SuiteRefused) as caught:
            async with connect(sim, suites=[SUITE_17]):
                pass
        assert list(caught.value.reasons) == [17]

    with_sim(story)


def test_off_and_on(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as client:
            for action, is_on in ((Control.POWER_OFF, False), (Control.POWER_ON, True)):
                await client.run(chassis_control(action))
                while (await client.run(get_chassis_status())).power_is_on != is_on:
                    pass
                assert sim.power_is_on is is_on
        assert [line for line in sim.power_log if line.startswith("power")] == ["power 0", "power 1"]

    with_sim(story)


def test_refusals(with_sim: Callable[[Story], None]) -> None:
    cases: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"password": "wrong"}, WrongPassword),
        ({"password": ""}, WrongPassword),
        ({"user": "stranger"}, WrongPassword),
        ({"kg": "there is none here"}, WrongKg),
    ]

    async def story(sim: IpmiSim) -> None:
        for changes, kind in cases:
            with pytest.raises(kind):
                async with connect(sim, **changes):
                    pass
        assert sim.power_log == []

    with_sim(story)


def test_kg(tmp_path: Path) -> None:
    sim = IpmiSim(tmp_path / "bmc", HOST, free_port(), bytes(range(16)), KG)

    async def main() -> None:
        with trio.fail_after(LIMIT):
            async with connect_when_up(sim, kg=KG) as client:
                assert client.peer.guid == bytes(range(16))
            for kg, given in (("another key", True), ("", False)):
                with pytest.raises(WrongKg) as caught:
                    async with connect(sim, kg=kg):
                        pass
                assert caught.value.kg_was_given is given

    sim.prepare()
    sim.start()
    try:
        trio.run(main)
    finally:
        sim.stop()


@asynccontextmanager
async def connect_when_up(sim: IpmiSim, **changes: Any) -> AsyncIterator[Client]:
    while True:
        with suppress(PortRefused):
            async with connect(sim, **changes) as client:
                yield client
                return


def test_a_closed_port(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        sim.stop()
        with pytest.raises(PortRefused):
            async with connect(sim):
                pass

    with_sim(story)


def test_a_bmc_that_hangs(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        sim.pause()
        with pytest.raises(NoAnswer):
            async with connect(sim, timeout=1.5):
                pass
        sim.resume()
        async with connect(sim) as client:
            assert (await client.run(get_chassis_status())).power_is_on

    with_sim(story)


def test_a_bmc_that_hangs_in_a_session(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as client:
            sim.pause()
            commands: list[Command[Any]] = [get_chassis_status(), chassis_control(Control.POWER_OFF)]
            for command in commands:
                with pytest.raises(NoAnswer):
                    await client.run(command, timeout=0.5)
            sim.resume()
            assert (await client.run(get_device_id())).product == 0x0F02
            while sim.power_is_on:
                await client.run(get_chassis_status())
        assert [line for line in sim.power_log if line.startswith("power")] == ["power 0"]

    with_sim(story)


def test_a_bmc_that_restarts_in_a_session(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as client:
            before = client.peer.guid
            sim.stop()
            sim.start()
            assert (await client.run(get_device_id())).product == 0x0F02
            assert client.peer.guid == before

    with_sim(story)


def test_a_bmc_that_restarts_in_a_session_which_is_not_to_be_opened_anew(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim, logs_in_again=False) as client:
            sim.stop()
            sim.start()
            with pytest.raises(SessionLost):
                await client.run(get_device_id())
        async with connect_when_up(sim) as client:
            await client.run(get_device_id())

    with_sim(story)


def raise_a_key_error() -> None:
    raise KeyError


@pytest.mark.parametrize("how", ["normally", "by an exception", "cancelled"])
def test_the_session_is_closed(how: str, with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as witness:
            with trio.CancelScope() as scope, suppress(KeyError):
                async with connect(sim):
                    assert (await witness.run(get_session_info())).active == 2
                    if how == "by an exception":
                        raise_a_key_error()
                    if how == "cancelled":
                        scope.cancel()
                        await trio.sleep_forever()
            assert (await witness.run(get_session_info())).active == 1
        assert await sessions_open(sim) == 1

    with_sim(story)


def test_the_blocking_client(with_sim: Callable[[Story], None]) -> None:
    def read(sim: IpmiSim, **settings: Any) -> bool:
        with open_blocking_client(sim.host, USER, PASSWORD, port=sim.port, **settings) as client:
            return client.run(get_chassis_status()).power_is_on

    async def story(sim: IpmiSim) -> None:
        for settings in ({"suites": [SUITES[2]]}, {"suites": [SUITE_3]}, {"auth15": AuthType.MD5}, {"auth15": AuthType.MD2}):
            assert await trio.to_thread.run_sync(partial(read, sim, **settings))
        assert await sessions_open(sim) == 1

    with_sim(story)


def test_many_commands_at_once(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim) as client, trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, client, number)

    async def ask(client: Client, number: int) -> None:
        commands: list[Any] = [get_device_id(), get_system_guid(), get_chassis_status()]
        for turn in range(10):
            command = commands[(number + turn) % 3]
            assert type(await client.run(command)) is command.reply.kind

    with_sim(story)


def test_as_a_user(with_sim: Callable[[Story], None]) -> None:
    async def story(sim: IpmiSim) -> None:
        async with connect(sim, privilege=Privilege.USER) as client:
            assert (await client.run(get_chassis_status())).power_is_on
            with pytest.raises(CommandRefused) as caught:
                await client.run(chassis_control(Control.POWER_OFF))
            assert caught.value.code == CompletionCode.INSUFFICIENT_PRIVILEGE
        assert sim.power_is_on

    with_sim(story)
