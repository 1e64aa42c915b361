"""The main job against BMCs that somebody else wrote: four ipmi_sim processes, the daemon as a process, ipmitool as witness."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from haconn_cli.resetpath.client import Path as ResetPath
from haconn_cli.resetpath.client import open_requester
from haconn_cli.resetpath.vocabulary import Action, ResultCode, Role, Standing
from tests.peers.ipmi_sim import PASSWORD, USER, IpmiSim, running_ipmi_sims
from tests.peers.programs import run_program
from tests.whole.connector import Connector, free_reset_port, running

pytestmark = [pytest.mark.peer, pytest.mark.whole]
NAMES = ("PSERVER1", "PSERVER2", "PSERVER3", "PSERVER4")
HOSTS = ["127.0.2.51", "127.0.2.52", "127.0.2.53", "127.0.2.54"]
PORT = 6230 + os.getpid() % 20000   # ipmi_sim shares a port that is taken: two runs at once must not meet


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[Connector, list[IpmiSim]]]:
    """Four BMCs and a connector that sees them all."""
    async with running_ipmi_sims(folder, HOSTS, PORT) as sims:
        connector = Connector(folder / "server1", "127.0.2.1", free_reset_port("127.0.2.1"))
        await connector.configure(USER, PASSWORD, {name: f"{host}:{PORT}" for name, host in zip(NAMES, HOSTS, strict=True)})
        async with running(connector):
            await connector.until("all are monitored", lambda status: all(each["link"] == "OK" for each in status.values()))
            yield connector, sims


@asynccontextmanager
async def requester(connector: Connector) -> AsyncIterator[ResetPath]:
    """HA Monitor's side, on PSERVER1."""
    settings = connector.settings
    address = (connector.reset_address, connector.reset_port)
    async with open_requester(
        settings.keys, Role.MONITOR, "PSERVER1", address,
        digest=settings.servers.digest(), standing=Standing.LOCAL, version="test", bind=address[0],
    ) as path:  # fmt: skip
        await path.hello()
        yield path


async def ipmitool_power(sim: IpmiSim) -> str:
    words = ["-I", "lanplus", "-C", "3", "-H", sim.host, "-p", str(sim.port), "-U", USER, "-E", "chassis", "power", "status"]
    done = await run_program("ipmitool", words, {"IPMI_PASSWORD": PASSWORD})
    return done.text.strip()


@pytest.mark.shows("M1")
def test_reset_really_switches_and_ipmitool_sees_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as (connector, sims), requester(connector) as path:
            assert await ipmitool_power(sims[3]) == "Chassis Power is on"
            result = await path.reset("PSERVER4", Action.OFF, 30.0, reason="test")
            assert result.code is ResultCode.OFF_CONFIRMED, result
            assert await ipmitool_power(sims[3]) == "Chassis Power is off"
            assert sims[3].power_log == ["power 0"]

            result = await path.reset("PSERVER4", Action.CYCLE, 30.0, reason="test")
            assert result.code is ResultCode.ALREADY_OFF, result
            assert result.evidence.power_commands == ()
            assert sims[3].power_log == ["power 0"], "no power command to a server that is off"

            result = await path.reset("PSERVER3", Action.CYCLE, 30.0, reason="test")
            assert result.code is ResultCode.CYCLED_CONFIRMED, result
            assert result.back_on
            assert sims[2].power_log == ["power 0", "power 1"]
            assert await ipmitool_power(sims[2]) == "Chassis Power is on"
            assert sims[0].power_log == sims[1].power_log == [], "nobody else was touched"
            status = await connector.until("seen off", lambda status: status["PSERVER4"]["status"] == "poff detected")
            assert status["PSERVER1"]["status"] == "(own server)"
            assert await connector.stop() == 0

    trio.run(main)


def test_own_server_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as (connector, sims), requester(connector) as path:
            result = await path.reset("PSERVER1", Action.CYCLE, 10.0, reason="test")
            assert result.code is ResultCode.OWN_SERVER
            assert sims[0].power_log == []

    trio.run(main)


@pytest.mark.shows("C8")
def test_a_hanging_bmc_is_ng_and_never_off_and_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as (connector, sims), requester(connector) as path:
            sims[1].pause()
            status = await connector.until("NG", lambda status: status["PSERVER2"]["link"] == "NG")
            assert status["PSERVER2"]["status"] == "monitoring"
            assert not status["PSERVER2"]["reset_capable"]
            assert "does not answer" in status["PSERVER2"]["reason"]
            with trio.fail_after(6):
                result = await path.reset("PSERVER2", Action.CYCLE, 4.0, reason="test")
            assert result.code is ResultCode.UNREACHABLE, result
            assert "power_off" not in connector.events

            sims[1].stop()      # killed: the port refuses now
            await trio.sleep(1)
            assert (await connector.status())["PSERVER2"]["link"] == "NG"
            sims[1].start()
            await connector.until("back by itself", lambda status: status["PSERVER2"]["link"] == "OK")
            assert "power_off" not in connector.events
            assert sims[1].power_log == []

    trio.run(main)
