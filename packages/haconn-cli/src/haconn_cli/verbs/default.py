"""`haconnsetup default account=NAME`: the account for the servers that are added without one of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from haconn_cli.changes import UNASKED, ask_account, note_restart
from haconn_cli.config import store
from haconn_cli.config.model import Account, Servers
from haconn_cli.config.paths import Paths
from haconn_cli.exits import Exit
from haconn_cli.words import DROP_COMMENTS, WrongWords, settings, split_flag

_RIGHT = "haconnsetup default account=ACCOUNT"

HELP = f"""\
usage: {_RIGHT}

Sets the BMC account of all servers that are added without one of their own. The password is asked for, or read as one
line from a pipe; it is never taken from the command line. Up to 16 bytes of name and 20 of password.
"""
"""What `haconnsetup default --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Set the default account; asks for its password. Raises `WrongWords`, `BadValue`, and what `store.change_servers` raises."""
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    values = settings(words, ("account",), _RIGHT)
    if not values:
        raise WrongWords(f"default: account= is missing; right is: {_RIGHT}")

    def with_default(account: Account, servers: Servers) -> Servers:
        return replace(servers, default_account=account)

    unasked = Account(values["account"], UNASKED)
    store.try_servers(paths, lambda servers: with_default(unasked, servers), drop_comments=drop_comments)
    account = ask_account(values["account"])
    store.change_servers(paths, lambda servers: with_default(account, servers), drop_comments=drop_comments)
    note_restart(paths)
    return Exit.OK
