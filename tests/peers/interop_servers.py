"""Servers of somebody else, each as a process, and our client against them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.errors import IpmiError
from ipmi_lan.wire.codes import Privilege
from tests.peers.interop import Case, Seen
from tests.peers.ipmi_sim import IpmiSim, until_it_answers
from tests.peers.lateness import unexplained
from tests.peers.programs import peer_library_script

HOST = "127.0.0.71"
PATIENCE = 2.5
"""Seconds for a login and for a command: a server on the loopback answers at once or never, where the machine has time for it."""
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ForeignServer:
    """A program that is a BMC."""

    program: str
    """By which its version is asked for."""
    running: Callable[[Path, Case], AbstractAsyncContextManager[Address]]
    """Lets it run, with the users of the rows and the BMC key of this one, in a folder of its own."""


def free_port(host: str = HOST) -> int:
    """A port that nobody has: ipmi_sim would share one that is taken, and say nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _ipmi_sim(folder: Path, case: Case) -> AsyncIterator[Address]:
    sim = IpmiSim(folder, HOST, free_port(), bytes(range(16)), kg=case.kg, users={case.user: case.password})
    try:
        sim.prepare()
        sim.start()
        await until_it_answers(sim)
        yield sim.host, sim.port
    finally:
        sim.stop()


@asynccontextmanager
async def _pyghmi_bmc(folder: Path, case: Case) -> AsyncIterator[Address]:
    port = free_port()
    words = [*peer_library_script("pyghmi", "interop_pyghmi_bmc.py"), HOST, str(port), case.user, case.password, case.kg]
    process = await trio.lowlevel.open_process(words, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    assert process.stdout is not None
    try:
        with trio.fail_after(60):
            assert await process.stdout.receive_some(), "it says so when it listens"
        yield HOST, port
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()


SERVERS = {
    "ipmi_sim": ForeignServer("ipmi_sim", _ipmi_sim),
    "pyghmi Bmc": ForeignServer("pyghmi", _pyghmi_bmc),
}
"""A column each."""


async def log_in(case: Case, host: str, port: int, patience: float) -> Seen:
    """Our client logs in as the row says, reads the power state and the device id, and logs out."""
    settings: dict[str, Any] = {"auth15": case.auth15} if case.auth15 is not None else {"suites": [SUITES[case.suite]]}
    settings |= {"port": port, "kg": case.kg, "by_name_only": case.by_name_only, "privilege": Privilege.ADMINISTRATOR}
    began, limit = trio.current_time(), PATIENCE * patience
    try:
        async with open_client(
            host, case.user, case.password, timeout=limit, accepts_forgeable_answers=True, **settings
        ) as client:
            status = await client.run(get_chassis_status(), limit)
            await client.run(get_device_id(), limit)
            as_asked = client.peer.auth15 == case.auth15 and (case.auth15 is not None or client.peer.suite == SUITES[case.suite])
            passed = status.power_is_on and as_asked and not unexplained(client.dropped, trio.current_time() - began)
            return Seen(passed, f"{client.peer}, power on is {status.power_is_on}, dropped {dict(client.dropped)}")
    except IpmiError as error:
        return Seen(False, f"{type(error).__name__}: {error}")
