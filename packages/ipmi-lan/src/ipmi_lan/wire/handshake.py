"""The six messages of an RMCP+ login: Open Session and RAKP 1 to 4 (IPMI 2.0, 13.17 to 13.24).

An error reply may be as short as its status: whatever stands after a status other than 00h is not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from construct import Byte, Bytes, Const, GreedyBytes, Int32ul, Padding, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fields import malformed

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
_OPEN_REQUEST = Struct("tag" / Byte, "privilege" / Byte, Padding(2), "console_id" / Int32ul, "algorithms" / _ALGORITHMS)
_OPEN_RESPONSE = Struct(
    "tag" / Byte,
    "status" / Byte,
    "privilege" / Byte,
    Padding(1),
    "console_id" / Int32ul,
    "bmc_id" / Int32ul,
    "algorithms" / _ALGORITHMS,
)
_RAKP_1 = Struct(
    "tag" / Byte,
    Padding(3),
    "bmc_id" / Int32ul,
    "console_random" / Bytes(16),
    "role" / Byte,
    Padding(2),
    "name_size" / Byte,
    "name" / GreedyBytes,
)
_REPLY_HEAD = Struct("tag" / Byte, "status" / Byte, "reserved" / Bytes(2), "session_id" / Int32ul, "rest" / GreedyBytes)
_RAKP_2_REST = Struct("bmc_random" / Bytes(16), "guid" / Bytes(16), "code" / GreedyBytes)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Authentication, integrity and confidentiality algorithm numbers (tables 13-17 to 13-19)."""

    authentication: int
    integrity: int
    confidentiality: int


@dataclass(frozen=True, slots=True)
class OpenSessionRequest:
    """13.17."""

    tag: int
    privilege: int
    console_id: int
    algorithms: Algorithms


@dataclass(frozen=True, slots=True)
class OpenSessionResponse:
    """13.18. With a status other than 00h only `tag`, `status` and, where it is there, `console_id` mean anything."""

    tag: int
    status: int
    console_id: int = 0
    bmc_id: int = 0
    privilege: int = 0
    algorithms: Algorithms | None = None


@dataclass(frozen=True, slots=True)
class Rakp1:
    """13.20."""

    tag: int
    bmc_id: int
    console_random: bytes
    role: int
    name: bytes


@dataclass(frozen=True, slots=True)
class Rakp2:
    """13.21. With a status other than 00h random, GUID and code are empty."""

    tag: int
    status: int
    console_id: int = 0
    bmc_random: bytes = b""
    guid: bytes = b""
    code: bytes = b""


@dataclass(frozen=True, slots=True)
class Rakp3:
    """13.22. A status other than 00h takes the login back and carries no code."""

    tag: int
    status: int
    bmc_id: int
    code: bytes = b""


@dataclass(frozen=True, slots=True)
class Rakp4:
    """13.23."""

    tag: int
    status: int
    console_id: int = 0
    code: bytes = b""


def build_open_session_request(message: OpenSessionRequest) -> bytes:
    """The 32 octets; OpenBMC takes no other length."""
    fields = {"tag": message.tag, "privilege": message.privilege, "console_id": message.console_id}
    return bytes(_OPEN_REQUEST.build(fields | {"algorithms": _algorithm_fields(message.algorithms)}))


def parse_open_session_request_untrusted(payload: bytes) -> OpenSessionRequest:
    """Raises `Malformed`."""
    with malformed("Open Session Request"):
        fields = _OPEN_REQUEST.parse(payload)
    return OpenSessionRequest(fields["tag"], fields["privilege"], fields["console_id"], _algorithms(fields["algorithms"]))


def build_open_session_response(message: OpenSessionResponse) -> bytes:
    """A whole reply, or the 8 octets of an error."""
    if message.status or message.algorithms is None:
        return bytes((message.tag, message.status, 0, 0)) + message.console_id.to_bytes(4, "little")
    fields = {
        "tag": message.tag,
        "status": message.status,
        "privilege": message.privilege,
        "console_id": message.console_id,
        "bmc_id": message.bmc_id,
        "algorithms": _algorithm_fields(message.algorithms),
    }
    return bytes(_OPEN_RESPONSE.build(fields))


