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
from haconn_cli.config.wording import suggestion
from haconn_cli.exits import Exit
from haconn_cli.resetpath.client import NoSocket, NotAnswered, Path, open_requester
from haconn_cli.resetpath.outcomes import Why
from haconn_cli.resetpath.telling import progress_line, result_lines
from haconn_cli.resetpath.vocabulary import ADMIN, Action, Role
from haconn_cli.words import WrongWords, choose, settings, split_flag

_RIGHT = "haconnsetup reset NAME [action=off|cycle|reset] [budget=SECONDS] [force]"
_ACTIONS = {action.name.lower(): action for action in Action}
_SHORTEST, _USUAL, _LONGEST = 1.0, 60.0, 3600.0   # seconds
_WHAT = {
    Action.OFF: "switched off hard and stay off",
    Action.CYCLE: "switched off hard and on again",
    Action.RESET: "reset hard",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    target: str
    action: Action
    budget: float
    force: bool


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Ask for confirmation, ask the connector, print the evidence; `OK` only where the server was proven without power.

    Raises `WrongWords`, `ConfigError`.
    """
    wish = _wish(words)
    found = load_settings(paths)
    names = [server.name for server in found.servers.servers]
    if wish.target not in names:
        raise WrongWords(f"reset: there is no server '{wish.target}'{suggestion(wish.target, names)}; right is: {_RIGHT}")
    screen.complain(f"{wish.target} will be {_WHAT[wish.action]}; what runs on it is lost.")
    if screen.ask("type its name to confirm: ").strip() != wish.target:
        screen.complain("haconnsetup: that is not its name; nothing was done")
        return Exit.FAILED
    return trio.run(_reset, wish, found)


def _wish(words: Sequence[str]) -> _Wish:
    force, words = split_flag(words, "force")
    if not words or "=" in words[0] or words[0].startswith("-"):
        raise WrongWords(f"reset: the name of a server is missing; right is: {_RIGHT}")
    given = settings(words[1:], ("action", "budget"), _RIGHT)
    action = _ACTIONS[choose(given.get("action", "cycle"), tuple(_ACTIONS), "action=")]
    return _Wish(words[0], action, _budget(given.get("budget", str(_USUAL))), force)


def _budget(text: str) -> float:
    right = f"must be {_SHORTEST:.0f} to {_LONGEST:.0f} seconds"
    try:
        budget = float(text)
    except ValueError:
        raise WrongWords(f"budget={text}: {right}") from None
    if not isfinite(budget) or not _SHORTEST <= budget <= _LONGEST:
        raise WrongWords(f"budget={text}: {right}")
    return budget


async def _reset(wish: _Wish, found: Settings) -> Exit:
    connector = (found.reset_path.address, found.reset_path.port)
    name = found.service.own_server or ADMIN
    digest = found.servers.digest()
    try:
        async with open_requester(found.keys, Role.SETUP, name, connector, digest=digest, version=__version__) as path:
            return await _ask(path, wish)
    except NoSocket as error:
        screen.complain(f"haconnsetup: {error}")
        return Exit.FAILED


async def _ask(path: Path, wish: _Wish) -> Exit:
    try:
        welcomed = await path.hello()
    except NotAnswered as failed:
        screen.complain(f"haconnsetup: the connector on this server: {failed}; nothing was asked of it")
        return Exit.NOT_RUNNING if failed.why is Why.NO_ANSWER else Exit.FAILED
    if welcomed.digest_differs:
        screen.complain("haconnsetup: warning: the connector runs with another list of servers than conf_pserver has; restart it")
    try:
        result = await path.reset(
            wish.target,
            wish.action,
            wish.budget,
            reason="haconnsetup",
            force=wish.force,
            on_progress=lambda seen: screen.say(progress_line(seen)),
        )
    except NotAnswered as failed:
        screen.complain(f"haconnsetup: reset of {wish.target} FAILED: {failed}; whether it was done is not known")
        return Exit.FAILED
    for line in result_lines(wish.target, result):
        screen.say(line)
    return Exit.OK if result.code.is_success else Exit.FAILED
