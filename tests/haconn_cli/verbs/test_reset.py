"""`haconnsetup reset`: the confirmation, the words, and an exit code that is 0 for proven success only."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from haconn_cli import screen
from haconn_cli.config.load import load_settings
from haconn_cli.config.paths import Paths
from haconn_cli.reports import ServerReport, StatusReport, build_report
from haconn_cli.resetpath import client
from haconn_cli.resetpath.vocabulary import Action, Evidence, Reading, ResetResult, ResultCode
from haconn_cli.verbs import reset
from tests.haconn_cli.conftest import Outcome, Setup
from tests.haconn_cli.control_server import control_server
from tests.haconn_daemon.resetpath.in_thread import Connector, connector_in_thread
from tests.haconn_daemon.resetpath.test_endpoint import free_address

CYCLED = ResetResult(
    ResultCode.CYCLED_CONFIRMED,
    back_on=True,
    evidence=Evidence(
        (Reading(0.01, power_is_on=True), Reading(1.5, power_is_on=False), Reading(2.0, power_is_on=False)),
        bytes(range(16)),
        17,
        ("power off at 0.012 s: accepted", "power on at 2.010 s: accepted"),
        "seen off twice, then on",
    ),
)
KNOWS = StatusReport("0.1.0", "PSERVER1", ())
CONFIRM = "type its name to confirm: "


@pytest.fixture
def local(haconnsetup: Setup) -> Setup:
    """A cluster whose reset path is this machine's loopback."""
    _, port = free_address()
    haconnsetup("resetpath", "addr=127.0.0.1/8", f"port={port}")
    haconnsetup("default", "account=hitachi", stdin="secret\n")
    for number in (1, 2):
        haconnsetup("pserver", "add", f"PSERVER{number}", f"addr=127.0.0.5{number}")
    assert haconnsetup("key", "new").code == 0
    return haconnsetup


@contextmanager
def _running(paths: Paths, result: ResetResult, *, is_mute: bool = False) -> Iterator[Connector]:
    found = load_settings(paths)
    address = (found.reset_path.address, found.reset_path.port)
    with (
        control_server(paths, build_report(KNOWS)),
        connector_in_thread(found.keys, found.servers, address, result, is_mute=is_mute) as connector,
    ):
        yield connector


def running(paths: Paths, code: ResultCode | None = None, *, is_mute: bool = False) -> AbstractContextManager[Connector]:
    return _running(paths, CYCLED if code is None else ResetResult(code), is_mute=is_mute)


def test_a_confirmed_reset_prints_its_proof(local: Setup, paths: Paths) -> None:
    with running(paths) as connector:
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert outcome.code == 0
    assert outcome.out == [
        "accepted",
        "confirming that it is off (2 readings)",
        "reset of PSERVER2 succeeded: CYCLED_CONFIRMED: seen off, then switched on",
        "  power: seen on again",
        "  read at 0.010 s: power on",
        "  read 2 times from 1.500 to 2.000 s: power off",
        "  power off at 0.012 s: accepted",
        "  power on at 2.010 s: accepted",
        "  BMC GUID 000102030405060708090a0b0c0d0e0f, cipher suite 17",
        "  seen off twice, then on",
    ]
    assert outcome.err == ["PSERVER2 will be switched off hard and on again; what runs on it is lost.", CONFIRM]
    (asked,) = connector.asked
    assert (asked.requester, asked.target, asked.action) == ("setup admin", "PSERVER2", Action.CYCLE)
    assert (asked.budget, asked.force, asked.reason) == (60.0, False, "haconnsetup")


def test_the_words_are_asked_for(local: Setup, paths: Paths) -> None:
    with running(paths) as connector:
        local("reset", "PSERVER1", "budget=2.5", "action=off", "force", stdin="PSERVER1\n")
    (asked,) = connector.asked
    assert (asked.target, asked.action, asked.budget, asked.force) == ("PSERVER1", Action.OFF, 2.5, True)


@pytest.mark.parametrize("action", Action)
def test_every_action_is_asked_for_and_explained(local: Setup, paths: Paths, action: Action) -> None:
    word = action.name.lower()
    with running(paths) as connector:
        outcome = local("reset", "PSERVER2", f"action={word}", stdin="PSERVER2\n")
    assert outcome.err[0].startswith("PSERVER2 will be ")
    assert outcome.code == 0
    (asked,) = connector.asked
    assert asked.action is action
    usage = "\n".join(local("reset", "--help").out)
    assert f"|{word}" in usage.splitlines()[0] or f"={word}" in usage.splitlines()[0]
    assert f"{word}:" in usage or f"{word} (usual):" in usage


@pytest.mark.parametrize("typed", ["", "\n", "PSERVER1\n", "pserver2\n", "y\n"])
def test_another_name_typed_sends_nothing(local: Setup, paths: Paths, typed: str) -> None:
    with running(paths) as connector:
        outcome = local("reset", "PSERVER2", stdin=typed)
    assert (outcome.code, outcome.out) == (1, [])
    assert outcome.err[-1] == "haconnsetup: that is not its name; nothing was done"
    assert connector.responder.dropped.total() == 0
    assert connector.asked == []