def parse_open_session_response_untrusted(payload: bytes) -> OpenSessionResponse:
    """Raises `Malformed`. An error of a single octet, as some Supermicro boards send, is its status."""
    if len(payload) == 1 and payload[0]:
        return OpenSessionResponse(tag=0, status=payload[0])
    if len(payload) >= 2 and payload[1]:
        console_id = int.from_bytes(payload[4:8], "little") if len(payload) >= 8 else 0
        return OpenSessionResponse(tag=payload[0], status=payload[1], console_id=console_id)
    with malformed("Open Session Response"):
        fields = _OPEN_RESPONSE.parse(payload)
    return OpenSessionResponse(
        tag=fields["tag"],
        status=fields["status"],
        console_id=fields["console_id"],
        bmc_id=fields["bmc_id"],
        privilege=fields["privilege"],
        algorithms=_algorithms(fields["algorithms"]),
    )


def build_rakp_1(message: Rakp1) -> bytes:
    """28 octets and the name, without padding; OpenBMC takes no other length."""
    fields = {
        "tag": message.tag,
        "bmc_id": message.bmc_id,
        "console_random": message.console_random,
        "role": message.role,
        "name_size": len(message.name),
        "name": message.name,
    }
    return bytes(_RAKP_1.build(fields))


def parse_rakp_1_untrusted(payload: bytes) -> Rakp1:
    """Raises `Malformed`."""
    with malformed("RAKP 1"):
        fields = _RAKP_1.parse(payload)
    if fields["name_size"] > min(16, len(fields["name"])):
        raise Malformed("RAKP 1: name longer than 16 octets or than the message")
    name = fields["name"][: fields["name_size"]]
    return Rakp1(fields["tag"], fields["bmc_id"], fields["console_random"], fields["role"], name)


def build_rakp_2(message: Rakp2) -> bytes:
    """A whole reply, or the 8 octets of an error."""
    rest = b"" if message.status else message.bmc_random + message.guid + message.code
    return _build_reply(message.tag, message.status, message.console_id, rest)


def parse_rakp_2_untrusted(payload: bytes) -> Rakp2:
    """Raises `Malformed`. The octets after the status are reserved and not checked: AMI firmware writes 04h there."""
    tag, status, console_id, rest = _parse_reply("RAKP 2", payload)
    if status:
        return Rakp2(tag, status, console_id)
    with malformed("RAKP 2"):
        fields = _RAKP_2_REST.parse(rest)
    return Rakp2(tag, status, console_id, fields["bmc_random"], fields["guid"], fields["code"])


def build_rakp_3(message: Rakp3) -> bytes:
    """8 octets and the code."""
    return _build_reply(message.tag, message.status, message.bmc_id, message.code)


def parse_rakp_3_untrusted(payload: bytes) -> Rakp3:
    """Raises `Malformed`."""
    return Rakp3(*_parse_reply("RAKP 3", payload))


def build_rakp_4(message: Rakp4) -> bytes:
    """8 octets and the integrity check value."""
    return _build_reply(message.tag, message.status, message.console_id, message.code)


def parse_rakp_4_untrusted(payload: bytes) -> Rakp4:
    """Raises `Malformed`."""
    return Rakp4(*_parse_reply("RAKP 4", payload))


def _algorithm_fields(algorithms: Algorithms) -> dict[str, int]:
    return {
        "authentication": algorithms.authentication,
        "integrity": algorithms.integrity,
        "confidentiality": algorithms.confidentiality,
    }


def _algorithms(fields: dict[str, int]) -> Algorithms:
    return Algorithms(fields["authentication"], fields["integrity"], fields["confidentiality"])


def _build_reply(tag: int, status: int, session_id: int, rest: bytes) -> bytes:
    fields = {"tag": tag, "status": status, "reserved": b"\0\0", "session_id": session_id, "rest": rest}
    return bytes(_REPLY_HEAD.build(fields))


def _parse_reply(what: str, payload: bytes) -> tuple[int, int, int, bytes]:
    if 2 <= len(payload) < 8 and payload[1]:
        return payload[0], payload[1], 0, b""
    with malformed(what):
        fields = _REPLY_HEAD.parse(payload)
    return fields["tag"], fields["status"], fields["session_id"], fields["rest"]
