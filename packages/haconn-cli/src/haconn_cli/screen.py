"""The only thing that prints, and that asks the person at the terminal."""

from __future__ import annotations

import getpass
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress


class NotText(Exception):  # noqa: N818 - errors here are named for the fact
    """What was typed or piped in is not text in the terminal's encoding."""


class OutputLost(Exception):  # noqa: N818
    """Standard output takes no more; the text says why, or is empty where its reader has gone, as with `| head`."""


def say(text: str = "") -> None:
    """Print one line of what was asked for (standard output), at once. Raises `OutputLost`."""
    try:
        print(text, flush=True)
    except OSError as error:
        _stop_saying()
        why = "" if isinstance(error, BrokenPipeError) else f"the output could not be written: {error.strerror}"
        raise OutputLost(why) from None


def complain(text: str) -> None:
    """Print one line for the person at the terminal (standard error): an error, a warning, a note.

    Where it cannot be written nothing more can be done, and nothing is raised.
    """
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def ask(prompt: str) -> str:
    """One line from standard input without its line end; the prompt stands on standard error. Empty where input has ended.

    Raises `NotText`.
    """
    if sys.stdin is None:  # the shell closed it
        return ""
    typed = sys.stdin.isatty()
    print(prompt, end="" if typed else "\n", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise NotText("the answer is not text in this terminal's encoding") from None
    if typed and not line.endswith("\n"):
        complain("")  # Ctrl-D leaves the cursor behind the prompt
    return line.removesuffix("\n")


def ask_secret(prompt: str) -> str:
    """As `ask`, without echo where standard input is a terminal; from a pipe one line is read."""
    if sys.stdin is None or not sys.stdin.isatty():
        return ask(prompt)
    try:
        return getpass.getpass(prompt, stream=sys.stderr)
    except EOFError:
        complain("")
        return ""
    except UnicodeDecodeError:
        raise NotText("the answer is not text in this terminal's encoding") from None


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines: columns aligned and one blank apart, no blanks at the end of a line. All rows are of one length."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _stop_saying() -> None:
    """Drop what standard output still holds: it cannot be written, and the interpreter would try again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_what_cannot_be_encoded() -> None:
    """From now on print a character that the terminal's encoding lacks as its escape, where it would be an error otherwise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
