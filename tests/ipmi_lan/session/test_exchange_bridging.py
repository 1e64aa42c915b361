"""Commands for controllers behind the BMC: one hop and two, answers that come by themselves, inside others, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.command import Command, Hop
from ipmi_lan.commands.bridging import SEND_MESSAGE, MessageSent
from ipmi_lan.commands.chassis import Control, chassis_control
from ipmi_lan.commands.device import GET_DEVICE_ID, get_device_id, get_system_guid
from ipmi_lan.errors import BadArgument, CommandRefused, NoAnswer
from ipmi_lan.session.events import Answered
from ipmi_lan.session.retry import BUSY_WAIT
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import AuthType, NetFn
from ipmi_lan.wire.message import Request, Response, build_response, parse_request_untrusted
from tests.fakes.bmc import open_session_of, sealed
from tests.ipmi_lan.session.pair import Pair, requests_of
from tests.ipmi_lan.simulator.console import GUID, a_bmc

NEAR, FAR = Hop(0, 0x82), Hop(6, 0x72)
NEAR_ID, FAR_ID = DEVICE_ID._replace(device_id=0x11), DEVICE_ID._replace(device_id=0x22)
SATELLITES = {(NEAR.channel, NEAR.address): NEAR_ID, (FAR.channel, FAR.address): FAR_ID}
NOBODY = Hop(0, 0x90)
OFF = chassis_control(Control.POWER_OFF)
ways = pytest.mark.parametrize(("hops", "answer"), [((), DEVICE_ID), ((NEAR,), NEAR_ID), ((NEAR, FAR), FAR_ID)], ids=range(3))


def bridging(**settings: Any) -> Pair:
    """A session with a BMC that has two controllers behind it."""
    return Pair(a_bmc(satellites=SATELLITES, auth15=(AuthType.MD5,)), **settings).log_in()


def embedded(request: Request, code: int = 0, data: bytes = b"") -> bytes:
    """The message of the BMC's answer to Send Message, with another message in its data."""
    return build_response(Response(SEND_MESSAGE.netfn, SEND_MESSAGE.code, request.sequence, code, data))


def asked(pair: Pair, command: Command[Any]) -> tuple[int, Request, list[bytes]]:
    """Ask; the token, the Send Message that goes out, and the datagrams."""
    token = pair.ask(command)
    datagrams = pair.out()
    return token, requests_of(pair, datagrams)[0], datagrams


def said(pair: Pair, *messages: bytes) -> None:
    """Let the BMC say this, and the session hear it."""
    session = open_session_of(pair.simulated, pair.now)
    for message in messages:
        pair.take(sealed(session, message, session.next_number()))


# ── the honest way ────────────────────────────────────────────────────────────


@ways
@pytest.mark.parametrize("settings", [{}, {"window": 4}, {"auth15": AuthType.MD5}], ids=["2.0", "window", "1.5"])
def test_over_hops(hops: tuple[Hop, ...], answer: object, settings: dict[str, Any]) -> None:
    pair = bridging(**settings)
    before = len(pair.heard)
    for _ in range(70):
        assert pair.value(get_device_id().through(*hops)) == answer
    assert pair.session.dropped == {}
    assert len(pair.heard) - before == 70 * (2 if hops else 1)   # the BMC's word that it passed it on comes first


def test_what_goes_out_over_two_hops() -> None:
    """A Send Message for the BMC, in it one for the near controller from the BMC, in it the command for the far one (6.12.4)."""
    pair = bridging()
    _, outer, _ = asked(pair, get_device_id().through(NEAR, FAR))
    middle = parse_request_untrusted(SEND_MESSAGE.request.parse_untrusted(outer.data).message)
    inner = parse_request_untrusted(SEND_MESSAGE.request.parse_untrusted(middle.data).message)
    assert [(each.netfn, each.command) for each in (outer, middle, inner)] == [(NetFn.APP, 0x34)] * 2 + [(NetFn.APP, 0x01)]
    assert [(each.sender, each.to) for each in (outer, middle, inner)] == [(0x81, 0x20), (0x20, 0x82), (0x82, 0x72)]
    assert SEND_MESSAGE.request.parse_untrusted(outer.data).channel == NEAR.channel
    assert SEND_MESSAGE.request.parse_untrusted(middle.data).channel == FAR.channel
    assert outer.sequence == middle.sequence == inner.sequence


def test_bridged_commands_beside_others() -> None:
    pair = bridging(window=3)
    to_near, to_far = get_device_id().through(NEAR), get_device_id().through(NEAR, FAR)
    commands: list[Command[Any]] = [to_near, get_device_id(), to_far, get_system_guid()]
    tokens = [pair.ask(command) for command in commands]
    pair.exchange()
    outcomes = pair.outcomes()
    values = [outcome.value for token in tokens if isinstance(outcome := outcomes[token], Answered)]
    assert values[:3] == [NEAR_ID, DEVICE_ID, FAR_ID]
    assert values[3].guid == GUID


def test_more_than_two_hops() -> None:
    with pytest.raises(BadArgument, match="3 hops"):
        get_device_id().through(NEAR, FAR, NEAR)


# ── the order of things ───────────────────────────────────────────────────────


@pytest.mark.parametrize("hops", [(NEAR,), (NEAR, FAR)], ids=len)
def test_the_answer_may_come_before_the_word_that_it_was_passed_on(hops: tuple[Hop, ...]) -> None:
    pair = bridging()
    token, _, datagrams = asked(pair, get_device_id().through(*hops))
    pair.take(*reversed(pair.answers(datagrams)))
    assert isinstance(pair.outcomes()[token], Answered)
    assert pair.session.dropped == {"answer to nothing asked": 1}


