"""A cluster as it is wired: each server in a network namespace of its own, the BMCs on ports of the same switch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from haconn_cli.resetpath.wire.messages import Type
from tests.whole.bmcs import PASSWORD, PORT, USER
from tests.whole.connector import Connector, running
from tests.whole.segment import Program, Segment, open_segment, run_on

pytestmark = pytest.mark.whole
RESET_PORT = 30000
NAMES = ("PSERVER1", "PSERVER2", "PSERVER3")
POWER_OFF, POWER_ON = 0, 1
UNTOUCHED: dict[str, list[int]] = {"commands": [], "power": []}


class Cluster:
    """Servers with a connector and a double of HA Monitor each, and their BMCs."""

    def __init__(self, segment: Segment, folder: Path, bmcs: Program, names: Sequence[str]) -> None:
        self.segment, self.bmcs, self._names = segment, bmcs, names
        self.connectors = {
            name: Connector(folder / name, f"192.168.0.{number}", RESET_PORT) for number, name in enumerate(names, 1)
        }
        self.monitors: dict[str, Program] = {}

    async def configure(self) -> None:
        """The manual's set-up on the first server; its files copied to the others."""
        first, *others = self.connectors.values()
        for name, connector in self.connectors.items():
            connector.launcher = self.segment.within(name)
            await connector.setup("resetpath", f"addr={connector.reset_address}/24", f"port={RESET_PORT}")
            with connector.paths.conf_haconn.open("a") as file:
                file.write(f'\n[service]\nsyslog = "{connector.root / "no-syslog"}"\npoll_interval = 0.3\npatience = 1\n')
        await first.setup("key", "new")
        await first.setup("default", f"account={USER}", piped=f"{PASSWORD}\n")
        for number, name in enumerate(self._names, 1):
            await first.setup("pserver", "add", name, f"addr={bmc_address(number)}")
        for other in others:
            for file_name in ("conf_pserver", "conf_key"):
                copy = other.paths.config / file_name
                copy.write_bytes((first.paths.config / file_name).read_bytes())
                copy.chmod(0o600)

    async def until_right(self, *names: str) -> None:
        """Each of these connectors says `(own server)` of its own and `monitoring` of the others, all links OK."""
        for name in names:
            right = {each: ("OK", "(own server)" if each == name else "monitoring") for each in self._names}
            await self.connectors[name].until(f"{name} sees all", lambda status, right=right: seen(status) == right)  # type: ignore[misc]

    async def reset(self, asker: str, target: str, budget: int) -> str:
        """HA Monitor on `asker` has `target` reset; the line that says how it ended."""
        monitor = self.monitors[asker]
        since = len(monitor.lines)
        await monitor.tell(f"reset {target} cycle budget={budget}")
        line = await monitor.says(f"reset of {target} ", since)
        while " succeeded" not in line and " FAILED" not in line and " refused" not in line:
            since = monitor.lines.index(line, since) + 1
            line = await monitor.says(f"reset of {target}", since)
        return line

    async def record(self) -> dict[str, Any]:
        """What the BMCs themselves say happened to the power."""
        said = await self.bmcs.asked("record")
        return {name: {"commands": each["commands"], "power": each["power"]} for name, each in said.items()}


def bmc_address(number: int) -> str:
    return f"192.168.0.{50 + number}"


