"""Cancelled at every moment, in every place: no task, no socket and no session is left, and what is raised is what was raised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import BadArgument, SessionLost
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from ipmi_lan.transport.endpoint import Endpoint, open_endpoint
from tests.fakes.bmc import Mute
from tests.fakes.lan import Lan
from tests.fakes.network import LATENCY, FakePort, Flight, Network, run_virtually
from tests.ipmi_lan.connecting import LOGIN_TIMEOUT, ROUND_TRIP, connect
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

HOST = "192.0.2.1"
WHOLE_STORY = 10 * ROUND_TRIP
MOMENTS = [(half + 0.1) * LATENCY / 2 for half in range(round(2 * WHOLE_STORY / LATENCY) + 2)]   # never with an arrival


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def leaves_nothing(wire: FakePort, story: Callable[[], Awaitable[Any]]) -> None:
    """Run `story`; nothing of it lives on."""
    before = tasks()
    await story()
    assert tasks() == before
    assert wire.is_closed


@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_moment(moment: float) -> None:
    bmc = a_bmc()
    network = Network(bmc)
    wire = network.port()

    async def story() -> None:
        with trio.move_on_after(moment) as scope:
            async with connect(network, wire) as client:
                for _ in range(5):
                    await client.run(get_device_id())
        assert scope.cancelled_caught == (moment < WHOLE_STORY - ROUND_TRIP)   # closing is not cut short
        assert trio.current_time() <= moment + CLOSE_TIMEOUT

    async def main() -> None:
        await leaves_nothing(wire, story)
        await trio.sleep(ROUND_TRIP)
        network.settle()
        rakp_4_is_on_its_way = 5 * LATENCY <= moment <= 6 * LATENCY     # we do not know of the session yet
        assert bmc.open_sessions(trio.current_time()) <= rakp_4_is_on_its_way
        nobody_knows_its_id = moment <= 2 * LATENCY
        assert bmc.half_open_sessions(trio.current_time()) <= nobody_knows_its_id

    run_virtually(main)


@pytest.mark.parametrize("moment", [0.0, 0.5, 3.0, 9.99, 10.2, 10.9])
def test_where_nobody_answers(moment: float) -> None:
    """In the login, and in closing, which takes its second in any case."""
    bmc = Mute(a_bmc())
    network = Network(bmc)
    wire = network.port()

    async def story() -> None:
        with trio.move_on_after(moment):
            async with connect(network, wire):
                bmc.from_now = True
                await trio.sleep(10.0)
        assert trio.current_time() <= max(moment, 10.0) + CLOSE_TIMEOUT + 4 * ROUND_TRIP

    run_virtually(lambda: leaves_nothing(wire, story))


def test_in_a_scope_that_is_cancelled_already() -> None:
    network = Network(a_bmc())
    wire = network.port()

    async def story() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with connect(network, wire):
                pytest.fail("logged in")
        assert trio.current_time() == 0.0

    async def main() -> None:
        before = tasks()
        await story()
        assert tasks() == before
        with trio.CancelScope() as scope:
            scope.cancel()
            async with open_endpoint():
                await trio.sleep_forever()
        assert tasks() == before

    run_virtually(main)
    assert wire.is_closed


def test_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(host: str, port: int) -> Any:
        await trio.sleep_forever()

    monkeypatch.setattr("ipmi_lan.client.look_up", forever)

    async def main() -> None:
        before = tasks()
        with trio.move_on_after(1.0):
            async with open_client("bmc.example", "admin", "x", timeout=50.0):
                pytest.fail("logged in")
        assert trio.current_time() == 1.0
        assert tasks() == before

    run_virtually(main)


def test_a_command_that_is_cancelled_leaves_nothing_in_the_client() -> None:
    async def main() -> None:
        async with connect(Network(a_bmc()), window=4) as client:
            for moment in (0.0, 0.2, 0.7, 1.0, 1.1, 2.0):
                with trio.move_on_after(moment * ROUND_TRIP):
                    await client.run(get_device_id())
            assert (client._waiting, client._outcomes) == ({}, {})
            assert (await client.run(get_system_guid())).guid == GUID

    run_virtually(main)


# ── one of many on a shared endpoint ──────────────────────────────────────────


async def _logged_in(endpoint: Endpoint, host: str, then: Callable[[Any], Awaitable[Any]], **changes: Any) -> None:
    settings: dict[str, Any] = {"known": KnownBmcs(), "timeout": LOGIN_TIMEOUT} | changes
    async with open_client(host, "admin", USERS["admin"][0], endpoint=endpoint, **settings) as client:
        await then(client)


@pytest.mark.parametrize("moment", [0.001, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.5])
def test_one_of_two_is_cancelled_and_the_other_goes_on(moment: float) -> None:
    lan = Lan()
    lan.latency = LATENCY * 2
    bmcs = [a_bmc(), a_bmc()]
    for number, bmc in enumerate(bmcs):
        lan.put(bmc, f"192.0.2.{number}")

    async def poll(client: Any) -> None:
        for _ in range(20):
            assert (await client.run(get_chassis_status())).power_is_on
            await trio.sleep(0.05)

    async def main() -> None:
        before = tasks()
        async with open_endpoint(open_port=lan.open_port) as endpoint, trio.open_nursery() as nursery:
            nursery.start_soon(_logged_in, endpoint, "192.0.2.0", poll)
            with trio.move_on_after(moment):
                await _logged_in(endpoint, "192.0.2.1", lambda client: trio.sleep_forever())
            assert lan.connections == 1
        assert tasks() == before
        assert lan.open_connections == 0
        assert bmcs[0].open_sessions(trio.current_time()) == 0

    run_virtually(main)


def test_an_endpoint_that_ends_before_its_clients_does_not_leave_them_waiting() -> None:
    """A mistake that is easily made: tasks in a nursery outside of the endpoint's block."""
    lan = Lan()
    lan.put(a_bmc(), HOST)
    told: dict[str, float] = {}

    async def ask(client: Any) -> None:
        await trio.sleep(2.0)
        await client.run(get_device_id(), 50.0)

    async def idle(client: Any) -> None:
        await trio.sleep(5.0)
        start = trio.current_time()
        with pytest.raises(SessionLost):
            await client.run(get_device_id())
        assert trio.current_time() == start

    async def expect_loss(endpoint: Endpoint, name: str, host: str) -> None:
        with pytest.raises(SessionLost):
            await _logged_in(endpoint, host, ask)
        told[name] = trio.current_time()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            async with open_endpoint(open_port=lan.open_port) as endpoint:
                nursery.start_soon(_logged_in, endpoint, HOST, idle)
                nursery.start_soon(expect_loss, endpoint, "asking", HOST)
                await trio.sleep(1.0)
                lan.is_lost = lambda direction, datagram: True
                nursery.start_soon(expect_loss, endpoint, "logging in", "192.0.2.9")
                await trio.sleep(2.0)
            with pytest.raises(BadArgument, match="closed"):
                await _logged_in(endpoint, HOST, idle)
        assert told == {"logging in": 3.0, "asking": 3.0}
        assert lan.open_connections == 0

    run_virtually(main)


