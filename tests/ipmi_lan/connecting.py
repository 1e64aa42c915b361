"""`open_client` over a network in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ipmi_lan.client import Client, open_client
from ipmi_lan.commands.chassis import Control, chassis_control
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.transport.endpoint import open_endpoint
from tests.fakes.network import LATENCY, FakePort, Network
from tests.ipmi_lan.simulator.console import USERS

LOGIN_TIMEOUT = 10.0
ROUND_TRIP = 2 * LATENCY
OFF = chassis_control(Control.POWER_OFF)


@asynccontextmanager
async def connect(network: Network, wire: FakePort | None = None, **changes: Any) -> AsyncIterator[Client]:
    """`open_client` over `network`, as admin; `wire` is the socket, where the test wants to have it in hand."""
    settings: dict[str, Any] = {"user": "admin", "timeout": LOGIN_TIMEOUT, "known": KnownBmcs()} | changes
    password = settings.pop("password", USERS.get(settings["user"], ("",))[0])
    socket = wire or network.port()
    async with (
        open_endpoint(open_port=lambda family: socket) as endpoint,
        open_client("192.0.2.1", password=password, endpoint=endpoint, **settings) as client,
    ):
        yield client
