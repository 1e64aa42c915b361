"""Send Message: the controllers behind a simulated BMC, one hop away or two (IPMI 2.0, 6.12.4, 6.13 and 22.7).

The BMC answers Send Message at once, and brings the controller's answer as a message of its own, with the number of the request.
A controller that is told to pass a message on puts the answer to that into its own answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipmi_lan.commands.bridging import SEND_MESSAGE, MessageSent, MessageToSend
from ipmi_lan.commands.device import GET_DEVICE_ID, DeviceId
from ipmi_lan.errors import Malformed
from ipmi_lan.simulator.addressing import readdress
from ipmi_lan.simulator.table import Refused, Scene, answers
from ipmi_lan.wire.codes import CompletionCode, Privilege
from ipmi_lan.wire.message import Request, Response, build_response, parse_request_untrusted

Satellites = Mapping[tuple[int, int], DeviceId]
_NOBODY_THERE = 0x83   # completion code of 22.7: no acknowledgement on the bus
_MOST_HOPS = 2


class _Lost(Exception):  # noqa: N818 - named for the fact
    """No controller takes the message."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@answers(SEND_MESSAGE, Privilege.USER)
def _send_message(scene: Scene, asked: MessageToSend) -> MessageSent:
    try:
        request, code, data = _pass_on_untrusted(scene.board.satellites, asked, _MOST_HOPS)
    except _Lost as lost:
        raise Refused(lost.code) from None
    number, asker = scene.request.sequence, scene.request.sender
    scene.later.append(_answer(request._replace(sequence=number), code, data, asker))
    return MessageSent()


def _pass_on_untrusted(satellites: Satellites, asked: MessageToSend, hops: int) -> tuple[Request, int, bytes]:
    """The message in `asked`, and with which code and data the controller answers it. Raises `_Lost`."""
    if not hops:
        raise _Lost(CompletionCode.INVALID_DATA_FIELD)
    try:
        request = parse_request_untrusted(asked.message)
    except Malformed:
        raise _Lost(CompletionCode.INVALID_DATA_FIELD) from None
    device = satellites.get((asked.channel, request.to))
    if device is None:
        raise _Lost(_NOBODY_THERE)
    return request, *_do(satellites, device, request, hops)


def _do(satellites: Satellites, device: DeviceId, request: Request, hops: int) -> tuple[int, bytes]:
    """What a controller answers: it knows Get Device ID and Send Message."""
    if (request.netfn, request.command) == (GET_DEVICE_ID.netfn, GET_DEVICE_ID.code):
        return CompletionCode.OK, GET_DEVICE_ID.reply.build(device)
    if (request.netfn, request.command) != (SEND_MESSAGE.netfn, SEND_MESSAGE.code):
        return CompletionCode.INVALID_COMMAND, b""
    try:
        asked = SEND_MESSAGE.request.parse_untrusted(request.data)
        inner, code, data = _pass_on_untrusted(satellites, asked, hops - 1)
    except Malformed:
        return CompletionCode.WRONG_LENGTH, b""
    except _Lost as lost:
        return lost.code, b""
    return CompletionCode.OK, SEND_MESSAGE.reply.build(MessageSent(_answer(inner, code, data, inner.sender)))


def _answer(request: Request, code: int, data: bytes, to: int) -> bytes:
    message = build_response(Response(request.netfn, request.command, request.sequence, code, data))
    return readdress(message, to, request.to)
