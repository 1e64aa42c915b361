"""Refusals on a shared socket, over the loopback: who is refused hears it, and nobody else is disturbed."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.errors import NoAnswer, PortRefused, SessionLost
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.simulator import serve_bmc
from ipmi_lan.transport.endpoint import Endpoint, open_endpoint
from tests.ipmi_lan.simulator.console import USERS, a_bmc
from tests.ipmi_lan.transport.loopback import a_closed_port, limited


def login(endpoint: Endpoint, port: int, **changes: Any) -> Any:
    settings: dict[str, Any] = {"port": port, "endpoint": endpoint, "known": KnownBmcs()} | changes
    return open_client("127.0.0.1", "admin", USERS["admin"][0], **settings)


@limited
async def test_the_refused_one_is_told_within_a_second_and_the_others_go_on() -> None:
    bmc = a_bmc()
    slowest = 0.0
    refused: list[float] = []

    async def poll(endpoint: Endpoint, port: int) -> None:
        nonlocal slowest
        async with login(endpoint, port) as client:
            while len(refused) < 5:
                start = trio.current_time()
                await client.run(get_chassis_status())
                slowest = max(slowest, trio.current_time() - start)
                await trio.sleep(0.005)
            assert client.dropped == {}

    async def be_refused(endpoint: Endpoint) -> None:
        start = trio.current_time()
        with pytest.raises(PortRefused):
            async with login(endpoint, a_closed_port()):
                pytest.fail("logged in")
        refused.append(trio.current_time() - start)

    async with trio.open_nursery() as serving:
        _, port = await serving.start(serve_bmc, bmc)
        async with open_endpoint() as endpoint, trio.open_nursery() as nursery:
            nursery.start_soon(poll, endpoint, port)
            await trio.sleep(0.1)
            for _ in range(5):
                nursery.start_soon(be_refused, endpoint)
            await trio.sleep(0.05)
            assert len(endpoint._stations) == 1, "all on one socket"
        serving.cancel_scope.cancel()
    assert max(refused) <= 1.0
    assert slowest <= 0.25, "no command had to be sent again"


@limited
async def test_a_host_that_refuses_within_a_session_ends_only_that_one() -> None:
    bmcs = [a_bmc(), a_bmc()]
    async with trio.open_nursery() as first, trio.open_nursery() as second, open_endpoint() as endpoint:
        ports = [(await nursery.start(serve_bmc, bmc))[1] for nursery, bmc in zip((first, second), bmcs, strict=True)]
        async with login(endpoint, ports[0], logs_in_again=False) as one, login(endpoint, ports[1]) as other:
            await one.run(get_chassis_status())
            first.cancel_scope.cancel()
            await trio.sleep(0.05)
            start = trio.current_time()
            with pytest.raises((SessionLost, NoAnswer)):
                await one.run(get_chassis_status(), timeout=1.0)
            assert trio.current_time() - start <= 1.1
            for _ in range(20):
                assert (await other.run(get_chassis_status(), timeout=0.25)).power_is_on
        second.cancel_scope.cancel()
