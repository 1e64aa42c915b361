"""`haconnsetup reset NAME`: reset a managed server through the connector on this server, as HA Monitor would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import trio

from haconn_cli import __version__, screen
from haconn_cli.config.load import load_settings
from haconn_cli.config.model import Settings
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import no_such_server
from haconn_cli.control import NOT_PROCESSING, NotRunning, ask_status
from haconn_cli.exits import Exit
from haconn_cli.reports import StatusReport
from haconn_cli.resetpath.client import NoSocket, NotAnswered, Path, open_requester
from haconn_cli.resetpath.outcomes import Accepted, Progress, Why
from haconn_cli.resetpath.telling import progress_line, result_lines
from haconn_cli.resetpath.vocabulary import (
    ADMIN,
    LONGEST_BUDGET,
    SHORTEST_BUDGET,
    USUAL_BUDGET,
    Action,
    ResultCode,
    Role,
    Status,
)
from haconn_cli.words import WrongWords, choose, settings, split_flag

_RIGHT = "haconnsetup reset NAME [action=off|cycle|reset|dump_cycle] [budget=SECONDS] [force]"
_ACTIONS = {action.name.lower(): action for action in Action}
_WHAT = {
    Action.OFF: "switched off hard and stay off",
    Action.CYCLE: "switched off hard and on again",
    Action.RESET: "reset hard",
    Action.DUMP_CYCLE: "made to crash and write a dump, then switched off hard and on again",
}
_ASK_THE_BMC = (ResultCode.UNREACHABLE, ResultCode.WRONG_PASSWORD, ResultCode.WRONG_IDENTITY, ResultCode.REFUSED_BY_BMC)

HELP = f"""\
usage: {_RIGHT}

Asks the connector on this server to reset NAME, after the name was typed once more. What runs on NAME is lost.
action  cycle (usual): power off, seen off, power on. A server that is off already stays off, and that is a success (ALREADY_OFF).
        off: power off and stay off. reset: the chassis' own reset, which cannot be proven and so never counts as success.
        dump_cycle: a diagnostic interrupt, so that the system writes a crash dump; wait for its end, at most dump_limit of
        conf_haconn and up to 12 seconds before the end of the budget; then as cycle.
budget  seconds from the request to its final answer, {SHORTEST_BUDGET:.0f} to {LONGEST_BUDGET:.0f}, usually {USUAL_BUDGET:.0f}; \
what is not proven by then has failed.
force   reset NAME although it is the server that this connector stands on.
Exit code: 0 only if NAME was seen without power; 1 if not, or not confirmed; 5 the connector does not answer;
130 ended by Ctrl-C, and the connector goes on.
"""
"""What `haconnsetup reset --help` prints."""


@dataclass(frozen=True, slots=True)
class _Wish:
    target: str
    action: Action
    budget: float
    force: bool


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Ask for confirmation, ask the connector, print the evidence; `OK` only where the server was proven without power.

    Raises `WrongWords`, `ConfigError`, `ControlError`.
    """
    wish = _wish(words)
    found = load_settings(paths)
    names = [server.name for server in found.servers.servers]
    if wish.target not in names:
        raise WrongWords(f"reset: {no_such_server(wish.target, names)}")
    try:
        status = ask_status(paths)
    except NotRunning:
        screen.complain(NOT_PROCESSING)
        return Exit.NOT_RUNNING
    own = [server.name for server in status.servers if server.status == Status.OWN_SERVER.words]
    if wish.target in own and not wish.force:
        screen.complain(f"haconnsetup: {wish.target} is the server that this connector stands on; only with the word force")
        return Exit.FAILED
    if not _is_confirmed(wish, status):
        screen.complain("haconnsetup: that is not its name; nothing was done")
        return Exit.FAILED
    return _Conversation(wish, found).run()


