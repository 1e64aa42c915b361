"""Simulated BMCs behind `haconnsetup`, in memory and in virtual time, and the settings that lead to them."""

from __future__ import annotations

import random
from typing import Any

from haconn_cli.config.model import Account, BmcAddress, ManagedServer, Servers
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import change_servers
from ipmi_lan import Privilege
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.board import LanSettings

ACCOUNT = Account("hitachi", "sixteen at least")
GUIDS = {number: bytes([number]) * 15 + b"\x99" for number in range(1, 9)}


def mac_of(number: int) -> bytes:
    return bytes([2, 0, 0, 0, 0, number])


def a_board(number: int, **changes: Any) -> SimulatedBmc:
    settings: dict[str, Any] = {
        "name": f"PSERVER{number}",
        "users": {ACCOUNT.name: (ACCOUNT.password, Privilege.OPERATOR)},
        "guid": GUIDS[number],
        "randomness": random.Random(number).randbytes,
        "lan": LanSettings(mac_of(number)),
        "slots": 8,
    }
    return SimulatedBmc(**(settings | changes))


def host_of(number: int) -> str:
    return f"192.0.2.{number}"


def a_server(number: int, **changes: Any) -> ManagedServer:
    return ManagedServer(f"PSERVER{number}", BmcAddress(host_of(number)), **changes)


def set_up(paths: Paths, *servers: ManagedServer, account: Account = ACCOUNT) -> None:
    """Write conf_pserver."""
    change_servers(paths, lambda present: Servers(servers, account))
