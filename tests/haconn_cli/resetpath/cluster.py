"""A cluster for tests: four servers, one key, and everything random out of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from haconn_cli.config.model import Account, BmcAddress, Key, KeyRing, ManagedServer, Servers

CLUSTER = bytes(range(16))
KEYS = KeyRing(CLUSTER, (Key(1, bytes(range(32))),))
SERVERS = Servers(
    tuple(ManagedServer(f"PSERVER{number}", BmcAddress(f"192.168.0.{50 + number}")) for number in range(1, 5)),
    Account("hitachi", "secret"),
)
CONNECTOR = ("192.168.0.1", 30000)
MONITOR = ("192.168.0.1", 40001)


def randomness(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same for the same seed."""
    return random.Random(seed).randbytes
