"""The blocking client on a clock and a socket in memory: each wait has its end, and each end is orderly."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ipmi_lan.blocking import open_client
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id, get_system_guid
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
from ipmi_lan.session.retry import CLOSE_TIMEOUT, COMMAND_WAITS
from ipmi_lan.simulator import Faults, SimulatedBmc
from ipmi_lan.wire.codes import Privilege
from tests.fakes.blocked import HOST, BlockedSocket, Clock, blocked
from tests.fakes.bmc import Mute, WebServer, is_sealed, open_session_of
from tests.fakes.network import LATENCY, AnyBmc
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

ROUND_TRIP = 2 * LATENCY
UNTIL_LOST = sum(COMMAND_WAITS)
OFF = chassis_control(Control.POWER_OFF)
NEARLY = 0.005   # seconds; each look at the clock takes some


class Bench:
    """A BMC, and the way to it."""

    def __init__(self, clock: Clock, sock: BlockedSocket) -> None:
        self.clock, self.sock = clock, sock

    @property
    def bmc(self) -> Any:
        return self.sock.bmc

    @bmc.setter
    def bmc(self, bmc: AnyBmc) -> None:
        self.sock.bmc = bmc

    def connect(self, **changes: Any) -> Any:
        settings: dict[str, Any] = {"user": "admin", "known": KnownBmcs()} | changes
        settings.setdefault("password", USERS.get(settings["user"], ("",))[0])
        return open_client(HOST, **settings)

    def takes(self, seconds: float) -> Any:
        """What a call must take."""
        return pytest.approx(self.clock.now + seconds, abs=NEARLY)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with blocked(monkeypatch, a_bmc()) as (clock, sock):
        yield Bench(clock, sock)
    if isinstance(sock.bmc, SimulatedBmc):
        assert sock.bmc.open_sessions(clock.now) == 0


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


# ── a network that is not nice ────────────────────────────────────────────────


JUNK = {"empty": b"", "RMCP header": b"\x06\0\xff\x07", "long": bytes(3000), "no session": b"\x06\0\xff\x07\x06\xc0" + bytes(60)}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_who_is_flooded_keeps_his_deadlines(bench: Bench, junk: bytes) -> None:
    """In the login, in a command, and in closing."""
    mute = bench.bmc = Mute(bench.bmc)
    bench.sock.floods = junk
    with bench.connect() as client:
        assert client.run(get_system_guid()).guid == GUID
        mute.from_now = True
        end = bench.takes(1.0)
        with pytest.raises(NoAnswer):
            client.run(get_device_id(), 1.0)
        assert bench.clock.now == end
        end = bench.takes(CLOSE_TIMEOUT)
    assert bench.clock.now == end
    bench.sock.is_closed = False
    end = bench.takes(0.5)
    with pytest.raises((NoAnswer, NotIpmi)), bench.connect(timeout=0.5):
        pytest.fail("logged in")
    assert bench.clock.now == end


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ECONNREFUSED])
def test_errors_of_the_kernel_are_lost_datagrams(bench: Bench, number: int) -> None:
    with bench.connect() as client:
        for _ in range(2):
            bench.sock.errors.append(OSError(number, "from the kernel"))
            assert client.run(get_system_guid()).guid == GUID
        before = len(bench.sock.sent)
        bench.sock.send_errors.append(OSError(number, "of an earlier datagram"))
        assert client.run(get_system_guid()).guid == GUID
        assert len(bench.sock.sent) == before + 1


def test_an_error_that_stays_does_not_keep_the_processor_busy(bench: Bench) -> None:
    with bench.connect() as client:
        bench.sock.errors.extend([OSError(errno.ENETDOWN, "no network")] * 1000)
        with pytest.raises(NoAnswer):
            client.run(get_device_id(), 3.0)
        assert len(bench.sock.errors) > 900
        bench.sock.errors.clear()


def test_a_host_that_refuses_within_a_session(bench: Bench) -> None:
    with bench.connect(logs_in_again=False) as client:
        bench.sock.refuses = True
        end = bench.clock.now + UNTIL_LOST
        with pytest.raises(SessionLost, match="refuses"):
            client.run(get_device_id())
        assert bench.clock.now <= end
        bench.sock.refuses = False
        bench.bmc.restart(bench.clock.now)


@pytest.mark.parametrize("lost", range(1, 14))
def test_each_datagram_lost_once(bench: Bench, lost: int) -> None:
    mute = bench.bmc = Mute(bench.bmc)
    left = [lost]

    def drops(datagram: bytes) -> bool:
        left[0] -= 1
        return left[0] == 0

    mute.drops = drops
    with bench.connect() as client:
        for _ in range(5):
            assert client.run(get_system_guid()).guid == GUID
    assert mute.bmc.open_sessions(bench.clock.now) == 0 or lost == 5


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
