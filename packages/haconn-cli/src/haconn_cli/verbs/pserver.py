"""`haconnsetup pserver add|del|mod`: the managed servers (manual C3 to C5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from haconn_cli import screen
from haconn_cli.changes import UNASKED, ask_account, note_restart, warn_of_count
from haconn_cli.config import store
from haconn_cli.config.model import Account, BmcAddress, ManagedServer, Servers, checked_name
from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import no_such_server
from haconn_cli.exits import Exit
from haconn_cli.words import DROP_COMMENTS, WrongWords, choose, no_more, settings, split_flag

_RIGHT = {
    "add": "haconnsetup pserver add NAME addr=BMC [account=ACCOUNT]",
    "del": "haconnsetup pserver del NAME",
    "mod": "haconnsetup pserver mod NAME [name=NEW] [addr=BMC] [account=ACCOUNT]",
}

Edit = Callable[[Servers, Account | None], Servers]
"""The servers as they are to be, from those that are and the account that was asked for."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Add, remove or change one server. Raises `WrongWords`, `BadValue`, and what `store.change_servers` raises."""
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    if not words:
        raise WrongWords(f"pserver: a word is missing; must be one of: {', '.join(_RIGHT)}")
    action = choose(words[0], tuple(_RIGHT), "pserver")
    if len(words) < 2 or "=" in words[1]:
        raise WrongWords(f"pserver {action}: NAME is missing; right is: {_RIGHT[action]}")
    edit, account_name = _EDITS[action](checked_name(words[1]), words[2:])
    own_server = store.present_haconn(paths)[1].own_server

    def change(account: Account | None) -> Callable[[Servers], Servers]:
        return lambda servers: _with_own_server(own_server, servers, edit(servers, account), paths)

    unasked = None if account_name is None else Account(account_name, UNASKED)
    store.try_servers(paths, change(unasked), drop_comments=drop_comments)
    account = None if account_name is None else ask_account(account_name)
    servers = store.change_servers(paths, change(account), drop_comments=drop_comments)
    warn_of_count(len(servers.servers), may_grow=action == "add")
    note_restart(paths)
    return Exit.OK


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
        new = ManagedServer(new_name, bmc or old.bmc, account or old.account)
        return replace(servers, servers=tuple(new if server is old else server for server in servers.servers))

    return edit, values.get("account")


def _existing(servers: Servers, name: str) -> ManagedServer:
    server = servers.find(name)
    if server is None:
        raise WrongWords(no_such_server(name, [server.name for server in servers.servers]))
    return server


_EDITS: dict[str, Callable[[str, Sequence[str]], tuple[Edit, str | None]]] = {"add": _add, "del": _del, "mod": _mod}
