"""A connector as its administrator has it: configured with the real haconnsetup, run as the process haconn-daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from haconn_cli.config.load import load_settings
from haconn_cli.config.paths import Paths

BIN = Path(sys.executable).parent


class Connector:
    """One server's installed layout under a directory of its own."""

    def __init__(self, root: Path, reset_address: str, reset_port: int) -> None:
        self.root = root
        self.paths = Paths(root)
        self.environment = {**os.environ, "HACONN_ROOT": str(root)}
        self.reset_address, self.reset_port = reset_address, reset_port
        self.process: subprocess.Popen[bytes] | None = None
        self.launcher: list[str] = []
        """Words before each command: where it runs."""

    async def setup(self, *words: str, piped: str = "", code: int = 0) -> str:
        """Run haconnsetup; its standard output. The exit code must be as expected."""
        done = await trio.run_process(
            [*self.launcher, str(BIN / "haconnsetup"), *words],
            stdin=piped.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=self.environment,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout.decode()

    async def configure(self, account: str, password: str, bmcs: dict[str, str]) -> None:
        """The manual's set-up; `bmcs` has the BMC's address by server name."""
        await self.setup("resetpath", f"addr={self.reset_address}/8", f"port={self.reset_port}")
        await self.setup("key", "new")
        await self.setup("default", f"account={account}", piped=f"{password}\n")
        for name, address in bmcs.items():
            await self.setup("pserver", "add", name, f"addr={address}")
        with self.paths.conf_haconn.open("a") as file:
            file.write(f'\n[service]\nsyslog = "{self.root / "no-syslog"}"\n')

    def start(self) -> None:
        """Start the process."""
        with (self.root / "daemon.out").open("ab") as output:
            command = [*self.launcher, str(BIN / "haconn-daemon")]
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        with trio.fail_after(10):
            while self.process.poll() is None:
                await trio.sleep(0.02)
        code, self.process = self.process.returncode, None
        return code

    async def status(self) -> dict[str, Any]:
        """`show status --json`, servers by name."""
        report = json.loads(await self.setup("show", "status", "--json"))
        return {server["name"]: server for server in report["servers"]}

    async def until(self, what: str, is_so: Callable[[dict[str, Any]], bool], patience: float = 30.0) -> dict[str, Any]:
        """Wait until the status is so."""
        status: dict[str, Any] = {}
        with trio.move_on_after(patience):
            while True:
                status = await self.status()
                if is_so(status):
                    return status
                await trio.sleep(0.1)
        raise AssertionError(f"not within {patience:g} s: {what}; last seen: {status}")

    @property
    def settings(self) -> Any:
        return load_settings(self.paths)

    @property
    def events(self) -> str:
        """What the event log says."""
        return (self.paths.log / "eventlog").read_text()


@asynccontextmanager
async def running(connector: Connector) -> AsyncIterator[Connector]:
    """The connector's process, answering, and gone afterwards whatever happens."""
    connector.start()
    try:
        with trio.fail_after(10):
            while not (connector.paths.run / "control.sock").exists():
                assert connector.process is not None
                assert connector.process.poll() is None, (connector.root / "daemon.out").read_text()
                await trio.sleep(0.02)
        yield connector
    finally:
        if connector.process is not None:
            connector.process.kill()
            connector.process.wait()


def free_reset_port(address: str) -> int:
    """A port of the allowed range that is free on `address` now."""
    import socket

    for port in range(31000 + os.getpid() % 1000, 65535, 7):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
