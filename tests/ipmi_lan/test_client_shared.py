"""Many clients on one endpoint: sockets, time and answers, on the virtual clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import trio

from ipmi_lan.client import Client, open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.crypto.suites import SUITE_3
from ipmi_lan.errors import NoAnswer, WrongPassword
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.transport.endpoint import Endpoint, open_endpoint
from tests.fakes.lan import Lan
from tests.fakes.network import run_virtually
from tests.ipmi_lan.simulator.console import USERS, a_bmc

LATENCY = 0.0025   # seconds, each way
ROUND_TRIP = 2 * LATENCY


def host(number: int) -> str:
    return f"10.0.{number // 200}.{number % 200 + 1}"


def guid(number: int) -> bytes:
    return number.to_bytes(16, "big")


def a_lan(count: int) -> tuple[Lan, list[SimulatedBmc]]:
    lan = Lan()
    lan.latency = LATENCY
    bmcs = [a_bmc(guid=guid(number + 1)) for number in range(count)]
    for number, bmc in enumerate(bmcs):
        lan.put(bmc, host(number))
    return lan, bmcs


def login(endpoint: Endpoint, number: int, **changes: Any) -> Any:
    settings: dict[str, Any] = {"user": "admin", "password": USERS["admin"][0], "known": KnownBmcs()} | changes
    return open_client(host(number), endpoint=endpoint, **settings)


def test_three_hundred_bmcs_at_once() -> None:
    lan, bmcs = a_lan(300)
    seen: dict[int, bytes] = {}

    async def visit(endpoint: Endpoint, number: int) -> None:
        async with login(endpoint, number) as client:
            assert (await client.run(get_chassis_status())).power_is_on
            assert client.peer.guid == (await client.run(get_system_guid())).guid
            seen[number] = client.peer.guid
            assert client.dropped == {}

    async def story() -> None:
        async with open_endpoint(open_port=lan.open_port) as endpoint, trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(visit, endpoint, number)
        assert trio.current_time() == pytest.approx(7 * ROUND_TRIP), "as long as for one"
        assert sum(bmc.open_sessions(trio.current_time()) for bmc in bmcs) == 0

    run_virtually(story)
    assert seen == {number: guid(number + 1) for number in range(300)}
    assert (lan.connections, lan.open_connections) == (3, 0)
    assert all(bmc.handshakes == 1 for bmc in bmcs)
    assert sum((bmc.counters for bmc in bmcs), Counter()) == {}


def test_a_fleet_with_all_sorts_of_trouble() -> None:
    """Dead ones, wrong passwords and lost datagrams cost those whom they concern, and nobody else."""
    lan, bmcs = a_lan(120)
    for bmc in bmcs[::10]:
        bmc.faults.silent = True
    lost = [0]

    def every_eleventh(direction: str, datagram: bytes) -> bool:
        lost[0] += 1
        return lost[0] % 11 == 0

    lan.is_lost = every_eleventh
    outcomes: dict[int, object] = {}

    async def visit(endpoint: Endpoint, number: int) -> None:
        changes = {"password": "wrong"} if number % 10 == 5 else {}
        try:
            async with login(endpoint, number, timeout=20.0, **changes) as client:
                for _ in range(10):
                    assert (await client.run(get_system_guid(), timeout=20.0)).guid == guid(number + 1)
                outcomes[number] = "answered"
        except (NoAnswer, WrongPassword) as error:
            outcomes[number] = type(error)

    async def story() -> None:
        async with open_endpoint(open_port=lan.open_port) as endpoint, trio.open_nursery() as nursery:
            for number in range(120):
                nursery.start_soon(visit, endpoint, number)

    run_virtually(story)
    expected = {0: NoAnswer, 5: WrongPassword}
    assert outcomes == {number: expected.get(number % 10, "answered") for number in range(120)}
    assert lan.open_connections == 0


def test_sessions_are_kept_alive_side_by_side() -> None:
    lan, bmcs = a_lan(20)

    async def hold(endpoint: Endpoint, number: int) -> None:
        async with login(endpoint, number) as client:
            await trio.sleep(300.0 + number)
            await client.run(get_device_id())

    async def story() -> None:
        async with open_endpoint(open_port=lan.open_port) as endpoint, trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(hold, endpoint, number)
            await trio.sleep(299.0)
            assert all(bmc.open_sessions(trio.current_time()) == 1 for bmc in bmcs)

    run_virtually(story)
    assert all(bmc.handshakes == 1 for bmc in bmcs)


def test_two_clients_of_one_bmc_have_different_sockets_and_answers() -> None:
    lan, bmcs = a_lan(1)
    senders = set()
    answer = lan.answer

    def note(datagram: bytes, to: tuple[str, int], sender: tuple[str, int]) -> list[bytes]:
        senders.add(sender)
        return answer(datagram, to, sender)

    lan.answer = note  # type: ignore[method-assign]

    async def poll(client: Client) -> None:
        for _ in range(50):
            assert (await client.run(get_system_guid())).guid == guid(1)

    async def story() -> None:
        async with (
            open_endpoint(open_port=lan.open_port) as endpoint,
            login(endpoint, 0) as first,
            login(endpoint, 0, user="operator", password=USERS["operator"][0], privilege=3) as second,
        ):
            assert first.peer.session_id != second.peer.session_id
            async with trio.open_nursery() as nursery:
                nursery.start_soon(poll, first)
                nursery.start_soon(poll, second)
            assert first.dropped == second.dropped == {}
            assert bmcs[0].open_sessions(trio.current_time()) == 2

    run_virtually(story)
    assert len(senders) == 2
    assert (lan.connections, lan.open_connections) == (2, 0)


def test_the_suite_that_a_bmc_took_is_tried_first_the_next_time() -> None:
    lan, _ = a_lan(1)
    lan.put(a_bmc(suites=(SUITE_3,)), host(0))
    known = KnownBmcs()

    async def story() -> None:
        async with open_endpoint(open_port=lan.open_port) as endpoint:
            for logins in (5, 4, 4):   # round trips of a login
                start = trio.current_time()
                async with login(endpoint, 0, known=known) as client:
                    assert client.peer.suite == SUITE_3
                    assert trio.current_time() - start == pytest.approx(logins * ROUND_TRIP)

    run_virtually(story)
