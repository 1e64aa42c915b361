"""What every change of the settings has in common: the password prompt, and the note that the daemon must be restarted."""

from __future__ import annotations

from haconn_cli import control, screen
from haconn_cli.config.model import Account
from haconn_cli.config.paths import Paths
from haconn_cli.reports import ControlError
from haconn_cli.words import WrongWords

FEWEST_SERVERS, MANUAL_SERVERS = 2, 4
"""The range of the manual (M5). More work, up to `model.MOST_SERVERS`."""

UNASKED = "?"
"""Stands for a password that was not asked for yet, where the other words are checked before the person types it."""


def ask_account(name: str) -> Account:
    """The BMC account of that name with the password that the person types or pipes in. Raises `BadValue`, `WrongWords`."""
    password = screen.ask_secret("password :")
    if not password:
        raise WrongWords("no password was given; nothing was changed")
    return Account(name, password)


def note_restart(paths: Paths) -> None:
    """Say that a connector which runs now keeps the settings it started with (manual O1)."""
    try:
        control.ask_status(paths, timeout=1.0)
    except control.NotRunning:
        return
    except ControlError:
        pass  # something answers, so something runs
    advice = "haconnsetup reload, or for another reset path a restart"
    screen.complain(f"note: the connector is still running with the old settings: {advice}")


def have_reread(paths: Paths) -> None:
    """Have a connector that runs now read its settings and pins anew, and say where it does not."""
    try:
        refused = control.ask_reload(paths)
    except control.NotRunning:
        return
    except ControlError as error:
        refused = f"{error}; restart it"
    if refused:
        screen.complain(f"note: the connector is still running as before: {refused}")


def warn_of_count(count: int, *, may_grow: bool = False) -> None:
    """Warn where a cluster of so many servers is outside the manual's range (M5); `may_grow`: more are probably being added."""
    least = 0 if may_grow else FEWEST_SERVERS
    if not least <= count <= MANUAL_SERVERS:
        servers = "1 server is" if count == 1 else f"{count} servers are"
        screen.complain(f"warning: {servers} set up; a cluster of physical servers has {FEWEST_SERVERS} to {MANUAL_SERVERS}")
