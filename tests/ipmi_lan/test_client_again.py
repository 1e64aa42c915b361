"""A session that is lost is opened anew, once for each command that may be repeated; by the real client, on the virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from ipmi_lan.client import Client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import NoAnswer, SessionLost, WrongPassword
from ipmi_lan.session.retry import COMMAND_WAITS
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import open_session_of
from tests.fakes.network import Network, Weather, run_virtually
from tests.ipmi_lan.connecting import OFF, ROUND_TRIP, connect
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

UNTIL_LOST = sum(COMMAND_WAITS)
LOGIN = 4 * ROUND_TRIP


def restarted(bmc: SimulatedBmc, silence: float = 0.0) -> None:
    bmc.restart(trio.current_time(), silence)


def test_a_bmc_that_restarts_is_not_noticed() -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc)) as client:
            first = client.peer.session_id
            restarted(bmc)
            start = trio.current_time()
            assert (await client.run(get_system_guid())).guid == GUID
            assert trio.current_time() - start == pytest.approx(UNTIL_LOST + LOGIN + ROUND_TRIP)
            assert client.peer.session_id == open_session_of(bmc, trio.current_time()).bmc_id != first
            await client.run(get_chassis_status())
        assert bmc.open_sessions(trio.current_time()) == 0

    run_virtually(story)
    assert bmc.handshakes == 2


@pytest.mark.parametrize("window", [1, 8])
def test_all_that_waited_are_answered_in_the_new_session(window: int) -> None:
    bmc = a_bmc()
    answered: list[Any] = []

    async def ask(client: Client) -> None:
        answered.append(await client.run(get_system_guid(), timeout=10.0))

    async def story() -> None:
        async with connect(Network(bmc), window=window) as client:
            restarted(bmc)
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(ask, client)

    run_virtually(story)
    assert len(answered) == 8
    assert bmc.handshakes == 2


def test_a_power_command_does_not_travel_into_another_session() -> None:
    """It may have been obeyed in the first; whoever sent it must look."""
    bmc = a_bmc()

    async def switch(client: Client) -> None:
        with pytest.raises((SessionLost, NoAnswer)):
            await client.run(OFF, timeout=20.0)

    async def story() -> None:
        async with connect(Network(bmc), window=2) as client:
            restarted(bmc)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(switch, client)
                await client.run(get_device_id(), timeout=20.0)
            assert (await client.run(get_chassis_status())).power_is_on
            await client.run(OFF)
            assert not (await client.run(get_chassis_status())).power_is_on

    run_virtually(story)
    assert len(bmc.power_commands) == 1


def test_a_power_command_that_only_queued_is_sent_in_the_new_session_once() -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc)) as client:
            restarted(bmc)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.run, get_device_id(), 20.0)
                await trio.sleep(0.1)
                await client.run(OFF, timeout=20.0)

    run_virtually(story)
    assert len(bmc.power_commands) == 1


def test_only_once() -> None:
    """A BMC that lets us in, and whose sessions are worth nothing, is not logged in to for ever."""
    bmc = a_bmc()
    bmc.faults.session.silent_after = 1     # the privilege is raised, and that is all

    async def story() -> None:
        async with connect(Network(bmc)) as client:
            start = trio.current_time()
            with pytest.raises(SessionLost):
                await client.run(get_device_id(), timeout=60.0)
            assert trio.current_time() - start == pytest.approx(2 * UNTIL_LOST + LOGIN)

    run_virtually(story)
    assert bmc.handshakes == 2


def test_after_a_loss_the_next_command_tries_again() -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc)) as client:
            restarted(bmc, silence=30.0)
            with pytest.raises(SessionLost, match="logging in again: no answer"):
                await client.run(get_device_id())
            await trio.sleep(30.0)
            start = trio.current_time()
            await client.run(get_device_id())
            assert trio.current_time() - start == pytest.approx(LOGIN + ROUND_TRIP)

    run_virtually(story)
    assert bmc.handshakes == 2


def test_why_it_did_not_come_back_is_told() -> None:
    users = dict(USERS)
    bmc = a_bmc(users=users)

    async def story() -> None:
        async with connect(Network(bmc)) as client:
            users["admin"] = ("another password", Privilege.ADMINISTRATOR)
            restarted(bmc)
            with pytest.raises(SessionLost, match="no user 'admin' with this password") as caught:
                await client.run(get_device_id())
            assert isinstance(caught.value.__cause__, WrongPassword)

    run_virtually(story)


def test_another_bmc_at_the_address_is_left_at_once() -> None:
    bmc, other = a_bmc(), a_bmc(guid=bytes(range(1, 17)))
    network = Network(bmc)

    async def story() -> None:
        async with connect(network) as client:
            network.bmc = other
            for _ in range(2):
                with pytest.raises(SessionLost, match="another BMC answers there now"):
                    await client.run(get_device_id(), timeout=20.0)
                assert client.peer.guid == GUID
            network.settle()
            await trio.sleep(ROUND_TRIP)
            network.settle()
            assert other.open_sessions(trio.current_time()) == 0

    run_virtually(story)
    assert other.power_commands == []


def test_not_where_the_caller_wants_to_know() -> None:
    bmc = a_bmc()

    async def story() -> None:
        async with connect(Network(bmc), logs_in_again=False) as client:
            restarted(bmc)
            start = trio.current_time()
            with pytest.raises(SessionLost):
                await client.run(get_device_id())
            assert trio.current_time() - start == pytest.approx(UNTIL_LOST)
            for _ in range(3):
                with pytest.raises(SessionLost):
                    await client.run(get_device_id())
            assert trio.current_time() - start == pytest.approx(UNTIL_LOST)
        assert trio.current_time() - start == pytest.approx(UNTIL_LOST)

    run_virtually(story)
    assert bmc.handshakes == 1


@pytest.mark.parametrize("moment", [0.1, UNTIL_LOST - 0.001, *(UNTIL_LOST + step * ROUND_TRIP / 4 for step in range(1, 18))])
def test_closed_while_it_logs_in_again(moment: float) -> None:
    """No slot stays behind, but for the moment between RAKP 3 and its answer."""
    bmc = a_bmc()
    network = Network(bmc)

    async def story() -> None:
        async with connect(network) as client:
            restarted(bmc)
            with trio.move_on_after(moment):
                await client.run(get_device_id(), timeout=20.0)
        await trio.sleep(ROUND_TRIP)
        network.settle()
        rakp_4_is_on_its_way = 2.5 <= (moment - UNTIL_LOST) / ROUND_TRIP < 3.0
        assert bmc.open_sessions(trio.current_time()) <= rakp_4_is_on_its_way
        assert bmc.half_open_sessions(trio.current_time() + 3.0) == 0

    run_virtually(story)


@pytest.mark.parametrize("seed", range(6))
def test_a_bmc_that_restarts_all_the_time(seed: int) -> None:
    """Every reading comes in time or fails with a type; nothing hangs, and nothing is asked in vain for ever."""
    bmc = a_bmc(slots=50)
    network = Network(bmc, Weather(loss=0.05, duplication=0.05, delay=0.1, longest_delay=0.3), seed)
    answered: list[bytes] = []

    async def restart_it() -> None:
        while True:
            await trio.sleep(20.0)
            restarted(bmc, silence=1.0)

    async def story() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart_it)
            async with connect(network, timeout=30.0, window=2) as client, trio.open_nursery() as readers:
                for _ in range(3):
                    readers.start_soon(read, client)
            nursery.cancel_scope.cancel()

    async def read(client: Client) -> None:
        for _ in range(40):
            start = trio.current_time()
            try:
                answered.append((await client.run(get_system_guid(), 12.0)).guid)
            except (NoAnswer, SessionLost):
                await trio.sleep(0.5)
            assert trio.current_time() <= start + 12.5
            await trio.sleep(1.0)

    run_virtually(story)
    assert set(answered) == {GUID}
    assert len(answered) >= 110
