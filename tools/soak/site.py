"""A connector as a process behind fault proxies, simulated BMCs, HA Monitor's side: one clock, so that answers can be judged."""

from __future__ import annotations

import os
import secrets
import signal
import socket as sockets
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from haconn_cli.config.model import Account, Service, Settings
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import servers_text
from haconn_cli.resetpath.client import NotAnswered
from haconn_cli.resetpath.client import Path as Requests
from haconn_cli.resetpath.requester import Requester
from haconn_cli.resetpath.vocabulary import Action, ResetResult, Role, Standing
from ipmi_lan import Privilege
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.haconn_daemon.cluster.judge import was_off
from tests.haconn_daemon.installed import KEYS, command, configure, environment
from tests.peers.ipmi_sim import PASSWORD, USER
from tools.fault_proxy.plan import Faults
from tools.fault_proxy.proxy import Proxy

Address = tuple[str, int]
ACCOUNT = Account(USER, PASSWORD)
"""At every BMC, an ipmi_sim among them."""
MONITOR = "PSERVER1"
"""Whose HA Monitor asks."""
GRACE = 1.5
"""Seconds after its budget in which an answer must be there: the protocol's one, and a loaded machine."""
_READY, _GONE = 20.0, 15.0   # seconds


def free_port() -> int:
    """A UDP port that nobody has, on the loopback."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Tally:
    """What came of the resets."""

    wrong: list[str] = field(default_factory=list)
    """What should not have been."""
    codes: Counter[str] = field(default_factory=Counter)
    """Results by their name; `no answer` where there was none in time."""
    seconds: list[float] = field(default_factory=list)
    """Of each success."""

    @property
    def resets(self) -> int:
        return self.codes.total()


@dataclass
class Site:
    """One connector and what it manages: PSERVER1 and so on."""

    root: Path
    boards: dict[str, SimulatedBmc]
    proxies: list[Proxy]
    """Of the BMCs."""
    gate: Proxy
    """Of the reset path."""
    settings: Settings
    requests: Requests
    machine: Requester
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """Of the reset path, without a proxy."""
        return self.settings.reset_path.address, self.settings.reset_path.port

    def set_weather(self, ipmi: Faults, reset: Faults) -> None:
        """From now on."""
        self.gate.set_faults(reset)
        for proxy in self.proxies:
            proxy.set_faults(ipmi)

    async def start(self) -> float:
        """Start the process; the seconds until it answers a path check."""
        began = trio.current_time()
        with (self.root / "daemon.out").open("ab") as output:
            self.process = subprocess.Popen(command(), env=environment(self.root), stdout=output, stderr=output)
        with trio.fail_after(_READY):
            while True:
                try:
                    await self.requests.check(patience=0.25)
                except NotAnswered:
                    continue
                return trio.current_time() - began

    async def until_monitored(self) -> None:
        """Wait until every link is OK."""
        with trio.fail_after(_READY):
            while True:
                status = await self.requests.check()
                if all(each.reset_capable for each in status.servers):
                    return
                await trio.sleep(0.1)

    async def stop(self, number: int = signal.SIGTERM) -> float:
        """Signal the process; the seconds until it is gone."""
        assert self.process is not None
        began = trio.current_time()
        self.process.send_signal(number)
        with trio.fail_after(_GONE):
            while self.process.poll() is None:
                await trio.sleep(0.005)
        self.process = None
        return trio.current_time() - began

    async def reset(self, target: str, action: Action, budget: float, tally: Tally) -> ResetResult | None:
        """Ask, wait, and judge the answer."""
        began = trio.current_time()
        words = f"{action.name} of {target}"
        try:
            result = await self.requests.reset(target, action, budget, reason="soak")
        except NotAnswered:
            result = None
        ended = trio.current_time()
        if ended - began > budget + GRACE:
            tally.wrong.append(f"{words}: answered after {ended - began:.2f} s, budget {budget:g}")
        tally.codes["no answer" if result is None else result.code.name] += 1
        if result is not None and result.code.is_success:
            tally.seconds.append(ended - began)
            board = self.boards[target]
            board.chassis.advance(ended)
            if not was_off(board, began, ended):
                tally.wrong.append(f"{words}: {result.code.name}, and it was on all the time")
        return result

    def commands(self, target: str) -> list[Control | int]:
        """The power commands that its BMC took."""
        return [control for _, control in self.boards[target].power_commands]

    def sessions(self) -> int:
        """Open at all BMCs."""
        return sum(board.open_sessions(trio.current_time()) for board in self.boards.values())

    def footprint(self) -> dict[str, int]:
        """KiB of memory, file descriptors and threads of the process."""
        assert self.process is not None
        place = Path(f"/proc/{self.process.pid}")
        fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        return {
            "rss": int(fields["VmRSS"].split()[0]),
            "descriptors": len(list((place / "fd").iterdir())),
            "threads": int(fields["Threads"]),
        }

    def processor_seconds(self) -> float:
        """Of the process, user and system."""
        assert self.process is not None
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def record(self) -> Path:
        """The file with the resets."""
        return Paths(self.root).state / "record"


@asynccontextmanager
async def open_site(
    root: Path,
    count: int,
    seed: int,
    poll_interval: float = 1.0,
    foreign: Sequence[Address] = (),
    arbitration_wait: float = 0.3,
    has_proxies: bool = True,
) -> AsyncIterator[Site]:
    """Everything but the connector's process, which `Site.start` starts; at the end all is gone.

    `foreign` are the addresses of BMCs that are not ours, from PSERVER2 on; those of the simulated ones follow. Without
    `has_proxies` everybody sends straight to where it belongs.
    """
    boards, proxies, doors = {}, [], []
    async with trio.open_nursery() as nursery:
        for number in [1, *range(2 + len(foreign), count + len(foreign) + 1)]:
            users = {ACCOUNT.name: (ACCOUNT.password, Privilege.OPERATOR)}
            board = boards[f"PSERVER{number}"] = SimulatedBmc(f"BMC{number}", users, bytes([100 + number]) * 16, os.urandom)
            served = await nursery.start(serve_bmc, board)
            proxies.append(Proxy(served, Faults(), seed * 1000 + number))
            doors.append(await nursery.start(proxies[-1].run, ("127.0.0.1", 0)) if has_proxies else served)
        service = Service(syslog=str(root / "no-syslog"), poll_interval=poll_interval, arbitration_wait=arbitration_wait)
        settings = configure(root, free_port(), doors[0], *foreign, *doors[1:], service=service)
        settings = replace(settings, servers=replace(settings.servers, default_account=ACCOUNT))
        Paths(root).conf_pserver.write_text(servers_text(settings.servers))
        address = (settings.reset_path.address, settings.reset_path.port)
        gate = Proxy(address, Faults(), seed * 1000)
        through = await nursery.start(gate.run, ("127.0.0.1", 0))
        async with open_requests(settings, through if has_proxies else address) as (requests, machine):
            site = Site(root, boards, proxies, gate, settings, requests, machine)
            try:
                yield site
            finally:
                if site.process is not None:
                    site.process.kill()
                    site.process.wait()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_requests(settings: Settings, through: Address, name: str = MONITOR) -> AsyncIterator[tuple[Requests, Requester]]:
    """HA Monitor's side, sending to a proxy: the connector is known by its own address, wherever the datagrams go."""
    path, digest = settings.reset_path, settings.servers.digest()
    connector = (path.address, path.port)
    machine = Requester(
        KEYS, Role.MONITOR, name, connector, secrets.token_bytes, digest, standing=Standing.LOCAL, version="soak"
    )
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as socket:
        await socket.connect(through)
        requests = Requests(machine, socket)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(requests.run)
            yield requests, machine
            nursery.cancel_scope.cancel()
