"""`haconnsetup show status --watch`: the status as it changes, on a terminal or as lines."""

from __future__ import annotations

import os
import re
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from haconn_cli import screen
from haconn_cli.config.paths import Paths
from haconn_cli.control import NOT_PROCESSING, NotRunning, ask_status
from haconn_cli.exits import Exit
from haconn_cli.reports import ControlError, ServerReport, StatusReport
from haconn_cli.resetpath.vocabulary import Link, Status
from haconn_cli.terminal import Line, Style, full_screen, has_colours, is_capable
from haconn_cli.verbs.show_status import all_notes, answer, counted, span, verdict

INTERVAL = 1.0
"""Seconds between two questions to the connector, and between two pictures where nothing else happens."""
PATIENCE = 2.0
"""Seconds that the connector has for its answer."""

_TITLE = "HA monitor connector service status"
_LEAVE = "q: leave"

def watch(paths: Paths) -> Exit:
    """Until q or Ctrl-C: a full screen where standard output is a terminal, else a line for each change. Raises `OutputLost`."""
    with suppress(KeyboardInterrupt):
        if is_capable(os.environ):
            _fill_screen(paths)
        else:
            _tell_lines(paths)
    return Exit.OK


def _utc() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def _ask(paths: Paths) -> StatusReport | str:
    """The report, or why there is none."""
    try:
        return ask_status(paths, PATIENCE)
    except NotRunning:
        return NOT_PROCESSING
    except ControlError as error:
        return f"The connector cannot be asked: {error}"


# ── lines ─────────────────────────────────────────────────────────────────────


def _tell_lines(paths: Paths) -> None:
    changes = Changes()
    while True:
        answered = _ask(paths)
        for line in changes.since(answered):
            screen.say(f"{_utc()} UTC {line}")
        time.sleep(INTERVAL)


class Changes:
    """What is new in an answer, a line each; in the first one everything."""

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}

    def since(self, answered: StatusReport | str) -> Iterator[str]:
        """Against the answer before. Numbers in a reason, which only count up, are no change."""
        if isinstance(answered, str):
            facts = {"connector": answered}   # what it said before is not gone: it comes again only if it is new
            kept = {key: text for key, text in self._facts.items() if key != "connector"}
        else:
            facts, kept = dict(_facts(answered)), {}
        for key, text in facts.items():
            if _without_numbers(self._facts.get(key)) != _without_numbers(text):
                yield text
        for key, text in self._facts.items():
            if key.startswith("note ") and key not in facts and key not in kept:
                yield f"no longer: {text}"
        self._facts = kept | facts


