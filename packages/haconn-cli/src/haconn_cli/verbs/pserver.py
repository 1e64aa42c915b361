"""`haconnsetup pserver add|del|mod`: the managed servers (manual C3 to C5), and a look at a BMC before it is added."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from haconn_cli import screen
from haconn_cli.changes import UNASKED, ask_account, note_restart, warn_of_count
from haconn_cli.config import store
from haconn_cli.config.model import Account, BmcAddress, ManagedServer, Servers, checked_name
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import no_such_server
from haconn_cli.exits import Exit
from haconn_cli.words import DROP_COMMENTS, WrongWords, choose, no_more, settings, split_flag

_RIGHT = {
    "add": "haconnsetup pserver add NAME addr=BMC [account=ACCOUNT] [--check]",
    "del": "haconnsetup pserver del NAME",
    "mod": "haconnsetup pserver mod NAME [name=NEW] [addr=BMC] [account=ACCOUNT], or haconnsetup pserver mod NAME repin",
}
_CHECK, _REPIN = "--check", "repin"

HELP = """\
usage: haconnsetup pserver add NAME addr=BMC [account=ACCOUNT] [--check]
       haconnsetup pserver mod NAME [name=NEW] [addr=BMC] [account=ACCOUNT]
       haconnsetup pserver mod NAME repin
       haconnsetup pserver del NAME

The managed servers: on every server of the cluster all of them, this one included.
NAME     1 to 31 letters and digits: the server's partition name in HA Monitor
addr     of its BMC: IP, IP:PORT or [IPv6]:PORT; port 623 unless said
account  a user of the BMC; its password is asked for, or read as one line from a pipe. Left out: the default account
--check  look at the BMC first, and add the server only if all is well with it
repin    expect the BMC that is there now, after its board was replaced
A change to a file with comments of yours below its first setting is refused unless --drop-comments is added.
"""
"""What `haconnsetup pserver --help` prints."""

Edit = Callable[[Servers, Account | None], Servers]
"""The servers as they are to be, from those that are and the account that was asked for."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Add, remove or change one server. Raises `WrongWords`, `BadValue`, and what `store.change_servers` raises."""
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    checks, words = split_flag(words, _CHECK)
    if not words:
        raise WrongWords(f"pserver: a word is missing; must be one of: {', '.join(_RIGHT)}")
    action = choose(words[0], tuple(_RIGHT), "pserver")
    if len(words) < 2 or "=" in words[1]:
        raise WrongWords(f"pserver {action}: NAME is missing; right is: {_RIGHT[action]}")
    name = checked_name(words[1])
    if checks and action != "add":
        raise WrongWords(f"pserver {action}: {_CHECK} goes with add; to look at BMCs: haconnsetup check [NAME...]")
    if action == "mod" and words[2:] == [_REPIN]:
        return _load("haconn_cli.verbs.repin").repin(name, paths, drop_comments=drop_comments)
    edit, account_name = _EDITS[action](name, words[2:])
    own_server = store.present_haconn(paths)[1].own_server

    def change(account: Account | None) -> Callable[[Servers], Servers]:
        return lambda servers: _with_own_server(own_server, servers, edit(servers, account), paths)

    unasked = None if account_name is None else Account(account_name, UNASKED)
    store.try_servers(paths, change(unasked), drop_comments=drop_comments)
    account = None if account_name is None else ask_account(account_name)
    if checks:
        looked = _look_first(name, edit, account, paths)
        if looked is None:
            return Exit.FAILED
        edit = looked
    before = store.present_servers(paths)
    servers = store.change_servers(paths, change(account), drop_comments=drop_comments)
    _say_dropped_identities(before, servers)
    warn_of_count(len(servers.servers), may_grow=action == "add")
    note_restart(paths)
    return Exit.OK


def _load(module: str) -> Any:
    """What needs trio and IPMI; without it the others start faster."""
    return importlib.import_module(module)


def _look_first(name: str, edit: Edit, account: Account | None, paths: Paths) -> Edit | None:
    """The same edit with the identity of the BMC that was seen; None where something is wrong with it, which has been said."""
    inspect, block = _load("haconn_cli.verbs.check").inspect, _load("haconn_cli.check.telling").block
    planned = edit(store.present_servers(paths), account)
    server = _existing(planned, name)
    inspection = inspect([server], planned, paths)
    for line in block(inspection, inspection.looks[0]):
        screen.say(line)
    if any(finding.is_problem for finding in inspection.of(server)):
        screen.complain(f"haconnsetup: {name} was not added: see its PROBLEM; without {_CHECK} it is added as it is")
        return None
    identity = inspection.identity(inspection.looks[0])

    def with_identity(servers: Servers, account: Account | None) -> Servers:
        added = edit(servers, account)
        new = replace(_existing(added, name), identity=identity)
        return replace(added, servers=tuple(new if server.name == name else server for server in added.servers))

    return with_identity


