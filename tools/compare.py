"""The same jobs done by our programs and by ipmitool and fence_ipmilan, in one run, on the same BMC (OpenIPMI's ipmi_sim).

Prints a table of wall-clock seconds and their ratio (ours / theirs), medians of interleaved rounds, and whether the password
was to be seen in the process list meanwhile. Run it with `make compare`; it needs ipmitool, fence-agents and openipmi.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from tests.peers.ipmi_sim import PASSWORD, USER, IpmiSim, running_ipmi_sims
from tests.whole.connector import Connector, free_reset_port, running

ROUNDS = 3
_STATUS = """
import sys
from ipmi_lan import IpmiError
from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import get_chassis_status
host, port = sys.argv[1:]
user, password = sys.stdin.read().split()
try:
    with open_client(host, user, password, port=int(port), timeout=20.0) as bmc:
        print(bmc.run(get_chassis_status()).power_is_on)
except IpmiError as error:
    print(type(error).__name__, error)
"""


@dataclass
class Contest:
    """One job, and the two ways to do it; each returns when the job is done."""

    job: str
    their_name: str
    ours: Callable[[], None]
    theirs: Callable[[], None]
    prepare: Callable[[], None]
    rounds: int = ROUNDS


class ProcessWatch:
    """Looks for a word in every process's arguments, as any user of the machine could."""

    def __init__(self, word: str) -> None:
        self.sightings = 0
        self._word = word.encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.005):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.sightings += self._word in entry.read_bytes()
                except OSError:
                    continue


def run(*words: str, piped: str = "", environment: dict[str, str] | None = None) -> str:
    """Run a program to its end."""
    done = subprocess.run(
        words, input=piped, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(environment or {})}
    )
    return done.stdout + done.stderr


def timed(action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def ours_status(host: str, port: int) -> None:
    run(sys.executable, "-c", _STATUS, host, str(port), piped=f"{USER} {PASSWORD}")


def ipmitool_status(host: str, port: int) -> None:
    words = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", host, "-p", str(port), "-U", USER, "-E", "chassis", "power", "status"]
    run(*words, environment={"IPMI_PASSWORD": PASSWORD})


def fence_ipmilan(sim: IpmiSim, action: str) -> None:
    words = {"ip": sim.host, "ipport": sim.port, "username": USER, "password": PASSWORD}
    words |= {"lanplus": 1, "cipher": 3, "action": action}
    text = run("fence_ipmilan", piped="".join(f"{key}={value}\n" for key, value in words.items()))
    if "Success" not in text:
        raise SystemExit(f"fence_ipmilan -o {action}: {text}")


def haconn_reset(connector: Connector, action: str) -> None:
    words = [str(Path(sys.executable).parent / "haconnsetup"), "reset", "PSERVER1", f"action={action}", "force"]
    text = run(*words, piped="PSERVER1\n", environment={"HACONN_ROOT": str(connector.root)})
    if "succeeded" not in text:
        raise SystemExit(f"haconnsetup reset: {text}")


def contests(connector: Connector, sim: IpmiSim, closed: int) -> list[Contest]:
    host = sim.host

    def power_on() -> None:
        sim.power_is_on = True

    def nothing() -> None:
        pass

    return [
        Contest("off, and proven off", "fence_ipmilan -o off",
                lambda: haconn_reset(connector, "off"), lambda: fence_ipmilan(sim, "off"), power_on),
        Contest("off, proven, on again", "fence_ipmilan -o reboot",
                lambda: haconn_reset(connector, "cycle"), lambda: fence_ipmilan(sim, "reboot"), power_on),
        Contest("power status, process start to end", "ipmitool",
                lambda: ours_status(host, sim.port), lambda: ipmitool_status(host, sim.port), nothing),
        Contest("say that the port is refused", "ipmitool",
                lambda: ours_status(host, closed), lambda: ipmitool_status(host, closed), nothing, 1),
    ]  # fmt: skip


def compete(contest: Contest) -> tuple[float, float]:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(contest.rounds):
        for times, action in ((ours, contest.ours), (theirs, contest.theirs)):
            contest.prepare()
            times.append(timed(action))
    return statistics.median(ours), statistics.median(theirs)


def password_sightings(connector: Connector, sim: IpmiSim) -> tuple[int, int]:
    """How often the process list showed the BMC's password, while our and their program worked."""
    counts = []
    actions: list[Callable[[], None]] = [lambda: haconn_reset(connector, "off"), lambda: fence_ipmilan(sim, "off")]
    for action in actions:
        sim.power_is_on = True
        with ProcessWatch(PASSWORD) as watch:
            action()
        counts.append(watch.sightings)
    return counts[0], counts[1]


def closed_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def main() -> None:
    for program in ("ipmitool", "fence_ipmilan", "ipmi_sim"):
        if shutil.which(program) is None:
            raise SystemExit(f"compare: {program} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        async with running_ipmi_sims(Path(folder), ["127.0.3.51"], 6230) as sims:
            sim = sims[0]
            connector = Connector(Path(folder) / "server1", "127.0.3.1", free_reset_port("127.0.3.1"))
            await connector.configure(USER, PASSWORD, {"PSERVER1": f"{sim.host}:{sim.port}"})
            async with running(connector):
                await connector.until("monitored", lambda status: status["PSERVER1"]["link"] == "OK")
                print(f"{'job':42} {'against':24} {'ours s':>8} {'theirs s':>8} {'ratio':>6}", flush=True)
                for contest in contests(connector, sim, closed_port(sim.host)):
                    ours, theirs = await trio.to_thread.run_sync(compete, contest)
                    print(f"{contest.job:42} {contest.their_name:24} {ours:8.3f} {theirs:8.3f} {ours / theirs:6.2f}", flush=True)
                ours_seen, theirs_seen = await trio.to_thread.run_sync(password_sightings, connector, sim)
                print(f"{'password seen in the process list':42} {'fence_ipmilan -o off':24} {ours_seen:8} {theirs_seen:8}")


if __name__ == "__main__":
    trio.run(main)