def _is_confirmed(wish: _Wish, status: StatusReport) -> bool:
    if status.own_server is None and not any(server.status == Status.OWN_SERVER.words for server in status.servers):
        screen.complain(
            "the connector does not know yet which server it stands on (HA Monitor has not said hello and own_server is not set):"
            f" make sure that {wish.target} is not this one"
        )
    screen.complain(f"{wish.target} will be {_WHAT[wish.action]}; what runs on it is lost.")
    return screen.ask("type its name to confirm: ").strip() == wish.target


def _wish(words: Sequence[str]) -> _Wish:
    force, words = split_flag(words, "force")
    if not words or "=" in words[0] or words[0].startswith("-"):
        raise WrongWords(f"reset: the name of a server is missing; right is: {_RIGHT}")
    given = settings(words[1:], ("action", "budget"), _RIGHT)
    action = _ACTIONS[choose(given.get("action", "cycle"), tuple(_ACTIONS), "action=")]
    return _Wish(words[0], action, _budget(given.get("budget", str(USUAL_BUDGET))), force)


def _budget(text: str) -> float:
    right = f"must be {SHORTEST_BUDGET:.0f} to {LONGEST_BUDGET:.0f} seconds"
    try:
        budget = float(text)
    except ValueError:
        raise WrongWords(f"budget={text}: {right}") from None
    if not isfinite(budget) or not SHORTEST_BUDGET <= budget <= LONGEST_BUDGET:
        raise WrongWords(f"budget={text}: {right}")
    return budget


class _Conversation:
    """With the connector, about one reset."""

    def __init__(self, wish: _Wish, found: Settings) -> None:
        self._wish, self._found = wish, found
        self._is_asked = False
        """Whether the connector may have heard of the reset."""
        self._said = ""

    def run(self) -> Exit:
        """Hold it, and print what comes of it."""
        code = Exit.INTERRUPTED
        try:
            code = trio.run(self._open)
        except* KeyboardInterrupt:
            screen.complain(self._left_behind())
        return code

    def _left_behind(self) -> str:
        if not self._is_asked:
            return "haconnsetup: interrupted; nothing was asked of the connector"
        return "haconnsetup: interrupted; the connector goes on with the reset: see the event log and 'haconnsetup show status'"

    async def _open(self) -> Exit:
        found = self._found
        connector = (found.reset_path.address, found.reset_path.port)
        name = found.service.own_server or ADMIN
        digest = found.servers.digest()
        try:
            async with open_requester(found.keys, Role.SETUP, name, connector, digest=digest, version=__version__) as path:
                return await self._say_hello(path)
        except NoSocket as error:
            screen.complain(f"haconnsetup: {error}")
            return Exit.FAILED

    async def _say_hello(self, path: Path) -> Exit:
        try:
            welcomed = await path.hello()
        except NotAnswered as failed:
            screen.complain(f"haconnsetup: the connector on this server: {failed}; nothing was asked of it")
            return Exit.NOT_RUNNING if failed.why is Why.NO_ANSWER else Exit.FAILED
        if welcomed.digest_differs:
            screen.complain("warning: the connector has another list of servers than conf_pserver: haconnsetup reload")
        return await self._ask(path)

    async def _ask(self, path: Path) -> Exit:
        wish = self._wish
        self._is_asked = True
        try:
            result = await path.reset(
                wish.target,
                wish.action,
                wish.budget,
                reason="haconnsetup",
                force=wish.force,
                on_progress=self._tell_progress,
            )
        except NotAnswered as failed:
            screen.complain(f"haconnsetup: reset of {wish.target} FAILED: {failed}; whether it was done is not known")
            return Exit.FAILED
        for line in result_lines(wish.target, result):
            screen.say(line)
        if result.code in _ASK_THE_BMC:
            screen.complain(f"haconnsetup: what is wrong with the BMC is told by: haconnsetup check {wish.target}")
        return Exit.OK if result.code.is_success else Exit.FAILED

    def _tell_progress(self, seen: Accepted | Progress) -> None:
        """Each line once in a row: some phases take minutes."""
        line = progress_line(seen)
        if line != self._said:
            self._said = line
            screen.say(line)
