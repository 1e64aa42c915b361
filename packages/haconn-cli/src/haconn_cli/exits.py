"""How a command ended, as a number for the shell that started it."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of `haconnsetup`."""

    OK = 0
    FAILED = 1
    """The thing asked for was tried and did not succeed; or a reset was not confirmed, and nothing was done."""
    USAGE = 2
    """A word on the command line, or a password at the prompt, is wrong; nothing was changed."""
    CONFIGURATION = 3
    """A configuration file is missing or wrong."""
    NOT_ROOT = 4
    """Only root may do this."""
    NOT_RUNNING = 5
    """The daemon does not answer."""
    INTERRUPTED = 130
    """Ended by Ctrl-C: what a shell reports for a program that it ended."""
