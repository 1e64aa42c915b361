"""The doors of the local control socket: a line of JSON from the other side."""

from __future__ import annotations

from haconn_cli.control import Question, build_request, parse_request_untrusted
from haconn_cli.reports import (
    ControlError,
    build_history,
    build_outcome,
    build_report,
    parse_history_untrusted,
    parse_object_untrusted,
    parse_outcome_untrusted,
    parse_report_untrusted,
)
from tests.fuzz.finding import Target, expect_same


def control(data: bytes) -> None:
    """The same line as a request and as each reply."""
    try:
        question = parse_request_untrusted(data)
    except ControlError:
        pass
    else:
        expect_same(question, parse_request_untrusted(build_request(question)), "request")
    try:
        report = parse_report_untrusted(data)
    except ControlError:
        return
    expect_same(report, parse_report_untrusted(build_report(report)), "report")


def control_history(data: bytes) -> None:
    """The same line as a history and as the outcome of a reload."""
    try:
        history = parse_history_untrusted(data)
    except ControlError:
        pass
    else:
        expect_same(history.entries, parse_history_untrusted(build_history(history.entries)).entries, "history")
    try:
        refused = parse_outcome_untrusted(data)
    except ControlError:
        return
    expect_same(refused, parse_outcome_untrusted(build_outcome(refused)), "outcome")
    expect_same(refused, parse_object_untrusted(data)["refused"], "object")


def _seeds() -> list[bytes]:
    server = b'{"name": "A", "link": "OK", "status": "monitoring", "reset_capable": true, "proof_age": 0.5, "reason": "x"}'
    more = b'{"name": "A", "link": "OK", "status": "x", "reset_capable": true, "bmc": "b", "suite": 17, "since": 1, "dump": null}'
    key = b'{"id": 1, "is_sent": true, "heard": {"monitor A": 0.5}}'
    return [
        build_request(Question("status")),
        build_request(Question("history", "A")),
        b'{"version": "1", "own_server": null, "servers": [], "counters": {"a": 1}}',
        b'{"version": "1", "own_server": "A", "servers": [' + server + b'], "counters": {}}\n',
        b'{"version": "1", "own_server": "A", "servers": [' + more + b'], "notes": ["a"], "keys": [' + key + b"]}",
        b'{"ask": [' + b"[" * 60 + b"]" * 60 + b"]}",
        b'{"version": "\\ud800", "servers": [], "x": 1e999, "y": NaN}',
    ]


def _history_seeds() -> list[bytes]:
    entry = (
        b'{"operation": "ab", "target": "A", "action": "CYCLE", "requesters": ["monitor B"], "code": null, "seconds": 2.5, '
        b'"steps": [["logging in", 0.5]], "readings": [[0.5, true]], "power_commands": ["power off"], "suite": 17}'
    )
    return [
        b'{"entries": [], "left_out": 0}',
        b'{"entries": [' + entry + b'], "left_out": 3}',
        b'{"refused": "why"}',
        b'{"refused": "\\ud800", "entries": [[]]}',
    ]


TARGETS = {
    "control": Target(control, _seeds, longest=400),
    "control-history": Target(control_history, _history_seeds, longest=400),
}
