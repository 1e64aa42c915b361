from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_cli.reports import HistoryEntry, KeyReport, ServerReport, StatusReport, build_failure, build_history, build_report
from haconn_cli.resetpath import seal
from haconn_cli.verbs import show_status
from haconn_daemon import resetpath
from tests.haconn_cli.conftest import Outcome, Setup
from tests.haconn_cli.control_server import NEVER, control_server

NOT_RUNNING = "HA connector service is not processing."


def test_nothing_set(haconnsetup: Setup) -> None:
    outcome = haconnsetup("show", "setting")
    assert outcome == Outcome(
        0,
        ["-- HA monitor connector service setting --", "", "<resetpath>", " (not set)", "", "<physical server>", " (not set)"],
        [],
    )
    values = json.loads("\n".join(haconnsetup("show", "setting", "--json").out))
    assert values == {"resetpath": None, "default_account": None, "servers": []}


def test_columns_grow(cluster: Setup) -> None:
    cluster("pserver", "mod", "PSERVER1", "name=A", "addr=[fd00::51]:6230")
    for number in range(5, 11):
        cluster("pserver", "add", f"PSERVER{number}", f"addr=10.0.0.{number}")
    rows = cluster("show", "setting").out[6:]
    assert rows[:3] == [
        " # name  bmc addr  account",
        "  1 A          [fd00::51]:6230 hitachi",
        "  2 PSERVER2   192.168.0.52    hitachi",
    ]
    assert rows[10] == " 10 PSERVER10  10.0.0.10       hitachi"


@pytest.mark.shows("C8")
def test_status_of_longer_names_and_why_a_link_is_ng(haconnsetup: Setup, paths: Paths) -> None:
    servers = (
        ServerReport("A", "NG", "monitoring", False, 7.5, "no answer from 10.0.0.1 for 7 s"),
        ServerReport("LONGERNAME", "OK", "dump detected", True, 0.5),
    )
    with control_server(paths, build_report(StatusReport("9", "A", servers))):
        assert haconnsetup("show", "status") == Outcome(
            0,
            [
                "-- HA monitor connector service status --",
                " # name  link status",
                " 1 A           NG monitoring",
                " 2 LONGERNAME  OK dump detected",
            ],
            ["A: no answer from 10.0.0.1 for 7 s"],
        )


