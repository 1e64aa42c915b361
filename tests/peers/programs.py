"""Foreign programs as a test runs them: by their arguments, never by a shell, with a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from subprocess import STDOUT

import pytest
import trio

from ipmi_lan.simulator import SimulatedBmc, serve_bmc

_PACKAGES = {"ipmitool": "ipmitool", "ipmi_sim": "openipmi", "ipmipower": "freeipmi-tools", "bmc-info": "freeipmi-tools"}
_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")   # FreeIPMI's tools are there, and not on every user's PATH
used: Counter[str] = Counter()
"""How often each foreign program was run, for the summary."""
TIME_LIMIT = 30.0   # seconds; each of the programs gives up by itself before


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    code: int
    text: str
    """Standard output and standard error, as they came."""


def find_program(name: str) -> str:
    """The path of `name`. A program that is missing fails the test: what was not compared is not known to be right."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_PATHS)))
    if path is None:
        pytest.fail(f"{name} is not installed: install the Debian package {_PACKAGES.get(name, name)}", pytrace=False)
    used[name] += 1
    return path


def summary() -> list[str]:
    """A line for each foreign program: how often it was run, and the version of its Debian package."""
    return [f"{name} {_version(_PACKAGES.get(name, name))}: run {times} times" for name, times in sorted(used.items())]


def _version(package: str) -> str:
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    except OSError:
        return "(not from a Debian package)"
    return done.stdout or "(not from a Debian package)"


async def run_program(name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Outcome:
    """Run `name` to its end. Fails the test where it does not end by itself within `TIME_LIMIT`."""
    command = [find_program(name), *arguments]
    with trio.move_on_after(TIME_LIMIT):
        variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
        done = await trio.run_process(command, check=False, capture_stdout=True, stderr=STDOUT, env=variables)
        return Outcome(done.returncode, done.stdout.decode(errors="replace"))
    pytest.fail(f"{name} did not end within {TIME_LIMIT:.0f} s", pytrace=False)


def with_served(bmc: SimulatedBmc, story: Callable[[str, int], Coroutine[None, None, None]], left_open: int = 0) -> None:
    """Serve `bmc`, tell `story` its host and port; in the end `left_open` sessions are open, and no datagram was dropped."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            host, port = await nursery.start(serve_bmc, bmc)
            await story(host, port)
            assert bmc.open_sessions(trio.current_time()) == left_open
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert not bmc.counters
