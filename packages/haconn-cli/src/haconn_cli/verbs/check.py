"""`haconnsetup check`: log in to the BMCs as the connector would, and say what is right, wrong and doubtful."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from haconn_cli import screen
from haconn_cli.changes import note_restart
from haconn_cli.check.findings import Inspection
from haconn_cli.check.look import look_at
from haconn_cli.check.telling import block, overall, values
from haconn_cli.config import store
from haconn_cli.config.identity import Identity
from haconn_cli.config.load import load_servers
from haconn_cli.config.model import BmcAddress, ManagedServer, Servers
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import DamagedPins, Pin, load_pins
from haconn_cli.config.wording import no_such_server
from haconn_cli.exits import Exit
from haconn_cli.words import DROP_COMMENTS, WrongWords, settings, split_flag

_RIGHT = "haconnsetup check [NAME...] [--pin] [--json]"

HELP = f"""\
usage: {_RIGHT}

Logs in to the BMC of each server, or of those named, as the connector would, and shows who it is and what is wrong or doubtful.
Nothing is switched.
--pin   write the identity of every BMC that is all right into conf_pserver; it counts wherever that file is copied to.
--json  one JSON object.
The GUID is shown with its octets in the order in which they travel; other programs may print the same one in another order.
Exit code: 0 no problem (warnings there may be), 1 a problem, 3 wrong configuration file.
"""
"""What `haconnsetup check --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Look, and say it. Raises `WrongWords`, `ConfigError`, and with `--pin` what `store.change_servers` raises."""
    as_json, words = split_flag(words, "--json")
    writes, words = split_flag(words, "--pin")
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    servers = load_servers(paths.conf_pserver)
    chosen = _chosen(words, servers)
    if writes:
        store.try_servers(paths, lambda servers: servers, drop_comments=drop_comments)
    inspection = inspect(chosen, servers, paths)
    if as_json:
        screen.say(json.dumps(values(inspection), indent=2))
    else:
        _print(inspection)
    if writes:
        _write(inspection, paths, drop_comments=drop_comments)
    return Exit.OK if inspection.is_all_right else Exit.FAILED


def inspect(chosen: Sequence[ManagedServer], servers: Servers, paths: Paths) -> Inspection:
    """Look at the BMCs of `chosen`; says on standard error which ones take long."""
    looks = look_at([(server, servers.account_of(server)) for server in chosen], _say_waiting)
    return Inspection(looks, servers, kept_pins(paths))


def kept_pins(paths: Paths) -> Mapping[str, Pin] | str:
    """What the connector on this server has pinned, or what is wrong with the file."""
    try:
        return load_pins(paths)
    except DamagedPins as error:
        return str(error)


def _chosen(words: Sequence[str], servers: Servers) -> tuple[ManagedServer, ...]:
    names = [server.name for server in servers.servers]
    for word in words:
        if "=" in word or word.startswith("-"):
            settings([word], (), _RIGHT)
        if word not in names:
            raise WrongWords(f"check: {no_such_server(word, names)}")
    if not names:
        raise WrongWords("check: no server is set up yet; first: haconnsetup pserver add NAME addr=BMC")
    return tuple(server for server in servers.servers if not words or server.name in words)


def _say_waiting(names: list[str]) -> None:
    screen.complain(f"waiting for the BMC of {', '.join(names)}")


def _print(inspection: Inspection) -> None:
    for look in inspection.looks:
        for line in block(inspection, look):
            screen.say(line)
        screen.say()
    for line in overall(inspection):
        screen.say(line)


def _write(inspection: Inspection, paths: Paths, *, drop_comments: bool) -> None:
    """Write the identities of the BMCs that are all right, but not where the settings have changed meanwhile."""
    found: dict[tuple[str, BmcAddress], Identity] = {}
    for look in inspection.looks:
        identity = inspection.identity(look)
        if any(finding.is_problem for finding in inspection.of(look.server)) or identity is None:
            screen.complain(f"{look.server.name}: its identity is not written")
        elif identity != look.server.identity:
            found[look.server.name, look.server.bmc] = identity
    if not found:
        return

    def with_identities(servers: Servers) -> Servers:
        changed = [replace(server, identity=found.get((server.name, server.bmc), server.identity)) for server in servers.servers]
        return replace(servers, servers=tuple(changed))

    store.change_servers(paths, with_identities, drop_comments=drop_comments)
    for (name, _), identity in found.items():
        screen.complain(f"{name}: {identity} is written in {paths.conf_pserver}")
    note_restart(paths)
