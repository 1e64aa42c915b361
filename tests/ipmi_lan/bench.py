"""The blocking client at work: a BMC, a socket and a clock in memory."""

from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import Control, chassis_control
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.retry import COMMAND_WAITS
from tests.fakes.blocked import HOST, BlockedSocket, Clock
from tests.fakes.network import LATENCY, AnyBmc
from tests.ipmi_lan.simulator.console import USERS

ROUND_TRIP = 2 * LATENCY
UNTIL_LOST = sum(COMMAND_WAITS)
OFF = chassis_control(Control.POWER_OFF)
NEARLY = 0.005   # seconds; each look at the clock takes some


class Bench:
    """A BMC, and the way to it."""

    def __init__(self, clock: Clock, sock: BlockedSocket) -> None:
        self.clock, self.sock = clock, sock

    @property
    def bmc(self) -> Any:
        return self.sock.bmc

    @bmc.setter
    def bmc(self, bmc: AnyBmc) -> None:
        self.sock.bmc = bmc

    def connect(self, **changes: Any) -> Any:
        settings: dict[str, Any] = {"user": "admin", "known": KnownBmcs()} | changes
        settings.setdefault("password", USERS.get(settings["user"], ("",))[0])
        return open_client(HOST, **settings)

    def takes(self, seconds: float) -> Any:
        """What a call must take."""
        return pytest.approx(self.clock.now + seconds, abs=NEARLY)
