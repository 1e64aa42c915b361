"""A double of HA Monitor: says hello to the connector of its server, checks the path, asks for resets, prints what it is told.

HA Monitor's own wire format is not published; this speaks HACP/1 (docs/resetpath.md), and its lines carry no message numbers
of HA Monitor.

Commands, one a line on standard input:
  monrp                                          check the path again after a miss stopped it
  reset NAME [off|cycle|reset|dump_cycle] [budget=SECONDS]
                                                 ask for a reset of a failed server
  status                                         print what the connector sees now
  quit                                           stop, as does the end of the input
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn_cli.config.load import ConfigError, load_settings
from haconn_cli.config.model import Settings
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import suggestion
from haconn_cli.resetpath import client
from haconn_cli.resetpath.client import NoSocket, NotAnswered
from haconn_cli.resetpath.outcomes import PathStatus
from haconn_cli.resetpath.requester import PATIENCE
from haconn_cli.resetpath.telling import progress_line, result_lines
from haconn_cli.resetpath.vocabulary import (
    LONGEST_BUDGET,
    SHORTEST_BUDGET,
    USUAL_BUDGET,
    Action,
    EventKind,
    ResetResult,
    Role,
    Standing,
)

_EVENTS = {
    EventKind.POWER_OFF: "power off detected",
    EventKind.POWER_ON: "power on detected",
    EventKind.LINK_LOST: "link to its BMC lost",
    EventKind.LINK_BACK: "link to its BMC back",
    EventKind.DUMP_STARTED: "crash dump started",
    EventKind.DUMP_ENDED: "crash dump ended",
}
_ACTIONS = {action.name.lower(): action for action in Action}
_INTERRUPTED = 130   # as a shell reports it


class WrongCommand(Exception):  # noqa: N818 - errors here are named for the fact
    """A line on standard input is no command; the text says what would be right."""


class UnknownServer(WrongCommand):
    """There is no such server in the configuration."""


def checked_server(name: str, settings: Settings) -> str:
    """The name if it is that of a managed server. Raises `UnknownServer`."""
    names = [server.name for server in settings.servers.servers]
    if name not in names:
        raise UnknownServer(f"{name} is not in conf_pserver{suggestion(name, names)}")
    return name


@dataclass(frozen=True, slots=True)
class Reset:
    """The command `reset`."""

    target: str
    action: Action = Action.CYCLE
    budget: float = USUAL_BUDGET


def parse_reset(words: list[str]) -> Reset:
    """The words after `reset`. Raises `WrongCommand`."""
    action, budget = Action.CYCLE, USUAL_BUDGET
    if not words:
        raise WrongCommand("reset: the name of a server is missing")
    for word in words[1:]:
        if word in _ACTIONS:
            action = _ACTIONS[word]
            continue
        key, _, value = word.partition("=")
        try:
            budget = float(value)
        except ValueError:
            budget = 0.0
        if key != "budget" or not SHORTEST_BUDGET <= budget <= LONGEST_BUDGET:
            seconds = f"{SHORTEST_BUDGET:g} to {LONGEST_BUDGET:g}"
            raise WrongCommand(f"reset: '{word}' is none of off, cycle, reset, dump_cycle and budget=SECONDS, {seconds}")
    return Reset(words[0], action, budget)


class HaMonitor:
    """One HA Monitor on one server. `say` gets each line, without the line end."""

    def __init__(
        self, settings: Settings, name: str, interval: float, say: Callable[[str], None], bind: str | None = None
    ) -> None:
        self._settings = settings
        self.name = name
        self._interval = interval
        self._say = say
        self._bind = bind
        self._checks = trio.Event()
        self._asked: trio.Nursery | None = None
        self.started: float | None = None
        """The clock's reading that the offsets of the lines count from; trio's own when it began, unless set before."""
        self.results: list[tuple[str, ResetResult | None]] = []
        """Target and result of each reset that ended, None where there was no answer."""

    async def run(self, lines: trio.MemoryReceiveChannel[str]) -> None:
        """Live until `quit` or the end of `lines`. Raises `NoSocket`."""
        self.started = trio.current_time() if self.started is None else self.started
        settings = self._settings
        connector = (settings.reset_path.address, settings.reset_path.port)
        digest = settings.servers.digest()
        async with (
            client.open_requester(
                settings.keys, Role.MONITOR, self.name, connector, digest=digest, standing=Standing.LOCAL, version="double",
                bind=self._bind or connector[0],
            ) as path,
            trio.open_nursery() as nursery,
        ):   # fmt: skip
            self._asked = nursery
            nursery.start_soon(self._watch_path, path)
            nursery.start_soon(self._watch_events, path)
            async for line in lines:
                if line.split() == ["quit"]:
                    break
                await self._obey(path, line.split())
            nursery.cancel_scope.cancel()

    def _tell(self, text: str) -> None:
        assert self.started is not None
        self._say(f"{trio.current_time() - self.started:8.3f} {self.name}: {text}")

    async def _watch_path(self, path: client.Path) -> None:
        while True:
            try:
                welcomed = await path.hello(patience=max(self._interval, PATIENCE))
                own = welcomed.own_server or "a server it does not know"
                self._tell(f"reset path monitoring started; connector {welcomed.version} on {own}")
                if welcomed.digest_differs:
                    self._tell("the connector has another list of servers")
                await self._check_until_missed(path)
            except NotAnswered as failed:
                self._tell(f"reset path failure: {failed}; monitoring stopped until monrp")
            self._checks = trio.Event()
            await self._checks.wait()

    async def _check_until_missed(self, path: client.Path) -> None:
        """Raises `NotAnswered`."""
        while True:
            await path.check()
            await trio.sleep(self._interval)

    async def _watch_events(self, path: client.Path) -> None:
        async for event in path.events:
            self._tell(f"event: {event.server} {_EVENTS[event.kind]}")

    async def _obey(self, path: client.Path, words: list[str]) -> None:
        assert self._asked is not None
        try:
            match words:
                case []:
                    pass
                case ["monrp"]:
                    self._checks.set()
                case ["status"]:
                    self._asked.start_soon(self._print_status, path)
                case ["reset", *rest]:
                    wish = parse_reset(rest)
                    checked_server(wish.target, self._settings)
                    self._asked.start_soon(self._reset, path, wish)
                case _:
                    raise WrongCommand(f"'{words[0]}' is no command: monrp, reset, status or quit")   # noqa: TRY301
        except WrongCommand as wrong:
            self._tell(str(wrong))

    async def _print_status(self, path: client.Path) -> None:
        try:
            status: PathStatus = await path.check()
        except NotAnswered as failed:
            self._tell(f"status: {failed}")
            return
        for server in status.servers:
            age = "never" if server.proof_age is None else f"{server.proof_age:.3f} s ago"
            self._tell(f"status: {server.name} {server.link.word} {server.status.words} (last proof: {age})")

    async def _reset(self, path: client.Path, wish: Reset) -> None:
        self._tell(f"{wish.target} has failed: asking for {wish.action.name.lower()}, {wish.budget:g} s")
        try:
            result = await path.reset(
                wish.target,
                wish.action,
                wish.budget,
                reason="server failure",
                on_progress=lambda seen: self._tell(f"reset of {wish.target}: {progress_line(seen)}"),
            )
        except NotAnswered as failed:
            self.results.append((wish.target, None))
            self._tell(f"reset of {wish.target} FAILED: {failed}")
            return
        self.results.append((wish.target, result))
        for line in result_lines(wish.target, result):
            self._tell(line)


async def read_lines(source: trio.MemorySendChannel[str]) -> None:
    """Move standard input's lines into the channel; ends with it. Not in a thread: one that waits for a line cannot be ended."""
    rest = b""
    async with source, trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for piece in stream:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                await source.send(line.decode(errors="replace"))


