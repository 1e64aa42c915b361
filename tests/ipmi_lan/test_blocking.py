"""The blocking client on a clock and a socket in memory: what it does, and how each wait ends."""

from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.errors import (
    BadArgument,
    CommandRefused,
    IpmiError,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from ipmi_lan.simulator import Faults
from ipmi_lan.wire.codes import Privilege
from tests.fakes.bmc import Mute, WebServer, open_session_of
from tests.ipmi_lan.bench import OFF, ROUND_TRIP, UNTIL_LOST, Bench
from tests.ipmi_lan.simulator.console import GUID, a_bmc

# ── the ordinary way ──────────────────────────────────────────────────────────


def test_log_in_ask_and_close(bench: Bench) -> None:
    end = bench.takes(8 * ROUND_TRIP)
    with bench.connect() as client:
        session = open_session_of(bench.bmc, bench.clock.now)
        assert (client.peer.guid, client.peer.suite, client.peer.session_id) == (GUID, SUITE_17, session.bmc_id)
        assert client.run(get_chassis_status()).power_is_on
        client.run(OFF)
        assert not client.run(get_chassis_status()).power_is_on
        assert client.dropped == {}
    assert bench.clock.now == end
    assert len(bench.bmc.power_commands) == 1


def test_a_reading_as_a_user_needs_five_datagrams(bench: Bench) -> None:
    with bench.connect(user="user", privilege=Privilege.USER) as client:
        client.run(get_chassis_status())
    assert len(bench.sock.sent) == 5


def test_the_suite_that_was_taken_is_remembered(bench: Bench) -> None:
    bench.bmc = a_bmc(suites=(SUITE_3,))
    known = KnownBmcs()
    for datagrams in (6, 5):
        before = len(bench.sock.sent)
        bench.sock.is_closed = False
        with bench.connect(known=known) as client:
            assert client.peer.suite == SUITE_3
        assert len(bench.sock.sent) - before == datagrams


def test_a_refused_command(bench: Bench) -> None:
    with bench.connect(user="user", privilege=Privilege.USER) as client:
        with pytest.raises(CommandRefused):
            client.run(OFF)
        assert client.run(get_chassis_status()).power_is_on


# ── typed errors, and when they come ──────────────────────────────────────────

_SILENT = {"faults": Faults(silent=True)}
LOGINS: dict[str, tuple[dict[str, Any], dict[str, Any], type[IpmiError], float]] = {
    "silence": (_SILENT, {}, NoAnswer, 10.0),
    "silence, other timeout": (_SILENT, {"timeout": 3.25}, NoAnswer, 3.25),
    "silence, no time": (_SILENT, {"timeout": 0.0}, NoAnswer, 0.0),
    "silence, less than no time": (_SILENT, {"timeout": -1.0}, NoAnswer, 0.0),
    "password": ({}, {"password": "wrong"}, WrongPassword, 2 * ROUND_TRIP),
    "Kg": ({"kg": b"a"}, {"kg": b"b"}, WrongKg, 3 * ROUND_TRIP),
    "privilege": ({}, {"user": "operator"}, PrivilegeTooHigh, 2 * ROUND_TRIP),
    "suite": ({"suites": (SUITE_3,)}, {"suites": [SUITE_17]}, SuiteRefused, ROUND_TRIP),
    "slots": ({"slots": 0}, {}, NoFreeSession, 10.0),
}


@pytest.mark.parametrize(("bmc", "login", "kind", "seconds"), LOGINS.values(), ids=LOGINS)
def test_logins_that_fail(bench: Bench, bmc: Any, login: dict[str, Any], kind: type[IpmiError], seconds: float) -> None:
    bench.bmc = a_bmc(**bmc)
    end = bench.takes(seconds)
    with pytest.raises(kind), bench.connect(**login):
        pytest.fail("logged in")
    assert bench.clock.now == end
    bench.bmc.restart(bench.clock.now)     # with another Kg there is a session, and nobody who could close it


def test_a_refused_port(bench: Bench) -> None:
    bench.sock.refuses = True
    end = bench.takes(0.6 + 4 * ROUND_TRIP)
    with pytest.raises(PortRefused), bench.connect():
        pytest.fail("logged in")
    assert bench.clock.now == end


def test_not_ipmi(bench: Bench) -> None:
    bench.bmc = WebServer()
    with pytest.raises(NotIpmi), bench.connect(timeout=2.0):
        pytest.fail("logged in")


WRONG = [
    {"port": 0}, {"port": 70000}, {"user": "n" * 17}, {"password": "p" * 21}, {"kg": "k" * 21}, {"suites": ()}, {"window": 0},
    {"window": 33}, {"user": "\udc80"}, {"lowest_privilege": Privilege.OEM},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_bad_arguments_send_nothing(bench: Bench, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadArgument), bench.connect(**wrong):
        pytest.fail("logged in")
    assert bench.sock.sent == []
    bench.sock.close()      # it was never taken


@pytest.mark.parametrize("timeout", [0.1, 1.0, 3.0, 6.0, 30.0])
@pytest.mark.parametrize("command", [get_device_id(), OFF], ids=["device id", "off"])
@pytest.mark.parametrize("logs_in_again", [False, True])
def test_a_command_ends_in_time(bench: Bench, command: Any, timeout: float, logs_in_again: bool) -> None:
    mute = bench.bmc = Mute(bench.bmc)
    with bench.connect(logs_in_again=logs_in_again) as client:
        mute.from_now = True
        loses = command is not OFF and timeout > UNTIL_LOST
        end = bench.takes(UNTIL_LOST if loses and not logs_in_again else timeout)
        with pytest.raises(SessionLost if loses else NoAnswer):
            client.run(command, timeout)
        assert bench.clock.now == end
        end = bench.takes(CLOSE_TIMEOUT if not loses else 0.0)
    assert bench.clock.now == end


def test_what_switches_power_leaves_once(bench: Bench) -> None:
    bench.bmc = a_bmc(faults=Faults(loses_control_reply=True))
    with bench.connect() as client:
        before = len(bench.sock.sent)
        with pytest.raises(NoAnswer) as caught:
            client.run(OFF)
        assert caught.value.was_sent
        assert len(bench.sock.sent) == before + 1
        assert not client.run(get_chassis_status()).power_is_on


@pytest.mark.parametrize("timeout", [float("inf"), 1e15])
@pytest.mark.parametrize("command", [get_device_id(), OFF], ids=["device id", "off"])
def test_a_deadline_that_never_comes(bench: Bench, command: Any, timeout: float) -> None:
    """As long as the caller likes, but in pieces: a socket cannot wait for ever, nor for a thousand years."""
    mute = bench.bmc = Mute(bench.bmc)
    with bench.connect() as client:
        mute.from_now = True
        bench.clock.alarms.append(bench.clock.now + 500.0)
        with pytest.raises(KeyboardInterrupt):
            client.run(command, timeout)
        mute.from_now = False
