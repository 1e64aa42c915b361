"""`haconnsetup show [setting|status|history|version]`, in the manual's formats (C7 to C10), longer, live, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from haconn_cli import __version__, screen
from haconn_cli.changes import warn_of_count
from haconn_cli.config import store
from haconn_cli.config.model import ResetPath, Servers, checked_name
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import no_such_server
from haconn_cli.control import NOT_PROCESSING, NotRunning, ask_history, ask_status
from haconn_cli.exits import Exit
from haconn_cli.reports import StatusReport
from haconn_cli.verbs import show_watch
from haconn_cli.verbs.show_history import print_history
from haconn_cli.verbs.show_history import print_json as print_history_json
from haconn_cli.verbs.show_status import numbered, print_status
from haconn_cli.words import WrongWords, choose, no_more, split_flag

_RIGHT = "haconnsetup show [setting|status|history|version] [--json]"
_PARTS = ("setting", "status", "history", "version")

HELP = """\
usage: haconnsetup show [setting|status|version] [--json]
       haconnsetup show status [--verbose|--json|--watch]
       haconnsetup show history [NAME] [--verbose|--json]

setting    what is set up on this server, as in the manual
status     what the connector on this server sees, as in the manual
  --verbose  why a link is NG, which BMC it is, when it last answered, what a person should look at
  --watch    the same live: on a terminal a view that fills it, until q or Ctrl-C;
             elsewhere a line for each change, with its time
history    every reset on record: when, of whom, by whom, what came of it; of one server with NAME
  --verbose  with the evidence: each reading, each power command, how long each step took
version    of this program
--json     everything there is to know, for programs
Without a word after show: setting, status and version.
Exit code: 0; 5 the connector does not answer.
"""
"""What `haconnsetup show --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Print what is asked for; `NOT_RUNNING` where that includes what a daemon knows and none answers.

    Raises `WrongWords`, `BadValue`, `ConfigError`, `ControlError`.
    """
    flags = {flag: flag in words for flag in ("--json", "--verbose", "--watch")}
    for flag in flags:
        _, words = split_flag(words, flag)
    part = choose(words[0], _PARTS, "show") if words else None
    _check_flags(part, [flag for flag, is_given in flags.items() if is_given])
    if part == "history":
        return _history(words[1:], paths, verbose=flags["--verbose"], as_json=flags["--json"])
    no_more(words[1:], _RIGHT)
    if flags["--watch"]:
        return show_watch.watch(paths)
    return _show(part, paths, verbose=flags["--verbose"], as_json=flags["--json"])


def _check_flags(part: str | None, given: Sequence[str]) -> None:
    """Raises `WrongWords`."""
    if len(given) > 1:
        raise WrongWords(f"show: {' and '.join(given)} do not go together; give one of them")
    for flag, parts in (("--verbose", ("status", "history")), ("--watch", ("status",))):
        if flag in given and part not in parts:
            raise WrongWords(f"show: {flag} is for {' and '.join(parts)} only; right is: haconnsetup show {parts[0]} {flag}")


def _show(part: str | None, paths: Paths, *, verbose: bool, as_json: bool) -> Exit:
    setting = _setting(paths) if part in (None, "setting") else None
    status = _status(paths) if part in (None, "status") else None
    if as_json:
        _print_json(part, setting, status)
    else:
        _print(part, setting, status, verbose=verbose)
    if setting is not None and setting[1].servers:
        warn_of_count(len(setting[1].servers))
    return Exit.NOT_RUNNING if part in (None, "status") and status is None else Exit.OK


def _history(words: Sequence[str], paths: Paths, *, verbose: bool, as_json: bool) -> Exit:
    name = checked_name(words[0]) if words else None
    no_more(words[1:], "haconnsetup show history [NAME] [--verbose|--json]")
    try:
        history = ask_history(paths, name)
    except NotRunning:
        screen.say(NOT_PROCESSING)
        return Exit.NOT_RUNNING
    if as_json:
        print_history_json(history)
    else:
        print_history(history, verbose=verbose)
    if name is not None and not history.entries and store.present_servers(paths).find(name) is None:
        screen.complain(f"haconnsetup: {no_such_server(name, [server.name for server in store.present_servers(paths).servers])}")
        return Exit.FAILED
    return Exit.OK


def _setting(paths: Paths) -> tuple[ResetPath | None, Servers]:
    return store.present_haconn(paths)[0], store.present_servers(paths)


def _status(paths: Paths) -> StatusReport | None:
    try:
        return ask_status(paths)
    except NotRunning:
        return None


def _print(
    part: str | None, setting: tuple[ResetPath | None, Servers] | None, status: StatusReport | None, *, verbose: bool
) -> None:
    if setting is not None:
        _print_setting(*setting)
    if part in (None, "status"):
        print_status(status, verbose=verbose)
    if part is None:
        screen.say()
    if part in (None, "version"):
        screen.say("-- HA monitor connector service version --")
        screen.say(f" {__version__}")


def _print_setting(reset_path: ResetPath | None, servers: Servers) -> None:
    screen.say("-- HA monitor connector service setting --")
    screen.say()
    screen.say("<resetpath>")
    if reset_path is None:
        screen.say(" (not set)")
    else:
        screen.say(f" addr:{reset_path.address}    mask:{reset_path.mask}    port number:{reset_path.port}")
    screen.say()
    screen.say("<physical server>")
    rows = [(server.name, str(server.bmc), servers.account_of(server).name) for server in servers.servers]
    for line in numbered(" # name  bmc addr  account", rows):
        screen.say(line)


def _print_json(part: str | None, setting: tuple[ResetPath | None, Servers] | None, status: StatusReport | None) -> None:
    values: dict[str, Any] = {}
    if setting is not None:
        values["setting"] = setting_values(*setting)
    if part in (None, "status"):
        values["status"] = {"running": False} if status is None else {"running": True, **asdict(status)}
    if part in (None, "version"):
        values["version"] = __version__
    if part in ("setting", "status"):
        values = values[part]
    screen.say(json.dumps(values, indent=2))


def setting_values(reset_path: ResetPath | None, servers: Servers) -> dict[str, Any]:
    """What is set up, without a secret."""
    path = None if reset_path is None else {"addr": reset_path.address, "mask": reset_path.mask, "port": reset_path.port}
    default = servers.default_account
    return {
        "resetpath": path,
        "default_account": None if default is None else default.name,
        "servers": [
            {"name": server.name, "addr": str(server.bmc), "account": servers.account_of(server).name}
            for server in servers.servers
        ],
    }
