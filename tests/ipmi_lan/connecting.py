"""`open_client` over a network in memory."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from ipmi_lan.client import Client, open_client
from ipmi_lan.commands.chassis import Control, chassis_control
from tests.fakes.network import LATENCY, Network
from tests.ipmi_lan.simulator.console import USERS

LOGIN_TIMEOUT = 10.0
ROUND_TRIP = 2 * LATENCY
OFF = chassis_control(Control.POWER_OFF)


def connect(network: Network, **changes: Any) -> AbstractAsyncContextManager[Client]:
    """`open_client` over `network`, as admin."""
    settings: dict[str, Any] = {"user": "admin", "timeout": LOGIN_TIMEOUT, "transport": network.transport()}
    settings |= changes
    return open_client("192.0.2.1", password=settings.pop("password", USERS.get(settings["user"], ("",))[0]), **settings)


