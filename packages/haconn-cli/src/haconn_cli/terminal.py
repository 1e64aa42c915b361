"""A view that fills the terminal and is drawn over and over: the other screen, the lines that changed, keys, and the way back.

What it needs of a terminal: cursor addressing, erasing, and the alternate screen, as every one since the VT100 has in some way;
a terminal without the alternate screen ignores that. Colours only where the terminal is known to have them.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType
from typing import Self

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Around one picture: a terminal that knows it shows nothing half-drawn, others ignore it."""
_USUAL_SIZE = (80, 24)
_WITHOUT_COLOURS = ("vt", "dumb", "ansi-m", "xterm-mono", "linux-m", "screen.vt")


class Style(Enum):
    """How a piece of text looks; what it means must be in the words as well."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    HEAD = "7"
    GOOD = "32"
    BAD = "1;31"
    ODD = "33"


_COLOURS = (Style.GOOD, Style.ODD)
Line = Sequence[tuple[str, Style]]
_NOT_A_LETTER = re.compile(r"\x1b(?:\[[0-9;?]*[@-~]|O.)?")
"""What arrows and other keys send."""


class Ended(BaseException):
    """A signal told the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def is_capable(environment: Mapping[str, str]) -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout.isatty() and environment.get("TERM", "dumb") not in ("", "dumb", "unknown")


def has_colours(environment: Mapping[str, str]) -> bool:
    """Whether that terminal has colours, and the person wants them (NO_COLOR)."""
    return not environment.get("NO_COLOR") and not environment.get("TERM", "dumb").startswith(_WITHOUT_COLOURS)


def width(text: str) -> int:
    """Columns that the text takes: none for an accent, two for an ideogram."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(line: Line, columns: int) -> list[tuple[str, Style]]:
    """As much of the line as fits; a mark at the end tells that there was more."""
    if sum(width(text) for text, _ in line) <= columns:
        return list(line)
    kept: list[tuple[str, Style]] = []
    left = columns - 1
    for text, style in line:
        room = _fitting(text, left)
        kept.append((text[:room], style))
        left -= width(text[:room])
        if room < len(text):
            break
    return [*kept, (">", Style.FAINT)] if columns > 0 else []


def _fitting(text: str, columns: int) -> int:
    """How many characters of the text those columns hold."""
    for place, character in enumerate(text):
        columns -= _columns(character)
        if columns < 0:
            return place
    return len(text)


class View:
    """The terminal while it is ours; made by `full_screen`."""

    def __init__(self, colours: bool) -> None:
        self._out = sys.stdout.fileno()
        self._colours = colours
        self._shown: list[str] = []
        self._size = (0, 0)
        self._signals, self._signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._modes = None if self._keys is None else termios.tcgetattr(self._keys)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        try:
            columns, lines = os.get_terminal_size(self._out)
        except OSError:
            return _USUAL_SIZE
        return (columns, lines) if columns > 0 and lines > 0 else _USUAL_SIZE

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines, and nothing below them. Only what differs from before is sent. Raises `OSError`."""
        size = columns, rows = self.size
        painted = [self._paint(cut(line, columns), columns) for line in lines[:rows]]
        painted += [self._paint((), columns)] * (rows - len(painted))
        if size != self._size:
            self._size, self._shown = size, []
        pieces = [f"\x1b[{row};1H{text}" for row, text in enumerate(painted, 1) if self._shown[row - 1 : row] != [text]]
        if pieces:
            clear = "" if self._shown else "\x1b[0m\x1b[2J"
            self._write(_BEGIN + clear + "".join(pieces) + _END)
            self._shown = painted

    def _paint(self, line: Line, columns: int) -> str:
        """Erased only behind the text: a line that were erased first would flicker."""
        styled = "".join(self._styled(text, style) for text, style in line)
        is_full = sum(width(text) for text, _ in line) >= columns
        return styled if is_full else f"{styled}\x1b[K"

    def _styled(self, text: str, style: Style) -> str:
        code = style.value
        if not self._colours:
            code = "" if style in _COLOURS else "1" if style is Style.BAD else code
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def wait(self, seconds: float, *others: int) -> str:
        """The letters that were typed, or "" when one of `others` can be read, something has changed, or so much time has passed.

        Raises `Ended`, `KeyboardInterrupt`; `OSError` when the terminal has gone.
        """
        sources = [self._signals, *others, *([] if self._keys is None else [self._keys])]
        ready, _, _ = select.select(sources, (), (), seconds)
        if self._signals in ready:
            self._obey(os.read(self._signals, 64))
        if self._keys in ready and self._keys is not None:
            typed = os.read(self._keys, 64)
            if not typed:
                raise OSError("the terminal has gone")
            return _NOT_A_LETTER.sub("", typed.decode(errors="replace"))
        return ""

    def _obey(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGTSTP:
                self._suspend()
            elif number == signal.SIGINT:
                raise KeyboardInterrupt
            elif number != signal.SIGWINCH:
                raise Ended(number)

    def _suspend(self) -> None:
        """Ctrl-Z: give the terminal back, stop, and take it again when we go on."""
        self.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.enter()

    def enter(self) -> None:
        """Take the terminal."""
        if self._keys is not None and self._modes is not None:
            modes = list(self._modes)
            modes[0] &= ~termios.IXON   # Ctrl-S must not hold us up
            modes[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._keys, termios.TCSADRAIN, modes)
        self._shown, self._size = [], (0, 0)
        self._write(_ENTER)

    def leave(self) -> None:
        """Give the terminal back as it was; one that has gone needs nothing."""
        with suppress(OSError):
            self._write(_LEAVE)
        with suppress(OSError, termios.error):
            if self._keys is not None and self._modes is not None:
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._modes)

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "ascii", "replace")
        while data:
            data = data[os.write(self._out, data) :]

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """The handler of every signal: it is dealt with where the terminal is in order."""
        with suppress(OSError):
            os.write(self._signalled, bytes([number]))

    def close(self) -> None:
        """Give back the pipe."""
        os.close(self._signals)
        os.close(self._signalled)

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGWINCH, signal.SIGTSTP)


@contextmanager
def full_screen(colours: bool) -> Iterator[View]:
    """The terminal is ours while inside, and as before afterwards, whatever ends it; a signal then has its usual effect."""
    view = View(colours)
    before = {number: signal.signal(number, view.note_signal) for number in _SIGNALS}
    ended: Ended | None = None
    try:
        with view:
            yield view
    except Ended as told:
        ended = told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        view.close()
    if ended is not None:
        os.kill(os.getpid(), ended.number)
