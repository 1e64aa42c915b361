"""`haconnsetup key new|send|drop|list`: the keys of the reset path, and how one takes the place of another."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from haconn_cli import screen
from haconn_cli.config import store
from haconn_cli.config.load import ConfigMissing, load_keys
from haconn_cli.config.model import MOST_KEYS, Key, KeyRing
from haconn_cli.config.paths import Paths
from haconn_cli.control import NotRunning, ask_status
from haconn_cli.exits import Exit
from haconn_cli.reports import ControlError, KeyReport
from haconn_cli.words import DROP_COMMENTS, WrongWords, choose, no_more, split_flag

IN_USE = 120.0
"""Seconds since the connector last heard a key in which it is not dropped; the connector refuses the same."""

_ACTIONS = ("new", "send", "drop", "list")
_RIGHT = "haconnsetup key new | send ID | drop ID | list"
_EVERYWHERE = "copy this file to every other server of the cluster, and say 'haconnsetup reload' on each"

HELP = f"""\
usage: {_RIGHT}

new       makes conf_key, with a new cluster id and key 1; where there is one, adds a further key,
          which is accepted and not yet sent with
send ID   this key is sent with from now on; the others are still accepted
drop ID   this key is accepted no more; refused for the one that is sent with, and while the connector
          on this server still hears it
list      the keys without their secrets: which one is sent with, who uses which; the same fingerprints
          on every server mean the same keys

To replace a key while everything runs: 'new', 'send', 'drop'. After each of them
{_EVERYWHERE}.
Between 'send' and 'drop' HA Monitor must have started anew everywhere: it reads conf_key at its start.
"""
"""What `haconnsetup key --help` prints."""


class _Refused(Exception):  # noqa: N818 - errors here are named for the fact
    """The step is out of its order; the text says what comes first."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Make, change or show `conf_key`. Raises `WrongWords`, and what `store.change_keys` raises."""
    drop_comments, words = split_flag(words, DROP_COMMENTS)
    if not words:
        raise WrongWords(f"key: a word is missing; right is: {_RIGHT}")
    action = choose(words[0], _ACTIONS, "key")
    try:
        if action in ("send", "drop"):
            return (_send if action == "send" else _drop)(paths, _id(words), drop_comments)
        no_more(words[1:], f"haconnsetup key {action}")
        return _new(paths, drop_comments) if action == "new" else _list(paths)
    except _Refused as refused:
        screen.complain(f"haconnsetup: {refused}; nothing was changed")
        return Exit.FAILED


def _id(words: Sequence[str]) -> int:
    right = f"haconnsetup key {words[0]} ID, where ID is a number that 'haconnsetup key list' shows"
    if len(words) < 2 or not words[1].isascii() or not words[1].isdigit() or len(words[1]) > 3:
        raise WrongWords(f"key {words[0]}: ID is missing or no number; right is: {right}")
    no_more(words[2:], right)
    return int(words[1])


def _new(paths: Paths, drop_comments: bool) -> Exit:
    try:
        store.create_keys(paths, KeyRing(secrets.token_bytes(16), (Key(1, secrets.token_bytes(32)),)))
    except store.KeyExists:
        return _add(paths, drop_comments)
    screen.say(f"{paths.conf_key}: a new cluster id and key; copy this file to every other server of the cluster")
    return Exit.OK


def _add(paths: Paths, drop_comments: bool) -> Exit:
    def change(keys: KeyRing) -> KeyRing:
        if len(keys.keys) >= MOST_KEYS:
            raise _Refused(f"there are {MOST_KEYS} keys already; first drop one: haconnsetup key drop ID")
        used = [key.id for key in keys.keys]
        fresh = next(number for number in (max(used) + 1, *range(1, 256)) if number <= 255 and number not in used)
        return replace(keys, keys=(*keys.keys, Key(fresh, secrets.token_bytes(32))))

    fresh = store.change_keys(paths, change, drop_comments=drop_comments).keys[-1].id
    then = f"then: haconnsetup key send {fresh}"
    screen.say(f"{paths.conf_key}: key {fresh} is accepted, and not sent with yet; {_EVERYWHERE}; {then}")
    return Exit.OK


