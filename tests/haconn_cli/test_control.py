from __future__ import annotations

import socket
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_cli.control import (
    LARGEST_REPLY,
    NotRunning,
    Question,
    ask_history,
    ask_reload,
    ask_status,
    build_request,
    parse_request_untrusted,
    socket_address,
)
from haconn_cli.reports import (
    ControlError,
    HistoryEntry,
    ServerReport,
    StatusReport,
    build_history,
    build_outcome,
    build_report,
)
from tests.haconn_cli.control_server import NEVER, control_server

REPORT = StatusReport("0.1.0", None, (ServerReport("A", "NG", "monitoring", False, 2.5, "no answer for 3 s"),), {"replayed": 1})


def test_the_request() -> None:
    assert build_request(Question("status")) == b'{"ask": "status"}\n'
    assert build_request(Question("history", "A")) == b'{"ask": "history", "name": "A"}\n'
    assert parse_request_untrusted(b'{"ask": "status", "more": 1}') == Question("status")
    assert parse_request_untrusted(b'{"ask": "history", "name": "A"}') == Question("history", "A")
    for wrong in (b'{"ask": 1}', b"{}", b'{"ask": "history", "name": 1}'):
        with pytest.raises(ControlError):
            parse_request_untrusted(wrong)


def test_asking(paths: Paths) -> None:
    with control_server(paths, build_report(REPORT)) as asked:
        assert ask_status(paths) == REPORT
    assert asked == [build_request(Question("status"))]


def test_asking_for_the_history_and_a_reload(paths: Paths) -> None:
    entry = HistoryEntry("ab" * 16, "A", "CYCLE")
    with control_server(paths, build_history([entry])) as asked:
        assert ask_history(paths, "A").entries == (entry,)
    assert asked == [build_request(Question("history", "A"))]
    with control_server(paths, build_outcome("no such file")):
        assert ask_reload(paths) == "no such file"


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    paths = Paths(tmp_path.joinpath(*["a-long-directory-name"] * 8))
    paths.run.mkdir(parents=True)
    with socket_address(paths) as address:
        assert len(address) < 108
    with control_server(paths, build_report(REPORT)):
        assert (paths.run / "control.sock").is_socket()
        assert ask_status(paths) == REPORT


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_given_back(paths: Paths) -> None:
    before = open_descriptors()
    with control_server(paths, build_report(REPORT)):   # its own are closed when it is left
        ask_status(paths)
    assert open_descriptors() == before


def test_no_directory(paths: Paths) -> None:
    with pytest.raises(NotRunning):
        ask_status(paths)


def test_nobody_behind_the_socket(paths: Paths) -> None:
    paths.run.mkdir(parents=True)
    with pytest.raises(NotRunning):
        ask_status(paths)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone, socket_address(paths) as address:
        gone.bind(address)
    with pytest.raises(NotRunning, match="refused"):
        ask_status(paths)


def test_silence(paths: Paths) -> None:
    with control_server(paths, NEVER), pytest.raises(NotRunning, match=r"no answer|timed out"):
        ask_status(paths, timeout=0.05)


def test_closed_without_an_answer(paths: Paths) -> None:
    with control_server(paths, b""), pytest.raises(NotRunning, match="closed without an answer"):
        ask_status(paths)


@pytest.mark.parametrize(
    "reply", [b"hello\n", b'{"version": "0.1', b"[]\n", b"[" * 100_000 + b"\n", b"x" * (LARGEST_REPLY + 70_000)]
)
def test_a_nonsensical_answer(paths: Paths, reply: bytes) -> None:
    with control_server(paths, reply), pytest.raises(ControlError):
        ask_status(paths)
