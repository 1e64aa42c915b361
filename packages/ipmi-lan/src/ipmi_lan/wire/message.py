"""The IPMI LAN message (IPMI 2.0, 13.8): request and response, both checksums.

The octets of the header and its checksum add up to 0, and those of the rest do; so the whole message does as well.
"""

from __future__ import annotations

from typing import NamedTuple

from construct import Byte, GreedyBytes, Struct

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.fuse import fuse

BMC_ADDRESS, CONSOLE_ADDRESS = 0x20, 0x81
"""Responder's and requester's address as consoles use them (5.5); replies are not matched on them, BMCs mix them up."""
_MOST_LUN = 3

_MESSAGE = "LAN message" / Struct(
    "to" / Byte,
    "netfn_lun" / Byte,
    "header_checksum" / Byte,
    "sender" / Byte,
    "sequence_lun" / Byte,
    "command" / Byte,
    "rest" / GreedyBytes,       # completion code (responses), data, checksum
)
_parse_untrusted, _build = fuse(_MESSAGE).parse_untrusted, fuse(_MESSAGE).build


class Request(NamedTuple):
    """A command on its way to the BMC, or through it to a controller behind it."""

    netfn: int
    command: int
    sequence: int
    """rqSeq, 0 to 63."""
    data: bytes = b""
    lun: int = 0
    """Of the responder, 0 to 3."""
    to: int = BMC_ADDRESS
    sender: int = CONSOLE_ADDRESS


class Response(NamedTuple):
    """The BMC's answer. `netfn` is the request's: the wire has it plus one."""

    netfn: int
    command: int
    sequence: int
    completion_code: int
    data: bytes = b""


def build_request(request: Request) -> bytes:
    """A request, from a remote console unless it says otherwise. Raises `BadArgument` for a number that does not fit."""
    netfn, command, sequence, data, lun, to, sender = request
    if not 0 <= lun <= _MOST_LUN:
        raise BadArgument(f"LUN {lun}: not 0 to 3")
    return _message(to, netfn << 2 | lun, sender, sequence << 2, command, data)


def parse_request_untrusted(message: bytes) -> Request:
    """A request as a BMC receives it. Raises `Malformed`."""
    to, netfn_lun, header_checksum, sender, sequence_lun, command, rest = _parse_untrusted(message)
    if (to + netfn_lun + header_checksum) & 0xFF or not rest or sum(message) & 0xFF:
        raise Malformed("LAN message: wrong checksum")
    if netfn_lun & 0x04:
        raise Malformed("LAN message: a response where a request is due")
    return Request(netfn_lun >> 2, command, sequence_lun >> 2, rest[:-1], netfn_lun & _MOST_LUN, to, sender)


def build_response(response: Response) -> bytes:
    """A response from the BMC. Raises `BadArgument` for a number that does not fit."""
    netfn, command, sequence, completion_code, data = response
    if not 0 <= completion_code <= 0xFF:
        raise BadArgument(f"completion code {completion_code}: not an octet")
    rest = completion_code.to_bytes() + data
    return _message(CONSOLE_ADDRESS, (netfn | 1) << 2, BMC_ADDRESS, sequence << 2, command, rest)


def parse_response_untrusted(message: bytes, checks: bool = True) -> Response:
    """A response as a console receives it. Raises `Malformed`. `checks` False: neither checksum is looked at."""
    to, netfn_lun, header_checksum, _, sequence_lun, command, rest = _parse_untrusted(message)
    if checks and ((to + netfn_lun + header_checksum) & 0xFF or sum(message) & 0xFF):
        raise Malformed("LAN message: wrong checksum")
    if len(rest) < 2 or not netfn_lun & 0x04:
        raise Malformed("LAN message: not a response with a completion code")
    return Response(netfn_lun >> 2 & ~1, command, sequence_lun >> 2, rest[0], rest[1:-1])


def _message(to: int, netfn_lun: int, sender: int, sequence_lun: int, command: int, rest: bytes) -> bytes:
    checksum = -(sender + sequence_lun + command + sum(rest)) & 0xFF
    return _build(to, netfn_lun, -(to + netfn_lun) & 0xFF, sender, sequence_lun, command, rest + checksum.to_bytes())
