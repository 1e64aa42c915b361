"""`haconnsetup`: finds the verb, runs it, and turns what can go wrong into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from haconn_cli import __version__, oplog, screen
from haconn_cli.config.load import ConfigError
from haconn_cli.config.model import BadValue
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import CommentsWouldBeLost, NotWritten
from haconn_cli.config.wording import one_line
from haconn_cli.exits import Exit
from haconn_cli.reports import ControlError
from haconn_cli.words import WrongWords, choose

_VERBS = {
    "resetpath": "haconn_cli.verbs.resetpath",
    "pserver": "haconn_cli.verbs.pserver",
    "default": "haconn_cli.verbs.default",
    "key": "haconn_cli.verbs.key",
    "show": "haconn_cli.verbs.show",
    "check": "haconn_cli.verbs.check",
    "reload": "haconn_cli.verbs.reload",
    "reset": "haconn_cli.verbs.reset",
    "dump": "haconn_cli.verbs.dump",
}
"""Imported when asked for: a reset needs trio and cryptography, the others start without."""

_USAGE = """\
usage: haconnsetup resetpath [addr=IP/MASK] [port=PORT]
       haconnsetup pserver add NAME addr=BMC [account=ACCOUNT] [--check]
       haconnsetup pserver mod NAME [name=NEW] [addr=BMC] [account=ACCOUNT]
       haconnsetup pserver mod NAME repin
       haconnsetup pserver del NAME
       haconnsetup default account=ACCOUNT
       haconnsetup key new | send ID | drop ID | list
       haconnsetup show [setting|status|version] [--json]
       haconnsetup show status --verbose | --watch
       haconnsetup show history [NAME] [--verbose|--json]
       haconnsetup check [NAME...] [--pin] [--json]
       haconnsetup reload
       haconnsetup reset NAME [action=off|cycle|reset|dump_cycle] [budget=SECONDS] [force]
       haconnsetup dump
       haconnsetup --help | VERB --help | --version

IP/MASK  this server's address on the reset path, like 192.168.0.1/24 or 192.168.0.1/255.255.255.0
PORT     UDP port of the reset path, 5001 to 65535, the same on every server of the cluster
NAME     1 to 31 letters and digits: the server's partition name in HA Monitor
BMC      IP, IP:PORT or [IPv6]:PORT of the server's BMC (port 623 unless said)
ACCOUNT  a user of the BMC; the password is asked for, or read as one line from a pipe
A change to a file with comments of yours below its first setting is refused unless --drop-comments is added.
Exit code: 0 done, 1 tried and failed or not confirmed, 2 wrong argument, 3 wrong configuration file, 4 not root,
5 the connector does not answer, 130 ended by Ctrl-C.
"""

_FAILURES: tuple[tuple[tuple[type[Exception], ...], Exit], ...] = (
    ((WrongWords, BadValue, CommentsWouldBeLost, screen.NotText), Exit.USAGE),
    ((ConfigError,), Exit.CONFIGURATION),
    ((NotWritten, ControlError), Exit.FAILED),
)

class _Verb(Protocol):
    def run(self, words: Sequence[str], paths: Paths) -> Exit: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (default: the process's words), print what it has to say, and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    screen.print_what_cannot_be_encoded()
    try:
        return _answer(words)
    except screen.OutputLost as error:
        if str(error):
            screen.complain(f"haconnsetup: {error}")
        return Exit.FAILED


def _answer(words: list[str]) -> int:
    if not words:
        screen.complain(_USAGE.rstrip())
        return Exit.USAGE
    if words[0] == "help" or "--help" in words or "-h" in words:
        screen.say(_help(words).rstrip())
        return Exit.OK
    if words == ["--version"]:
        screen.say(f"haconnsetup {__version__}")
        return Exit.OK
    paths = Paths.from_environment()
    if os.geteuid() != 0 and not paths.is_moved:
        screen.complain("haconnsetup: only root may run this; become root, or put sudo before it")
        return Exit.NOT_ROOT
    code = _run(words, paths)
    oplog.record(paths, words, code)
    return code


def _help(words: list[str]) -> str:
    """How everything is written; with a verb that has a text of its own (`HELP`), that one."""
    verb = next((word for word in words if word in _VERBS), None)
    own = None if verb is None else getattr(importlib.import_module(_VERBS[verb]), "HELP", None)
    return _USAGE if own is None else str(own)


def _run(words: list[str], paths: Paths) -> int:
    try:
        verb, rest = _split(words)
        module = cast(_Verb, importlib.import_module(_VERBS[verb]))
        return module.run(rest, paths)
    except KeyboardInterrupt:
        screen.complain("")
        return Exit.INTERRUPTED
    except tuple(kind for kinds, _ in _FAILURES for kind in kinds) as error:
        screen.complain(f"haconnsetup: {one_line(str(error))}")
        return next(code for kinds, code in _FAILURES if isinstance(error, kinds))


def _split(words: list[str]) -> tuple[str, list[str]]:
    """The verb, and the other words in their order: options may stand before the verb. Raises `WrongWords`."""
    verb = next((word for word in words if not word.startswith("--")), words[0])
    choose(verb, tuple(_VERBS))
    rest = list(words)
    rest.remove(verb)
    return verb, rest
