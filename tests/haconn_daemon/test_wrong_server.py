"""Nobody switches the wrong server (F49): watchers, desk and pins together, over swapped, replaced and doubled BMCs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from haconn_cli.config.identity import Identity
from haconn_cli.config.model import BmcAddress, ManagedServer, Servers, Service
from haconn_cli.config.pins import Pin
from haconn_cli.resetpath.vocabulary import Action, Link, ResetResult, ResultCode
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.fence.desk import Admitted, Desk
from haconn_daemon.fence.operation import Order
from haconn_daemon.monitor.health import Judge
from haconn_daemon.monitor.watch import Watch
from ipmi_lan import Client
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.board import LanSettings
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.lan import Lan
from tests.haconn_daemon.fence.bench import TICKET, KeepingTeller, MemoryRecord
from tests.haconn_daemon.managed import ACCOUNT, a_board

HOSTS = {"A": "192.0.2.1", "B": "192.0.2.2"}
NOBODY = bytes(16)


def board(number: int, guid: bytes | None = None, mac: int | None = None) -> SimulatedBmc:
    """A BMC; the GUID and the MAC address are its own unless said."""
    own = bytes([number]) * 15 + b"\x99"
    ethernet = bytes([2, 0, 0, 0, 0, number if mac is None else mac])
    return a_board(guid=own if guid is None else guid, lan=LanSettings(ethernet), slots=8)


class Cluster:
    """Two servers, one connector."""

    def __init__(self, lan: Lan, one: SimulatedBmc, two: SimulatedBmc, **written: Identity) -> None:
        self.lan, self.boards = lan, (one, two)
        self.pins: dict[str, Pin] | str = {}
        self.servers = Servers(
            tuple(ManagedServer(name, BmcAddress(host), identity=written.get(name)) for name, host in HOSTS.items()), ACCOUNT
        )
        self.plug(one, two)

    def plug(self, one: SimulatedBmc, two: SimulatedBmc) -> None:
        for host, bmc in zip(HOSTS.values(), (one, two), strict=True):
            self.lan.put(bmc, host)

    def swap(self) -> None:
        self.plug(*reversed(self.boards))

    def _keep(self, name: str, bmc: str, identity: Identity) -> None:
        assert isinstance(self.pins, dict)
        self.pins[name] = Pin(bmc, identity)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """The connector lives."""
        roster = Roster(self.servers.servers, self.pins, keep=self._keep)
        self.watch = Watch(self.servers, Service(), lambda judge, changes: None, _look_no_further, roster)
        self.teller = KeepingTeller()
        self.desk = Desk(self.watch.bmcs, MemoryRecord(self.boards[0]), frozenset, self.teller)
        async with trio.open_nursery() as nursery:
            await nursery.start(self.desk.run)
            await nursery.start(self.watch.run)
            await trio.sleep(2.0)
            yield
            nursery.cancel_scope.cancel()

    def link(self, name: str) -> Link:
        return self.watch.judge(name).status(trio.current_time(), is_own=False).link

    async def reset(self, name: str) -> ResetResult:
        admitted = await self.desk.admit(Order(name, Action.CYCLE, 20.0, "monitor C", "test", TICKET))
        assert isinstance(admitted, Admitted)
        while not self.teller.of(admitted.operation):
            await self.teller.news.wait()
        return self.teller.of(admitted.operation)[0]

    async def expect_refusals(self, *names: str, why: str) -> None:
        """Each link is NG and says why, and a reset ends without a power command."""
        for name in names:
            assert self.link(name) is Link.NG
            assert why in self.watch.judge(name).reason
            result = await self.reset(name)
            assert result.code is ResultCode.WRONG_IDENTITY
            assert why in result.evidence.detail
        assert [bmc.power_commands for bmc in self.boards] == [[], []]


async def _look_no_further(judge: Judge, client: Client) -> None:
    await trio.lowlevel.checkpoint()


@pytest.fixture
def lan(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> Lan:
    without_threads(monkeypatch)
    return lan


def run(main: Any) -> None:
    run_in_virtual_time(main)


def test_swapped_while_it_watches_and_over_its_restart(lan: Lan) -> None:
    cluster = Cluster(lan, board(1), board(2))

    async def main() -> None:
        async with cluster.life():
            assert (cluster.link("A"), cluster.link("B")) == (Link.OK, Link.OK)
            cluster.swap()
            await trio.sleep(60.0)
            await cluster.expect_refusals("A", "B", why="first seen there was guid")
        async with cluster.life():
            await trio.sleep(10.0)
            await cluster.expect_refusals("A", "B", why="first seen there was guid")
            cluster.plug(*cluster.boards)
            await trio.sleep(90.0)
            assert (cluster.link("A"), cluster.link("B")) == (Link.OK, Link.OK)
            assert (await cluster.reset("A")).code is ResultCode.CYCLED_CONFIRMED
        assert cluster.boards[0].power_commands
        assert not cluster.boards[1].power_commands

    run(main)


def test_swapped_while_it_was_down_and_no_link_was_seen_yet(lan: Lan) -> None:
    """The very first login of a life is that of a reset."""
    cluster = Cluster(lan, board(1), board(2))

    async def main() -> None:
        async with cluster.life():
            pass
        cluster.swap()
        async with cluster.life():
            assert (await cluster.reset("A")).code is ResultCode.WRONG_IDENTITY
        assert [bmc.power_commands for bmc in cluster.boards] == [[], []]

    run(main)


def test_a_board_that_was_replaced_until_it_is_pinned_anew(lan: Lan) -> None:
    cluster = Cluster(lan, board(1), board(2))

    async def main() -> None:
        async with cluster.life():
            cluster.plug(new := board(3), cluster.boards[1])
            await trio.sleep(60.0)
            await cluster.expect_refusals("A", why="another BMC answers there")
            assert (await cluster.reset("B")).code is ResultCode.CYCLED_CONFIRMED
        assert isinstance(cluster.pins, dict)
        del cluster.pins["A"]
        async with cluster.life():
            await trio.sleep(5.0)
            assert cluster.link("A") is Link.OK
            assert (await cluster.reset("A")).code is ResultCode.CYCLED_CONFIRMED
        assert new.power_commands

    run(main)


@pytest.mark.parametrize("guid", [NOBODY, b"\xff" * 16, b"the same for both"[:16]])
def test_boards_without_a_guid_of_their_own_are_told_apart_by_mac_address(lan: Lan, guid: bytes) -> None:
    cluster = Cluster(lan, board(1, guid), board(2, guid))

    async def main() -> None:
        async with cluster.life():
            await trio.sleep(5.0)
            assert (cluster.link("A"), cluster.link("B")) == (Link.OK, Link.OK)
            assert (await cluster.reset("A")).code is ResultCode.CYCLED_CONFIRMED
        assert isinstance(cluster.pins, dict)
        assert {pin.identity.kind for pin in cluster.pins.values()} == {"mac"}
        cluster.boards[0].power_commands.clear()
        cluster.swap()
        async with cluster.life():
            await trio.sleep(10.0)
            await cluster.expect_refusals("A", "B", why="first seen there was mac 02:00:00:00:00:0")

    run(main)


@pytest.mark.parametrize("guid", [None, NOBODY])
def test_one_bmc_behind_two_addresses_is_switched_for_neither(lan: Lan, guid: bytes | None) -> None:
    cluster = Cluster(lan, board(1, guid), board(2))
    cluster.plug(cluster.boards[0], cluster.boards[0])

    async def main() -> None:
        async with cluster.life():
            await trio.sleep(30.0)
            await cluster.expect_refusals("A", "B", why="mend one address")

    run(main)


def test_one_bmc_behind_two_addresses_is_that_of_the_server_for_which_it_is_written(lan: Lan) -> None:
    one = board(1)
    cluster = Cluster(lan, one, board(2), A=Identity("mac", bytes([2, 0, 0, 0, 0, 1])))
    cluster.plug(one, one)

    async def main() -> None:
        async with cluster.life():
            await trio.sleep(30.0)
            await cluster.expect_refusals("B", why="mend one address")
            assert (await cluster.reset("A")).code is ResultCode.CYCLED_CONFIRMED

    run(main)


def test_damaged_pins(lan: Lan) -> None:
    cluster = Cluster(lan, board(1), board(2), B=Identity("mac", bytes([2, 0, 0, 0, 0, 2])))
    cluster.pins = "pins: is not JSON"

    async def main() -> None:
        async with cluster.life():
            await trio.sleep(10.0)
            await cluster.expect_refusals("A", why="is not known any more: pins: is not JSON")
            assert (await cluster.reset("B")).code is ResultCode.CYCLED_CONFIRMED

    run(main)