@pytest.mark.parametrize("lost", [0, 1])
def test_either_of_the_two_lost(lost: int) -> None:
    """Without the answer it is asked again; without the BMC's word nothing is missing."""
    pair = bridging()
    token, _, datagrams = asked(pair, get_device_id().through(NEAR))
    both = pair.answers(datagrams)
    pair.take(both[1 - lost])
    assert (token in pair.outcomes()) == (lost == 0)
    pair.pass_time(1.0)
    assert isinstance(pair.outcomes()[token], Answered)


def test_some_bmcs_put_the_answer_into_their_own() -> None:
    pair = bridging()
    answer = GET_DEVICE_ID.reply.build(NEAR_ID)
    for layers in (1, 2):
        token, request, _ = asked(pair, get_device_id().through(NEAR))
        message = build_response(Response(NetFn.APP, 0x01, request.sequence, 0, answer))
        for _ in range(layers):
            message = embedded(request, data=message)
        said(pair, message)
        outcome = pair.outcomes()[token]
        assert isinstance(outcome, Answered)
        assert outcome.value == NEAR_ID


def test_answers_inside_answers_without_end() -> None:
    """Two layers are all that there can be; what has more is dropped, however deep it is."""
    pair = bridging()
    token, request, datagrams = asked(pair, get_device_id().through(NEAR))
    message = build_response(Response(NetFn.APP, 0x01, request.sequence, 0, GET_DEVICE_ID.reply.build(NEAR_ID)))
    for depth in range(230):
        message = embedded(request, data=message)
        if depth >= 2:
            said(pair, message)
    assert pair.session.dropped == {"answer to nothing asked": 228}
    assert token not in pair.outcomes()
    pair.take(*pair.answers(datagrams))
    assert isinstance(pair.outcomes()[token], Answered)


@pytest.mark.parametrize("inner", [
    b"", b"\x81", bytes(7), bytes(40),
    build_response(Response(NetFn.APP, 0x01, 63, 0, bytes(20))),
    build_response(Response(NetFn.APP, 0x02, 1, 0, bytes(20))),
], ids=["none", "one octet", "zeros", "more zeros", "of another number", "of another command"])  # fmt: skip
def test_what_is_no_answer_inside_the_answer(inner: bytes) -> None:
    pair = bridging()
    token, request, datagrams = asked(pair, get_device_id().through(NEAR))
    said(pair, embedded(request, data=inner))
    assert pair.outcomes() == {}
    pair.take(*pair.answers(datagrams))
    assert isinstance(pair.outcomes()[token], Answered)


def test_send_message_answers_no_command_that_was_not_bridged() -> None:
    pair = bridging()
    token, request, datagrams = asked(pair, get_device_id())
    lie = build_response(Response(NetFn.APP, 0x01, request.sequence, 0, GET_DEVICE_ID.reply.build(FAR_ID)))
    said(pair, embedded(request, data=lie), embedded(request, code=0x83))
    assert pair.session.dropped == {"answer to nothing asked": 2}
    pair.take(*pair.answers(datagrams))
    outcome = pair.outcomes()[token]
    assert isinstance(outcome, Answered)
    assert outcome.value == DEVICE_ID


# ── refusals ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hops", [(NOBODY,), (NEAR, NOBODY), (Hop(3, 0x82),)], ids=["near", "far", "no such channel"])
def test_nobody_is_there(hops: tuple[Hop, ...]) -> None:
    pair = bridging()
    token = pair.ask(get_device_id().through(*hops))
    next_one = pair.ask(get_device_id())
    pair.exchange()
    error = pair.error(token)
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code) == ("Send Message", 0x83)
    assert isinstance(pair.outcomes()[next_one], Answered)


@pytest.mark.parametrize("hops", [(NEAR,), (NEAR, FAR)], ids=len)
def test_the_controller_refuses(hops: tuple[Hop, ...]) -> None:
    pair = bridging()
    token = pair.ask(get_system_guid().through(*hops))
    pair.exchange()
    error = pair.error(token)
    assert isinstance(error, CommandRefused)
    assert (error.command, error.code) == ("Get System GUID", 0xC1)


def test_a_busy_bmc_is_asked_again_where_that_is_harmless() -> None:
    pair = bridging()
    pair.simulated.faults.session.next_codes = [0xC0]
    token = pair.ask(get_device_id().through(NEAR))
    pair.exchange()
    pair.pass_time(BUSY_WAIT)
    assert isinstance(pair.outcomes()[token], Answered)
    pair.simulated.faults.session.next_codes = [0xC0]
    before = len(pair.sent)
    power = pair.ask(OFF.through(NEAR))
    pair.exchange()
    assert isinstance(pair.error(power), CommandRefused)
    assert len(pair.sent) == before + 1


def test_a_bridged_power_command_is_sent_once() -> None:
    """The BMC's word that it passed it on is no answer."""
    pair = bridging(logs_in_again=False)
    token, request, _ = asked(pair, OFF.through(NEAR))
    said(pair, embedded(request))
    before = len(pair.sent)
    pair.pass_time(answered=False)
    assert isinstance(pair.error(token), NoAnswer)
    assert (len(pair.sent), pair.now) == (before, 6.0)
    assert MessageSent() == SEND_MESSAGE.reply.parse_untrusted(b"")