def seen(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {name: (server["link"], server["status"]) for name, server in status.items()}


@asynccontextmanager
async def cluster(folder: Path, names: Sequence[str] = NAMES) -> AsyncIterator[Cluster]:
    """Servers that see each other and their BMCs."""
    with open_segment() as segment:
        addresses = {name: bmc_address(number) for number, name in enumerate(names, 1)}
        segment.plug("bmcs", "mgmt0", *(f"{address}/24" for address in addresses.values()))
        for number, name in enumerate(names, 1):
            segment.plug(name, "reset0", f"192.168.0.{number}/24")
        async with AsyncExitStack() as stack:
            places = [f"{name}={address}" for name, address in addresses.items()]
            bmcs = await stack.enter_async_context(run_on(segment, "bmcs", "tests.whole.bmcs", *places))
            here = Cluster(segment, folder, bmcs, names)
            await here.configure()
            for name, connector in here.connectors.items():
                await stack.enter_async_context(running(connector))
                here.monitors[name] = await stack.enter_async_context(monitor_of(segment, name, connector))
            yield here


def monitor_of(segment: Segment, name: str, connector: Connector, *words: str) -> Any:
    """HA Monitor on its server."""
    said = ("--root", str(connector.root), "--name", name, "--interval", "0.5", *words)
    return run_on(segment, name, "tools.ha_monitor", *said)


@pytest.mark.shows("M2", "C12", "R1")
def test_a_server_that_is_cut_off_hurts_nobody_and_is_reset_by_the_others(tmp_path: Path) -> None:
    results: dict[str, str] = {}

    async def main() -> None:
        async with cluster(tmp_path) as here:
            await here.until_right(*NAMES)
            assert "succeeded: CYCLED_CONFIRMED" in await here.reset("PSERVER1", "PSERVER2", 20)
            cycled = {"commands": [POWER_OFF, POWER_ON], "power": [False, True]}
            assert await here.record() == {"PSERVER1": UNTOUCHED, "PSERVER2": cycled, "PSERVER3": UNTOUCHED}

            here.segment.cut("PSERVER3")
            await here.connectors["PSERVER3"].until(
                "all links are lost", lambda status: {link for link, _ in seen(status).values()} == {"NG"}
            )
            told = here.connectors["PSERVER3"].events.count(" power_off ")
            await here.until_right("PSERVER1", "PSERVER2")
            async with trio.open_nursery() as nursery:
                for asker, target in (("PSERVER3", "PSERVER1"), ("PSERVER1", "PSERVER3")):
                    nursery.start_soon(ask, here, asker, target, results)
            assert "FAILED: UNREACHABLE" in results["PSERVER3"]
            assert "succeeded: CYCLED_CONFIRMED" in results["PSERVER1"]
            assert await here.record() == {"PSERVER1": UNTOUCHED, "PSERVER2": cycled, "PSERVER3": cycled}
            assert here.connectors["PSERVER3"].events.count(" power_off ") == told, "silence is not off"

            here.segment.mend("PSERVER3")
            await here.until_right(*NAMES)
            healed = await here.connectors["PSERVER3"].status()
            assert all(server["reset_capable"] for server in healed.values())
            assert not any("reset path failure" in line for monitor in here.monitors.values() for line in monitor.lines)

    trio.run(main)


async def ask(here: Cluster, asker: str, target: str, results: dict[str, str]) -> None:
    results[asker] = await here.reset(asker, target, 3 if asker == "PSERVER3" else 20)


@pytest.mark.shows("R5")
def test_of_two_servers_that_shoot_at_each_other_one_lives(tmp_path: Path) -> None:
    results: dict[str, str] = {}

    async def main() -> None:
        async with cluster(tmp_path, NAMES[:2]) as here:
            await here.until_right(*NAMES[:2])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, here, "PSERVER1", "PSERVER2", results)
                nursery.start_soon(ask, here, "PSERVER2", "PSERVER1", results)
            hit = {name: POWER_OFF in done["commands"] for name, done in (await here.record()).items()}
            assert sorted(hit.values()) == [False, True], results
            (loser,) = (name for name in hit if hit[name])
            (winner,) = (name for name in hit if not hit[name])
            assert "succeeded: CYCLED_CONFIRMED" in results[winner]
            assert "succeeded" not in results[loser]
            assert "LOST_RACE" in results[loser]

    trio.run(main)


