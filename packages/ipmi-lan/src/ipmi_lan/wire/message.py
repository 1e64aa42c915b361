"""The IPMI LAN message (IPMI 2.0, 13.8): request and response, both checksums."""

from __future__ import annotations

from dataclasses import dataclass

from construct import Byte, GreedyBytes, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fields import checksum, malformed

BMC_ADDRESS, CONSOLE_ADDRESS = 0x20, 0x81
"""Responder's and requester's address as consoles use them (5.5); replies are not matched on them, BMCs mix them up."""

_MESSAGE = Struct(
    "to" / Byte,
    "netfn_lun" / Byte,
    "header_checksum" / Byte,
    "sender" / Byte,
    "sequence_lun" / Byte,
    "command" / Byte,
    "rest" / GreedyBytes,       # completion code (responses), data, checksum
)


@dataclass(frozen=True, slots=True)
class Request:
    """A command on its way to the BMC."""

    netfn: int
    command: int
    sequence: int
    """rqSeq, 0 to 63."""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """The BMC's answer. `netfn` is the request's: the wire has it plus one."""

    netfn: int
    command: int
    sequence: int
    completion_code: int
    data: bytes = b""


def _build(to: int, netfn: int, sender: int, sequence: int, command: int, rest: bytes) -> bytes:
    head = bytes((to, netfn << 2))
    fields = {"to": to, "netfn_lun": netfn << 2, "header_checksum": checksum(head), "sender": sender}
    body = bytes((sender, sequence << 2, command)) + rest
    return bytes(
        _MESSAGE.build(fields | {"sequence_lun": sequence << 2, "command": command, "rest": rest + bytes((checksum(body),))})
    )


def _parse(message: bytes) -> tuple[int, int, int, bytes]:
    with malformed("LAN message"):
        fields = _MESSAGE.parse(message)
    if checksum(message[:2]) != fields["header_checksum"] or not fields["rest"] or sum(message[3:]) & 0xFF:
        raise Malformed("LAN message: wrong checksum")
    return fields["netfn_lun"] >> 2, fields["command"], fields["sequence_lun"] >> 2, fields["rest"][:-1]


def build_request(request: Request) -> bytes:
    """A request from a remote console."""
    return _build(BMC_ADDRESS, request.netfn, CONSOLE_ADDRESS, request.sequence, request.command, request.data)


def parse_request_untrusted(message: bytes) -> Request:
    """A request as a BMC receives it. Raises `Malformed`."""
    netfn, command, sequence, data = _parse(message)
    if netfn & 1:
        raise Malformed("LAN message: a response where a request is due")
    return Request(netfn, command, sequence, data)


def build_response(response: Response) -> bytes:
    """A response from the BMC."""
    rest = bytes((response.completion_code,)) + response.data
    return _build(CONSOLE_ADDRESS, response.netfn | 1, BMC_ADDRESS, response.sequence, response.command, rest)


def parse_response_untrusted(message: bytes) -> Response:
    """A response as a console receives it. Raises `Malformed`."""
    netfn, command, sequence, data = _parse(message)
    if not netfn & 1 or not data:
        raise Malformed("LAN message: not a response with a completion code")
    return Response(netfn & ~1, command, sequence, data[0], data[1:])
