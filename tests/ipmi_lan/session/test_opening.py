from __future__ import annotations

import pytest

from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.errors import (
    BadArgument,
    IpmiError,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SuiteRefused,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.session.events import Opened, OpeningFailed
from ipmi_lan.session.retry import MOST_REFUSALS, SETTLE_WAIT
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.wire import handshake
from ipmi_lan.wire.codes import PayloadType, Privilege, RakpStatus
from tests.fakes.bmc import Rewrite, RewritingBmc
from tests.ipmi_lan.session.pair import DEADLINE, Pair
from tests.ipmi_lan.simulator.console import GUID, a_bmc

OPEN, RAKP_2, RAKP_4 = PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4
STALE_IDS = (RakpStatus.INVALID_SESSION_ID, RakpStatus.INACTIVE_SESSION_ID)


def refusing(reply: PayloadType, status: int, times: int = 1_000_000) -> RewritingBmc:
    """A BMC whose replies of this type say `status`, the first few times."""
    left = [times]

    def refuse(payload: bytes) -> bytes:
        left[0] -= 1
        return payload if left[0] < 0 else payload[:1] + bytes((status, 0, 0)) + payload[4:8]

    return RewritingBmc(a_bmc(), {reply: refuse})


def rewriting(reply: PayloadType, rewrite: Rewrite, **settings: object) -> RewritingBmc:
    return RewritingBmc(a_bmc(**settings), {reply: rewrite})


# ── the honest login ──────────────────────────────────────────────────────────


def test_login() -> None:
    pair = Pair().log_in()
    (opened,) = pair.events
    assert isinstance(opened, Opened)
    assert pair.session.peer == opened.peer
    assert (opened.peer.guid, opened.peer.suite) == (GUID, SUITE_17)
    assert (len(pair.sent), pair.simulated.handshakes, pair.session.dropped) == (4, 1, {})


def test_login_with_kg_and_as_the_least() -> None:
    Pair(a_bmc(kg=b"key of this BMC"), kg=b"key of this BMC").log_in()
    Pair(user="user", privilege=Privilege.USER).log_in()


def test_no_suite_offered() -> None:
    with pytest.raises(BadArgument):
        Pair(suites=())


def test_the_ladder_goes_down() -> None:
    pair = Pair(a_bmc(suites=(SUITE_3,))).log_in()
    assert pair.session.peer is not None
    assert pair.session.peer.suite == SUITE_3
    asked = [packet.payload for packet in pair.sent_packets(PayloadType.OPEN_SESSION_REQUEST)]
    offered = [handshake.parse_open_session_request_untrusted(payload).algorithms for payload in asked]
    assert offered == [SUITE_17.algorithms, SUITE_3.algorithms]


@pytest.mark.parametrize("status", [status for status in RakpStatus if status])
def test_any_refusal_of_open_session_moves_the_ladder_on(status: RakpStatus) -> None:
    pair = Pair(refusing(OPEN, status, times=1))
    pair.log_in()
    assert pair.session.peer is not None
    assert pair.session.peer.suite == SUITE_3
    assert pair.now == 0.0


@pytest.mark.parametrize("status", [0x04, 0x05, 0x10, 0x11, 0x12, 0x55, 0xFF])
def test_no_suite_in_common(status: int) -> None:
    error = Pair(a_bmc(faults=Faults(open_session_status=status))).failure()
    assert isinstance(error, SuiteRefused)
    assert list(error.reasons) == [17, 3]
    assert f"{status:02X}h" in str(error)


@pytest.mark.parametrize("status", [0x09, 0x0A])
def test_a_role_refused_in_open_session(status: int) -> None:
    assert isinstance(Pair(a_bmc(faults=Faults(open_session_status=status))).failure(), PrivilegeTooHigh)


# ── the typed errors ──────────────────────────────────────────────────────────

REFUSALS: dict[str, tuple[Pair, type[IpmiError], float]] = {
    "unknown user": (Pair(user="nobody"), WrongPassword, 0.0),
    "wrong password": (Pair(password="wrong"), WrongPassword, 0.0),
    "wrong Kg": (Pair(a_bmc(kg=b"a"), kg=b"b"), WrongKg, 0.0),
    "Kg missing": (Pair(a_bmc(kg=b"a")), WrongKg, 0.0),
    "Kg too much": (Pair(kg=b"b"), WrongKg, 0.0),
    "role": (Pair(user="user"), PrivilegeTooHigh, 0.0),
    "RAKP 2 says 0D": (Pair(refusing(RAKP_2, 0x0D)), WrongPassword, 0.0),
    "RAKP 2 says 12": (Pair(refusing(RAKP_2, 0x12)), WrongPassword, 0.0),
    "RAKP 2 says 0C": (Pair(refusing(RAKP_2, 0x0C)), WrongPassword, 0.0),
    "RAKP 2 says 09": (Pair(refusing(RAKP_2, 0x09)), PrivilegeTooHigh, 0.0),
    "RAKP 2 says 0A": (Pair(refusing(RAKP_2, 0x0A)), PrivilegeTooHigh, 0.0),
    "RAKP 2 says 11": (Pair(refusing(RAKP_2, 0x11)), SuiteRefused, 0.0),
    "RAKP 4 says 0F three times": (Pair(refusing(RAKP_4, 0x0F, 3)), WrongPassword, 2 * SETTLE_WAIT),
    "slots": (Pair(a_bmc(faults=Faults(open_session_status=0x01))), NoFreeSession, DEADLINE),
    "slots at the role": (Pair(a_bmc(faults=Faults(open_session_status=0x0B))), NoFreeSession, DEADLINE),
    "silence": (Pair(a_bmc(faults=Faults(silent=True))), NoAnswer, DEADLINE),
}


@pytest.mark.parametrize(("pair", "kind", "at"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(pair: Pair, kind: type[IpmiError], at: float) -> None:
    assert type(pair.failure()) is kind
    assert pair.now == at
    assert pair.session.peer is None


def test_wrong_kg_tells_whether_one_was_given() -> None:
    for pair, given in ((Pair(a_bmc(kg=b"a"), kg=b"b"), True), (Pair(a_bmc(kg=b"a")), False)):
        error = pair.failure()
        assert isinstance(error, WrongKg)
        assert error.kg_was_given is given


@pytest.mark.parametrize("silent", [OPEN, RAKP_2, RAKP_4])
def test_silence_names_what_was_not_answered(silent: PayloadType) -> None:
    error = Pair(rewriting(silent, lambda _: None, slots=20)).failure()
    assert isinstance(error, NoAnswer)
    assert error.phase.startswith({OPEN: "Open Session Request", RAKP_2: "RAKP 1", RAKP_4: "RAKP 3"}[silent])
    assert error.waited == DEADLINE


def test_refused_port_is_believed_after_four_spaced_times() -> None:
    pair = Pair()
    times = []
    while not pair.tell():
        pair.out()
        times.append(pair.now)
        pair.session.peer_refused(pair.now)
        pair.pass_time(pair.now + 0.2, answered=False)
    (event,) = pair.events
    assert isinstance(event, OpeningFailed)
    assert isinstance(event.error, PortRefused)
    assert times == pytest.approx([0.0, 0.2, 0.4, 0.6])


def test_a_port_refused_three_times_may_still_log_in() -> None:
    pair = Pair()
    for _ in range(3):
        pair.out()
        pair.session.peer_refused(pair.now)
        pair.now += 0.2
        pair.session.handle_deadline(pair.now)
    pair.log_in()


def test_strangers() -> None:
    pair = Pair(a_bmc(faults=Faults(silent=True)))
    pair.exchange()
    pair.take(b"SSH-2.0-", b"second")
    error = pair.failure()
    assert isinstance(error, NotIpmi)
    assert (error.datagrams, error.first) == (2, b"SSH-2.0-")
    assert pair.now == DEADLINE


def test_strangers_and_refusals_before_the_bmc_spoke_are_forgotten() -> None:
    """What it says is that somebody is there; if it falls silent then, that is the news."""
    pair = Pair(rewriting(RAKP_2, lambda _: None, slots=20))
    pair.take(b"SSH-2.0-")
    for _ in range(MOST_REFUSALS - 1):
        pair.session.peer_refused(pair.now)
    pair.pass_time(1.0)
    for _ in range(MOST_REFUSALS - 1):
        pair.session.peer_refused(pair.now)
    assert isinstance(pair.failure(), NoAnswer)


def test_a_flood_of_strangers_does_not_fill_the_memory() -> None:
    pair = Pair()
    for _ in range(1000):
        pair.take(b"x" * 100)
    assert pair.session.dropped["not RMCP+"] == 1000
    assert pair.session._entrance is not None
    assert len(pair.session._entrance._strangers) <= 100


# ── slots and restarts of the BMC ─────────────────────────────────────────────


def test_a_slot_that_comes_free_in_time() -> None:
    bmc = a_bmc(slots=1)
    holder = Pair(bmc).log_in()
    pair = Pair(bmc)
    pair.exchange()
    pair.pass_time(2.0)
    assert pair.events == []
    bmc.restart(2.0)
    pair.pass_time(9.0)
    assert isinstance(pair.events[0], Opened)
    assert holder.session.peer is not None


def test_waits_for_a_slot_are_jittered() -> None:
    pairs = [Pair(a_bmc(faults=Faults(open_session_status=1)), seed=seed) for seed in range(5)]
    for pair in pairs:
        pair.failure()
    moments = {pair.sent[2][0] for pair in pairs}
    assert len(moments) == 5
    assert all(0.8 <= moment <= 1.2 for moment in moments)


@pytest.mark.parametrize("status", STALE_IDS)
@pytest.mark.parametrize("reply", [RAKP_2, RAKP_4])
def test_a_bmc_that_forgot_the_login(reply: PayloadType, status: int) -> None:
    pair = Pair(refusing(reply, status, times=3), suites=[SUITE_17])
    pair.exchange()
    pair.pass_time(1.0)
    assert isinstance(pair.events[0], Opened)


@pytest.mark.parametrize("status", STALE_IDS)
def test_a_bmc_that_forgets_every_login(status: int) -> None:
    error = Pair(refusing(RAKP_2, status)).failure()
    assert isinstance(error, SuiteRefused)
    assert f"{status:02X}h" in str(error)


@pytest.mark.parametrize("reply", [RAKP_2, RAKP_4])
def test_one_bad_check_may_be_a_stale_answer(reply: PayloadType) -> None:
    pair = Pair(refusing(reply, 0x0F, times=1))
    pair.exchange()
    pair.pass_time(until=SETTLE_WAIT)
    pair.log_in()