def _say_dropped_identities(before: Servers, after: Servers) -> None:
    """At another address stands another BMC, so what was written of the old one is gone."""
    kept = {server.identity for server in after.servers}
    for server in before.servers:
        if server.identity is not None and server.identity not in kept and len(before.servers) == len(after.servers):
            screen.complain(
                f"note: the identity written for {server.name} was that of its BMC at {server.bmc}, and is gone;"
                " to write that of the new one: haconnsetup check --pin"
            )


def _with_own_server(own_server: str | None, old: Servers, new: Servers, paths: Paths) -> Servers:
    """The new servers. Raises `WrongWords` where they lack the one that `conf_haconn` names: then no connector would start."""
    if own_server is not None and old.find(own_server) is not None and new.find(own_server) is None:
        raise WrongWords(
            f"{own_server} is own_server in {paths.conf_haconn}, so the connector would not start without it;"
            " first remove that line there, or write another name"
        )
    return new


def _parse_bmc(text: str) -> BmcAddress:
    """As `BmcAddress.parse`; warns where a port seems to be meant that is part of the address."""
    bmc = BmcAddress.parse(text)
    if (other := BmcAddress.probably_meant(text)) is not None:
        screen.complain(f"warning: addr '{text}' is an address without a port; with one it would be [{other.host}]:{other.port}")
    return bmc


def _refuse_other_case(servers: Servers, name: str, old: ManagedServer | None = None) -> None:
    """Two names that differ only in case would be mistaken for one another when it matters. Raises `WrongWords`."""
    for server in servers.servers:
        if server is not old and server.name != name and server.name.lower() == name.lower():
            raise WrongWords(f"name '{name}': differs from {server.name} in case only; it must differ in more")


def _add(name: str, words: Sequence[str]) -> tuple[Edit, str | None]:
    values = settings(words, ("addr", "account"), _RIGHT["add"])
    if "addr" not in values:
        raise WrongWords(f"pserver add: addr= is missing; right is: {_RIGHT['add']}")
    bmc = _parse_bmc(values["addr"])

    def edit(servers: Servers, account: Account | None) -> Servers:
        if servers.find(name) is not None:
            raise WrongWords(f"pserver add: {name} is there already; to change it: haconnsetup pserver mod {name} ...")
        _refuse_other_case(servers, name)
        return replace(servers, servers=(*servers.servers, ManagedServer(name, bmc, account)))

    return edit, values.get("account")


def _del(name: str, words: Sequence[str]) -> tuple[Edit, str | None]:
    no_more(words, _RIGHT["del"])

    def edit(servers: Servers, account: Account | None) -> Servers:
        gone = _existing(servers, name)
        return replace(servers, servers=tuple(server for server in servers.servers if server is not gone))

    return edit, None


def _mod(name: str, words: Sequence[str]) -> tuple[Edit, str | None]:
    values = settings(words, ("name", "addr", "account"), _RIGHT["mod"])
    if not values:
        raise WrongWords(f"pserver mod: nothing to change; right is: {_RIGHT['mod']}")
    new_name = checked_name(values["name"]) if "name" in values else name
    bmc = _parse_bmc(values["addr"]) if "addr" in values else None

    def edit(servers: Servers, account: Account | None) -> Servers:
        old = _existing(servers, name)
        _refuse_other_case(servers, new_name, old)
        is_elsewhere = bmc is not None and bmc != old.bmc
        identity = None if is_elsewhere else old.identity
        new = replace(old, name=new_name, bmc=bmc or old.bmc, account=account or old.account, identity=identity)
        return replace(servers, servers=tuple(new if server is old else server for server in servers.servers))

    return edit, values.get("account")


def _existing(servers: Servers, name: str) -> ManagedServer:
    server = servers.find(name)
    if server is None:
        raise WrongWords(no_such_server(name, [server.name for server in servers.servers]))
    return server


_EDITS: dict[str, Callable[[str, Sequence[str]], tuple[Edit, str | None]]] = {"add": _add, "del": _del, "mod": _mod}
