"""The two clusters of the manual's chapter 5: four physical servers, and two servers with four guests each. On the loopback."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio

from haconn_cli.resetpath.client import open_requester
from haconn_cli.resetpath.vocabulary import Link, ResultCode, Role, Standing
from ipmi_lan import Privilege
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc, serve_bmcs
from tests.whole.connector import Connector, free_reset_port, running
from tools.ha_monitor import HaMonitor

pytestmark = pytest.mark.whole
USER, PASSWORD = "hitachi", "correct horse"
BMC_PORT = 6230 + os.getpid() % 20000   # two runs at once must not meet
SERVICE = "poll_interval = 0.3\n"


class Site:
    """Servers with a connector and a BMC each, and HA Monitors where a test wants them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.bmcs: dict[str, SimulatedBmc] = {}
        self.connectors: dict[str, Connector] = {}
        self.monitors: list[HaMonitor] = []
        self.said: list[str] = []
        self._inputs: list[trio.MemorySendChannel[str]] = []

    async def open(self, folder: Path, count: int) -> None:
        """BMCs that answer, and the settings: typed on the first server, two files copied to the others."""
        names = [f"PSERVER{number}" for number in range(1, count + 1)]
        users = {USER: (PASSWORD, Privilege.OPERATOR)}
        self.bmcs = {name: SimulatedBmc(name, users, os.urandom(16), os.urandom) for name in names}
        places = {(f"127.0.6.{50 + number}", BMC_PORT): bmc for number, bmc in enumerate(self.bmcs.values(), 1)}
        await self._nursery.start(serve_bmcs, places)
        port = free_reset_port("127.0.6.1")
        for number, name in enumerate(names, 1):
            self.connectors[name] = Connector(folder / name, f"127.0.6.{number}", port)
        first, *others = self.connectors.values()
        await first.configure(USER, PASSWORD, {bmc.name: f"{host}:{port}" for (host, port), bmc in places.items()})
        async with trio.open_nursery() as nursery:
            for other in others:
                nursery.start_soon(copy_settings, first, other)
        for connector in self.connectors.values():
            with connector.paths.conf_haconn.open("a") as file:
                file.write(SERVICE)

    def start_monitor(self, name: str, bind: str | None = None) -> HaMonitor:
        """HA Monitor of server `name`, on the connector's own address or another one."""
        monitor = HaMonitor(self.connectors[name].settings, name, 0.5, self.said.append, bind)
        send, receive = trio.open_memory_channel[str](1)
        self._nursery.start_soon(monitor.run, receive)
        self.monitors.append(monitor)
        self._inputs.append(send)
        return monitor

    async def tell(self, monitor: HaMonitor, line: str) -> None:
        """Type a line at it."""
        await self._inputs[self.monitors.index(monitor)].send(line)

    async def until(self, what: str, is_so: Callable[[], bool], patience: float = 30.0) -> None:
        with trio.move_on_after(patience):
            while not is_so():
                await trio.sleep(0.02)
            return
        raise AssertionError(f"not within {patience:g} s: {what}; said: {self.said}")

    def times_said(self, text: str) -> int:
        return sum(text in line for line in self.said)

    def switched(self) -> dict[str, list[int]]:
        """The power commands that each BMC got."""
        return {name: [control for _, control in bmc.power_commands] for name, bmc in self.bmcs.items()}


async def copy_settings(first: Connector, other: Connector) -> None:
    """What the manual allows to be copied, and conf_key; the reset path is each server's own."""
    await other.setup("resetpath", f"addr={other.reset_address}/8", f"port={other.reset_port}")
    with other.paths.conf_haconn.open("a") as file:
        file.write(f'\n[service]\nsyslog = "{other.root / "no-syslog"}"\n')
    for name in ("conf_pserver", "conf_key"):
        copy = other.paths.config / name
        copy.write_bytes((first.paths.config / name).read_bytes())
        copy.chmod(0o600)


@asynccontextmanager
async def site(folder: Path, count: int) -> AsyncIterator[Site]:
    """A cluster of `count` servers whose connectors run."""
    async with trio.open_nursery() as nursery:
        here = Site(nursery)
        await here.open(folder, count)
        async with AsyncExitStack() as stack:
            for connector in here.connectors.values():
                await stack.enter_async_context(running(connector))
            yield here
        nursery.cancel_scope.cancel()


async def until_right(here: Site) -> None:
    """Every connector says `(own server)` of its own server, and `monitoring` of the others."""
    for own, connector in here.connectors.items():
        right = {name: ("OK", "(own server)" if name == own else "monitoring") for name in here.bmcs}
        await connector.until(
            f"{own} sees all",
            lambda status, right=right: {name: (each["link"], each["status"]) for name, each in status.items()} == right,  # type: ignore[misc]
        )


