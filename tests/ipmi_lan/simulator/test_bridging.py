from __future__ import annotations

import pytest

from ipmi_lan.commands.bridging import send_message
from ipmi_lan.commands.device import DeviceId, get_device_id
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import CompletionCode
from ipmi_lan.wire.message import Request, Response, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import parse_packet15_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc
from tests.ipmi_lan.simulator.console15 import Console15, a_bmc_of_1_5

NEAR, FAR = DEVICE_ID._replace(device_id=0x41), DEVICE_ID._replace(device_id=0x42)
SATELLITES = {(0, 0x82): NEAR, (7, 0x2C): FAR}


def inner(address: int, netfn: int = 6, command: int = 1, data: bytes = b"", sender: int = 0x20) -> bytes:
    return build_request(Request(netfn, command, 9, data, to=address, sender=sender))


def send(console: Console, channel: int, message: bytes) -> list[Response]:
    command = send_message(channel, message)
    return console.send_for_all(console.datagram_of(command))


def device_of(response: Response) -> DeviceId:
    return get_device_id().reply.parse_untrusted(response.data)


def test_one_hop_is_acknowledged_and_then_answered_under_the_number_of_the_request() -> None:
    console = Console(a_bmc(satellites=SATELLITES)).log_in()
    acknowledged, answer = send(console, 0, inner(0x82))
    assert (acknowledged.netfn, acknowledged.command, acknowledged.completion_code, acknowledged.data) == (6, 0x34, 0, b"")
    assert (answer.netfn, answer.command, answer.sequence) == (6, 1, acknowledged.sequence)
    assert device_of(answer) == NEAR


def test_two_hops() -> None:
    console = Console(a_bmc(satellites=SATELLITES)).log_in()
    carrier = send_message(7, inner(0x2C, sender=0x82))
    acknowledged, answer = send(console, 0, inner(0x82, carrier.netfn, carrier.code, carrier.data))
    assert (answer.command, answer.completion_code, answer.sequence) == (0x34, 0, acknowledged.sequence)
    assert device_of(parse_response_untrusted(answer.data)) == FAR


def test_the_answer_is_from_the_controller() -> None:
    bmc = a_bmc_of_1_5(satellites=SATELLITES)
    console = Console15(bmc).log_in()
    replies = bmc.receive_datagram_untrusted(console.datagram_of(send_message(0, inner(0x82))), ADDRESS, 0.0)
    messages = [parse_packet15_untrusted(reply).payload for reply in replies]
    assert [(message[0], message[3]) for message in messages] == [(0x81, 0x20), (0x81, 0x82)]


@pytest.mark.parametrize(
    ("channel", "message", "code"),
    [
        (0, inner(0x84), 0x83),
        (1, inner(0x82), 0x83),
        (0, inner(0x82)[:-1], CompletionCode.INVALID_DATA_FIELD),
        (0, b"", CompletionCode.INVALID_DATA_FIELD),
    ],
)
def test_what_cannot_be_passed_on(channel: int, message: bytes, code: int) -> None:
    (refusal,) = send(Console(a_bmc(satellites=SATELLITES)).log_in(), channel, message)
    assert (refusal.command, refusal.completion_code) == (0x34, code)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (inner(0x82, 6, 0x37), CompletionCode.INVALID_COMMAND),
        (inner(0x82, 6, 0x34), CompletionCode.WRONG_LENGTH),
        (inner(0x82, 6, 0x34, b"\x07" + inner(0x2C)), CompletionCode.WRONG_LENGTH),
        (inner(0x82, 6, 0x34, b"\x47" + inner(0x2E)), 0x83),
        (inner(0x82, 6, 0x34, b"\x47" + inner(0x2C)[:-1]), CompletionCode.INVALID_DATA_FIELD),
    ],
)
def test_refusals_of_the_controller(message: bytes, code: int) -> None:
    _, refusal = send(Console(a_bmc(satellites=SATELLITES)).log_in(), 0, message)
    assert refusal.completion_code == code


def test_a_thousand_hops_end_after_two() -> None:
    message = inner(0x82)
    for _ in range(1000):
        message = inner(0x82, 6, 0x34, b"\x40" + message)
    replies = send(Console(a_bmc(satellites=SATELLITES)).log_in(), 0, message)
    assert parse_response_untrusted(replies[1].data).completion_code == CompletionCode.INVALID_DATA_FIELD


@pytest.mark.parametrize("place", [(0, 0x83), (0, 0), (12, 0x82), (0, 0x182)])
def test_satellites_that_cannot_be(place: tuple[int, int]) -> None:
    with pytest.raises(BadArgument, match="satellite"):
        a_bmc(satellites={place: NEAR})
