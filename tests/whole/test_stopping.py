"""A connector that is stopped or killed in the middle of a reset: every accepted request still gets one true answer."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from haconn_cli.resetpath.client import Path as ResetPath
from haconn_cli.resetpath.client import open_requester
from haconn_cli.resetpath.vocabulary import Action, ResetResult, ResultCode, Role, Standing
from ipmi_lan import Privilege
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc, serve_bmcs
from tests.whole.connector import Connector, free_reset_port, running

pytestmark = pytest.mark.whole
NAMES = ("PSERVER1", "PSERVER2")
PORT = 6230 + os.getpid() % 20000   # two runs at once must not meet


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Connector, SimulatedBmc, ResetPath]]:
    """A connector on PSERVER1, the simulated BMC of PSERVER2, and HA Monitor's side of the reset path."""
    users = {"operator": ("correct horse", Privilege.OPERATOR)}
    bmcs = [SimulatedBmc(name, users, os.urandom(16), os.urandom) for name in NAMES]
    hosts = [f"127.0.4.{51 + number}" for number in range(2)]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_bmcs, {(host, PORT): bmc for host, bmc in zip(hosts, bmcs, strict=True)})
        connector = Connector(folder / "server1", "127.0.4.1", free_reset_port("127.0.4.1"))
        places = {name: f"{host}:{PORT}" for name, host in zip(NAMES, hosts, strict=True)}
        await connector.configure("operator", "correct horse", places)
        async with running(connector):
            await connector.until("monitored", lambda status: all(each["link"] == "OK" for each in status.values()))
            settings = connector.settings
            address = (connector.reset_address, connector.reset_port)
            async with open_requester(
                settings.keys, Role.MONITOR, "PSERVER1", address,
                digest=settings.servers.digest(), standing=Standing.LOCAL, version="test", bind=address[0],
            ) as path:  # fmt: skip
                await path.hello()
                yield connector, bmcs[1], path
        nursery.cancel_scope.cancel()


async def ask(path: ResetPath, results: list[ResetResult]) -> None:
    results.append(await path.reset("PSERVER2", Action.CYCLE, 20.0, reason="test"))


async def until_switched(bmc: SimulatedBmc) -> None:
    with trio.fail_after(10):
        while not bmc.power_commands:
            await trio.sleep(0.01)


@pytest.mark.parametrize("times", [1, 2])
def test_told_to_stop_in_the_middle(tmp_path: Path, times: int) -> None:
    """A running reset gets its few seconds, however often the signal comes; then the requester hears that it was interrupted."""
    results: list[ResetResult] = []

    async def main() -> None:
        async with pair(tmp_path) as (connector, bmc, path), trio.open_nursery() as nursery:
            bmc.faults.ignores_power_commands = True
            nursery.start_soon(ask, path, results)
            await until_switched(bmc)
            assert connector.process is not None
            for _ in range(times - 1):
                connector.process.send_signal(signal.SIGTERM)
                await trio.sleep(0.2)
            assert await connector.stop() == 0
            with trio.fail_after(5):
                while not results:
                    await trio.sleep(0.01)
            assert bmc.open_sessions(trio.current_time()) == 0

    trio.run(main)
    assert results[0].code is ResultCode.INTERRUPTED


def test_a_reset_that_needs_no_more_is_finished(tmp_path: Path) -> None:
    results: list[ResetResult] = []

    async def main() -> None:
        async with pair(tmp_path) as (connector, bmc, path), trio.open_nursery() as nursery:
            nursery.start_soon(ask, path, results)
            await until_switched(bmc)
            assert await connector.stop() == 0
            assert [control for _, control in bmc.power_commands] == [Control.POWER_OFF, Control.POWER_ON]

    trio.run(main)
    assert results[0].code is ResultCode.CYCLED_CONFIRMED


@pytest.mark.shows("R3")
def test_killed_in_the_middle(tmp_path: Path) -> None:
    """Nothing is resumed by itself, and the answer after the restart is INTERRUPTED."""
    results: list[ResetResult] = []

    async def main() -> None:
        async with pair(tmp_path) as (connector, bmc, path), trio.open_nursery() as nursery:
            bmc.faults.ignores_power_commands = True
            nursery.start_soon(ask, path, results)
            await until_switched(bmc)
            assert await connector.stop(signal.SIGKILL) == -signal.SIGKILL
            commands = len(bmc.power_commands)
            async with running(connector):
                with trio.fail_after(15):
                    while not results:
                        await trio.sleep(0.02)
                assert (await connector.status())["PSERVER1"]["status"] == "(own server)", "known before the next hello"
                assert "reset_interrupted" in connector.events
                assert len(bmc.power_commands) == commands

    trio.run(main)
    assert results[0].code is ResultCode.INTERRUPTED


@pytest.mark.shows("M4", "R6")
def test_a_log_that_takes_nothing_delays_nothing(tmp_path: Path) -> None:
    results: list[ResetResult] = []

    async def main() -> None:
        async with pair(tmp_path) as (connector, _, path):
            assert await connector.stop() == 0
            (connector.paths.log / "eventlogalt").unlink()
            os.mkfifo(connector.paths.log / "eventlogalt")
            async with running(connector):
                await connector.until("monitored", lambda status: status["PSERVER2"]["link"] == "OK")
                await path.hello()
                await ask(path, results)
                assert await connector.stop() == 0

    trio.run(main)
    assert results[0].code is ResultCode.CYCLED_CONFIRMED
