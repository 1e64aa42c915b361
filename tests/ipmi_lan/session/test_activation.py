"""Sessions of IPMI 1.5: every authentication type, what is refused, and what an earlier session may not say in this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ipmi_lan.command import Definition
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.login import ACTIVATE_SESSION, GET_CHANNEL_AUTHENTICATION_CAPABILITIES, GET_SESSION_CHALLENGE
from ipmi_lan.crypto.auth15 import auth_code
from ipmi_lan.errors import (
    AuthTypeRefused,
    CommandRefused,
    IpmiError,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PrivilegeTooHigh,
    WrongPassword,
)
from ipmi_lan.session.events import Answered, Opened
from ipmi_lan.session.numbering import WINDOW
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.faults import Auth15Faults, Faults
from ipmi_lan.wire.codes import AuthType, Privilege
from ipmi_lan.wire.message import Request, parse_request_untrusted
from ipmi_lan.wire.packet15 import Packet15, build_packet15, parse_packet15_untrusted
from tests.fakes.bmc import Mute, WebServer, open_session_of
from tests.fakes.network import Flight
from tests.ipmi_lan.session.pair import DEADLINE, Pair
from tests.ipmi_lan.session.road import Road
from tests.ipmi_lan.simulator.console import USERS, a_bmc

TYPES = (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT)
LOGIN: list[Definition[Any, Any]] = [GET_CHANNEL_AUTHENTICATION_CAPABILITIES, GET_SESSION_CHALLENGE, ACTIVATE_SESSION]
PROVING = (AuthType.MD2, AuthType.MD5)
every_type = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
every_proving_type = pytest.mark.parametrize("kind", PROVING, ids=lambda kind: kind.name)


OPERATOR: dict[str, Any] = {"user": "operator", "password": "short enough"}


def bmc_15(**changes: Any) -> SimulatedBmc:
    """A BMC that takes every type."""
    users = USERS | {"operator": ("short enough", Privilege.OPERATOR)}
    return a_bmc(**({"auth15": TYPES, "users": users} | changes))


def logging_in(kind: AuthType = AuthType.MD5, bmc: SimulatedBmc | None = None, **settings: Any) -> Pair:
    """A login of this type; what proves nothing is accepted where it has to be."""
    forgeable = {} if kind in PROVING else {"accepts_forgeable_answers": True}
    return Pair(bmc_15() if bmc is None else bmc, auth15=kind, **(forgeable | settings))


def packets(pair: Pair) -> list[Packet15]:
    """All that was sent."""
    return [parse_packet15_untrusted(datagram) for _, datagram in pair.sent]


def requests(pair: Pair) -> list[Request]:
    """The commands in it."""
    return [parse_request_untrusted(packet.payload) for packet in packets(pair)]


# ── the honest login ──────────────────────────────────────────────────────────


@every_type
def test_login_command_and_close(kind: AuthType) -> None:
    pair = logging_in(kind).log_in()
    assert pair.session.peer is not None
    assert (pair.session.peer.auth15, pair.session.peer.suite, pair.session.peer.guid) == (kind, None, b"")
    assert not pair.session.peer.is_confidential
    assert pair.session.peer.privilege is Privilege.ADMINISTRATOR
    assert pair.value(get_chassis_status()).power_is_on
    pair.session.close(0.0)
    pair.exchange()
    assert pair.simulated.open_sessions(0.0) == 0
    assert pair.session.dropped == {}
    assert [packet.auth_type for packet in packets(pair)] == [AuthType.NONE] * 2 + [kind] * 4
    assert [request.command for request in requests(pair)] == [0x38, 0x39, 0x3A, 0x3B, 0x01, 0x3C]


@every_proving_type
@pytest.mark.parametrize("size", [0, 1, 15, 16])
def test_passwords_up_to_16_octets(kind: AuthType, size: int) -> None:
    bmc = bmc_15(users={"admin": ("p" * size, Privilege.ADMINISTRATOR)})
    assert logging_in(kind, bmc, password="p" * size).log_in().value(get_chassis_status()).power_is_on


def test_the_null_user() -> None:
    bmc = bmc_15(users={"": ("secret", Privilege.ADMINISTRATOR)})
    logging_in(AuthType.MD5, bmc, user="", password="secret").log_in()


def test_sequence_numbers_begin_where_each_end_was_told() -> None:
    pair = logging_in().log_in()
    session = open_session_of(pair.simulated)
    for _ in range(3):
        pair.value(get_chassis_status())
    ours = [packet.sequence for packet in packets(pair)[3:]]
    theirs = [parse_packet15_untrusted(datagram).sequence for datagram in pair.heard[2:]]
    assert ours == list(range(ours[0], ours[0] + 4))
    assert session.first_number is not None
    assert session.first_number != 1
    assert theirs == list(range(session.first_number, session.first_number + 5))
    assert [packet.sequence for packet in packets(pair)[:3]] == [0, 0, 0]


# ── replay ────────────────────────────────────────────────────────────────────


def test_the_answer_to_activate_session_may_share_its_number_with_the_next() -> None:
    """ipmi_sim does so. The number of the next after that passes once only, as all others."""
    pair = logging_in(bmc=bmc_15(faults=Faults(auth15=Auth15Faults(activate_shares_number=True)))).log_in()
    pair.value(get_chassis_status())
    numbers = [parse_packet15_untrusted(datagram).sequence for datagram in pair.heard[2:]]
    assert numbers[0] == numbers[1]
    assert pair.session.dropped == {}
    in_session = pair.heard[3:]
    pair.ask(get_chassis_status())
    assert pair.take(*in_session) == []
    assert pair.session.dropped == {"replayed or too old": len(in_session)}


@every_proving_type
def test_an_earlier_session_of_the_same_id_and_password_says_nothing_in_this_one(kind: AuthType) -> None:
    """Its packets have codes that verify. What keeps them out is the number that we told the BMC to begin with."""
    earlier = logging_in(kind, bmc_15(), seed=1).log_in()
    for _ in range(40):
        earlier.value(get_chassis_status())
    later = logging_in(kind, bmc_15(), seed=2).log_in()
    assert earlier.session.peer == later.session.peer
    token = later.ask(get_chassis_status())
    answers = later.answers(later.out())
    assert later.take(*earlier.heard[3:]) == []
    assert later.session.dropped == {"replayed or too old": len(earlier.heard[3:])}
    later.take(*answers)
    assert isinstance(later.outcomes()[token], Answered)


@every_proving_type
def test_the_window_begins_at_our_number(kind: AuthType) -> None:
    for jump, is_taken in ((0, True), (WINDOW - 1, True), (WINDOW + 1, False), (1 << 31, False), (-WINDOW - 2, False)):
        pair = logging_in(kind, user="user", privilege=Privilege.USER).log_in()
        session = open_session_of(pair.simulated)
        assert session.first_number is not None
        session.last_number = (session.first_number + jump - 1) % (1 << 32)
        pair.ask(get_chassis_status())
        assert bool(pair.take(*pair.answers(pair.out()))) == is_taken, jump


def test_an_answer_that_activates_under_another_password_is_nothing() -> None:
    """The BMC has to prove that it knows ours as well."""
    pair = logging_in(bmc=bmc_15(slots=20, faults=Faults(auth15=Auth15Faults(answers_with_password="another"))))
    error = pair.failure()
    assert isinstance(error, NoAnswer)
    assert error.phase.startswith("Activate Session")
    assert pair.session.peer is None


def _as(kind: AuthType) -> Callable[[Packet15], Packet15]:
    def change(packet: Packet15) -> Packet15:
        code = auth_code(kind, b"secret of admin", packet.session_id, packet.sequence, packet.payload)
        return packet._replace(auth_type=kind, code=code)

    return change


CHANGES: list[Callable[[Packet15], Packet15]] = [
    lambda packet: packet._replace(auth_type=AuthType.NONE, code=b""),
    _as(AuthType.MD2),
    _as(AuthType.STRAIGHT),
    lambda packet: packet._replace(auth_type=AuthType.STRAIGHT),
    lambda packet: packet._replace(code=bytes(16)),
    lambda packet: packet._replace(session_id=packet.session_id ^ 1),
    lambda packet: packet._replace(sequence=packet.sequence ^ 1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_activation_that_does_not_verify_is_none(change: Callable[[Packet15], Packet15]) -> None:
    pair = logging_in(AuthType.MD5)
    for _ in range(2):
        pair.take(*pair.answers(pair.out()))
    (answer,) = pair.answers(pair.out())
    pair.take(build_packet15(change(parse_packet15_untrusted(answer))))
    assert pair.session.peer is None
    assert pair.session.dropped == {"malformed login message": 1}
    pair.take(answer)
    assert pair.session.peer is not None


# ── what is refused ───────────────────────────────────────────────────────────


def test_a_type_that_is_not_offered() -> None:
    error = logging_in(AuthType.MD2, bmc_15(auth15=(AuthType.MD5, AuthType.STRAIGHT))).failure()
    assert isinstance(error, AuthTypeRefused)
    assert error.auth_type == "md2"
    assert "the BMC offers md5, straight" in error.evidence


def test_codes_switched_off_by_the_capabilities() -> None:
    pair = logging_in(bmc=bmc_15(per_message_auth=False))
    assert isinstance(pair.failure(), AuthTypeRefused)
    assert len(pair.sent) == 1
    accepting = logging_in(bmc=bmc_15(per_message_auth=False), accepts_forgeable_answers=True).log_in()
    assert accepting.value(get_chassis_status()).power_is_on
    assert [packet.auth_type for packet in packets(accepting)[2:]] == [AuthType.MD5, AuthType.NONE, AuthType.NONE]


def test_codes_switched_off_by_the_activation() -> None:
    faults = Faults(auth15=Auth15Faults(capabilities_lie=True))
    error = logging_in(bmc=bmc_15(per_message_auth=False, faults=faults)).failure()
    assert isinstance(error, AuthTypeRefused)
    assert "switched authentication off" in error.evidence
    accepting = logging_in(bmc=bmc_15(per_message_auth=False, faults=faults), accepts_forgeable_answers=True).log_in()
    assert accepting.value(get_chassis_status()).power_is_on


REFUSALS: dict[str, tuple[Pair, type[IpmiError], float]] = {
    "unknown user": (logging_in(user="nobody"), WrongPassword, 0.0),
    "a password too long for it": (
        logging_in(bmc=bmc_15(users={"admin": ("p" * 20, Privilege.ADMINISTRATOR)}), password="p" * 16), WrongPassword, 0.0,
    ),
    "wrong password": (logging_in(password="wrong"), NoAnswer, DEADLINE),
    "privilege": (logging_in(**OPERATOR), PrivilegeTooHigh, 0.0),
    "no slot": (logging_in(bmc=bmc_15(slots=0)), NoFreeSession, DEADLINE),
    "no IPMI 1.5": (logging_in(bmc=a_bmc()), AuthTypeRefused, 0.0),
    "not activated": (
        logging_in(bmc=bmc_15(faults=Faults(codes={(ACTIVATE_SESSION.netfn, ACTIVATE_SESSION.code): 0xD4}))), CommandRefused, 0.0,
    ),
    "no challenge": (
        logging_in(bmc=bmc_15(faults=Faults(codes={(GET_SESSION_CHALLENGE.netfn, GET_SESSION_CHALLENGE.code): 0xC1}))),
        CommandRefused, 0.0,
    ),
    "silence": (logging_in(bmc=bmc_15(faults=Faults(silent=True))), NoAnswer, DEADLINE),
    "no BMC": (Pair(WebServer(), auth15=AuthType.MD5), NotIpmi, DEADLINE),
}  # fmt: skip


@pytest.mark.parametrize(("pair", "kind", "at"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(pair: Pair, kind: type[IpmiError], at: float) -> None:
    assert type(pair.failure()) is kind
    assert pair.now == at
    assert pair.session.peer is None
    assert pair.session.next_deadline() is None


@pytest.mark.parametrize("definition", LOGIN, ids=lambda definition: definition.name)
def test_silence_names_what_was_not_answered(definition: Definition[Any, Any]) -> None:
    mute = Mute(bmc_15())
    mute.drops = lambda datagram: parse_request_untrusted(parse_packet15_untrusted(datagram).payload).command == definition.code
    error = Pair(mute, auth15=AuthType.MD5).failure()
    assert isinstance(error, NoAnswer)
    assert error.phase.startswith(definition.name)


def test_it_comes_down_with_the_privilege() -> None:
    pair = logging_in(**OPERATOR, lowest_privilege=Privilege.USER).log_in()
    assert pair.session.peer is not None
    assert pair.session.peer.privilege is Privilege.OPERATOR
    assert pair.simulated.open_sessions(0.0) == 1


# ── a bad network ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["lost", "doubled", "late"])
@pytest.mark.parametrize("number", range(8))
def test_each_message_lost_doubled_or_late(number: int, fault: str) -> None:
    seen: list[Flight] = []

    def tap(flight: Flight) -> list[Flight]:
        seen.append(flight)
        if len(seen) != number + 1:
            return [flight]
        return {"lost": [], "doubled": [flight, flight], "late": [replace(flight, delay=0.5)]}[fault]

    road = Road(logging_in(), tap)
    assert road.log_in(DEADLINE) is None
    assert road.pair.now <= 0.9


def test_a_busy_bmc_is_asked_again() -> None:
    for definition in LOGIN:
        bmc = bmc_15(faults=Faults(codes={(definition.netfn, definition.code): 0xC0}))
        pair = logging_in(bmc=bmc)
        pair.exchange()
        assert pair.events == []
        bmc.faults.codes.clear()
        pair.pass_time(1.0)
        assert isinstance(pair.events[0], Opened)