def _without_numbers(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\d+", "", text)


def _facts(status: StatusReport) -> Iterator[tuple[str, str]]:
    own = status.own_server or "a server it does not know yet"
    yield "connector", f"connector {status.version} on {own} answers"
    for server in status.servers:
        reason = f" ({server.reason})" if server.reason else ""
        yield server.name, f"{server.name}: link {server.link}{reason}, {server.status}"
    for note in all_notes(status):
        yield f"note {_without_numbers(note)}", f"note: {note}"


# ── the full screen ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Seen:
    """What the picture is made of."""

    report: StatusReport | None
    """The latest one; None: there was none yet."""
    age: float
    """Seconds since it came."""
    answered: str
    """The time of day then, UTC."""
    trouble: str
    """Why there is no newer one; empty: it is new."""


def _fill_screen(paths: Paths) -> None:
    told, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    asker = _Asker(paths, wake)
    with full_screen(has_colours(os.environ)) as view:
        asker.start()
        while True:
            with suppress(BlockingIOError):
                os.read(told, 4096)
            view.draw(picture(asker.seen(time.monotonic()), *view.size))
            if "q" in view.wait(INTERVAL, told).lower():
                return


class _Asker(threading.Thread):
    """Asks over and over, so that a connector that hangs does not hang the view. Dies with the process."""

    def __init__(self, paths: Paths, wake: int) -> None:
        super().__init__(name="asker", daemon=True)
        self._paths, self._wake = paths, wake
        self._latest: tuple[StatusReport, float, str] | None = None
        self._trouble = "asking the connector ..."

    def run(self) -> None:
        while True:
            began = time.monotonic()
            answered = _ask(self._paths)
            if isinstance(answered, str):
                self._trouble = answered
            else:
                self._latest, self._trouble = (answered, time.monotonic(), f"{datetime.now(UTC):%H:%M:%S}"), ""
            with suppress(BlockingIOError):
                os.write(self._wake, b".")
            time.sleep(max(0.0, INTERVAL - (time.monotonic() - began)))

    def seen(self, now: float) -> Seen:
        """What is known."""
        latest, trouble = self._latest, self._trouble
        if latest is None:
            return Seen(None, 0.0, "", trouble)
        return Seen(latest[0], max(0.0, now - latest[1]), latest[2], trouble)


def picture(seen: Seen, columns: int, rows: int) -> list[Line]:
    """The whole screen: `rows` lines, the last one always saying how old it is and how to leave.

    Where there is not room for everything, what can be read elsewhere goes first, and the servers last.
    """
    footer = _footer(seen, columns)
    for detail in Detail:
        lines = [*_head(seen, columns, detail), *_body(seen, columns, detail)]
        if len(lines) < rows:
            break
    if len(lines) >= rows:
        room = max(0, rows - 2)
        lines = [*lines[:room], [(f"... {len(lines) - room} more lines; make the window higher", Style.FAINT)]]
    blank: list[Line] = [[]] * (rows - len(lines) - 1)
    return [*lines, *blank, footer][-rows:]


class Detail(IntEnum):
    """How much of it is shown, from everything to the least."""

    ALL = 0
    NO_COUNTERS = 1
    NO_BLANKS = 2
    SHORT_REASONS = 3
    NO_REASONS = 4
    NO_NOTES = 5
    SERVERS_ONLY = 6


def _head(seen: Seen, columns: int, detail: Detail) -> list[Line]:
    text, style = _judgement(seen)
    lines = [text] if detail >= Detail.NO_BLANKS else _wrapped(text, columns, "  ")
    judged: list[Line] = [[(line, style)] for line in lines]
    if detail >= Detail.SERVERS_ONLY:
        return judged if seen.trouble else []
    right = ""
    if seen.report is not None:
        right = f"{seen.report.own_server or 'own server not known'}  {seen.report.version}"
    gap = columns - len(_TITLE) - len(right) - 2
    title = f" {_TITLE}{' ' * gap}{right} " if gap >= 2 else f" {_TITLE} ".ljust(columns)
    return [[(title, Style.HEAD)], *judged]


def _judgement(seen: Seen) -> tuple[str, Style]:
    """Whether all is well, in words and in a style."""
    if seen.report is None:
        return seen.trouble, Style.STRONG
    if seen.trouble:
        return f"! {seen.trouble} No answer for {span(seen.age)}; below is what it said then.", Style.BAD
    wrong = verdict(seen.report)
    return (f"not as it should be: {wrong}", Style.ODD) if wrong else ("all is as it should be", Style.GOOD)


def _footer(seen: Seen, columns: int) -> Line:
    age = "" if seen.age < 2 * INTERVAL else f", {span(round(seen.age))} ago"
    left = "no answer yet" if seen.report is None else f"answer of {seen.answered} UTC{age}"
    gap = columns - len(left) - len(_LEAVE)
    return [(f"{left}{' ' * gap}{_LEAVE}" if gap >= 2 else f"{_LEAVE}  {seen.answered}", Style.FAINT)]


def _body(seen: Seen, columns: int, detail: Detail) -> list[Line]:
    status = seen.report
    if status is None:
        return []
    blank: list[Line] = [[]] if detail < Detail.NO_BLANKS else []
    lines: list[Line] = [*blank, *_table(status.servers, seen, columns, detail)]
    notes = all_notes(status) if detail < Detail.NO_NOTES else []
    lines += blank if notes else []
    lines += [[(part, Style.ODD)] for note in notes for part in _parts(f" ! {note}", columns, "   ", detail)]
    if (counts := counted(status)) and detail < Detail.NO_COUNTERS:
        text = ", ".join(f"{name} {count}" for name, count in counts)
        lines += [[], *([(part, Style.FAINT)] for part in _wrapped(f"datagrams without effect: {text}", columns, "  "))]
    return lines


def _parts(text: str, columns: int, indent: str, detail: Detail) -> list[str]:
    return _wrapped(text, columns, indent) if detail < Detail.SHORT_REASONS else [text]


_HEADINGS = ("#", "name", "link", "status", "link for", "reset", "last answer", "BMC")
_DISPENSABLE = (7, 6, 5, 4, 0)
"""Columns that go first where there is not room for all."""
_LINK, _STATUS = 2, 3


def _table(servers: Sequence[ServerReport], seen: Seen, columns: int, detail: Detail) -> Iterator[Line]:
    rows = [_cells(number, server, seen.age) for number, server in enumerate(servers, 1)]
    widths = [max(len(cell) for cell in column) for column in zip(_HEADINGS, *rows, strict=True)]
    shown = list(range(len(_HEADINGS)))
    for place in _DISPENSABLE:
        if sum(widths[each] + 2 for each in shown) - 1 <= columns:
            break
        shown.remove(place)
    if detail < Detail.SERVERS_ONLY:
        yield [("".join(f" {_HEADINGS[each]:<{widths[each]}} " for each in shown).rstrip(), Style.STRONG)]
    for server, row in zip(servers, rows, strict=True):
        yield [(f" {row[each]:<{widths[each]}} ", _style(server, each, seen)) for each in shown]
        if server.reason and detail < Detail.NO_REASONS:
            parts = _parts(f"    {server.reason}", columns, "    ", detail)
            yield from ([(part, _style(server, _LINK, seen))] for part in parts)


def _cells(number: int, server: ServerReport, age: float) -> tuple[str, ...]:
    since = "" if server.since is None else span(round(server.since + age))
    proof = None if server.proof_age is None else round(server.proof_age + age, 1)
    last = "never" if proof is None else answer(_at(server, proof))
    reset = "ready" if server.reset_capable else "not ready"
    return (str(number), server.name, server.link, server.status, since, reset, last, server.bmc or "")


def _at(server: ServerReport, proof_age: float) -> ServerReport:
    return ServerReport(server.name, server.link, server.status, server.reset_capable, proof_age, round_trip=server.round_trip)


def _style(server: ServerReport, column: int, seen: Seen) -> Style:
    if seen.trouble:
        return Style.FAINT   # what may not be so any more
    if column == _LINK:
        return {Link.OK.word: Style.GOOD, Link.NG.word: Style.BAD}.get(server.link, Style.PLAIN)
    if column == _STATUS and server.status not in (Status.MONITORING.words, Status.OWN_SERVER.words):
        return Style.ODD
    return Style.PLAIN


def _wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    if columns <= len(indent) + 8:
        return [text]
    first = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(text.strip(), columns, initial_indent=first, subsequent_indent=indent) or [text]
