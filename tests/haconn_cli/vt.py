"""A terminal for tests: it draws what it is sent, and tells what a person would see."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|\x1b|[^\x1b]+", re.DOTALL)


class Screen:
    """What a VT100 with an alternate screen makes of it. Anything else than the few sequences that it knows is an error."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.main = self._empty()
        self.lines = self.main
        self.row = self.column = 0
        self.is_alternate = False
        self.has_cursor = True
        self.writes = 0
        """Characters drawn."""
        self._is_old_picture = False
        """After another size until the next picture: what is on its way was made for the size before."""

    def _empty(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.rows)]

    def resize(self, columns: int, rows: int) -> None:
        """As most terminals do with the alternate screen: what was there is not reflowed."""
        self.columns, self.rows, self._is_old_picture = columns, rows, True
        self.main = [list(f"{''.join(line):{columns}}"[:columns]) for line in self.main[:rows]]
        self.main += self._empty()[len(self.main) :]
        self.lines = self._empty() if self.is_alternate else self.main

    @property
    def text(self) -> list[str]:
        """The lines without the blanks at their ends."""
        return ["".join(line).rstrip() for line in self.lines]

    def feed(self, data: str) -> None:
        """Draw it."""
        for found in _SEQUENCE.finditer(data):
            if found[3]:
                self._obey(found[1], found[2], found[3])
            else:
                assert found[0] != "\x1b", data
                self._type(found[0])

    def _type(self, text: str) -> None:
        for character in text:
            if character == "\r":
                self.column = 0
            elif character == "\n":
                self.row = min(self.row + 1, self.rows - 1)
            else:
                assert character.isprintable(), repr(character)
                is_inside = self.column < self.columns and self.row < self.rows
                assert is_inside or self._is_old_picture, f"beyond the edge: {text!r}"
                if is_inside:
                    self.lines[self.row][self.column] = character
                self.column += 1
                self.writes += 1

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        match private + numbers, letter:
            case "?1049", "h":
                self.lines, self.is_alternate = self._empty(), True
            case "?1049", "l":
                self.lines, self.is_alternate = self.main, False
            case "?25", ("h" | "l"):
                self.has_cursor = letter == "h"
            case "2", "J":
                self.lines, self._is_old_picture = self._empty(), False
            case "", "K" if self.row < self.rows:
                self.lines[self.row][self.column :] = [" "] * (self.columns - self.column)
            case ("?2026", _) | ("", "K"):
                pass
            case _, "H":
                row, column = (int(number) for number in numbers.split(";"))
                self.row, self.column = row - 1, column - 1
            case _, "m":
                pass
            case _:
                raise AssertionError(f"unknown sequence {private}{numbers}{letter}")


class Terminal:
    """A pseudo-terminal with a program on it."""

    def __init__(self, ours: int, process: subprocess.Popen[bytes], columns: int, rows: int) -> None:
        self.ours, self.process = ours, process
        self.screen = Screen(columns, rows)
        self.raw = ""

    def read(self, seconds: float = 0.05) -> None:
        """What comes within that time, drawn."""
        while select.select([self.ours], (), (), seconds)[0]:
            try:
                data = os.read(self.ours, 65536)
            except OSError:
                return   # the other end is closed
            text = data.decode()
            self.raw += text
            self.screen.feed(text)
            seconds = 0.0

    def until(self, what: str, is_so: Callable[[list[str]], bool], patience: float = 30.0) -> list[str]:
        """Wait until the screen is so; its lines."""
        give_up = time.monotonic() + patience
        while not is_so(self.screen.text):
            assert time.monotonic() < give_up, (what, self.screen.text)
            self.read()
        return self.screen.text

    def shows(self, words: str) -> list[str]:
        """Wait until these words are to be seen."""
        return self.until(words, lambda lines: any(words in line for line in lines))

    def type(self, keys: str) -> None:
        """As the person does."""
        os.write(self.ours, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """The window is another size now; its program is told."""
        self.read()
        self.screen.resize(columns, rows)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def end(self, number: int | None = None, patience: float = 30.0) -> int:
        """The exit code, after a signal or by itself; all that was still to come is drawn."""
        if number is not None:
            self.process.send_signal(number)
        give_up = time.monotonic() + patience
        while self.process.poll() is None:
            assert time.monotonic() < give_up, self.screen.text
            self.read()
        self.read()
        return self.process.returncode

    @property
    def modes(self) -> list[object]:
        """The terminal's settings: echo, line by line, and so on."""
        return termios.tcgetattr(self.ours)


@contextmanager
def terminal(
    command: list[str], root: Path, columns: int = 100, rows: int = 30, term: str = "xterm-256color", **environment: str
) -> Iterator[Terminal]:
    """The program on a terminal of that size; it is gone afterwards whatever happens."""
    ours, theirs = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    variables = {**plain, "TERM": term, "HACONN_ROOT": str(root), **environment}
    launcher = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", launcher, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=variables,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Terminal(ours, process, columns, rows)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)
        os.close(theirs)
