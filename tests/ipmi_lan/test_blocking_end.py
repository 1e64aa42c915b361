"""The blocking client: sessions that nobody keeps alive, and how each ends. On a clock and a socket in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.errors import (
    NoAnswer,
    SessionLost,
)
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from tests.fakes.bmc import Mute, is_sealed
from tests.ipmi_lan.bench import NEARLY, OFF, ROUND_TRIP, Bench
from tests.ipmi_lan.simulator.console import GUID

# ── a session that nobody keeps alive ─────────────────────────────────────────


@pytest.mark.parametrize(("pause", "handshakes"), [(20.0, 1), (55.0, 1), (64.0, 2), (4000.0, 2)])
def test_after_a_pause_the_next_command_logs_in_again(bench: Bench, pause: float, handshakes: int) -> None:
    with bench.connect() as client:
        client.run(get_device_id())
        bench.clock.now += pause
        end = bench.takes(ROUND_TRIP if handshakes == 1 else 5 * ROUND_TRIP)
        assert client.run(get_system_guid()).guid == GUID
        assert bench.clock.now == end, "it does not wait for the old session first"
    assert bench.bmc.handshakes == handshakes


def test_a_power_command_after_a_pause_is_sent_once_and_in_the_new_session(bench: Bench) -> None:
    with bench.connect() as client:
        bench.clock.now += 100.0
        client.run(OFF)
    assert len(bench.bmc.power_commands) == 1
    assert bench.bmc.handshakes == 2


def test_after_a_pause_without_leave_to_log_in_again(bench: Bench) -> None:
    with bench.connect(logs_in_again=False) as client:
        bench.clock.now += 100.0
        sent, end = len(bench.sock.sent), bench.takes(0.0)
        with pytest.raises(SessionLost, match="idle"):
            client.run(get_device_id())
        assert (bench.clock.now, len(bench.sock.sent)) == (end, sent)


def test_between_61_and_63_seconds_it_is_found_out(bench: Bench) -> None:
    with bench.connect() as client:
        bench.clock.now += 62.0
        assert client.run(get_system_guid()).guid == GUID
    assert bench.bmc.handshakes == 2


def test_a_bmc_that_restarts_is_not_noticed(bench: Bench) -> None:
    with bench.connect() as client:
        bench.bmc.restart(bench.clock.now)
        assert client.run(get_system_guid()).guid == GUID
        bench.bmc.restart(bench.clock.now)
        with pytest.raises(NoAnswer):
            client.run(OFF)
        assert client.run(get_chassis_status()).power_is_on
    assert bench.bmc.handshakes == 3


# ── the end, whatever it is ───────────────────────────────────────────────────


class Mistake(Exception):  # noqa: N818
    """Of the caller's."""


@pytest.mark.parametrize("kind", [Mistake, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("answers_close", [True, False])
def test_the_session_is_closed_and_the_exception_arrives(bench: Bench, kind: type[BaseException], answers_close: bool) -> None:
    bmc = bench.bmc
    bmc.faults.session.close_is_unanswered = not answers_close
    mistake = kind()
    end: Any = None

    def visit() -> None:
        nonlocal end
        with bench.connect() as client:
            client.run(get_device_id())
            end = bench.takes(ROUND_TRIP if answers_close else CLOSE_TIMEOUT)
            raise mistake

    with pytest.raises(kind) as caught:
        visit()
    assert caught.value is mistake
    assert bench.clock.now == end


def _interrupts_at(bench: Bench, number: int) -> Callable[[bytes], bool]:
    left = [number]

    def drops(datagram: bytes) -> bool:
        left[0] -= 1
        if left[0] == 0:
            bench.sock.errors.append(KeyboardInterrupt())
        return False

    return drops


@pytest.mark.parametrize("number", range(1, 9))
def test_interrupted_while_it_waits(bench: Bench, number: int) -> None:
    """In the login, in a command or in closing, at the answer to the datagram of this number."""
    mute = bench.bmc = Mute(bench.bmc)
    mute.drops = _interrupts_at(bench, number)

    def visit() -> None:
        with bench.connect() as client:
            for _ in range(4):
                client.run(get_device_id())

    with pytest.raises(KeyboardInterrupt):
        visit()
    assert mute.bmc.open_sessions(bench.clock.now) == 0
    assert mute.bmc.half_open_sessions(bench.clock.now) == (number == 1), "of the first one we do not know the id yet"
    assert bench.sock.is_closed


def test_after_an_interruption_the_session_can_be_used(bench: Bench) -> None:
    mute = bench.bmc = Mute(bench.bmc)
    with bench.connect() as client:
        mute.drops = _interrupts_at(bench, 1)
        with pytest.raises(KeyboardInterrupt):
            client.run(get_device_id())
        for _ in range(100):
            assert client.run(get_system_guid()).guid == GUID
    assert client.dropped == {"answer to nothing asked": 1}
    assert mute.bmc.open_sessions(bench.clock.now) == 0


def test_interrupted_again_while_it_closes(bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt), bench.connect():
        bench.sock.errors.append(KeyboardInterrupt())
    assert bench.sock.is_closed


def test_a_hundred_commands_given_up_at_once_do_not_spoil_the_session(bench: Bench) -> None:
    with bench.connect() as client:
        for _ in range(100):
            with pytest.raises(NoAnswer):
                client.run(get_device_id(), ROUND_TRIP / 4)
        assert client.run(get_system_guid(), 10.0).guid == GUID
        for _ in range(100):
            with pytest.raises(NoAnswer):
                client.run(get_device_id(), ROUND_TRIP / 4)
        end = bench.takes(ROUND_TRIP)
    assert bench.clock.now == end


def test_a_command_after_the_end_is_refused_at_once(bench: Bench) -> None:
    with bench.connect() as client:
        pass
    sent = len(bench.sock.sent)
    with pytest.raises(SessionLost):
        client.run(get_device_id())
    assert len(bench.sock.sent) == sent


def test_silence_after_the_login(bench: Bench) -> None:
    mute = bench.bmc = Mute(bench.bmc)
    mute.drops = is_sealed
    for timeout in (0.5, 4.0):
        bench.sock.is_closed = False
        end = bench.clock.now + timeout + CLOSE_TIMEOUT + NEARLY
        with pytest.raises((NoAnswer, SessionLost)), bench.connect(timeout=timeout):
            pytest.fail("logged in")
        assert bench.clock.now <= end
