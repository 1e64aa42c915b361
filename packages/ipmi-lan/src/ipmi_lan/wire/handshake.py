"""The six messages of an RMCP+ login: Open Session and RAKP 1 to 4 (IPMI 2.0, 13.17 to 13.24).

An error reply may be as short as its status: whatever stands after a status other than 00h is not read.
"""

from __future__ import annotations

from typing import NamedTuple

from construct import Byte, Bytes, Const, GreedyBytes, Int32ul, Padding, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fuse import fuse

NAME_ONLY_LOOKUP = 0x10
"""Role bit 4 of RAKP 1: find the user by name alone, whatever its privilege (13.20)."""

_ALGORITHMS = Struct(
    "authentication_type" / Const(b"\x00\x00\x00\x08"),
    "authentication" / Byte,
    Padding(3),
    "integrity_type" / Const(b"\x01\x00\x00\x08"),
    "integrity" / Byte,
    Padding(3),
    "confidentiality_type" / Const(b"\x02\x00\x00\x08"),
    "confidentiality" / Byte,
    Padding(3),
)
_OPEN_REQUEST = "Open Session Request" / Struct(
    "tag" / Byte, "privilege" / Byte, Padding(2), "console_id" / Int32ul, "algorithms" / _ALGORITHMS
)
_OPEN_RESPONSE = "Open Session Response" / Struct(
    "tag" / Byte,
    "status" / Byte,
    "privilege" / Byte,
    Padding(1),
    "console_id" / Int32ul,
    "bmc_id" / Int32ul,
    "algorithms" / _ALGORITHMS,
)
_RAKP_1 = "RAKP 1" / Struct(
    "tag" / Byte,
    Padding(3),
    "bmc_id" / Int32ul,
    "console_random" / Bytes(16),
    "role" / Byte,
    Padding(2),
    "name_size" / Byte,
    "name" / GreedyBytes,
)
_REPLY_HEAD = "RAKP reply" / Struct("tag" / Byte, "status" / Byte, Padding(2), "session_id" / Int32ul, "rest" / GreedyBytes)
_RAKP_2_REST = "RAKP 2" / Struct("bmc_random" / Bytes(16), "guid" / Bytes(16), "code" / GreedyBytes)
_FUSED_OPEN_REQUEST, _FUSED_OPEN_RESPONSE, _FUSED_RAKP_1 = fuse(_OPEN_REQUEST), fuse(_OPEN_RESPONSE), fuse(_RAKP_1)
_FUSED_REPLY_HEAD, _FUSED_RAKP_2_REST = fuse(_REPLY_HEAD), fuse(_RAKP_2_REST)


class Algorithms(NamedTuple):
    """Authentication, integrity and confidentiality algorithm numbers (tables 13-17 to 13-19)."""

    authentication: int
    integrity: int
    confidentiality: int


class OpenSessionRequest(NamedTuple):
    """13.17."""

    tag: int
    privilege: int
    console_id: int
    algorithms: Algorithms


class OpenSessionResponse(NamedTuple):
    """13.18. With a status other than 00h only `tag`, `status` and, where it is there, `console_id` mean anything."""

    tag: int
    status: int
    console_id: int = 0
    bmc_id: int = 0
    privilege: int = 0
    algorithms: Algorithms | None = None


class Rakp1(NamedTuple):
    """13.20."""

    tag: int
    bmc_id: int
    console_random: bytes
    role: int
    name: bytes


class Rakp2(NamedTuple):
    """13.21. With a status other than 00h random, GUID and code are empty."""

    tag: int
    status: int
    console_id: int = 0
    bmc_random: bytes = b""
    guid: bytes = b""
    code: bytes = b""


class Rakp3(NamedTuple):
    """13.22. A status other than 00h takes the login back and carries no code."""

    tag: int
    status: int
    bmc_id: int
    code: bytes = b""


class Rakp4(NamedTuple):
    """13.23."""

    tag: int
    status: int
    console_id: int = 0
    code: bytes = b""


def build_open_session_request(message: OpenSessionRequest) -> bytes:
    """The 32 octets; OpenBMC takes no other length."""
    return _FUSED_OPEN_REQUEST.build(message.tag, message.privilege, message.console_id, *_numbers(message.algorithms))


