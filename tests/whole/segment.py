"""A reset path of its own, in network namespaces: a switch, and servers and BMCs on ports of it. Needs root and iproute2.

Nothing is made outside of the namespaces, and everything in them goes with them, however the test ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.programs import find_program
from tests.whole.privileges import expect_namespaces

REPOSITORY = Path(__file__).parents[2]
_made = count()


class Segment:
    """One segment of network; its hosts are called by short names."""

    def __init__(self) -> None:
        if os.geteuid():
            pytest.fail("network namespaces need root: run this test as root", pytrace=False)
        expect_namespaces("net", "mount")
        self._ip = find_program("ip")
        self._prefix = f"haconn-{os.getpid()}-{next(_made)}"
        self._namespaces: list[str] = []
        self._hosts: set[str] = set()

    def _run(self, *words: str) -> None:
        done = subprocess.run([self._ip, *words], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, (words, done.stderr)

    def inside(self, name: str, *words: str) -> None:
        """`ip` with these words on host `name`, or on the `switch`."""
        self._run("-n", f"{self._prefix}-{name}", *words)

    def open(self) -> None:
        """The switch."""
        self._add_namespace("switch")
        self.inside("switch", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.inside("switch", "link", "set", "br0", "up")

    def close(self) -> None:
        """Everything is gone, also where making it has failed half-way."""
        while self._namespaces:
            subprocess.run([self._ip, "netns", "del", self._namespaces.pop()], capture_output=True, timeout=30, check=False)

    def _add_namespace(self, name: str) -> None:
        namespace = f"{self._prefix}-{name}"
        self._namespaces.append(namespace)
        self._run("netns", "add", namespace)
        self.inside(name, "link", "set", "lo", "up")

    def plug(self, name: str, interface: str, *addresses: str) -> None:
        """A cable from the switch to an interface of host `name`, with these addresses (`IP/LENGTH`)."""
        if name not in self._hosts:
            self._hosts.add(name)
            self._add_namespace(name)
        port, namespace = f"{name}-{interface}", f"{self._prefix}-{name}"
        self.inside("switch", "link", "add", port, "type", "veth", "peer", "name", interface, "netns", namespace)
        self.inside("switch", "link", "set", port, "master", "br0", "up")
        for address in addresses:
            self.inside(name, "address", "add", address, "brd", "+", "dev", interface)
        self.inside(name, "link", "set", interface, "up")

    def cut(self, name: str, interface: str = "reset0") -> None:
        """Pull the cable at the switch."""
        self.inside("switch", "link", "set", f"{name}-{interface}", "down")

    def mend(self, name: str, interface: str = "reset0") -> None:
        """Put it back."""
        self.inside("switch", "link", "set", f"{name}-{interface}", "up")

    def within(self, name: str, *words: str) -> list[str]:
        """The command `words`, run on host `name`."""
        return [self._ip, "netns", "exec", f"{self._prefix}-{name}", *words]


@contextmanager
def open_segment() -> Iterator[Segment]:
    """A switch without hosts; with all that was plugged in gone afterwards."""
    segment = Segment()
    try:
        segment.open()
        yield segment
    finally:
        segment.close()


class Program:
    """A program of ours on a host of the segment: lines in, lines out."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def tell(self, line: str) -> None:
        """One line for its standard input."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(f"{line}\n".encode())

    async def read(self) -> None:
        """Keep what it prints, until it ends."""
        assert self._process.stdout is not None
        rest = b""
        async for piece in self._process.stdout:
            *whole, rest = (rest + piece).split(b"\n")
            self.lines += [line.decode() for line in whole]

    async def says(self, text: str, since: int = 0, patience: float = 30.0) -> str:
        """The first line from number `since` on that has `text`."""
        with trio.move_on_after(patience):
            while True:
                for line in self.lines[since:]:
                    if text in line:
                        return line
                await trio.sleep(0.02)
        raise AssertionError(f"not said within {patience:g} s: {text!r}; said: {self.lines[since:]}")

    async def asked(self, question: str) -> Any:
        """Its next line after `question`, which is JSON."""
        since = len(self.lines)
        await self.tell(question)
        return json.loads(await self.says("{", since))


@asynccontextmanager
async def run_on(segment: Segment, host: str, module: str, *words: str) -> AsyncIterator[Program]:
    """`python -m module` on `host`, killed in the end."""
    command = segment.within(host, sys.executable, "-m", module, *words)
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(_run_process, command)
        program = Program(process)
        nursery.start_soon(program.read)
        try:
            yield program
        finally:
            process.kill()
            nursery.cancel_scope.cancel()


async def _run_process(command: list[str], *, task_status: trio.TaskStatus[trio.Process]) -> None:
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY)
    task_status.started(process)
    try:
        await process.wait()
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
