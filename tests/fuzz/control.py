"""The doors of the local control socket: a line of JSON from the other side."""

from __future__ import annotations

from haconn_cli.control import ControlError, build_report, build_request, parse_report_untrusted, parse_request_untrusted
from tests.fuzz.finding import Target, expect_same


def control(data: bytes) -> None:
    """The same line as a request and as a report."""
    try:
        ask = parse_request_untrusted(data)
    except ControlError:
        pass
    else:
        expect_same(ask, parse_request_untrusted(build_request(ask)), "request")
    try:
        report = parse_report_untrusted(data)
    except ControlError:
        return
    expect_same(report, parse_report_untrusted(build_report(report)), "report")


def _seeds() -> list[bytes]:
    server = b'{"name": "A", "link": "OK", "status": "monitoring", "reset_capable": true, "proof_age": 0.5, "reason": "x"}'
    return [
        build_request("status"),
        b'{"version": "1", "own_server": null, "servers": [], "counters": {"a": 1}}',
        b'{"version": "1", "own_server": "A", "servers": [' + server + b'], "counters": {}}\n',
        b'{"ask": [' + b"[" * 60 + b"]" * 60 + b"]}",
        b'{"version": "\\ud800", "servers": [], "x": 1e999, "y": NaN}',
    ]


TARGETS = {"control": Target(control, _seeds, longest=400)}
