from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.paths import Paths
from haconn_cli.control import (
    LARGEST_REPLY,
    ControlError,
    NotRunning,
    ServerReport,
    StatusReport,
    ask_status,
    build_report,
    build_request,
    parse_report_untrusted,
    parse_request_untrusted,
    socket_address,
)
from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status
from tests.haconn_cli.control_server import NEVER, control_server

REPORT = StatusReport("0.1.0", None, (ServerReport("A", "NG", "monitoring", False, 2.5, "no answer for 3 s"),), {"replayed": 1})
WORDS = st.text(st.characters(exclude_categories=["Cs"]).filter(str.isprintable), max_size=20)
AGES = st.none() | st.floats(0, 1e9)
REPORTS = st.builds(
    StatusReport,
    WORDS,
    st.none() | WORDS,
    st.lists(st.builds(ServerReport, WORDS, WORDS, WORDS, st.booleans(), AGES, WORDS)).map(tuple),
    st.dictionaries(WORDS, st.integers(0, 1 << 62)),
)


@given(REPORTS)
def test_a_report_comes_back(report: StatusReport) -> None:
    line = build_report(report)
    assert line.count(b"\n") == 1
    assert parse_report_untrusted(line.removesuffix(b"\n")) == report


def test_the_words_of_the_monitoring() -> None:
    seen = ServerStatus("A", Link.NOT_YET, Status.NOT_YET, False, None)
    assert ServerReport.of(seen) == ServerReport("A", "--", "----", False, None, "")
    assert ServerReport.of(dataclasses.replace(seen, link=Link.NG), "why").reason == "why"


def test_unknown_fields_are_ignored() -> None:
    values = json.loads(build_report(REPORT))
    values["new"] = values["servers"][0]["new"] = 1
    del values["servers"][0]["reason"], values["counters"]
    parsed = parse_report_untrusted(json.dumps(values).encode())
    assert (parsed.servers[0].reason, parsed.counters) == ("", {})


_FIELDS = ["version", "own_server", "servers", "name", "link", "ask"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_FIELDS), inner),
)


@given(st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
def test_nonsense_raises_one_error_only(line: bytes) -> None:
    for parse in (parse_report_untrusted, parse_request_untrusted):
        try:
            parse(line)
        except ControlError as error:
            text = str(error)
        else:
            continue
        assert text.isprintable()


@pytest.mark.parametrize(
    "change",
    [{"version": 1}, {"own_server": 1}, {"servers": None}, {"servers": [1]}, {"counters": {"a": "b"}}, {"counters": {"a": True}},
     {"version": "\u001b[2J"}, {"counters": {"\n": 1}}],
)  # fmt: skip
def test_wrong_fields(change: dict[str, object]) -> None:
    with pytest.raises(ControlError):
        parse_report_untrusted(json.dumps({**json.loads(build_report(REPORT)), **change}).encode())


@pytest.mark.parametrize(
    "change", [{"proof_age": -1}, {"proof_age": float("nan")}, {"proof_age": "1"}, {"reset_capable": 1}, {"link": None}]
)
def test_wrong_fields_of_a_server(change: dict[str, object]) -> None:
    values = json.loads(build_report(REPORT))
    values["servers"][0].update(change)
    with pytest.raises(ControlError):
        parse_report_untrusted(json.dumps(values).encode())


def test_the_request() -> None:
    assert build_request("status") == b'{"ask": "status"}\n'
    assert parse_request_untrusted(b'{"ask": "status", "more": 1}') == "status"
    with pytest.raises(ControlError):
        parse_request_untrusted(b'{"ask": 1}')


def test_asking(paths: Paths) -> None:
    with control_server(paths, build_report(REPORT)) as asked:
        assert ask_status(paths) == REPORT
    assert asked == [build_request("status")]


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
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
        gone.bind(str(paths.run / "control.sock"))
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
