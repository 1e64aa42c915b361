"""How a session ends: Close Session, answered or not, and the end of whoever moves it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.commands.login import CLOSE_SESSION
from ipmi_lan.errors import SessionLost
from ipmi_lan.session.events import Closed
from ipmi_lan.session.retry import CLOSE_TIMEOUT, REFUSED_WAIT
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator.faults import Faults
from tests.fakes.bmc import Mute
from tests.ipmi_lan.session.pair import Pair, requests_of
from tests.ipmi_lan.simulator.console import a_bmc

OFF = chassis_control(Control.POWER_OFF)


def test_close_gives_the_slot_back() -> None:
    pair = Pair().log_in()
    token = pair.ask(OFF)
    pair.session.close(pair.now)
    pair.exchange()
    assert isinstance(pair.events[-1], Closed)
    assert isinstance(pair.error(token), SessionLost)
    assert pair.simulated.open_sessions(0.0) == 0
    (close,) = pair.sent[-1:]
    assert (pair.session.phase, pair.session.next_deadline(), close[0]) == (Phase.CLOSED, None, 0.0)
    late = pair.ask(get_device_id())
    pair.tell()
    assert isinstance(pair.error(late), SessionLost)
    assert pair.out() == []


def test_close_is_repeated_and_bounded() -> None:
    pair = Pair().log_in()
    pair.now = 5.0
    pair.session.close(pair.now)
    pair.pass_time(answered=False)
    assert pair.events[1:] == [Closed()]
    assert pair.now == 5.0 + CLOSE_TIMEOUT
    requests = requests_of(pair, [datagram for _, datagram in pair.sent[4:]])
    assert 2 <= len(requests) <= 4
    assert {request.command for request in requests} == {CLOSE_SESSION.code}


def test_a_close_that_is_refused_is_a_close() -> None:
    pair = Pair(a_bmc(faults=Faults(codes={(CLOSE_SESSION.netfn, CLOSE_SESSION.code): 0x87}))).log_in()
    pair.session.close(pair.now)
    pair.exchange()
    assert pair.events[1:] == [Closed()]


def test_closing_twice_is_closing_once() -> None:
    pair = Pair().log_in()
    for _ in range(2):
        pair.session.close(pair.now)
    pair.exchange()
    pair.session.close(pair.now)
    pair.tell()
    assert pair.events[1:] == [Closed()]
    assert pair.simulated.open_sessions(0.0) == 0


def _answered(pair: Pair) -> None:
    pair.take(*pair.answers(pair.out()))


def _lost(pair: Pair) -> None:
    pair.log_in()
    for _ in range(4):
        pair.now += REFUSED_WAIT
        pair.session.peer_refused(pair.now)


def _raising(pair: Pair) -> None:
    while pair.session.phase is Phase.LOGGING_IN:
        _answered(pair)


def _closed(pair: Pair) -> None:
    pair.log_in().session.close(pair.now)
    pair.exchange()


REACH: dict[Phase, Callable[[Pair], object]] = {
    Phase.LOGGING_IN: _answered,
    Phase.RAISING: _raising,
    Phase.OPEN: lambda pair: pair.log_in(),
    Phase.LOST: _lost,
    Phase.CLOSING: lambda pair: pair.log_in().session.close(pair.now),
    Phase.CLOSED: _closed,
}
every_phase = pytest.mark.parametrize("phase", REACH, ids=lambda phase: phase.name)


def in_phase(phase: Phase) -> tuple[Pair, int]:
    """A session in `phase`, and a command asked there."""
    pair = Pair()
    REACH[phase](pair)
    assert pair.session.phase is phase
    token = pair.ask(get_chassis_status())
    if phase is Phase.LOST:
        assert pair.session.phase is Phase.LOGGING_IN
        _answered(pair)
    return pair, token


def expect_the_end(pair: Pair, token: int) -> None:
    """Whatever happens still, nothing comes of it."""
    assert pair.session.phase is Phase.CLOSED
    assert isinstance(pair.error(token), SessionLost)
    told = len(pair.events)
    for _ in range(9):
        pair.session.peer_refused(pair.now)
    pair.session.handle_deadline(pair.now + 100.0)
    pair.take(b"", b"anything", *(datagram for _, datagram in pair.sent))
    assert (pair.out(), pair.session.next_deadline(), len(pair.events)) == ([], None, told)


@every_phase
def test_closing_in_every_phase(phase: Phase) -> None:
    pair, token = in_phase(phase)
    pair.session.close(pair.now)
    pair.exchange()
    assert pair.events.count(Closed()) == 1
    assert pair.simulated.half_open_sessions(pair.now) == 0
    assert pair.simulated.open_sessions(pair.now) == (phase is Phase.LOST)   # that one the BMC has to end by itself
    expect_the_end(pair, token)


@every_phase
def test_ending_in_every_phase(phase: Phase) -> None:
    pair, token = in_phase(phase)
    pair.session.end(pair.now)
    pair.exchange()
    assert pair.events.count(Closed()) == (phase is Phase.CLOSED)
    expect_the_end(pair, token)


def test_close_needs_no_free_number() -> None:
    """Commands that were given up leave every rqSeq in quarantine; Close Session goes out all the same."""
    mute = Mute(a_bmc())
    pair = Pair(mute, window=32).log_in()
    mute.from_now = True
    for token in [pair.ask(get_device_id()) for _ in range(70)]:
        pair.session.abandon(token, pair.now)
    pair.out()
    pair.session.close(pair.now)
    assert len(pair.out()) == 1
    pair.pass_time()
    assert pair.events[1:] == [Closed()]
    assert pair.now == CLOSE_TIMEOUT
