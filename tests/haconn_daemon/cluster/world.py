"""A whole cluster in one process and on a virtual clock: simulated BMCs, the real connectors, HA Monitors, an attacker.

A server that loses power takes its connector and its HA Monitor with it; a connector that crashes keeps nothing but its files.
"""

from __future__ import annotations

import json
import random
import signal
import zlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from haconn_cli.config.model import BmcAddress, ManagedServer, ResetPath, Servers, Service, Settings, parse_interface
from haconn_cli.config.paths import Paths
from haconn_cli.resetpath.client import NotAnswered, open_requester
from haconn_cli.resetpath.client import Path as Requests
from haconn_cli.resetpath.outcomes import EventSeen, Finished, PathStatus
from haconn_cli.resetpath.vocabulary import Action, ResetResult, ResultCode, Role, Standing
from haconn_daemon.fence.record import Intent, Record
from haconn_daemon.service import Service as Connector
from ipmi_lan import Privilege
from ipmi_lan.simulator import Chassis, SimulatedBmc
from tests.fakes.host_sockets import LIFE, Address, Life
from tests.fakes.hosts import Hosts
from tests.haconn_cli.resetpath.cluster import KEYS
from tests.haconn_daemon.cluster.values import ACCOUNT, Asked, Begun, Commanded, KeptJournal, LyingChassis, Server
from tools.fault_proxy.plan import Faults

RESET_PORT = 30000
BOOT = 3.0
"""Seconds from power on to the connector's start."""
RESULT, REQUEST, CODE = 0x23, slice(64, 80), 96
"""Of a datagram: the type, where the request id stands, and the code of a RESULT (docs/resetpath.md)."""
CAPTURED = 400
LOCAL = Faults(latency=0.0001)
"""Of the way from a host to itself, which loses nothing."""


class Gone(Exception):  # noqa: N818 - errors here are named for the fact
    """That HA Monitor does not run any more."""


