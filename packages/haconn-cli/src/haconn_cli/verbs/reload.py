"""`haconnsetup reload`: have the connector on this server read its settings anew, as SIGHUP does."""

from __future__ import annotations

from collections.abc import Sequence

from haconn_cli import screen
from haconn_cli.config.paths import Paths
from haconn_cli.control import NOT_PROCESSING, NotRunning, ask_reload
from haconn_cli.exits import Exit
from haconn_cli.words import no_more

_RIGHT = "haconnsetup reload"

HELP = f"""\
usage: {_RIGHT}

Has the connector on this server read conf_haconn, conf_pserver and conf_key anew, without a restart.
All of it is taken, or nothing: then the reason is printed, and the connector goes on with what it had.
SIGHUP does the same; its outcome stands in the event log and in 'show status --verbose'.
Exit code: 0 taken; 1 refused; 5 the connector does not answer.
"""
"""What `haconnsetup reload --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Ask for it, and print what came of it. Raises `WrongWords`, `ControlError`."""
    no_more(words, _RIGHT)
    try:
        refused = ask_reload(paths)
    except NotRunning:
        screen.complain(NOT_PROCESSING)
        return Exit.NOT_RUNNING
    if refused:
        screen.complain(f"haconnsetup: refused, the connector goes on with its present settings: {refused}")
        return Exit.FAILED
    screen.say("the connector has read its settings anew and goes by them")
    return Exit.OK
