"""The main job on the embedded simulator: four BMCs, a connector on two of the servers, two doubles of HA Monitor.

Everything but the BMCs is the real thing: `haconnsetup` and `haconn-daemon` as processes, UDP on loopback addresses. No root,
no port below 1024, nothing left behind. Run it with `make demo`; it ends 0 only if every claim held against the simulated
BMCs' own record of when power was really on. `--truth FILE` writes claims and record there, for a test.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from haconn_cli.config.load import load_settings
from haconn_cli.config.model import Key, KeyRing
from haconn_cli.config.paths import Paths
from haconn_cli.control import ask_status
from haconn_cli.resetpath.client import NotAnswered, open_requester
from haconn_cli.resetpath.vocabulary import Action, Role, Standing
from ipmi_lan import Privilege
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import Chassis, SimulatedBmc, serve_bmcs
from tools.ha_monitor import HaMonitor

SERVERS = ("PSERVER1", "PSERVER2", "PSERVER3", "PSERVER4")
RESET_PORT, BMC_PORT = 30000, 6230
LAG = 1.5
"""Seconds that the simulated chassis take to obey."""
INTERRUPTED = 130   # as a shell reports it
_BIN = Path(sys.executable).parent


class ClaimFailed(Exception):  # noqa: N818 - errors here are named for the fact
    """Something that the story says is not so."""


@dataclass
class Stage:
    """Where the story is set: addresses, directories, the simulated BMCs, and what has been claimed."""

    folder: Path
    block: str
    password: str
    bmcs: dict[str, SimulatedBmc] = field(default_factory=dict)
    claims: dict[str, object] = field(default_factory=dict)
    heard: list[tuple[float, str]] = field(default_factory=list)
    began: float = 0.0

    def reset_address(self, number: int) -> str:
        """Server `number`'s interface on the reset path."""
        return f"{self.block}.1.{number}"

    def bmc_address(self, number: int) -> str:
        """Where server `number`'s BMC listens."""
        return f"{self.block}.0.{50 + number}"

    def root(self, number: int) -> Path:
        """The installed layout of server `number`."""
        return self.folder / f"server{number}"

    def now(self) -> float:
        """Seconds since the story began."""
        return trio.current_time() - self.began


def say(text: str = "") -> None:
    """A line of the story."""
    print(text, flush=True)


def chapter(title: str) -> None:
    """A heading."""
    say()
    say(f"== {title}")


def free_block() -> str:
    """The first two numbers of loopback addresses that nobody uses: two demos at once do not meet."""
    for second in range(256):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((f"127.{second}.1.1", RESET_PORT))
            except OSError:
                continue
            return f"127.{second}"
    raise ClaimFailed(f"port {RESET_PORT} is taken on every loopback address")


async def type_command(stage: Stage, number: int, *words: str, piped: str = "") -> None:
    """Run haconnsetup on server `number` as its administrator would, and show it."""
    say(f"  server{number}# haconnsetup {' '.join(words)}")
    done = await trio.run_process(
        [str(_BIN / "haconnsetup"), *words],
        stdin=piped.encode(),
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
        env={**os.environ, "HACONN_ROOT": str(stage.root(number))},
    )
    for line in done.stdout.decode().splitlines():
        say(f"    {line}")
    if done.returncode:
        raise ClaimFailed(f"haconnsetup {' '.join(words)} ended with {done.returncode}")


async def set_up(stage: Stage) -> None:
    """The manual's set-up on server 1; its files copied to server 2."""
    chapter("Set-up, as the administrator types it")
    await type_command(stage, 1, "resetpath", f"addr={stage.reset_address(1)}/16", f"port={RESET_PORT}")
    await type_command(stage, 1, "key", "new")
    await type_command(stage, 1, "default", "account=hitachi", piped=f"{stage.password}\n")
    for number, name in enumerate(SERVERS, 1):
        await type_command(stage, 1, "pserver", "add", name, f"addr={stage.bmc_address(number)}:{BMC_PORT}")
    await type_command(stage, 2, "resetpath", f"addr={stage.reset_address(2)}/16", f"port={RESET_PORT}")
    say("  server1# scp -p conf_pserver conf_key server2:…")
    for name in ("conf_pserver", "conf_key"):
        source, target = (Paths(stage.root(number)).config / name for number in (1, 2))
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
    await type_command(stage, 1, "show", "setting")