def parse_open_session_request_untrusted(payload: bytes) -> OpenSessionRequest:
    """Raises `Malformed`."""
    tag, privilege, console_id, *numbers = _FUSED_OPEN_REQUEST.parse_untrusted(payload)
    return OpenSessionRequest(tag, privilege, console_id, Algorithms(*numbers))


def build_open_session_response(message: OpenSessionResponse) -> bytes:
    """A whole reply, or the 8 octets of an error."""
    if message.status or message.algorithms is None:
        return _build_reply(message.tag, message.status, message.console_id, b"")
    head = (message.tag, message.status, message.privilege, message.console_id, message.bmc_id)
    return _FUSED_OPEN_RESPONSE.build(*head, *_numbers(message.algorithms))


def parse_open_session_response_untrusted(payload: bytes) -> OpenSessionResponse:
    """Raises `Malformed`. An error of a single octet, as some Supermicro boards send, is its status."""
    if len(payload) == 1 and payload[0]:
        return OpenSessionResponse(tag=0, status=payload[0])
    if len(payload) >= 2 and payload[1]:
        console_id = int.from_bytes(payload[4:8], "little") if len(payload) >= 8 else 0
        return OpenSessionResponse(tag=payload[0], status=payload[1], console_id=console_id)
    tag, status, privilege, console_id, bmc_id, *numbers = _FUSED_OPEN_RESPONSE.parse_untrusted(payload)
    return OpenSessionResponse(tag, status, console_id, bmc_id, privilege, Algorithms(*numbers))


def build_rakp_1(message: Rakp1) -> bytes:
    """28 octets and the name, without padding; OpenBMC takes no other length."""
    head = (message.tag, message.bmc_id, message.console_random, message.role)
    return _FUSED_RAKP_1.build(*head, len(message.name), message.name)


def parse_rakp_1_untrusted(payload: bytes) -> Rakp1:
    """Raises `Malformed`."""
    tag, bmc_id, console_random, role, name_size, name = _FUSED_RAKP_1.parse_untrusted(payload)
    if name_size > min(16, len(name)):
        raise Malformed("RAKP 1: name longer than 16 octets or than the message")
    return Rakp1(tag, bmc_id, console_random, role, name[:name_size])


def build_rakp_2(message: Rakp2) -> bytes:
    """A whole reply, or the 8 octets of an error."""
    rest = b"" if message.status else _FUSED_RAKP_2_REST.build(message.bmc_random, message.guid, message.code)
    return _build_reply(message.tag, message.status, message.console_id, rest)


def parse_rakp_2_untrusted(payload: bytes) -> Rakp2:
    """Raises `Malformed`. The octets after the status are reserved and not checked: AMI firmware writes 04h there."""
    tag, status, console_id, rest = _parse_reply(payload)
    if status:
        return Rakp2(tag, status, console_id)
    return Rakp2(tag, status, console_id, *_FUSED_RAKP_2_REST.parse_untrusted(rest))


def build_rakp_3(message: Rakp3) -> bytes:
    """8 octets and the code."""
    return _build_reply(message.tag, message.status, message.bmc_id, message.code)


def parse_rakp_3_untrusted(payload: bytes) -> Rakp3:
    """Raises `Malformed`."""
    return Rakp3(*_parse_reply(payload))


def build_rakp_4(message: Rakp4) -> bytes:
    """8 octets and the integrity check value."""
    return _build_reply(message.tag, message.status, message.console_id, message.code)


def parse_rakp_4_untrusted(payload: bytes) -> Rakp4:
    """Raises `Malformed`."""
    return Rakp4(*_parse_reply(payload))


def _numbers(algorithms: Algorithms) -> tuple[int, int, int]:
    return algorithms.authentication, algorithms.integrity, algorithms.confidentiality


def _build_reply(tag: int, status: int, session_id: int, rest: bytes) -> bytes:
    return _FUSED_REPLY_HEAD.build(tag, status, session_id, rest)


def _parse_reply(payload: bytes) -> tuple[int, int, int, bytes]:
    if 2 <= len(payload) < 8 and payload[1]:
        return payload[0], payload[1], 0, b""
    tag, status, session_id, rest = _FUSED_REPLY_HEAD.parse_untrusted(payload)
    return tag, status, session_id, rest
