"""Several commands at once: how many are on their way, and what becomes of those that wait for their turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from ipmi_lan.client import Client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import NoAnswer, SessionLost
from tests.fakes.bmc import Mute, is_sealed
from tests.fakes.network import Flight, Network, Weather, run_virtually
from tests.ipmi_lan.connecting import OFF, ROUND_TRIP, connect
from tests.ipmi_lan.simulator.console import a_bmc

COMMANDS: list[Any] = [get_device_id(), get_system_guid(), get_chassis_status()]


class OnTheWay:
    """Counts, at the network, the requests in a session that are not answered yet."""

    def __init__(self, network: Network) -> None:
        self.now = self.most = 0
        network.tap = self

    def __call__(self, flight: Flight) -> list[Flight]:
        if is_sealed(flight.datagram):
            self.now += 1 if flight.to_bmc else -1
            self.most = max(self.most, self.now)
        return [flight]


async def ask_at_once(client: Client, count: int, outcomes: list[Any], timeout: float = 6.0) -> None:
    """`count` commands in as many tasks; when what became of which, in the order in which it became known."""

    async def ask(number: int) -> None:
        command = COMMANDS[number % 3]
        try:
            reply = await client.run(command, timeout)
        except (NoAnswer, SessionLost) as error:
            reply = error
        else:
            assert type(reply) is command.reply.kind
        outcomes.append((trio.current_time(), number, reply))

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(ask, number)
            await trio.lowlevel.checkpoint()    # trio mixes the order of tasks started at the same moment


@pytest.mark.parametrize(("window", "rounds"), [(1, 16), (4, 4), (8, 2), (32, 1)])
def test_the_window_is_kept_and_used(window: int, rounds: int) -> None:
    network = Network(a_bmc())
    outcomes: list[Any] = []

    async def story() -> None:
        async with connect(network, window=window) as client:
            counted = OnTheWay(network)
            start = trio.current_time()
            await ask_at_once(client, 16, outcomes)
            assert trio.current_time() - start == pytest.approx(rounds * ROUND_TRIP)
            assert counted.most == min(window, 16)

    run_virtually(story)
    assert sorted(number for _, number, _ in outcomes) == list(range(16))


def test_by_default_one_after_the_other_in_their_order() -> None:
    network = Network(a_bmc())
    outcomes: list[Any] = []

    async def story() -> None:
        async with connect(network) as client:
            counted = OnTheWay(network)
            await ask_at_once(client, 10, outcomes)
            assert counted.most == 1

    run_virtually(story)
    assert [number for _, number, _ in outcomes] == list(range(10))


@pytest.mark.parametrize("window", [1, 8])
def test_whose_time_runs_out_in_the_queue_is_told_that_it_was_never_sent(window: int) -> None:
    bmc = Mute(a_bmc())
    outcomes: list[Any] = []

    async def story() -> None:
        async with connect(Network(bmc), window=window) as client:
            bmc.from_now = True
            start = trio.current_time()
            await ask_at_once(client, 10, outcomes, timeout=1.0)
            assert {at for at, _, _ in outcomes} == {start + 1.0}

    run_virtually(story)
    assert all(isinstance(error, NoAnswer) for _, _, error in outcomes)
    assert {number for _, number, error in outcomes if error.was_sent} == set(range(window))


def test_a_power_command_that_was_never_sent_is_known_to_have_had_no_effect() -> None:
    bmc = a_bmc()
    mute = Mute(bmc)

    async def switch(client: Client) -> None:
        with pytest.raises(NoAnswer) as caught:
            await client.run(OFF, 1.0)
        assert not caught.value.was_sent

    async def story() -> None:
        async with connect(Network(mute)) as client:
            mute.from_now = True
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask_at_once, client, 1, [], 2.0)
                await trio.sleep(0.01)
                nursery.start_soon(switch, client)
            mute.from_now = False
            assert (await client.run(get_chassis_status())).power_is_on

    run_virtually(story)
    assert bmc.power_commands == []


def test_who_is_cancelled_in_the_queue_is_never_sent() -> None:
    bmc = a_bmc()
    mute = Mute(bmc)

    async def story() -> None:
        async with connect(Network(mute)) as client, trio.open_nursery() as nursery:
            mute.from_now = True
            nursery.start_soon(ask_at_once, client, 1, [], 0.9)
            await trio.sleep(0.01)
            with trio.move_on_after(0.1):
                await client.run(OFF)
            mute.from_now = False

    run_virtually(story)
    assert bmc.power_commands == []


@pytest.mark.parametrize("window", [1, 8])
def test_a_hundred_commands_given_up_at_once_do_not_spoil_the_session(window: int) -> None:
    """There are 64 rqSeq values, and that of a command given up rests for seconds."""
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc), window=window) as client:
            for _ in range(100):
                with trio.move_on_after(ROUND_TRIP / 4):
                    await client.run(get_device_id())
            assert (await client.run(get_chassis_status(), timeout=10.0)).power_is_on
            for _ in range(100):
                with trio.move_on_after(ROUND_TRIP / 4):
                    await client.run(get_device_id())
            start = trio.current_time()
        assert trio.current_time() - start == pytest.approx(ROUND_TRIP)
        assert bmc.open_sessions(trio.current_time()) == 0

    run_virtually(story)


def _lost_first(count: int) -> Callable[[bytes], bool]:
    left = [count]

    def drops(datagram: bytes) -> bool:
        left[0] -= is_sealed(datagram)
        return is_sealed(datagram) and left[0] >= 0

    return drops


@pytest.mark.parametrize("window", [1, 8])
def test_one_lost_datagram_holds_up_its_own_window_only(window: int) -> None:
    bmc = Mute(a_bmc())
    outcomes: list[Any] = []

    async def story() -> None:
        async with connect(Network(bmc), window=window) as client:
            bmc.drops = _lost_first(1)
            start = trio.current_time()
            await ask_at_once(client, 8, outcomes)
            done = [at - start for at, _, _ in outcomes]
        assert max(done) == pytest.approx(0.3 + (8 if window == 1 else 1) * ROUND_TRIP)
        if window == 8:
            assert sum(at < 0.01 for at in done) == 7

    run_virtually(story)


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_each_task_gets_its_own_answers_in_any_weather(window: int, seed: int) -> None:
    network = Network(a_bmc(), Weather(loss=0.05, duplication=0.2, delay=0.3, longest_delay=0.4), seed)

    async def story() -> None:
        async with connect(network, window=window, timeout=30.0) as client, trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, client, number)

    async def ask(client: Client, number: int) -> None:
        for turn in range(10):
            command = COMMANDS[(number + turn) % 3]
            assert type(await client.run(command, timeout=60.0)) is command.reply.kind

    run_virtually(story)