@pytest.mark.shows("O4", "O5")
def test_everything_leaves_by_the_reset_path(tmp_path: Path) -> None:
    """Another interface of the server is in the same segment, and first in its routes; HA Monitor of another server asks."""

    async def main() -> None:
        with open_segment() as segment:
            segment.plug("server", "other0", "192.168.0.101/24")
            segment.plug("server", "reset0", "192.168.0.1/24")
            segment.plug("asker", "reset0", "192.168.0.2/24")
            segment.plug("bmcs", "mgmt0", *(f"{bmc_address(number)}/24" for number in range(1, 4)))
            places = [f"{name}={bmc_address(number)}" for number, name in enumerate(NAMES, 1)]
            async with AsyncExitStack() as stack:
                bmcs = await stack.enter_async_context(run_on(segment, "bmcs", "tests.whole.bmcs", *places))
                traffic = await stack.enter_async_context(run_on(segment, "server", "tests.whole.traffic"))
                wires = await stack.enter_async_context(run_on(segment, "switch", "tests.whole.traffic"))
                connector = await one_server(segment, tmp_path)
                await stack.enter_async_context(running(connector))
                await connector.until("all are watched", lambda status: {link for link, _ in seen(status).values()} == {"OK"})
                asker = await stack.enter_async_context(
                    run_on(
                        segment, "asker", "tools.ha_monitor", "--root", str(connector.root), "--name", "PSERVER2",
                        "--bind", "192.168.0.2", "--interval", "0.2",
                    )
                )   # fmt: skip
                await asker.says("reset path monitoring started")
                await bmcs.tell("pull PSERVER1")
                await asker.says("event: PSERVER1 power off detected")
                await asker.tell("reset PSERVER1 cycle budget=20")
                await asker.says("reset of PSERVER1 refused: OWN_SERVER")
                await asker.tell("reset PSERVER3 cycle budget=20")
                await asker.says("reset of PSERVER3 succeeded: CYCLED_CONFIRMED")
                assert not any("reset path failure" in line for line in asker.lines)
                assert "192.168.0.0/24 is on reset0 and on other0 too" in connector.events
                strays = {way for way in await ways_of(wires) if not {way.source[1], way.target[1]} & {RESET_PORT, PORT}}
                assert strays == set(), "other ports than a firewall was told of"
                said = [way for way in await ways_of(traffic) if way.is_outgoing and way.source == ("192.168.0.1", RESET_PORT)]
                assert {way.interface for way in said} == {"reset0"}
                assert {way.type for way in said if way.target == ("192.168.0.255", RESET_PORT)} >= {Type.INTENT, Type.EVENT}

    trio.run(main)


class Way(NamedTuple):
    """Of UDP datagrams that were seen at an interface."""

    interface: str
    is_outgoing: bool
    source: tuple[str, int]
    target: tuple[str, int]
    type: int
    """Of HACP, else -1."""


async def ways_of(traffic: Program) -> set[Way]:
    rows = (await traffic.asked("ways"))["ways"]
    return {Way(row[0], row[1], (row[2], row[3]), (row[4], row[5]), row[6]) for row in rows if row[0] != "lo"}


async def one_server(segment: Segment, folder: Path) -> Connector:
    """A configured connector on host `server`, which knows that it stands on PSERVER1."""
    connector = Connector(folder / "root", "192.168.0.1", RESET_PORT)
    connector.launcher = segment.within("server")
    await connector.setup("resetpath", "addr=192.168.0.1/24", f"port={RESET_PORT}")
    await connector.setup("key", "new")
    await connector.setup("default", f"account={USER}", piped=f"{PASSWORD}\n")
    for number, name in enumerate(NAMES, 1):
        await connector.setup("pserver", "add", name, f"addr={bmc_address(number)}")
    with connector.paths.conf_haconn.open("a") as file:
        file.write(f'\n[service]\nsyslog = "{folder / "no-syslog"}"\npoll_interval = 0.3\nown_server = "PSERVER1"\n')
    return connector