async def start_connector(stage: Stage, number: int, nursery: trio.Nursery) -> trio.Process:
    """haconn-daemon on server `number`, and wait until it answers."""
    root = stage.root(number)
    config = Paths(root).conf_haconn
    config.write_text(f'{config.read_text()}\n[service]\nsyslog = "{root / "no-syslog"}"\n')
    command = [str(_BIN / "haconn-daemon")]
    log = (stage.folder / f"daemon{number}").open("wb")
    run = partial(
        trio.run_process, command, stdout=log, stderr=log, check=False, env={**os.environ, "HACONN_ROOT": str(root)}
    )
    process: trio.Process = await nursery.start(run)
    await wait_until("the connector answers", (Paths(root).run / "control.sock").exists)
    say(f"  server{number}: haconn-daemon is up (pid {process.pid})")
    return process


async def wait_until(what: str, is_so: Callable[[], bool], patience: float = 10.0) -> float:
    """Wait, at most `patience` seconds, and return when it was so. Raises `ClaimFailed`."""
    with trio.move_on_after(patience):
        while not is_so():
            await trio.sleep(0.01)
        return trio.current_time()
    raise ClaimFailed(f"not within {patience:g} s: {what}")


async def power_loss(stage: Stage) -> None:
    """PSERVER3 loses its power, and nobody commanded it."""
    chapter("PSERVER3 loses its power by itself")
    began = trio.current_time()
    stage.bmcs["PSERVER3"].chassis.lose_power(began)
    say(f"  {stage.now():8.3f} the plug of PSERVER3 is pulled")
    seen = []
    for name in SERVERS[:2]:
        line = f"{name}: event: PSERVER3 power off"
        at = await wait_until(line, lambda line=line: any(line in heard for _, heard in stage.heard))  # type: ignore[misc]
        seen.append(next(when for when, heard in stage.heard if line in heard) - began)
        assert at >= began
    stage.claims["power_off_event_seconds"] = seen
    say(f"  both HA Monitors know after {' and '.join(f'{1000 * delay:.0f} ms' for delay in seen)}")
    await type_command(stage, 1, "show", "status")


async def forgery(stage: Stage) -> None:
    """A reset request sealed with a key that is not the cluster's."""
    chapter("A forged reset request for PSERVER2, sealed with another key")
    settings = load_settings(Paths(stage.root(1)))
    forged_keys = KeyRing(settings.keys.cluster, (Key(settings.keys.keys[0].id, os.urandom(32)),))
    before = ask_status(Paths(stage.root(1))).counters
    address = (stage.reset_address(1), RESET_PORT)
    async with open_requester(
        forged_keys, Role.MONITOR, "PSERVER1", address,
        digest=settings.servers.digest(), standing=Standing.LOCAL, version="forged", bind=address[0],
    ) as path:  # fmt: skip
        try:
            await path.reset("PSERVER2", Action.OFF, 1.0, reason="forged")
        except NotAnswered:
            pass
        else:
            raise ClaimFailed("the connector answered a forged request")
    after = ask_status(Paths(stage.root(1))).counters
    ignored = sum(after.values()) - sum(before.values())
    switched = len(stage.bmcs["PSERVER2"].power_commands)
    say(f"  {ignored} datagrams dropped without an answer, counted as '{', '.join(sorted(after))}'")
    say(f"  power commands to PSERVER2: {switched or 'none'}")
    if not ignored or switched:
        raise ClaimFailed("the forged request had an effect")
    stage.claims["forged_datagrams_ignored"] = ignored


async def reset(stage: Stage, monitor: HaMonitor, lines: trio.MemorySendChannel[str]) -> None:
    """PSERVER4 'fails'; HA Monitor on PSERVER1 has it reset."""
    chapter("PSERVER4 fails: HA Monitor on PSERVER1 asks for its reset")
    asked = trio.current_time()
    await lines.send("reset PSERVER4 cycle budget=30")
    await wait_until("the result of the reset", lambda: bool(monitor.results), 31)
    _, result = monitor.results[0]
    if result is None or not result.code.is_success:
        raise ClaimFailed("the reset did not succeed")
    stage.claims["reset"] = {
        "code": result.code.name,
        "back_on": result.back_on,
        "asked": asked,
        "answered": trio.current_time(),
        "off_readings": [asked + reading.after for reading in result.evidence.readings if not reading.power_is_on],
    }
    await trio.sleep(2.0)
    await type_command(stage, 1, "show", "status")


