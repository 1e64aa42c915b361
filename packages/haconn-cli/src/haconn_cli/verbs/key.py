"""`haconnsetup key new`: the cluster's id and the first key of the reset path."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from haconn_cli import screen
from haconn_cli.config import store
from haconn_cli.config.model import Key, KeyRing
from haconn_cli.config.paths import Paths
from haconn_cli.exits import Exit
from haconn_cli.words import WrongWords, choose, no_more

_RIGHT = "haconnsetup key new"


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Make `conf_key` where there is none. Raises `WrongWords`, `NotWritten`."""
    if not words:
        raise WrongWords(f"key: a word is missing; right is: {_RIGHT}")
    choose(words[0], ("new",), "key")
    no_more(words[1:], _RIGHT)
    try:
        store.create_keys(paths, KeyRing(secrets.token_bytes(16), (Key(1, secrets.token_bytes(32)),)))
    except store.KeyExists:
        screen.complain(
            f"haconnsetup: {paths.conf_key} exists, and key rotation is not there yet; to start over: stop the connector on every"
            " server, delete that file on every server, run 'haconnsetup key new' on one, and copy the new file to the others"
        )
        return Exit.FAILED
    screen.say(f"{paths.conf_key}: a new cluster id and key; copy this file to every other server of the cluster")
    return Exit.OK
