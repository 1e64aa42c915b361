"""Logins on other terms than the usual: every suite, Kg, long passwords, lower privileges, names and roles; logins given up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES
from ipmi_lan.errors import BadArgument, PrivilegeTooHigh, SuiteRefused, WrongKg, WrongPassword
from ipmi_lan.profiles import PROFILES as CONSOLE_PROFILES
from ipmi_lan.quirks import relaxations_of
from ipmi_lan.session.events import Closed
from ipmi_lan.session.states import Phase
from ipmi_lan.simulator import PROFILES as BMC_PROFILES
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import Faults, LoginFaults
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege, RakpStatus
from ipmi_lan.wire.handshake import parse_rakp_1_untrusted, parse_rakp_3_untrusted
from tests.fakes.bmc import is_sealed
from tests.fakes.network import Flight
from tests.ipmi_lan.session.forgery import is_available
from tests.ipmi_lan.session.pair import DEADLINE, Pair
from tests.ipmi_lan.session.road import Road, kind_of
from tests.ipmi_lan.simulator.console import GUID, USERS, a_bmc

FORGEABLE: dict[str, Any] = {"accepts_forgeable_answers": True}
REPLIES = [PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4]
EVERY_SUITE = [number for number in SUITES if is_available(number)]


# ── suites ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kg", [b"", b"k", b"key of this BMC, 20.."], ids=["no Kg", "Kg of 1", "Kg of 20"])
@pytest.mark.parametrize("number", EVERY_SUITE)
def test_every_suite(number: int, kg: bytes) -> None:
    kg, suite = kg[:20], SUITES[number]
    pair = Pair(a_bmc(suites=(suite,), kg=kg), suites=[suite], kg=kg, **({} if suite.is_authenticated else FORGEABLE)).log_in()
    assert pair.session.peer is not None
    assert (pair.session.peer.suite, pair.session.peer.guid) == (suite, GUID)
    assert pair.session.peer.is_confidential == suite.is_encrypted
    for _ in range(40):
        assert pair.value(get_chassis_status()).power_is_on
    pair.session.close(pair.now)
    pair.exchange()
    assert pair.simulated.open_sessions(0.0) == 0
    assert pair.session.dropped == {}


@pytest.mark.parametrize("number", [0, 1, 6, 15])
def test_without_leave_nothing_is_sent_in_suites_without_integrity(number: int) -> None:
    with pytest.raises(BadArgument, match="accepts_forgeable_answers"):
        Pair(a_bmc(suites=(SUITES[number],)), suites=[SUITES[number]])


def test_no_suite_that_was_not_asked_for() -> None:
    for number in EVERY_SUITE:
        if number not in (3, 17):
            error = Pair(a_bmc(suites=(SUITES[number],))).failure()
            assert isinstance(error, SuiteRefused)
            assert list(error.reasons) == [17, 3]


@pytest.mark.parametrize("number", [number for number in EVERY_SUITE if number])
def test_a_wrong_kg_and_a_wrong_password_are_told_apart(number: int) -> None:
    suite = SUITES[number]
    settings: dict[str, Any] = {"suites": [suite]} | ({} if suite.is_authenticated else FORGEABLE)
    assert isinstance(Pair(a_bmc(suites=(suite,), kg=b"k" * 20), kg=b"k" * 19, **settings).failure(), WrongKg)
    assert isinstance(Pair(a_bmc(suites=(suite,), kg=b"k" * 20), **settings).failure(), WrongKg)
    assert isinstance(Pair(a_bmc(suites=(suite,)), password="wrong", **settings).failure(), WrongPassword)


# ── passwords and names ───────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1, 16, 17, 20])
@pytest.mark.parametrize("number", [3, 8, 12, 17])
def test_passwords_of_every_length(number: int, size: int) -> None:
    users = {"admin": ("p" * size, Privilege.ADMINISTRATOR)}
    Pair(a_bmc(suites=(SUITES[number],), users=users), suites=[SUITES[number]], password="p" * size).log_in()


def test_no_octet_of_a_long_password_is_cut() -> None:
    users = {"admin": ("p" * 20, Privilege.ADMINISTRATOR)}
    for other in ("p" * 19, "p" * 19 + "q", "p" * 16):
        assert isinstance(Pair(a_bmc(users=users), password=other).failure(), WrongPassword)
    with pytest.raises(BadArgument, match="21 octets"):
        Pair(a_bmc(users=users), password="p" * 21)


@pytest.mark.parametrize("cut", [16, 19])
def test_a_bmc_that_cuts_passwords_itself(cut: int) -> None:
    bmc = a_bmc(users={"admin": ("p" * 20, Privilege.ADMINISTRATOR)}, faults=Faults(login=LoginFaults(cuts_password_at=cut)))
    assert isinstance(Pair(bmc, password="p" * 20).failure(), WrongPassword)
    Pair(bmc, password="p" * cut).log_in()


def test_the_null_user_and_a_name_of_16_octets() -> None:
    for name in ("", "n" * 16):
        Pair(a_bmc(users={name: ("secret", Privilege.ADMINISTRATOR)}), user=name, password="secret").log_in()


def test_by_name_and_privilege() -> None:
    """Then many BMCs find only whom they know with just this privilege."""
    operator = {"user": "operator", "by_name_only": False}
    pair = Pair(privilege=Privilege.OPERATOR, **operator).log_in()    # type: ignore[arg-type]
    assert parse_rakp_1_untrusted(pair.sent_packets(PayloadType.RAKP_1)[0].payload).role == Privilege.OPERATOR
    assert isinstance(Pair(privilege=Privilege.USER, **operator).failure(), WrongPassword)   # type: ignore[arg-type]
    by_name = Pair(user="operator", privilege=Privilege.USER).log_in()
    assert parse_rakp_1_untrusted(by_name.sent_packets(PayloadType.RAKP_1)[0].payload).role == Privilege.USER | 0x10


# ── privileges ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("asked", [Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR])
@pytest.mark.parametrize("lowest", [None, Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR])
@pytest.mark.parametrize("user", ["user", "operator", "admin"])
@pytest.mark.parametrize("status", [0x09, 0x0A])
def test_it_comes_down_as_far_as_it_may(user: str, asked: Privilege, lowest: Privilege | None, status: int) -> None:
    if lowest is not None and lowest > asked:
        return
    limit = USERS[user][1]
    bmc = a_bmc(faults=Faults(login=LoginFaults(high_privilege=status)))
    pair = Pair(bmc, user=user, privilege=asked, lowest_privilege=lowest)
    granted = min(asked, limit)
    if granted < (asked if lowest is None else lowest):
        error = pair.failure()
        assert isinstance(error, PrivilegeTooHigh)
        assert error.privilege == (asked if lowest is None else lowest).word
        return
    pair.log_in()
    assert pair.session.peer is not None
    assert pair.session.peer.privilege is granted
    assert bmc.half_open_sessions(0.0) == 0
    (session,) = bmc._board.sessions.open(0.0)
    assert session.privilege == granted


@pytest.mark.parametrize("status", [0x09, 0x0A])
def test_it_comes_down_where_open_session_refuses_the_role(status: int) -> None:
    bmc = a_bmc()
    bmc.faults.login.next_statuses = {PayloadType.OPEN_SESSION_RESPONSE: [status]}
    pair = Pair(bmc, lowest_privilege=Privilege.OPERATOR).log_in()
    assert pair.session.peer is not None
    assert (pair.session.peer.privilege, pair.session.peer.suite) == (Privilege.OPERATOR, SUITE_17)


# ── logins that are given up ──────────────────────────────────────────────────


def lost_from_the_bmc(kind: PayloadType) -> Any:
    """A tap that loses every reply of this type."""
    return lambda flight: [] if not flight.to_bmc and kind_of(flight.datagram) == kind else [replace(flight, delay=0.0)]


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[2], SUITES[8]], ids=lambda suite: f"suite {suite.id}")
def test_between_rakp_3_and_rakp_4_the_session_that_may_be_open_is_closed(suite: Any) -> None:
    """RAKP 4 is lost: out goes a Close Session under keys that we know, and behind it a RAKP 3 with an error."""
    bmc = a_bmc(suites=(suite,), slots=1)
    road = Road(Pair(bmc, suites=[suite]), lost_from_the_bmc(PayloadType.RAKP_4))
    pair = road.pair
    road.travel(0.1)
    assert (bmc.open_sessions(0.1), pair.session.phase) == (1, Phase.LOGGING_IN)
    pair.session.close(pair.now)
    road.travel(0.2)
    assert (bmc.open_sessions(0.2), bmc.half_open_sessions(0.2)) == (0, 0)
    assert pair.events == [Closed()]
    *_, close, farewell = [datagram for _, datagram in pair.sent]
    assert is_sealed(close)
    rakp_3 = parse_rakp_3_untrusted(pair.sent_packets(PayloadType.RAKP_3)[-1].payload)
    assert (rakp_3.status, rakp_3.code, kind_of(farewell)) == (RakpStatus.INVALID_INTEGRITY_CHECK_VALUE, b"", PayloadType.RAKP_3)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.name)
def test_a_login_that_fails_at_its_deadline_leaves_no_session_open(reply: PayloadType) -> None:
    bmc = a_bmc(slots=20)
    road = Road(Pair(bmc), lost_from_the_bmc(reply))
    assert road.log_in(DEADLINE) is not None
    road.travel(DEADLINE + 0.1)
    assert bmc.open_sessions(DEADLINE + 0.1) == 0
    assert bmc.half_open_sessions(DEADLINE + 0.1) == 0 or reply is PayloadType.OPEN_SESSION_RESPONSE   # of those we know no id
    assert bmc.half_open_sessions(DEADLINE + 3.1) == 0


def test_a_doubled_rakp_3_does_not_leave_the_session_open() -> None:
    """The second one is answered with "no such session": true of the login, and not of the session."""
    def tap(flight: Flight) -> list[Flight]:
        if kind_of(flight.datagram) == PayloadType.RAKP_4 and not any(rakp_4s):
            rakp_4s.append(True)
            return []
        return [flight] * (2 if kind_of(flight.datagram) == PayloadType.RAKP_3 and flight.to_bmc else 1)

    rakp_4s: list[bool] = []
    bmc = a_bmc()
    road = Road(Pair(bmc, suites=[SUITE_3]), tap)
    assert road.log_in(DEADLINE) is None
    assert bmc.open_sessions(road.pair.now) == 1


# ── families of firmware ──────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(BMC_PROFILES))
def test_every_family_lets_us_in_with_the_profile_of_its_name(name: str) -> None:
    profile = CONSOLE_PROFILES.get(name)
    bmc = SimulatedBmc.of_profile(name, "bmc", USERS, GUID, a_bmc()._board.randomness)
    settings: dict[str, Any] = {}
    if profile is not None:
        settings = {"suites": [SUITES[number] for number in profile.suites], "relaxations": relaxations_of(profile.quirks)}
    if not BMC_PROFILES[name].suites:
        settings = {"auth15": AuthType.MD5}
    road = Road(Pair(bmc, **settings))
    assert road.log_in(DEADLINE) is None
    token = road.pair.ask(get_chassis_status())
    road.travel(road.pair.now + 6.0, lambda: token in road.pair.outcomes())
    assert token in road.pair.outcomes()
    road.close()
    assert bmc.open_sessions(road.pair.now) == 0