def closing_table(stage: Stage) -> None:
    """What was claimed beside what the simulated BMCs recorded."""
    chapter("What was said, and what the BMCs' own records say")
    say(f"  {'server':9} {'power commands received':28} {'power really changed (s)'}")
    for name, bmc in stage.bmcs.items():
        bmc.chassis.advance(trio.current_time())
        commands = ", ".join(Control(control).name.lower().replace("_", " ") for _, control in bmc.power_commands)
        changes = ", ".join(f"{change.at - stage.began:.3f} {'on' if change.is_on else 'off'}" for change in bmc.chassis.trace)
        say(f"  {name:9} {commands or 'none':28} {changes or 'never: on all the time'}")
    delays = stage.claims["power_off_event_seconds"]
    assert isinstance(delays, list)
    say()
    say(f"  power-off of PSERVER3 told after {max(delays) * 1000:.0f} ms at most; PSERVER4 proven off, then back on;")
    say("  the forged request had no effect")


def write_truth(stage: Stage, file: Path) -> None:
    """Claims and power traces, for the test that compares them."""
    traces = {
        name: {
            "trace": [[change.at, change.is_on] for change in bmc.chassis.trace],
            "power_commands": [[at, int(control)] for at, control in bmc.power_commands],
        }
        for name, bmc in stage.bmcs.items()
    }
    file.write_text(json.dumps({"claims": stage.claims, "bmcs": traces}))


async def play(stage: Stage, truth: Path | None) -> None:
    """The whole story."""
    stage.began = trio.current_time()
    for name in SERVERS:
        users = {"hitachi": (stage.password, Privilege.ADMINISTRATOR)}
        stage.bmcs[name] = SimulatedBmc(name, users, os.urandom(16), os.urandom, chassis=Chassis(lag=LAG))
    async with trio.open_nursery() as nursery:
        places = {(stage.bmc_address(number), BMC_PORT): stage.bmcs[name] for number, name in enumerate(SERVERS, 1)}
        await nursery.start(serve_bmcs, places)
        await set_up(stage)
        chapter("A connector and a double of HA Monitor on PSERVER1 and on PSERVER2")
        connectors = [await start_connector(stage, number, nursery) for number in (1, 2)]
        monitors, inputs = await start_monitors(stage, nursery)
        await trio.sleep(3.0)
        await type_command(stage, 1, "show", "status")
        await power_loss(stage)
        await forgery(stage)
        await reset(stage, monitors[0], inputs[0])
        for lines in inputs:
            await lines.send("quit")
        for connector in connectors:
            connector.terminate()
        codes = [await connector.wait() for connector in connectors]
        closing_table(stage)
        say(f"  the connectors stopped with exit codes {codes}, sessions left open at the BMCs: {open_sessions(stage)}")
        if truth is not None:
            write_truth(stage, truth)
        if any(codes) or open_sessions(stage):
            raise ClaimFailed("the connectors did not stop cleanly")
        nursery.cancel_scope.cancel()


def open_sessions(stage: Stage) -> int:
    """At all BMCs together."""
    return sum(bmc.open_sessions(trio.current_time()) for bmc in stage.bmcs.values())


async def start_monitors(stage: Stage, nursery: trio.Nursery) -> tuple[list[HaMonitor], list[trio.MemorySendChannel[str]]]:
    """The doubles, on the reset-path addresses of servers 1 and 2."""

    def hear(line: str) -> None:
        stage.heard.append((trio.current_time(), line))
        say(f"  {line}")

    monitors, inputs = [], []
    for number in (1, 2):
        monitor = HaMonitor(load_settings(Paths(stage.root(number))), SERVERS[number - 1], 1.0, hear)
        monitor.started = stage.began
        send, receive = trio.open_memory_channel[str](1)
        nursery.start_soon(monitor.run, receive)
        monitors.append(monitor)
        inputs.append(send)
    return monitors, inputs


def failure_of(error: BaseException) -> str:
    """The first failure inside nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def is_interrupted(error: BaseException) -> bool:
    """Whether it was Ctrl-C, perhaps inside nested groups."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is not None
    return isinstance(error, KeyboardInterrupt)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, help="write claims and power traces to this file")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haconn-demo-") as folder:
        stage = Stage(Path(folder), free_block(), password=os.urandom(8).hex())
        try:
            trio.run(play, stage, words.truth)
        except (ClaimFailed, KeyboardInterrupt, BaseExceptionGroup) as error:
            say()
            if is_interrupted(error):
                print("demo: stopped by Ctrl-C; nothing is left behind", file=sys.stderr)
                return INTERRUPTED
            print(f"demo: FAILED: {failure_of(error)}", file=sys.stderr)
            return 1
    say("demo: everything held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
