"""`haconnsetup show [setting|status|version]`, in the manual's formats (C7 to C10) or with `--json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from haconn_cli import __version__, screen
from haconn_cli.changes import warn_of_count
from haconn_cli.config import store
from haconn_cli.config.model import ResetPath, Servers
from haconn_cli.config.paths import Paths
from haconn_cli.control import NOT_PROCESSING, NotRunning, StatusReport, ask_status
from haconn_cli.exits import Exit
from haconn_cli.words import choose, no_more, split_flag

_RIGHT = "haconnsetup show [setting|status|version] [--json]"
_NOT_SET = " (not set)"


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Print what is asked for; `NOT_RUNNING` where that includes a status and no daemon answers.

    Raises `WrongWords`, `ConfigError`, `ControlError`.
    """
    as_json, words = split_flag(words, "--json")
    part = choose(words[0], ("setting", "status", "version"), "show") if words else None
    no_more(words[1:], _RIGHT)
    setting = _setting(paths) if part in (None, "setting") else None
    status = _status(paths) if part in (None, "status") else None
    if as_json:
        _print_json(part, setting, status)
    else:
        _print(part, setting, status)
    if setting is not None and setting[1].servers:
        warn_of_count(len(setting[1].servers))
    return Exit.NOT_RUNNING if part in (None, "status") and status is None else Exit.OK


def _setting(paths: Paths) -> tuple[ResetPath | None, Servers]:
    return store.present_haconn(paths)[0], store.present_servers(paths)


def _status(paths: Paths) -> StatusReport | None:
    try:
        return ask_status(paths)
    except NotRunning:
        return None


def _print(part: str | None, setting: tuple[ResetPath | None, Servers] | None, status: StatusReport | None) -> None:
    if setting is not None:
        _print_setting(*setting)
    if part in (None, "status"):
        _print_status(status)
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
        screen.say(_NOT_SET)
    else:
        screen.say(f" addr:{reset_path.address}    mask:{reset_path.mask}    port number:{reset_path.port}")
    screen.say()
    screen.say("<physical server>")
    rows = [(server.name, str(server.bmc), servers.account_of(server).name) for server in servers.servers]
    _print_rows(" # name  bmc addr  account", rows)


def _print_status(status: StatusReport | None) -> None:
    if status is None:
        screen.say(NOT_PROCESSING)
        return
    screen.say("-- HA monitor connector service status --")
    _print_rows(" # name  link status", [(server.name, server.link, server.status) for server in status.servers])
    for server in status.servers:
        if server.reason:
            screen.complain(f"{server.name}: {server.reason}")


def _print_rows(heading: str, rows: Sequence[tuple[str, str, str]]) -> None:
    if not rows:
        screen.say(_NOT_SET)
        return
    screen.say(heading)
    width = len(str(len(rows)))
    numbered = [(f" {number:>{width}}", f"{name} ", *others) for number, (name, *others) in enumerate(rows, 1)]
    for line in screen.table(numbered):
        screen.say(line)


def _print_json(part: str | None, setting: tuple[ResetPath | None, Servers] | None, status: StatusReport | None) -> None:
    values: dict[str, Any] = {}
    if setting is not None:
        values["setting"] = _setting_values(*setting)
    if part in (None, "status"):
        values["status"] = {"running": False} if status is None else {"running": True, **asdict(status)}
    if part in (None, "version"):
        values["version"] = __version__
    if part in ("setting", "status"):
        values = values[part]
    screen.say(json.dumps(values, indent=2))


def _setting_values(reset_path: ResetPath | None, servers: Servers) -> dict[str, Any]:
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
