from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_cli.control import LARGEST_REPLY, parse_request_untrusted
from haconn_cli.reports import (
    ControlError,
    History,
    HistoryEntry,
    KeyReport,
    ServerReport,
    StatusReport,
    build_history,
    build_outcome,
    build_report,
    parse_history_untrusted,
    parse_outcome_untrusted,
    parse_report_untrusted,
)
from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status

REPORT = StatusReport("0.1.0", None, (ServerReport("A", "NG", "monitoring", False, 2.5, "no answer for 3 s"),), {"replayed": 1})
ENTRY = HistoryEntry("ab" * 16, "A", "CYCLE", ("monitor B",), readings=((0.5, True),), steps=(("logging in", 0.25),))
_WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)
_SECONDS = st.floats(0, 1e9)
_NUMBERS = st.integers(-1 << 62, 1 << 62)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _tuples(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=2).map(tuple)


_SERVERS = st.builds(
    ServerReport, _WORDS, _WORDS, _WORDS, st.booleans(), _maybe(_SECONDS), _WORDS, _maybe(_WORDS), _maybe(_WORDS),
    _maybe(_NUMBERS), _maybe(_WORDS), _maybe(_SECONDS), _maybe(_SECONDS), _maybe(_NUMBERS), _maybe(_WORDS),
)  # fmt: skip
_REPORTS = st.builds(
    StatusReport,
    _WORDS,
    _maybe(_WORDS),
    _tuples(_SERVERS),
    st.dictionaries(_WORDS, _NUMBERS, max_size=3),
    _tuples(_WORDS),
    _maybe(_WORDS),
    _maybe(_WORDS),
    _WORDS,
    _tuples(st.builds(KeyReport, _NUMBERS, st.booleans(), st.dictionaries(_WORDS, _SECONDS, max_size=2))),
)
_ENTRIES = st.builds(
    HistoryEntry, _WORDS, _WORDS, _WORDS, _tuples(_WORDS), _WORDS, _maybe(_WORDS), st.booleans(), _WORDS, _maybe(_SECONDS),
    _tuples(st.tuples(_WORDS, _SECONDS)), _tuples(st.tuples(_SECONDS, st.booleans())), _tuples(_WORDS), _maybe(_WORDS),
    _maybe(_NUMBERS), _WORDS,
)  # fmt: skip


@settings(max_examples=30)
@given(_REPORTS)
def test_a_report_comes_back(report: StatusReport) -> None:
    line = build_report(report)
    assert line.count(b"\n") == 1
    assert parse_report_untrusted(line.removesuffix(b"\n")) == report


@settings(max_examples=30)
@given(st.lists(_ENTRIES, max_size=2))
def test_a_history_comes_back(entries: list[HistoryEntry]) -> None:
    assert parse_history_untrusted(build_history(entries)) == History(tuple(entries))


def test_of_a_long_history_the_newest_part_fits() -> None:
    entries = [dataclasses.replace(ENTRY, detail=f"{number} {'x' * 1000}") for number in range(3000)]
    line = build_history(entries)
    assert len(line) <= LARGEST_REPLY
    history = parse_history_untrusted(line)
    assert history.entries[-1] == entries[-1]
    assert 500 < len(history.entries) == 3000 - history.left_out


def test_an_outcome_comes_back() -> None:
    assert parse_outcome_untrusted(build_outcome("why")) == "why"
    with pytest.raises(ControlError):
        parse_outcome_untrusted(b"{}")


def test_what_cannot_be_printed_is_escaped_before_it_leaves() -> None:
    """A requester's words are in the history, a library's in a reason: no such text may cost the whole answer."""
    sent = dataclasses.replace(REPORT, notes=("a\x1b[2Jb\n",), counters={"c\r": 1})
    seen = parse_report_untrusted(build_report(sent))
    assert seen.notes == ("a\\x1b[2Jb\\n",)
    assert seen.counters == {"c\\r": 1}


def test_the_words_of_the_monitoring() -> None:
    seen = ServerStatus("A", Link.NOT_YET, Status.NOT_YET, False, None)
    assert ServerReport.of(seen) == ServerReport("A", "--", "----", False, None, "")
    assert ServerReport.of(dataclasses.replace(seen, link=Link.NG), "why").reason == "why"


def test_unknown_fields_are_ignored_and_an_older_daemon_is_understood() -> None:
    values = json.loads(build_report(REPORT))
    values["new"] = values["servers"][0]["new"] = 1
    older = {key: values[key] for key in ("new", "version", "own_server", "servers")}
    older["servers"] = [{key: values["servers"][0][key] for key in ("new", "name", "link", "status", "reset_capable")}]
    parsed = parse_report_untrusted(json.dumps(older).encode())
    assert (parsed.servers[0].reason, parsed.counters, parsed.notes, parsed.servers[0].bmc) == ("", {}, (), None)
    del older["servers"]
    with pytest.raises(ControlError, match="'servers' is missing"):
        parse_report_untrusted(json.dumps(older).encode())


_FIELDS = ["version", "own_server", "servers", "name", "link", "ask", "entries", "steps", "refused"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_FIELDS), inner),
)


@given(st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
def test_nonsense_raises_one_error_only(line: bytes) -> None:
    for parse in (parse_report_untrusted, parse_request_untrusted, parse_history_untrusted, parse_outcome_untrusted):
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
     {"version": "\u001b[2J"}, {"counters": {"\n": 1}}, {"counters": {"a": 1 << 63}}, {"notes": "a"}, {"notes": [1]},
     {"keys": [{"id": 1}]}, {"keys": [{"id": 1, "is_sent": True, "heard": {"a": -1}}]}],
)  # fmt: skip
def test_wrong_fields(change: dict[str, object]) -> None:
    with pytest.raises(ControlError):
        parse_report_untrusted(json.dumps({**json.loads(build_report(REPORT)), **change}).encode())


@pytest.mark.parametrize(
    "change",
    [{"proof_age": -1}, {"proof_age": float("nan")}, {"proof_age": "1"}, {"reset_capable": 1}, {"link": None}, {"suite": 1.5},
     {"proof_age": 10**400}, {"bmc": 1}, {"since": float("inf")}],
)  # fmt: skip
def test_wrong_fields_of_a_server(change: dict[str, object]) -> None:
    values = json.loads(build_report(REPORT))
    values["servers"][0].update(change)
    with pytest.raises(ControlError):
        parse_report_untrusted(json.dumps(values).encode())


@pytest.mark.parametrize("change", [{"readings": [[1]]}, {"readings": [[1, 1]]}, {"steps": [["a", "b"]]}, {"operation": None}])
def test_wrong_fields_of_a_reset(change: dict[str, object]) -> None:
    values = json.loads(build_history([ENTRY]))
    values["entries"][0].update(change)
    with pytest.raises(ControlError):
        parse_history_untrusted(json.dumps(values).encode())