class World:
    """All of it. Use `open_world`."""

    def __init__(self, seed: int, folder: Path, count: int, service: dict[str, Any], slots: int = 16) -> None:
        """`slots`: the sessions that each BMC has."""
        self.seed = seed
        self.chance = random.Random(seed)
        self.hosts = Hosts(seed)
        self.weather: dict[str, Faults] = {"ipmi": Faults(latency=0.0005), "reset": Faults(latency=0.0005)}
        self.wall = 0.0
        """Seconds that the wall clock is off."""
        self.asked: list[Asked] = []
        self.begun: list[Begun] = []
        self.commands: list[Commanded] = []
        self.events: list[tuple[float, EventSeen]] = []
        self.seen: list[tuple[float, float, PathStatus]] = []
        """When, how many seconds the connector had been up, and what it said."""
        self.digest = 0
        """Of every datagram that was sent, so that two runs can be compared."""
        self.results: dict[tuple[str, bytes], set[int]] = {}
        """Codes of the RESULTs that left, by connector and request."""
        self.captured: dict[str, deque[tuple[Address, Address, bytes]]] = {
            kind: deque(maxlen=CAPTURED) for kind in ("ipmi", "reset")
        }
        self.servers = {server.name: server for server in self._servers(folder, count, service, slots)}
        self.bmc_hosts = {server.bmc_host for server in self.servers.values()}
        self.nursery: trio.Nursery
        self._news = trio.Event()
        self.hosts.rates = self._rates
        self.hosts.tap = self._tap
        self.hosts.on_bmc = self._on_bmc

    def _servers(self, folder: Path, count: int, service: dict[str, Any], slots: int) -> list[Server]:
        names = [f"PSERVER{number}" for number in range(1, count + 1)]
        managed = tuple(ManagedServer(name, BmcAddress(f"192.168.1.{50 + number}")) for number, name in enumerate(names, 1))
        found = []
        for number, name in enumerate(names, 1):
            users = {ACCOUNT.name: (ACCOUNT.password, Privilege.OPERATOR)}
            board = SimulatedBmc(name, users, bytes([number]) * 16, self.chance.randbytes, chassis=LyingChassis(), slots=slots)
            host, bmc_host = f"192.168.0.{number}", f"192.168.1.{50 + number}"
            path = ResetPath(parse_interface(f"{host}/24"), RESET_PORT)
            settings = Settings(path, Servers(managed, ACCOUNT), KEYS, Service(own_server=name, syslog="/nowhere", **service))
            self.hosts.put(board, bmc_host)
            paths = Paths(folder / name)
            found.append(Server(name, host, bmc_host, board, settings, paths, KeptJournal(paths.log)))
        return found

    # ── the network ───────────────────────────────────────────────────────────

    def _rates(self, source: str, target: str) -> Faults:
        if source == target:
            return LOCAL
        return self.weather["ipmi" if self.bmc_hosts & {source, target} else "reset"]

    def _tap(self, source: Address, target: Address, datagram: bytes) -> None:
        self.digest = zlib.crc32(datagram, self.digest)
        kind = "reset" if RESET_PORT in (source[1], target[1]) else "ipmi"
        self.captured[kind].append((source, target, datagram))
        if source[1] == RESET_PORT and datagram[5:6] == bytes([RESULT]) and len(datagram) > CODE:
            self.results.setdefault((source[0], datagram[REQUEST]), set()).add(datagram[CODE])

    def _on_bmc(self, bmc: SimulatedBmc, source: str) -> None:
        known = sum(command.board == bmc.name for command in self.commands)
        self.commands += [Commanded(at, bmc.name, source, control) for at, control in bmc.power_commands[known:]]
        self._news.set()

    def stir(self) -> None:
        """Something happened to a server's power."""
        self._news.set()

    # ── lives ─────────────────────────────────────────────────────────────────

    async def start(self, server: Server) -> None:
        """A new life of its connector; its HA Monitor lives on if it does."""
        server.gone, server.ready = trio.Event(), trio.Event()
        life, server.began = Life(server.host), trio.current_time()
        server.connector = life
        server.lives.append(life)
        self.nursery.start_soon(self._live, server, life)
        await server.ready.wait()
        if server.monitor is None:
            server.monitor = Life(server.host)

    async def _live(self, server: Server, life: Life) -> None:
        LIFE.set(life)
        with life.scope():
            await Connector(server.settings, server.paths, server.journal).run()
        life.is_dead = life.is_over = True
        for operation in self.begun:
            if operation.host == server.host and operation.ended is None:
                operation.ended = trio.current_time()
        server.gone.set()
        server.ready.set()

    async def crash(self, server: Server) -> None:
        """As SIGKILL has it: not another datagram leaves."""
        if server.connector is not None and not server.gone.is_set():
            server.connector.die()
            await server.gone.wait()

    async def stop(self, server: Server) -> None:
        """As systemd has it."""
        if server.is_up and server.signals is not None:
            server.signals.send_nowait(signal.SIGTERM)
            with trio.fail_after(10):
                await server.gone.wait()

    async def watch_power(self) -> None:
        """A server without power runs nothing."""
        while True:
            self._news = trio.Event()
            now = trio.current_time()
            for server in self.servers.values():
                if not Chassis.power_is_on(server.board.chassis, now) and server.monitor is not None:
                    self._end_monitor(server)
                    await self.crash(server)
                    self.nursery.start_soon(self._boot, server)
            due = min((each.at for server in self.servers.values() for each in server.board.chassis._due), default=float("inf"))
            with trio.move_on_at(due):
                await self._news.wait()

    def _end_monitor(self, server: Server) -> None:
        assert server.monitor is not None
        server.monitor.die()
        server.monitor = None
        server.requests.clear()
        for asked in self.asked:
            asked.is_moot |= asked.by == server.name and asked.answered is None

    async def _boot(self, server: Server) -> None:
        while not Chassis.power_is_on(server.board.chassis, trio.current_time()):
            await trio.sleep(0.5)
        await trio.sleep(BOOT)
        if Chassis.power_is_on(server.board.chassis, trio.current_time()):
            await self.start(server)
        else:
            self.nursery.start_soon(self._boot, server)

    # ── HA Monitors ───────────────────────────────────────────────────────────

    async def path(self, by: Server, of: Server) -> Requests:
        """The requests of one server's HA Monitor to one server's connector. Raises `Gone`."""
        if of.name not in by.requests:
            if by.monitor is None:
                raise Gone
            opened = trio.Event()
            self.nursery.start_soon(self._hold_path, by, of, by.monitor, opened)
            await opened.wait()
        if of.name not in by.requests:
            raise Gone
        return by.requests[of.name]

    async def _hold_path(self, by: Server, of: Server, life: Life, opened: trio.Event) -> None:
        LIFE.set(life)
        digest, standing = by.settings.servers.digest(), Standing.LOCAL if by is of else Standing.ELSEWHERE
        with life.scope():
            async with open_requester(
                KEYS, Role.MONITOR, by.name, (of.host, RESET_PORT), digest=digest, standing=standing, bind=by.host
            ) as path:
                by.requests[of.name] = path
                opened.set()
                async for event in path.events:
                    self.events.append((trio.current_time(), event))
        opened.set()

    def ask(self, by: Server, of: Server, target: str, action: Action, budget: float, force: bool = False) -> Asked:
        """Ask for a reset, in the background."""
        asked = Asked(by.name, of.name, target, action, budget, trio.current_time())
        self.asked.append(asked)
        assert by.monitor is not None
        self.nursery.start_soon(self._ask, by, of, asked, force, by.monitor)
        return asked

    async def _ask(self, by: Server, of: Server, asked: Asked, force: bool, life: Life) -> None:
        with life.scope() as scope:
            if life.is_dead:
                scope.cancel()
            await trio.lowlevel.checkpoint()
            path = await self.path(by, of)
            asked.at = trio.current_time()
            machine = path._requester
            asked.request = machine.request_reset(asked.target, asked.action, asked.budget, asked.at, force=force)
            try:
                outcome = await path._outcome(asked.request)
                asked.result = outcome.result if isinstance(outcome, Finished) else None
            except NotAnswered:
                asked.result = None
            asked.answered = trio.current_time()

    async def look(self, by: Server, of: Server) -> bool:
        """A path check; whether it was answered."""
        try:
            status = await (await self.path(by, of)).check()
            self.seen.append((trio.current_time(), trio.current_time() - of.began, status))
        except (NotAnswered, Gone):
            return False
        return True

    async def ask_again(self, asked: Asked) -> ResultCode | None:
        """What the connector says now of a request; None: nothing."""
        by, of = self.servers[asked.by], self.servers[asked.of]
        try:
            path = await self.path(by, of)
            request = path._requester.query_result(asked.request, trio.current_time())
            outcome = await path._outcome(request)
        except (NotAnswered, Gone):
            return None
        assert isinstance(outcome, Finished)
        return outcome.result.code

    def record_lines(self, server: Server) -> list[str]:
        """The record on disk, each line one JSON object."""
        path = server.paths.state / "record"
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            json.loads(line)
        return lines


@asynccontextmanager
async def open_world(world: World, monkeypatch: Any) -> AsyncIterator[World]:
    """Everything started; at the end everything is cut off."""
    _watch_records(world, monkeypatch)
    async with trio.open_nursery() as world.nursery:
        await world.nursery.start(world.hosts.run)
        for server in world.servers.values():
            await world.start(server)
        world.nursery.start_soon(world.watch_power)
        yield world
        world.nursery.cancel_scope.cancel()


def _watch_records(world: World, monkeypatch: Any) -> None:
    """What the records are told, is told to the world first."""
    intend, conclude = Record.intend, Record.conclude

    def intending(record: Record, intent: Intent, *more: Any) -> None:
        words = (intent.target, intent.action, intent.ticket, intent.operation)
        world.begun.append(Begun(LIFE.get().host, *words, trio.current_time()))
        intend(record, intent, *more)

    def concluding(record: Record, operation: str, result: ResetResult, *more: Any) -> None:
        for begun in world.begun:
            if begun.id == operation and begun.ended is None:
                begun.ended = trio.current_time()
        conclude(record, operation, result, *more)

    monkeypatch.setattr(Record, "intend", intending)
    monkeypatch.setattr(Record, "conclude", concluding)
