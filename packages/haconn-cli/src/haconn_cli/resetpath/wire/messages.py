"""What the datagrams say: a frozen dataclass and a layout for each type. A body may be longer than its layout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from construct import Byte, Bytes, Construct, ConstructError, Flag, Int16ub, Padding

from haconn_cli.resetpath.vocabulary import (
    Action,
    EventKind,
    Evidence,
    Link,
    Phase,
    Reading,
    ResetResult,
    ResultCode,
    ServerStatus,
    Standing,
    Status,
)
from haconn_cli.resetpath.wire.fields import FreeText, Guid, Member, Moment, Name, Record, Row, Seconds
from haconn_cli.resetpath.wire.frame import CHALLENGE_SIZE, LARGEST, REQUEST_SIZE, SMALLEST, Malformed

MOST_SERVERS, MOST_READINGS, MOST_COMMANDS = 16, 64, 6
_DIGEST = 8
_NAME, _VERSION, _COMMAND, _REASON, _DETAIL = 31, 32, 72, 120, 255   # bytes of UTF-8

CHALLENGE_DATAGRAM = SMALLEST + CHALLENGE_SIZE
"""Bytes of a CHALLENGE. Nothing shorter is answered with one, and every request has room for it."""
_ROOM = Padding(CHALLENGE_SIZE)
_STATUS_ITEM = 1 + _NAME + 1 + 1 + 1 + 4
_LARGEST_STATUS = CHALLENGE_SIZE + _DIGEST + 1 + MOST_SERVERS * _STATUS_ITEM


class Type(IntEnum):
    """What a datagram is. Requests and acknowledgements go to a connector, the rest comes from one; from INTENT on, both."""

    HELLO = 0x01
    WELCOME = 0x02
    CHALLENGE = 0x03
    REFUSED = 0x04
    VERSION = 0x05
    PATH_CHECK = 0x10
    PATH_STATUS = 0x11
    RESET_REQUEST = 0x20
    RESET_ACCEPTED = 0x21
    RESET_PROGRESS = 0x22
    RESET_RESULT = 0x23
    RESULT_ACK = 0x24
    RESULT_QUERY = 0x25
    EVENT = 0x30
    EVENT_ACK = 0x31
    INTENT = 0x40
    PRESENCE = 0x41
    PROVE = 0x42
    PROOF = 0x43


@dataclass(frozen=True, slots=True)
class Hello:
    """I am here, under this name."""

    name: str
    standing: Standing
    version: str
    """The software's, for people."""
    digest: bytes
    """Of the sender's list of servers (`Servers.digest`), 8 bytes."""
    challenge: bytes
    """The sender's own, 16 bytes: the connector puts it into the header of all that it sends to it."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to HELLO."""

    challenge: bytes
    own_server: str
    """The server that the connector stands on; empty: it does not know yet."""
    version: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """What you asked needs a fresh challenge; here it is."""

    challenge: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """What you asked is not done."""

    code: int
    """A `ResultCode` that is a refusal; anything else is read as a failure."""
    retry_after: float = 0.0
    """Seconds; 0: asking again will not help."""


@dataclass(frozen=True, slots=True)
class MyVersion:
    """I speak another version of HACP: the one in this datagram's header."""


@dataclass(frozen=True, slots=True)
class PathCheck:
    """Are you there, and what do you see? As long as the longest PATH_STATUS."""


@dataclass(frozen=True, slots=True)
class PathStatus:
    """The answer to PATH_CHECK, from what the monitoring already knows."""

    challenge: bytes
    digest: bytes
    servers: tuple[ServerStatus, ...]


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Reset this server."""

    target: str
    action: Action
    budget: float
    """Seconds from the arrival of the request to its final answer."""
    force: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is recorded on disk and will be carried out."""

    operation: bytes
    """16 bytes; those who asked for the same target at the same time share it."""
    joined: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the operation is."""

    operation: bytes
    phase: Phase
    """WAITING where the number is one that this side does not know."""
    reads: int


@dataclass(frozen=True, slots=True)
class Result:
    """The final answer."""

    operation: bytes
    code: int
    """A `ResultCode`; any other number is a failure."""
    back_on: bool
    evidence: Evidence

    @classmethod
    def of(cls, operation: bytes, result: ResetResult) -> Result:
        """The datagram's form of `result`."""
        return cls(operation, result.code, result.back_on, result.evidence)

    def known(self) -> ResetResult | None:
        """The result, None where its code is one that this side does not know."""
        if self.code not in set(ResultCode):
            return None
        return ResetResult(ResultCode(self.code), self.back_on, self.evidence)


@dataclass(frozen=True, slots=True)
class ResultAck:
    """The RESULT of this request has arrived."""


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """How does the request whose id is in the header stand? Never begins anything."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something was seen; its id is the request id in the header."""

    kind: EventKind
    server: str


@dataclass(frozen=True, slots=True)
class EventAck:
    """The EVENT of this id has arrived."""


@dataclass(frozen=True, slots=True)
class Intent:
    """I am about to reset this server: from one connector to all the others."""

    target: str
    requester: str
    """The server that the sender stands on, on whose side it shoots; empty: it does not know."""
    priority: int
    """Of that server (`ManagedServer.priority`)."""
    operation: bytes
    """16 bytes."""


@dataclass(frozen=True, slots=True)
class Presence:
    """I am here: from one connector to all the others."""

    digest: bytes
    """Of the sender's list of servers (`Servers.digest`), 8 bytes."""
    own_server: str
    """The server that the sender stands on; empty: it does not know."""
    version: str
    """The software's, for people."""