# ── what is raised ────────────────────────────────────────────────────────────

MISTAKES: list[BaseException] = [
    ValueError("as it is"),
    KeyboardInterrupt("as it is"),
    SystemExit(3),
    ExceptionGroup("as it is", [ValueError()]),
    BaseExceptionGroup("as it is", [KeyboardInterrupt()]),
    StopAsyncIteration("as it is"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: type(mistake).__name__)
@pytest.mark.parametrize("is_shared", [False, True])
def test_what_the_caller_raises_arrives_as_it_is(mistake: BaseException, is_shared: bool) -> None:
    bmc = a_bmc()
    lan = Lan()
    lan.put(bmc, HOST)

    async def raise_it(client: Any) -> None:
        raise mistake

    async def main() -> None:
        before = tasks()
        with pytest.raises(type(mistake)) as caught:
            async with open_endpoint(128 if is_shared else 1, open_port=lan.open_port) as endpoint:
                await _logged_in(endpoint, HOST, raise_it)
        assert caught.value is mistake
        assert tasks() == before
        assert bmc.open_sessions(trio.current_time()) == 0

    run_virtually(main)
    assert lan.open_connections == 0


def test_what_is_raised_while_cancelled_is_not_lost() -> None:
    lan = Lan()
    lan.put(a_bmc(), HOST)
    mistake = KeyboardInterrupt()

    async def fail(client: Any) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise mistake

    async def main() -> None:
        with pytest.raises(KeyboardInterrupt) as caught, trio.move_on_after(1.0):
            async with open_endpoint(open_port=lan.open_port) as endpoint:
                await _logged_in(endpoint, HOST, fail)
        assert caught.value is mistake

    run_virtually(main)
    assert lan.open_connections == 0


@pytest.mark.parametrize("answer_is_first", [True, False])
def test_cancelled_and_answered_in_the_same_moment(answer_is_first: bool) -> None:
    """Whichever counts, nothing breaks."""
    network = Network(a_bmc())
    withheld: list[bytes] = []

    def withhold(flight: Flight) -> list[Flight]:
        if flight.to_bmc:
            return [flight]
        withheld.append(flight.datagram)
        return []

    async def ask(client: Any, scope: trio.CancelScope) -> None:
        with scope:
            await client.run(get_device_id())

    async def main() -> None:
        async with connect(network) as client, trio.open_nursery() as nursery:
            network.tap = withhold
            scope = trio.CancelScope()
            nursery.start_soon(ask, client, scope)
            await trio.sleep(0.01)
            network.settle()
            if answer_is_first:
                client.receive_datagram_untrusted(withheld[0])
            scope.cancel()
            if not answer_is_first:
                client.receive_datagram_untrusted(withheld[0])
            await trio.testing.wait_all_tasks_blocked()
            network.tap = None
            assert (client._waiting, client._outcomes) == ({}, {})
            assert (await client.run(get_system_guid())).guid == GUID

    run_virtually(main)