@pytest.mark.parametrize("code", ResultCode)
def test_the_exit_code_is_0_for_proven_success_only(local: Setup, paths: Paths, code: ResultCode) -> None:
    with running(paths, code):
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert outcome.code == (0 if code.is_success else 1)
    assert any(code.name in line for line in outcome.out)


def test_no_connector_is_told_before_the_prompt(local: Setup) -> None:
    assert local("reset", "PSERVER2", stdin="PSERVER2\n") == Outcome(5, [], ["HA connector service is not processing."])


def test_a_connector_that_is_not_on_the_reset_path_is_told_apart(local: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(KNOWS)):
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert (outcome.code, outcome.out) == (5, [])
    assert outcome.err[-1] == "haconnsetup: the connector on this server: no answer; nothing was asked of it"


def test_no_final_answer_is_a_failure(local: Setup, paths: Paths) -> None:
    with running(paths, is_mute=True):
        outcome = local("reset", "PSERVER2", "budget=1", stdin="PSERVER2\n")
    assert outcome.code == 1
    assert outcome.err[-1] == "haconnsetup: reset of PSERVER2 FAILED: no answer; whether it was done is not known"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "the name of a server is missing"),
        (("action=off",), "the name of a server is missing"),
        (("PSERVER9",), "reset: no server PSERVER9 (did you mean PSERVER2?); there are: PSERVER1, PSERVER2"),
        (("PSERVER2", "action=soft"), "unknown word 'soft'"),
        (("PSERVER2", "budget=0"), "must be 1 to 600 seconds"),
        (("PSERVER2", "budget=600.1"), "must be 1 to 600 seconds"),
        (("P" * 32,), "there are: PSERVER1, PSERVER2"),
        (("PSERVER2", "budget=nan"), "must be 1 to 600 seconds"),
        (("PSERVER2", "budget=long"), "must be 1 to 600 seconds"),
        (("PSERVER2", "soon"), "'='"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_asked(local: Setup, words: tuple[str, ...], complaint: str) -> None:
    outcome = local("reset", *words, stdin="PSERVER2\n")
    assert outcome.code == 2
    assert complaint in outcome.complaint


def test_a_connector_that_does_not_know_its_server_is_told_before_the_prompt(local: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(StatusReport("0.1.0", None, ()))):
        outcome = local("reset", "PSERVER2", stdin="no\n")
    assert outcome.err[:2] == [
        (
            "the connector does not know yet which server it stands on (HA Monitor has not said hello and own_server is not set):"
            " make sure that PSERVER2 is not this one"
        ),
        "PSERVER2 will be switched off hard and on again; what runs on it is lost.",
    ]


def test_several_own_servers_are_no_unknown_one(local: Setup, paths: Paths) -> None:
    claims = tuple(ServerReport(name, "OK", "(own server)", True, 0.5) for name in ("PSERVER1", "PSERVER2"))
    with control_server(paths, build_report(StatusReport("0.1.0", None, claims))):
        assert len(local("reset", "PSERVER2", "force", stdin="no\n").err) == 3


def test_the_own_server_is_refused_before_its_name_is_asked_for(local: Setup, paths: Paths) -> None:
    servers = (ServerReport("PSERVER2", "OK", "(own server)", True, 0.5),)
    with control_server(paths, build_report(StatusReport("0.1.0", "PSERVER2", servers))):
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert (outcome.code, outcome.out) == (1, [])
    assert outcome.err == ["haconnsetup: PSERVER2 is the server that this connector stands on; only with the word force"]


def interrupt(*_: object) -> str:
    signal.raise_signal(signal.SIGINT)
    return ""


def test_interrupted_while_the_reset_runs(local: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reset, "progress_line", interrupt)
    with running(paths) as connector:
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert (outcome.code, outcome.out, len(connector.asked)) == (130, [], 1)
    assert outcome.err[2:] == [
        "haconnsetup: interrupted; the connector goes on with the reset: see the event log and 'haconnsetup show status'"
    ]


def test_interrupted_before_anything_was_asked(local: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.Path, "hello", interrupt)
    with running(paths) as connector:
        outcome = local("reset", "PSERVER2", stdin="PSERVER2\n")
    assert (outcome.code, connector.asked) == (130, [])
    assert outcome.err[2:] == ["haconnsetup: interrupted; nothing was asked of the connector"]


def test_interrupted_at_the_prompt(local: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "ask", interrupt)
    with running(paths) as connector:
        assert local("reset", "PSERVER2").code == 130
    assert connector.asked == []


def test_without_configuration_nothing_is_asked(haconnsetup: Setup) -> None:
    assert haconnsetup("reset", "PSERVER2", stdin="PSERVER2\n").code == 3
