"""One whole connector in this process: two servers' BMCs, the connector that watches them, and HA Monitor."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.model import ManagedServer, Servers, Settings
from haconn_cli.config.model import Service as ServiceSettings
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import haconn_text, keys_text, servers_text
from haconn_cli.control import ask_status
from haconn_cli.reports import StatusReport
from haconn_cli.resetpath.client import Path as ResetPathToIt
from haconn_cli.resetpath.client import open_requester
from haconn_cli.resetpath.vocabulary import Role, Standing
from haconn_daemon import systemd
from haconn_daemon.logs.journal import Journal
from haconn_daemon.service import Service
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.haconn_daemon.installed import KEYS, configure, free_port
from tests.haconn_daemon.managed import a_board


class Site:
    """Two servers' BMCs, and the connector that watches them."""

    def __init__(self, root: Path, nursery: trio.Nursery) -> None:
        self.paths = Paths(root)
        self.boards: list[SimulatedBmc] = []
        self.ended = trio.Event()
        self.ready = trio.Event()
        self.notified: list[str] = []
        """What systemd was told."""
        self.settings: Any = None
        self.service: Any = None
        self._nursery = nursery

    async def start(self) -> None:
        bmcs = []
        for number in (1, 2):
            self.boards.append(a_board(guid=bytes([number]) * 16))
            bmcs.append(await self._nursery.start(serve_bmc, self.boards[-1]))
        settings = ServiceSettings(syslog=str(self.paths.root / "no-syslog"), poll_interval=0.2, sel_interval=1.0)
        self.settings = configure(self.paths.root, free_port(), *bmcs, service=settings)
        await self.start_connector()

    async def start_connector(self) -> None:
        """A new life of it."""
        self.ready, self.ended = trio.Event(), trio.Event()
        self._nursery.start_soon(self._run)
        await self.ready.wait()

    async def _run(self) -> None:
        with Journal(self.paths.log, self.settings.service.syslog) as journal:
            self.service = Service(self.settings, self.paths, journal)
            await self.service.run()
        self.ended.set()

    def note(self, *messages: str) -> bool:
        """In the place of `systemd.notify`."""
        self.notified += messages
        if systemd.READY in messages:
            self.ready.set()
        return True

    def write(self, settings: Settings) -> None:
        """As haconnsetup does."""
        self.paths.conf_haconn.write_text(haconn_text(settings.reset_path, settings.service))
        self.paths.conf_pserver.write_text(servers_text(settings.servers))
        self.paths.conf_key.write_text(keys_text(settings.keys))

    def write_servers(self, *servers: ManagedServer) -> None:
        self.paths.conf_pserver.write_text(servers_text(Servers(servers, self.settings.servers.default_account)))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it; the site's own time limit ends that."""
        while not is_so():
            await trio.sleep(0.02)

    async def stop(self) -> float:
        """As systemd does; returns how long it took."""
        began = trio.current_time()
        os.kill(os.getpid(), signal.SIGTERM)
        await self.ended.wait()
        return trio.current_time() - began

    async def status(self) -> StatusReport:
        return await trio.to_thread.run_sync(ask_status, self.paths)

    async def until_monitored(self) -> StatusReport:
        while not all(server.link == "OK" for server in (await self.status()).servers):
            await trio.sleep(0.02)
        return await self.status()

    @asynccontextmanager
    async def monitor(self, name: str = "PSERVER1", standing: Standing = Standing.LOCAL) -> AsyncIterator[ResetPathToIt]:
        """HA Monitor, known to the connector."""
        path = self.settings.reset_path
        async with open_requester(
            KEYS, Role.MONITOR, name, (path.address, path.port), digest=self.settings.servers.digest(), standing=standing
        ) as requester:
            await requester.hello()
            yield requester

    @property
    def events(self) -> str:
        return (self.paths.log / "eventlog").read_text()


Test = Callable[[Callable[[Site], Awaitable[Any]]], None]


def run_at_a_site(main: Callable[[Site], Awaitable[Any]], directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test where the connector is ready."""

    async def opened() -> None:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                here = Site(directory, nursery)
                monkeypatch.setattr(systemd, "notify", here.note)
                await here.start()
                await main(here)
                if not here.ended.is_set():
                    await here.stop()
                nursery.cancel_scope.cancel()

    trio.run(opened)
