"""A managed server for the tests of the daemon: its configuration, and the simulated BMC that fits."""

from __future__ import annotations

import random
from typing import Any

from haconn_cli.config.identity import Identity
from haconn_cli.config.model import Account, BmcAddress, ManagedServer
from haconn_daemon.bmcs.bmc import Bmc
from ipmi_lan import Privilege
from ipmi_lan.simulator import SimulatedBmc
from tests.fakes.bmc import BmcWithMac

NAME, HOST = "PSERVER2", "192.0.2.52"
ACCOUNT = Account("hitachi", "a good password")
GUID = bytes(range(1, 17))


def _settings() -> dict[str, Any]:
    return {
        "name": NAME,
        "users": {ACCOUNT.name: (ACCOUNT.password, Privilege.OPERATOR)},
        "guid": GUID,
        "randomness": random.Random(1).randbytes,
    }


def a_board(**changes: Any) -> SimulatedBmc:
    """The simulated BMC, with the same random numbers in each test."""
    return SimulatedBmc(**(_settings() | changes))


def a_board_with_mac(told: bytes | int | None, **changes: Any) -> BmcWithMac:
    """The same, and what it says when it is asked for its MAC address."""
    board = BmcWithMac(**(_settings() | changes))
    board.told = told
    return board


def the_way(account: Account = ACCOUNT, host: str = HOST, identity: Identity | None = None) -> Bmc:
    """The daemon's end."""
    return Bmc(ManagedServer(NAME, BmcAddress(host), identity=identity), account)
