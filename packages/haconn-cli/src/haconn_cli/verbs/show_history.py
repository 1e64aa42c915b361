"""`haconnsetup show history [NAME]`: who asked what of whom, and what came of it, the newest last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from haconn_cli import screen
from haconn_cli.reports import History, HistoryEntry
from haconn_cli.verbs.show_status import moment, span


def print_history(history: History, *, verbose: bool) -> None:
    """A row for each reset; `verbose`: with its evidence under it."""
    if history.left_out:
        screen.complain(f"note: {history.left_out} older ones are left out")
    if not history.entries:
        screen.say("no reset is on record")
        return
    if not verbose:
        rows = [_row(entry) for entry in history.entries]
        for line in screen.table([("time (UTC)", "server", "action", "result", "took", "asked by"), *rows]):
            screen.say(line)
        return
    for place, entry in enumerate(history.entries):
        if place:
            screen.say()
        for line in _block(entry):
            screen.say(line)


def print_json(history: History) -> None:
    """Everything."""
    values = {"entries": [asdict(entry) for entry in history.entries], "left_out": history.left_out}
    screen.say(json.dumps(values, indent=2))


def _row(entry: HistoryEntry) -> tuple[str, ...]:
    took = "" if entry.seconds is None else f"{entry.seconds:.1f} s"
    when = moment(entry.time).removesuffix(" UTC").partition(".")[0]
    return (when, entry.target, entry.action, _result(entry), took, ", ".join(entry.requesters))


def _result(entry: HistoryEntry) -> str:
    if entry.code is None:
        return "under way"
    return f"{entry.code}, back on" if entry.back_on else entry.code


def _block(entry: HistoryEntry) -> Iterator[str]:
    took = "" if entry.seconds is None else f" after {span(entry.seconds)}"
    yield f"{moment(entry.time)} {entry.target} {entry.action}: {_result(entry)}{took}"
    yield f"  asked by     {', '.join(entry.requesters) or 'not known'}" + (f": {entry.reason}" if entry.reason else "")
    if entry.detail:
        yield f"  because      {entry.detail}"
    for name, seconds in entry.steps:
        yield f"  step         {name}: {span(seconds)}"
    for power_is_on, run in groupby(entry.readings, lambda reading: reading[1]):
        times = [after for after, _ in run]
        when = f"{times[0]:.3f} s" if len(times) == 1 else f"{times[0]:.3f} to {times[-1]:.3f} s, {len(times)} times"
        yield f"  power {'on ' if power_is_on else 'off'}    read at {when}"
    for command in entry.power_commands:
        yield f"  command      {command}"
    if entry.guid is not None:
        yield f"  BMC          GUID {entry.guid}" + ("" if entry.suite is None else f", cipher suite {entry.suite}")
    yield f"  operation    {entry.operation}"
    if not entry.recorded:
        yield "  not recorded: the disk did not take it"
