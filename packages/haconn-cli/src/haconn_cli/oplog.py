"""The record of what was done with `haconnsetup`: one line a command in `eventlogcui`. Failing to write it changes nothing."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from haconn_cli.config.paths import Paths
from haconn_cli.config.wording import one_line
from haconn_cli.exits import Exit

_LARGEST = 256 * 1024
"""Bytes of one generation, some 2000 commands."""
_GENERATIONS = 3
"""Older files kept: eventlogcui.1 to .3."""
_SHOWN_KEYS = ("addr", "port", "account", "name", "action", "budget")
_OUR_WORDS = (
    *("resetpath", "pserver", "add", "del", "mod", "default", "show", "setting", "status", "version", "key", "new"),
    *("reset", "force", "--json", "--drop-comments"),
)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Makes its files with mode 0600, follows no symbolic link, and is silent about its own failures."""

    def _open(self) -> io.TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: the command's own result matters more."""


def record(paths: Paths, words: Sequence[str], code: int) -> None:
    """Append one line: when (UTC), who, how it ended, and the words."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    shown = one_line(shlex.join(_without_secrets(words, refused=code == Exit.USAGE)))
    line = f"{when} uid={os.getuid()} exit={code} haconnsetup {shown}"
    with suppress(OSError):
        paths.log.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFile(paths.log / "eventlogcui", maxBytes=_LARGEST, backupCount=_GENERATIONS)
        try:
            handler.emit(logging.LogRecord("eventlogcui", logging.INFO, "", 0, line, None, None))
        finally:
            handler.close()


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
