"""Foreign programs as a test runs them: by their arguments, never by a shell, with a time limit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT
from tempfile import TemporaryFile

import pytest
import trio

from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.peers.lateness import Gauge

_FREEIPMI, _OPENIPMI = "freeipmi-tools", "openipmi"
_PACKAGES = {
    "ip": "iproute2",
    "fence_kdump_send": "fence-agents",
    **dict.fromkeys(("ipmipower", "bmc-info", "ipmi-raw", "ipmi-sel", "ipmi-config"), _FREEIPMI),
    **dict.fromkeys(("ipmi_sim", "openipmicmd", "ipmish"), _OPENIPMI),
}
"""The Debian package of each program that is not in one of its own name."""
LIBRARIES = ("pyghmi", "python-ipmi")
_LIBRARIES_HOME = Path(__file__).resolve().parents[2] / ".venv-peers"
"""The foreign Python libraries have an environment of their own, as `tools/setup peers` makes it."""
_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec/fence-agents")   # not on every user's PATH
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
    expect_installed(name)
    used[name] += 1
    return _path_of(name) or name


def peer_library_script(library: str, script: str) -> list[str]:
    """The first words of a command that runs `script` of this folder with the foreign Python library `library`.

    A library that is not installed fails the test, as with `find_program`.
    """
    expect_installed(library)
    used[library] += 1
    return [str(_LIBRARIES_HOME / "bin/python"), str(Path(__file__).with_name(script))]


def expect_installed(name: str) -> None:
    """Fails the test where a program or a foreign Python library is missing."""
    if name in LIBRARIES and library_version(name) is None:
        pytest.fail(f"{name} is not installed: run `tools/setup peers`", pytrace=False)
    if name not in LIBRARIES and _path_of(name) is None:
        pytest.fail(f"{name} is not installed: install the Debian package {package_of(name)}", pytrace=False)


def _path_of(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_PATHS)))


def library_version(library: str) -> str | None:
    """The installed version of a foreign Python library, None where it is not there."""
    found = _LIBRARIES_HOME.glob(f"lib/python*/site-packages/{library.replace('-', '_')}-*.dist-info")
    return next((folder.name.removesuffix(".dist-info").rpartition("-")[2] for folder in found), None)


def summary() -> list[str]:
    """A line for each foreign program or library: how often it was run, and its version."""
    return [f"{name} {version(name)}: run {times} times" for name, times in sorted(used.items())]


def package_of(name: str) -> str:
    """The Debian package that a program is in; of a Python library, its own name."""
    return _PACKAGES.get(name, name)


def version(name: str) -> str:
    """Of a foreign Python library, or of the Debian package that a program is in."""
    package = package_of(name)
    if (installed := library_version(name)) is not None:
        return installed
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    except OSError:
        return "(not from a Debian package)"
    return done.stdout or "(not from a Debian package)"


async def run_for(words: Sequence[str], seconds: float) -> Outcome:
    """Run a command until it ends, or is killed after `seconds`; either way with what it printed. Its input is empty."""
    code, variables = None, {**os.environ, "LC_ALL": "C"}
    with TemporaryFile() as output:
        with trio.move_on_after(seconds):
            code = (await trio.run_process(words, check=False, stdin=b"", stdout=output, stderr=STDOUT, env=variables)).returncode
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code is None:
        return Outcome(-signal.SIGTERM, f"{text}(said no more within {seconds:.0f} s)")
    return Outcome(code, text + (f"(ended by signal {-code})" if code < 0 else ""))


async def run_program(
    name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None, given: bytes = b""
) -> Outcome:
    """Run `name` to its end, with `given` as its input. Fails the test where it does not end by itself within `TIME_LIMIT`."""
    command = [find_program(name), *arguments]
    with trio.move_on_after(TIME_LIMIT):
        variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
        done = await trio.run_process(
            command, check=False, stdin=given, capture_stdout=True, stderr=STDOUT, env=variables
        )
        return Outcome(done.returncode, done.stdout.decode(errors="replace"))
    pytest.fail(f"{name} did not end within {TIME_LIMIT:.0f} s", pytrace=False)


def with_served(bmc: SimulatedBmc, story: Callable[[str, int], Coroutine[None, None, None]], left_open: int = 0) -> None:
    """Serve `bmc`, tell `story` its host and port; in the end `left_open` sessions are open, and no datagram was dropped.

    Where we were so late that a client will have said something twice, what that explains may have been.
    """
    gauge = Gauge()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gauge.watch)
            host, port = await nursery.start(serve_bmc, bmc)
            await story(host, port)
            assert bmc.open_sessions(trio.current_time()) == left_open
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert not gauge.unexplained(bmc.counters)