@pytest.mark.shows("M5", "C6", "C12", "O6")
def test_four_physical_servers(tmp_path: Path) -> None:
    async def main() -> None:
        async with site(tmp_path, 4) as here:
            one, *_ = [here.start_monitor(name) for name in here.connectors]
            await until_right(here)
            here.bmcs["PSERVER3"].chassis.lose_power(trio.current_time())
            await here.until("all hear of it", lambda: here.times_said("event: PSERVER3 power off detected") == 4)
            await here.tell(one, "reset PSERVER4 cycle budget=20")
            await here.until("the reset has an end", lambda: bool(one.results))
            (_, result), = one.results
            assert result is not None
            assert (result.code, result.back_on) == (ResultCode.CYCLED_CONFIRMED, True)
            switched = {"PSERVER1": [], "PSERVER2": [], "PSERVER3": [], "PSERVER4": [Control.POWER_OFF, Control.POWER_ON]}
            assert here.switched() == switched
            assert here.times_said("another list of servers") == 0
            assert here.times_said("reset path failure") == 0

    trio.run(main)


@pytest.mark.shows("M3", "M5", "O6", "R4")
def test_two_servers_with_four_guests_each(tmp_path: Path) -> None:
    """One guest of each server has the connector; HA Monitor is in all. Those of one hear of the other, and shoot at it."""

    async def main() -> None:
        async with site(tmp_path, 2) as here:
            guests = [here.start_monitor("PSERVER1", f"127.0.6.{10 + guest}") for guest in range(4)]
            others = [here.start_monitor("PSERVER2", f"127.0.6.{20 + guest}") for guest in range(4)]
            await until_right(here)
            await here.until("all check the path", lambda: here.times_said("reset path monitoring started") == 8)
            here.bmcs["PSERVER2"].chassis.lose_power(trio.current_time())
            await here.until("all guests hear of it", lambda: here.times_said("event: PSERVER2 power off detected") == 8)
            here.bmcs["PSERVER2"].chassis.gain_power(trio.current_time())
            await here.until("and of its end", lambda: here.times_said("event: PSERVER2 power on detected") == 8)
            async with trio.open_nursery() as nursery:
                for guest in guests:
                    nursery.start_soon(here.tell, guest, "reset PSERVER2 cycle budget=20")
            await here.until("each has its answer", lambda: all(guest.results for guest in guests))
            answers = [result for guest in guests for _, result in guest.results]
            assert [answer.code if answer else None for answer in answers] == [ResultCode.CYCLED_CONFIRMED] * 4
            assert here.switched() == {"PSERVER1": [], "PSERVER2": [Control.POWER_OFF, Control.POWER_ON]}
            assert not any(other.results for other in others)
            assert here.times_said("reset path failure") == 0

    trio.run(main)


@pytest.mark.shows("R6")
def test_path_checks_do_not_wait_for_bmcs(tmp_path: Path) -> None:
    """None of the BMCs ever answers, and each check has its answer in its two seconds: fewer than a login is given."""

    async def main() -> None:
        async with site(tmp_path, 2) as here:
            for bmc in here.bmcs.values():
                bmc.faults.silent = True
            connector = here.connectors["PSERVER1"]
            settings, address = connector.settings, (connector.reset_address, connector.reset_port)
            async with open_requester(
                settings.keys, Role.MONITOR, "PSERVER1", address,
                digest=settings.servers.digest(), standing=Standing.LOCAL, version="test", bind=address[0],
            ) as path:  # fmt: skip
                await path.hello()
                for _ in range(20):
                    status = await path.check()
                    assert {server.link for server in status.servers} <= {Link.NOT_YET, Link.OK}

    trio.run(main)


@pytest.mark.shows("O1")
def test_stopped_changed_and_started_again(tmp_path: Path) -> None:
    """The manual's order: HA Monitor and the connector stop, the settings change, both start."""

    async def main() -> None:
        async with site(tmp_path, 2) as here:
            connector = here.connectors["PSERVER1"]
            assert await connector.stop() == 0
            await connector.setup("pserver", "mod", "PSERVER2", "name=SPARE")
            await connector.setup("resetpath", f"port={free_reset_port(connector.reset_address)}")
            async with running(connector):
                monitor = HaMonitor(connector.settings, "PSERVER1", 0.5, here.said.append)
                send, receive = trio.open_memory_channel[str](1)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(monitor.run, receive)
                    right = {"(own server)", "monitoring"}
                    status = await connector.until("as set", lambda seen: {each["status"] for each in seen.values()} == right)
                    await send.aclose()
                assert list(status) == ["PSERVER1", "SPARE"]
                assert here.times_said("reset path failure") == 0

    trio.run(main)