async def _live(monitor: HaMonitor) -> NoSocket | None:
    send, receive = trio.open_memory_channel[str](0)
    failure = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_lines, send)
        try:
            await monitor.run(receive)
        except NoSocket as error:   # leaves as itself, not in the nursery's group
            failure = error
        nursery.cancel_scope.cancel()
    return failure


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="the installed layout (HACONN_ROOT) whose configuration files to read")
    parser.add_argument("--name", required=True, help="this HA Monitor's partition name, like PSERVER1")
    parser.add_argument("--bind", help="the address to send from; usually the reset-path address")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two path checks (default 5)")
    words = parser.parse_args()
    if not 0 < words.interval < float("inf"):
        return _complain("--interval: must be more than 0 seconds", 2)
    try:
        settings = load_settings(Paths(words.root.absolute()) if words.root else Paths.from_environment())
        name = checked_server(words.name, settings)
    except ConfigError as error:
        return _complain(str(error), 1)
    except UnknownServer as error:
        return _complain(f"--name: {error}", 2)
    return _run(HaMonitor(settings, name, words.interval, lambda line: print(line, flush=True), words.bind))


def _run(monitor: HaMonitor) -> int:
    code = _INTERRUPTED
    try:
        failure = trio.run(_live, monitor)
        code = 0 if failure is None else _complain(str(failure), 1)
    except* KeyboardInterrupt:   # comes out of the nurseries in a group
        pass
    return code


def _complain(text: str, code: int) -> int:
    print(f"ha_monitor: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