def _send(paths: Paths, number: int, drop_comments: bool) -> Exit:
    running = _running(paths)

    def change(keys: KeyRing) -> KeyRing:
        key = _existing(keys, number)
        if running and number not in {each.id for each in running}:
            raise _Refused(f"the connector on this server does not accept key {number} yet; first: haconnsetup reload")
        return replace(keys, keys=(key, *(other for other in keys.keys if other is not key)))

    others = [key.id for key in store.change_keys(paths, change, drop_comments=drop_comments).keys[1:]]
    then = "".join(f"; once HA Monitor has started anew everywhere: haconnsetup key drop {other}" for other in others)
    screen.say(f"{paths.conf_key}: key {number} is sent with; {_EVERYWHERE}{then}")
    return Exit.OK


def _drop(paths: Paths, number: int, drop_comments: bool) -> Exit:
    running = {each.id: each for each in _running(paths)}

    def change(keys: KeyRing) -> KeyRing:
        key = _existing(keys, number)
        if key is keys.keys[0]:
            raise _Refused(f"key {number} is the one that is sent with; first send with another one: haconnsetup key send ID")
        if number in running:
            _refuse_in_use(running[number])
        return replace(keys, keys=tuple(other for other in keys.keys if other is not key))

    store.change_keys(paths, change, drop_comments=drop_comments)
    screen.say(f"{paths.conf_key}: key {number} is accepted no more; {_EVERYWHERE}")
    return Exit.OK


def _refuse_in_use(key: KeyReport) -> None:
    """Raises `_Refused`."""
    if key.is_sent:
        raise _Refused(f"the connector on this server still sends with key {key.id}; first: haconnsetup reload")
    lately = {who: age for who, age in key.heard.items() if age <= IN_USE}
    if lately:
        who = min(lately, key=lately.__getitem__)
        raise _Refused(
            f"{who} used key {key.id} {lately[who]:.0f} s ago; have it start anew with the present conf_key,"
            f" and try again {IN_USE:.0f} s later"
        )


def _existing(keys: KeyRing, number: int) -> Key:
    key = next((each for each in keys.keys if each.id == number), None)
    if key is None:
        raise WrongWords(f"key {number}: there is none; there are: {', '.join(str(each.id) for each in keys.keys)}")
    return key


def _running(paths: Paths) -> tuple[KeyReport, ...]:
    """The keys that the connector on this server has; none where it does not run, or does not say."""
    try:
        return ask_status(paths).keys
    except (NotRunning, ControlError):
        return ()


def _list(paths: Paths) -> Exit:
    keys = load_keys(paths.conf_key)
    rows = [(f" {key.id}", key.fingerprint, "accepted" if place else "sent with") for place, key in enumerate(keys.keys)]
    for line in screen.table([(" key", "fingerprint", "use"), *rows]):
        screen.say(line)
    try:
        changed = datetime.fromtimestamp(paths.conf_key.stat().st_mtime, UTC)
    except OSError:
        raise ConfigMissing(paths.conf_key, "", "is gone") from None
    screen.say(f"{paths.conf_key} is so since {changed:%Y-%m-%d %H:%M:%S} UTC")
    _list_running(keys, _running(paths))
    return Exit.OK


def _list_running(keys: KeyRing, running: Sequence[KeyReport]) -> None:
    if not running:
        return
    sent = next((each.id for each in running if each.is_sent), None)
    screen.say(f"the connector on this server sends with {sent} and accepts {', '.join(str(each.id) for each in running)}")
    for each in running:
        for who, age in sorted(each.heard.items(), key=lambda one: one[1]):
            screen.say(f" key {each.id} was used by {who} {age:.0f} s ago")
    if (sent, {each.id for each in running}) != (keys.keys[0].id, {key.id for key in keys.keys}):
        screen.complain("note: the connector has not read this file yet: haconnsetup reload")
