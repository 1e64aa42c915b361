from __future__ import annotations

import json

import pytest

from haconn_cli.config.paths import Paths
from haconn_cli.control import ServerReport, StatusReport, build_report
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
        (["seting"], "show: unknown word 'seting' (did you mean setting?); must be one of: setting, status, version"),
        (["status", "now"], "'now' is one word too many; right is: haconnsetup show [setting|status|version] [--json]"),
    ],
)
def test_wrong_words(haconnsetup: Setup, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("show", *words)
    assert (outcome.code, outcome.out, outcome.complaint) == (2, [], f"haconnsetup: {complaint}")


def test_version_as_json(haconnsetup: Setup) -> None:
    assert list(json.loads("".join(haconnsetup("show", "version", "--json").out))) == ["version"]