@dataclass(frozen=True, slots=True)
class Prove:
    """Prove that you live, and in which life: from one connector to another. No longer than what it asks about."""


@dataclass(frozen=True, slots=True)
class Proof:
    """I live, in the life that the header names: the answer to PROVE."""


Message = (
    Hello | Welcome | Challenge | Refused | MyVersion | PathCheck | PathStatus | ResetRequest
    | Accepted | Progress | Result | ResultAck | ResultQuery | Event | EventAck | Intent | Presence | Prove | Proof
)   # fmt: skip

_READING = Record(Reading, "after" / Moment(), "power_is_on" / Flag)
_EVIDENCE = Record(
    Evidence,
    "readings" / Row(MOST_READINGS, _READING),
    "bmc_guid" / Guid(),
    "cipher_suite" / Byte,
    "power_commands" / Row(MOST_COMMANDS, FreeText(_COMMAND)),
    "detail" / FreeText(_DETAIL),
)
_SERVER_STATUS = Record(
    ServerStatus,
    "name" / Name(_NAME),
    "link" / Member(Link, otherwise=Link.NG),
    "status" / Member(Status, otherwise=Status.NOT_YET),
    "reset_capable" / Flag,
    "proof_age" / Seconds(),
)

_LAYOUTS: dict[Type, tuple[type[Any], Construct]] = {
    Type.HELLO: (Hello, Record(
        Hello,
        "challenge" / Bytes(CHALLENGE_SIZE),
        "digest" / Bytes(_DIGEST),
        "standing" / Member(Standing),
        "name" / Name(_NAME),
        "version" / FreeText(_VERSION),
    )),
    Type.WELCOME: (Welcome, Record(
        Welcome,
        "challenge" / Bytes(CHALLENGE_SIZE),
        "digest" / Bytes(_DIGEST),
        "own_server" / Name(_NAME),
        "version" / FreeText(_VERSION),
    )),
    Type.CHALLENGE: (Challenge, Record(Challenge, "challenge" / Bytes(CHALLENGE_SIZE))),
    Type.REFUSED: (Refused, Record(Refused, "code" / Byte, "retry_after" / Moment())),
    Type.VERSION: (MyVersion, Record(MyVersion)),
    Type.PATH_CHECK: (PathCheck, Record(PathCheck, Padding(_LARGEST_STATUS))),
    Type.PATH_STATUS: (PathStatus, Record(
        PathStatus,
        "challenge" / Bytes(CHALLENGE_SIZE),
        "digest" / Bytes(_DIGEST),
        "servers" / Row(MOST_SERVERS, _SERVER_STATUS),
    )),
    Type.RESET_REQUEST: (ResetRequest, Record(
        ResetRequest,
        _ROOM,
        "action" / Member(Action),
        "force" / Flag,
        "budget" / Moment(),
        "target" / Name(_NAME),
        "reason" / FreeText(_REASON),
    )),
    Type.RESET_ACCEPTED: (Accepted, Record(Accepted, "operation" / Bytes(REQUEST_SIZE), "joined" / Flag)),
    Type.RESET_PROGRESS: (Progress, Record(
        Progress,
        "operation" / Bytes(REQUEST_SIZE),
        "phase" / Member(Phase, otherwise=Phase.WAITING),
        "reads" / Int16ub,
    )),
    Type.RESET_RESULT: (Result, Record(
        Result,
        "operation" / Bytes(REQUEST_SIZE),
        "code" / Byte,
        "back_on" / Flag,
        "evidence" / _EVIDENCE,
    )),
    Type.RESULT_ACK: (ResultAck, Record(ResultAck)),
    Type.RESULT_QUERY: (ResultQuery, Record(ResultQuery, _ROOM)),
    Type.EVENT: (Event, Record(Event, "kind" / Member(EventKind), "server" / Name(_NAME))),
    Type.EVENT_ACK: (EventAck, Record(EventAck)),
    Type.INTENT: (Intent, Record(
        Intent,
        "operation" / Bytes(REQUEST_SIZE),
        "priority" / Byte,
        "target" / Name(_NAME),
        "requester" / Name(_NAME),
    )),
    Type.PRESENCE: (Presence, Record(
        Presence,
        "digest" / Bytes(_DIGEST),
        "own_server" / Name(_NAME),
        "version" / FreeText(_VERSION),
    )),
    Type.PROVE: (Prove, Record(Prove)),
    Type.PROOF: (Proof, Record(Proof)),
}   # fmt: skip
_TYPES = {kind: number for number, (kind, _) in _LAYOUTS.items()}


def type_of(message: Message) -> Type:
    """The number that travels for this message."""
    return _TYPES[type(message)]


def build_body(message: Message) -> bytes:
    """The body; text and rows too long for a datagram are shortened. Raises `ValueError` for a name that is too long."""
    body = bytes(_LAYOUTS[type_of(message)][1].build(message))
    assert SMALLEST + len(body) <= LARGEST, "the bounds above add up to less"
    return body


def parse_body_untrusted(kind: int, body: bytes) -> Message:
    """The message of a datagram of that type. Raises `Malformed`, also for a type that there is none of."""
    if kind not in _LAYOUTS:
        raise Malformed("type")
    try:
        message: Message = _LAYOUTS[Type(kind)][1].parse(body)
    except ConstructError as error:
        raise Malformed(f"body of {Type(kind).name}: {type(error).__name__}") from None
    return message
