"""The record of what was done with `haconnsetup`: one line a command in `eventlogcui`. Failing to write it changes nothing."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import one_line
from haconn_cli.exits import Exit
from haconn_cli.logfile import PrivateLogFile

_LARGEST = 256 * 1024
"""Bytes of one generation, some 2000 commands."""
_GENERATIONS = 3
"""Older files kept: eventlogcui.1 to .3."""
_SHOWN_KEYS = ("addr", "port", "account", "name", "action", "budget")
_OUR_WORDS = (
    *("resetpath", "pserver", "add", "del", "mod", "default", "show", "setting", "status", "version", "key", "new"),
    *("reset", "force", "--json", "--drop-comments", "help"),
    *("check", "--check", "--pin", "repin", "history", "send", "drop", "list", "reload", "dump", "--verbose", "--watch"),
)


def record(paths: Paths, words: Sequence[str], code: int) -> None:
    """Append one line: when (UTC), who, how it ended, and the words."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    shown = one_line(shlex.join(_without_secrets(words, refused=code == Exit.USAGE)))
    line = f"{when} uid={os.getuid()} exit={code} haconnsetup {shown}"
    file = PrivateLogFile(paths.log / "eventlogcui", _LARGEST, _GENERATIONS)
    file.emit(logging.LogRecord("eventlogcui", logging.INFO, "", 0, line, None, None))
    file.close()


def _without_secrets(words: Sequence[str], *, refused: bool) -> list[str]:
    """The words as they are, but not what may be a password in a wrong place: values of unknown keys, and of a refused command
    words that are not ours.
    """
    shown = []
    for word in words:
        key, equals, _ = word.partition("=")
        if equals and key not in _SHOWN_KEYS:
            word = f"{key}=..."
        elif refused and not equals and word not in _OUR_WORDS:
            word = "..."
        shown.append(word)
    return shown