@pytest.mark.parametrize("reply", [NEVER, b""])
def test_a_silent_daemon_is_not_processing(
    haconnsetup: Setup, paths: Paths, reply: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haconn_cli.control.ask_status.__defaults__", (0.05,))
    with control_server(paths, reply):
        assert haconnsetup("show", "status") == Outcome(5, [NOT_RUNNING], [])
        outcome = haconnsetup("show", "status", "--json")
    assert (outcome.code, json.loads("\n".join(outcome.out))) == (5, {"running": False})


def test_a_nonsensical_daemon(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, b"[]\n"):
        outcome = haconnsetup("show", "status")
    assert (outcome.code, outcome.out, outcome.complaint) == (1, [], "haconnsetup: 'message' is not of type dict")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["seting"], "show: unknown word 'seting' (did you mean setting?); must be one of: setting, status, history, version"),
        (["status", "--verbose", "--json"], "show: --json and --verbose do not go together; give one of them"),
        (["--watch"], "show: --watch is for status only; right is: haconnsetup show status --watch"),
        (["setting", "--verbose"], "show: --verbose is for status and history only; right is: haconnsetup show status --verbose"),
        (["history", "no-name"], "name 'no-name': must be 1 to 31 letters and digits, like PSERVER1"),
        (["status", "now"], "'now' is one word too many; right is: haconnsetup show [setting|status|history|version] [--json]"),
    ],
)
def test_wrong_words(haconnsetup: Setup, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("show", *words)
    assert (outcome.code, outcome.out, outcome.complaint) == (2, [], f"haconnsetup: {complaint}")


def test_version_as_json(haconnsetup: Setup) -> None:
    assert list(json.loads("".join(haconnsetup("show", "version", "--json").out))) == ["version"]


FULL = StatusReport(
    "0.1.0",
    "PSERVER1",
    (
        ServerReport(
            "PSERVER1", "OK", "(own server)", True, 0.5, bmc="192.168.0.51", identity="guid 0011", suite=17, privilege="operator",
            since=11000.0, round_trip=0.004, free_sessions=3, dump="written since 12 s",
        ),
        ServerReport("PSERVER2", "NG", "monitoring", False, 72.4, "wrong password (last answer 72 s ago)", None, since=70.0),
    ),
    {"tag": 3, "stale": 12, "newest": 1, "kernel": 0},
    ("the lists differ",),
    "2026-11-22T20:00:00+00:00",
    "2026-11-22T21:00:00+00:00",
    "conf_haconn: resetpath: is new",
    (KeyReport(2, True), KeyReport(1, False, {"monitor PSERVER1": 3.0})),
)  # fmt: skip


def test_status_in_more_words(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(FULL)):
        plain, outcome = haconnsetup("show", "status"), haconnsetup("show", "status", "--verbose")
        values = json.loads("\n".join(haconnsetup("show", "status", "--json").out))
    assert (outcome.code, outcome.err) == (0, [])
    assert outcome.out[:4] == plain.out, "the manual's table comes first"
    for line in (
        " running      since 2026-11-22 20:00:00 UTC",
        " settings     of 2026-11-22 21:00:00 UTC",
        " key 2        sent with",
        " key 1        accepted; used by monitor PSERVER1 3.0 s ago",
        " link         OK for 3 h 3 min",
        " last answer  0.5 s ago, in 4 ms",
        " BMC          192.168.0.51, guid 0011",
        " login        cipher suite 17, operator",
        " sessions     3 free at the BMC beside ours",
        " reset        would be obeyed now",
        " link         NG for 1 min 10 s: wrong password (last answer 72 s ago)",
        " reset        would fail now",
        " crash dump   written since 12 s",
        " ! the lists differ",
        " ! the settings in the files were refused, the older ones count: conf_haconn: resetpath: is new",
        "     12 stale: too old to count; the sender was told to ask again",
        "      1 newest: counted by the connector",
    ):
        assert line in outcome.out
    assert "kernel" not in "".join(outcome.out), "what has not happened is not told"
    assert values["servers"][0]["round_trip"] == 0.004
    assert values["keys"][1] == {"id": 1, "is_sent": False, "heard": {"monitor PSERVER1": 3.0}}


def test_every_counter_of_the_responder_is_explained() -> None:
    """What the machine counts, in words: a person meets them first when something is wrong."""
    explained = set(re.findall(r'^    "([a-z]+)": "', Path(show_status.__file__).read_text(), re.MULTILINE))
    source = "".join(file.read_text() for file in Path(resetpath.__file__).parent.glob("*.py"))
    source += Path(seal.__file__).read_text()
    counted = set(re.findall(r'(?:dropped\["|Rejected\("|count\(")([a-z]+)"', source))
    assert counted
    assert counted <= explained


ENTRIES = (
    HistoryEntry(
        "ab" * 16, "PSERVER3", "CYCLE", ("monitor PSERVER1",), "2026-11-22T19:00:00.123+00:00", "CYCLED_CONFIRMED", True,
        "seen off twice", 6.24, (("logging in", 0.4), ("switching off", 2.1)),
        ((0.4, True), (2.1, False), (3.1, False)), ("power off at 0.4 s: accepted",), "0011" * 8, 17, "server failure",
    ),
    HistoryEntry("cd" * 16, "PSERVER4", "OFF", ("monitor PSERVER1", "setup PSERVER2"), "2026-11-22T19:10:00", recorded=False),
)  # fmt: skip


def test_history(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, build_history(ENTRIES)) as asked:
        plain = haconnsetup("show", "history", "PSERVER3")
        verbose = haconnsetup("show", "history", "--verbose")
        values = json.loads("\n".join(haconnsetup("show", "history", "--json").out))
    assert b'"name": "PSERVER3"' in asked[0]
    assert plain == Outcome(
        0,
        [
            "time (UTC)          server   action result                    took  asked by",
            "2026-11-22 19:00:00 PSERVER3 CYCLE  CYCLED_CONFIRMED, back on 6.2 s monitor PSERVER1",
            "2026-11-22 19:10:00 PSERVER4 OFF    under way                       monitor PSERVER1, setup PSERVER2",
        ],
        [],
    )
    assert verbose.out == [
        "2026-11-22 19:00:00.123 UTC PSERVER3 CYCLE: CYCLED_CONFIRMED, back on after 6.2 s",
        "  asked by     monitor PSERVER1: server failure",
        "  because      seen off twice",
        "  step         logging in: 0.4 s",
        "  step         switching off: 2.1 s",
        "  power on     read at 0.400 s",
        "  power off    read at 2.100 to 3.100 s, 2 times",
        "  command      power off at 0.4 s: accepted",
        f"  BMC          GUID {'0011' * 8}, cipher suite 17",
        f"  operation    {'ab' * 16}",
        "",
        "2026-11-22 19:10:00 PSERVER4 OFF: under way",
        "  asked by     monitor PSERVER1, setup PSERVER2",
        f"  operation    {'cd' * 16}",
        "  not recorded: the disk did not take it",
    ]
    assert [entry["target"] for entry in values["entries"]] == ["PSERVER3", "PSERVER4"]


def test_a_history_of_a_server_that_there_is_none_of(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("default", "account=admin", stdin="a password\n")
    haconnsetup("pserver", "add", "PSERVER3", "addr=10.0.0.3")
    with control_server(paths, build_history([])):
        outcome = haconnsetup("show", "history", "PSERVER33")
    assert (outcome.code, outcome.out) == (1, ["no reset is on record"])
    assert "did you mean PSERVER3?" in outcome.complaint
    with control_server(paths, build_history([])):
        assert haconnsetup("show", "history", "PSERVER3").code == 0


def test_what_a_person_should_look_at_is_said_beside_the_plain_table(haconnsetup: Setup, paths: Paths) -> None:
    servers = (ServerReport("PSERVER1", "OK", "monitoring", True, 0.5),)
    report = StatusReport("0.1.0", "PSERVER1", servers, notes=("the lists differ",), settings_refused="conf_key: is missing")
    with control_server(paths, build_report(report)):
        outcome = haconnsetup("show", "status")
    assert outcome.out[-1].split() == ["1", "PSERVER1", "OK", "monitoring"]
    assert outcome.err == [
        "note: the lists differ",
        "note: the settings in the files were refused, the older ones count: conf_key: is missing",
    ]


def test_a_history_that_is_not_to_be_had(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, build_history([])):
        assert haconnsetup("show", "history").out == ["no reset is on record"]
    with control_server(paths, build_failure("the record cannot be read")):
        outcome = haconnsetup("show", "history")
    assert (outcome.code, outcome.complaint) == (1, "haconnsetup: the record cannot be read")
    assert haconnsetup("show", "history") == Outcome(5, [NOT_RUNNING], [])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.0, "12 s"), (60.0, "1 min 0 s"), (3601.0, "1 h 0 min"), (90000.0, "1 d 1 h")],
)
def test_how_long(seconds: float, words: str) -> None:
    assert show_status.span(seconds) == words
