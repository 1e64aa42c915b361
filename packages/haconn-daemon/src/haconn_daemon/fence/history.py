"""The lines of the record, and what they say of each reset. No I/O.

A line is one JSON object: an intent, somebody who joined, or a result. Lines of one reset may stand in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from haconn_cli.resetpath.vocabulary import Evidence, Reading, ResetResult, ResultCode

MOST_READINGS = 200
"""Kept of one reset; of more, the middle is left out."""
_OPERATION_SIZE = 16

Line: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Intent:
    """A reset that is about to begin."""

    operation: str
    """Its id, in hexadecimal."""
    target: str
    action: str
    requester: str
    budget: float
    reason: str
    ticket: str
    """What the requester finds its answer by, as the reset path has it."""
    time: str
    """UTC, ISO 8601; for a person only."""


@dataclass(frozen=True, slots=True)
class Course:
    """How long a reset took."""

    seconds: float = 0.0
    steps: tuple[tuple[str, float], ...] = ()
    """What took how many seconds; some go on side by side."""


@dataclass(frozen=True, slots=True)
class Past:
    """A reset of an earlier life of the connector, with its final answer."""

    operation: bytes
    target: str
    tickets: tuple[str, ...]
    result: ResetResult
    was_cut_short: bool
    """Whether it is found only now that a crash interrupted it."""
    left: frozenset[str] = frozenset()
    """Tickets of those whose time was over before the reset was: they were told so, and the result is not theirs."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A reset, in plain values."""

    operation: str
    """Its id, in hexadecimal."""
    target: str
    action: str
    requesters: tuple[str, ...]
    reason: str
    time: str
    """When it was asked for: UTC, ISO 8601."""
    code: str
    """The result's name; empty while it runs."""
    back_on: bool
    detail: str
    seconds: float
    steps: tuple[tuple[str, float], ...]
    readings: tuple[tuple[float, bool], ...]
    """Seconds after the request, and whether power was on."""
    power_commands: tuple[str, ...]
    guid: str
    """Of the BMC, in hexadecimal; empty: none was proven."""
    suite: int
    recorded: bool
    """Whether all of it is on the disk."""


def intent_line(intent: Intent) -> Line:
    """It begins."""
    return asdict(intent)


def join_line(operation: str, ticket: str, requester: str) -> Line:
    """Another requester waits for it."""
    return {"operation": operation, "ticket": ticket, "requester": requester}


def leave_line(operation: str, ticket: str) -> Line:
    """One of those who wait for it goes without its result."""
    return {"operation": operation, "left": ticket}


def result_line(operation: str, result: ResetResult, course: Course) -> Line:
    """It is over."""
    evidence = result.evidence
    return {
        "operation": operation,
        "code": result.code.name,
        "back_on": result.back_on,
        "detail": evidence.detail,
        "readings": [[reading.after, reading.power_is_on] for reading in _shortened(evidence.readings)],
        "power_commands": list(evidence.power_commands),
        "bmc_guid": evidence.bmc_guid.hex(),
        "cipher_suite": evidence.cipher_suite,
        "seconds": course.seconds,
        "steps": [list(step) for step in course.steps],
    }


def is_result(line: Line) -> bool:
    """Whether it says how a reset ended, in words that we know."""
    return "code" in line and _result(line) is not None


def parse_line(text: str) -> Line | None:
    """None for what is not a line of ours: one that a crash cut in half, or that something else wrote."""
    try:
        line: Any = json.loads(text)
        is_ours = len(bytes.fromhex(line["operation"])) == _OPERATION_SIZE
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return line if is_ours else None


def past_of(lines: Iterable[Line]) -> list[Past]:
    """Every reset, in the order in which they first appear. One without a result was cut short."""
    return [_past(operation, group) for operation, group in _by_operation(lines)]


def history_of(lines: Iterable[Line], unwritten: frozenset[str]) -> list[HistoryEntry]:
    """The same for people; `unwritten` are the operations of which a line is not on the disk."""
    return [_entry(operation, group, operation not in unwritten) for operation, group in _by_operation(lines)]


def _shortened(readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    half = MOST_READINGS // 2
    return readings if len(readings) <= MOST_READINGS else readings[:half] + readings[-half:]


def _by_operation(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line["operation"], []).append(line)
    return [(operation, group) for operation, group in groups.items() if any("target" in line for line in group)]


def _past(operation: str, lines: list[Line]) -> Past:
    target = next(str(line["target"]) for line in lines if "target" in line)   # a slow disk may have it behind others
    tickets = tuple(str(line["ticket"]) for line in lines if "ticket" in line)
    result = next((parsed for line in lines if "code" in line and (parsed := _result(line)) is not None), None)
    interrupted = ResetResult(ResultCode.INTERRUPTED, evidence=Evidence(detail="the connector stopped in the middle"))
    left = frozenset(str(line["left"]) for line in lines if "left" in line)
    return Past(bytes.fromhex(operation), target, tickets, result or interrupted, result is None, left)


def _result(line: Line) -> ResetResult | None:
    try:
        readings = tuple(Reading(float(after), bool(is_on)) for after, is_on in line["readings"])
        commands = tuple(str(command) for command in line["power_commands"])
        guid, suite, detail = bytes.fromhex(line["bmc_guid"]), int(line["cipher_suite"]), str(line["detail"])
        return ResetResult(ResultCode[line["code"]], bool(line["back_on"]), Evidence(readings, guid, suite, commands, detail))
    except (KeyError, ValueError, TypeError, OverflowError):
        return None     # a line that we did not write; without a result the reset counts as interrupted


def _course(line: Line) -> Course:
    """Nothing where an older connector, or somebody else, wrote the line."""
    try:
        return Course(float(line["seconds"]), tuple((str(name), float(seconds)) for name, seconds in line["steps"]))
    except (KeyError, ValueError, TypeError, OverflowError):
        return Course()


def _entry(operation: str, lines: list[Line], recorded: bool) -> HistoryEntry:
    intent = next(line for line in lines if "target" in line)
    requesters = tuple(dict.fromkeys(str(line["requester"]) for line in (intent, *lines) if "requester" in line))
    ending, result = next(
        ((line, parsed) for line in lines if "code" in line and (parsed := _result(line)) is not None), ({}, None)
    )
    evidence, course = result.evidence if result else Evidence(), _course(ending)
    return HistoryEntry(
        operation, str(intent["target"]), str(intent.get("action", "")), requesters, str(intent.get("reason", "")),
        str(intent.get("time", "")), result.code.name if result else "", result.back_on if result else False,
        evidence.detail, course.seconds, course.steps,
        tuple((reading.after, reading.power_is_on) for reading in evidence.readings),
        evidence.power_commands, evidence.bmc_guid.hex(), evidence.cipher_suite, recorded,
    )  # fmt: skip
