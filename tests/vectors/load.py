"""The vectors as values. `vectors.json` is read once; every entry keeps its id for the names of the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ipmi_lan.crypto.rakp import Login, SessionKeys
from ipmi_lan.crypto.suites import SUITES, CipherSuite
from ipmi_lan.wire.codes import AuthType, PayloadType

_FILE = Path(__file__).with_name("vectors.json")


@dataclass(frozen=True, slots=True)
class Frame:
    """One datagram as it was recorded."""

    is_from_console: bool
    datagram: bytes

    @property
    def is_rmcp_plus(self) -> bool:
        """Has it the session header of RMCP+?"""
        return self.datagram[3:5] == b"\x07\x06"

    @property
    def payload_type(self) -> int:
        """Of an RMCP+ packet."""
        return self.datagram[5] & 0x3F


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a recorded in-session datagram holds."""

    is_from_console: bool
    sequence: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Handshake:
    """One login: what its digests cover, and the digests. A digest that the source does not give is empty."""

    id: str
    login: Login
    rakp_2_code: bytes
    rakp_3_code: bytes = b""
    rakp_4_code: bytes = b""
    sik: bytes = b""
    k1: bytes = b""
    k2: bytes = b""

    @property
    def keys(self) -> SessionKeys:
        """The keys as the vector has them, not as we compute them."""
        return SessionKeys(self.sik, self.k1, self.k2)


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole recorded conversation of two programs that are not ours."""

    id: str
    handshake: Handshake
    frames: tuple[Frame, ...]
    sealed: tuple[Sealed, ...]

    @property
    def in_session(self) -> list[tuple[Frame, Sealed]]:
        """The datagrams after the login, each with what it holds."""
        recorded = [frame for frame in self.frames if frame.is_rmcp_plus and frame.payload_type == PayloadType.IPMI]
        return list(zip(recorded, self.sealed, strict=True))


@dataclass(frozen=True, slots=True)
class Trace15:
    """A whole recorded conversation of IPMI 1.5. Packets that belong to no session have the number 0."""

    id: str
    auth_type: AuthType
    password: bytes
    frames: tuple[Frame, ...]
    """Without the presence ping and its answer."""
    messages: tuple[Sealed, ...]

    @property
    def in_session(self) -> list[tuple[Frame, Sealed]]:
        """The datagrams with a session id, each with what it holds."""
        return [pair for pair in zip(self.frames, self.messages, strict=True) if pair[0].datagram[9:13] != bytes(4)]


@dataclass(frozen=True, slots=True)
class Code15:
    """One packet's code by MD5."""

    id: str
    password: bytes
    session_id: int
    sequence: int
    message: bytes
    code: bytes


@dataclass(frozen=True, slots=True)
class Derivation:
    """A session integrity key and what comes of it."""

    id: str
    suite: CipherSuite
    sik: bytes
    k1: bytes
    k2: bytes


@dataclass(frozen=True, slots=True)
class AesCase:
    """One encrypted payload. `plain` is empty where the pad is wrong."""

    id: str
    key: bytes
    iv: bytes
    ciphertext: bytes
    plain: bytes
    pad: int
    is_valid: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its answer as recorded, whole LAN messages."""

    id: str
    request: bytes
    reply: bytes


@cache
def document() -> dict[str, Any]:
    """The whole file."""
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return content


def entry(wanted: str) -> dict[str, Any]:
    """The entry of this id, wherever it stands."""
    groups = [document()[name] for name in ("published", "lab", "sessionless", "commands")]
    found: dict[str, Any] = next(each for group in groups for each in group if each["id"] == wanted)
    return found


def handshakes() -> list[Handshake]:
    """Every login, published and recorded."""
    published = [_handshake(each, each["inputs"]) for each in document()["published"] if each["kind"].startswith("rakp")]
    return published + [trace.handshake for trace in traces()]


def traces() -> list[Trace]:
    """The recorded sessions of RMCP+."""
    return [_trace(each) for each in document()["lab"] if each["cipher_suite"] is not None]


def traces15() -> list[Trace15]:
    """The recorded sessions of IPMI 1.5."""
    return [_trace15(each) for each in document()["lab"] if each["cipher_suite"] is None]


def codes15() -> list[Code15]:
    """Codes by MD5 of packets that others published."""
    return [_code15(each) for each in document()["published"] if each["kind"] == "ipmi15-authcode-md5"]


def derivations() -> list[Derivation]:
    """Session integrity keys with their K1 and K2."""
    rows = [each for each in document()["published"] if {"k1", "k2"} <= set(each.get("expected", {}))]
    return [_derivation(each) for each in rows] + [
        Derivation(trace.id, trace.handshake.login.suite, trace.handshake.sik, trace.handshake.k1, trace.handshake.k2)
        for trace in traces()
    ]


def aes_cases() -> list[AesCase]:
    """Encrypted payloads, the invalid one among them."""
    return [
        AesCase(
            id=f"{each['id']}: {case['what']}",
            key=bytes.fromhex(case["key"]),
            iv=bytes.fromhex(case["iv"]),
            ciphertext=bytes.fromhex(case["ciphertext"]),
            plain=bytes.fromhex(case.get("plaintext", "")),
            pad=case.get("pad_length", 0),
            is_valid=case["valid"],
        )
        for each in document()["published"]
        if each["kind"].startswith("confidentiality")
        for case in each["cases"]
    ]


def exchanges() -> list[Exchange]:
    """Recorded commands with their answers."""
    return [Exchange(each["id"], bytes.fromhex(each["request"]), bytes.fromhex(each["reply"])) for each in document()["commands"]]


def frames(wanted: str) -> tuple[Frame, ...]:
    """The datagrams of one entry."""
    return tuple(Frame(way == ">", bytes.fromhex(datagram)) for way, datagram in entry(wanted)["frames"])


def _trace(each: dict[str, Any]) -> Trace:
    facts = {name: each[name] for name in ("user", "password", "kg")}
    sealed = tuple(Sealed(way == ">", number, bytes.fromhex(message)) for way, number, message in each["expected"]["in_session"])
    return Trace(each["id"], _handshake(each, facts | each["expected"]), frames(each["id"]), sealed)


def _trace15(each: dict[str, Any]) -> Trace15:
    expected = each["expected"]
    messages = tuple(Sealed(way == ">", number, bytes.fromhex(message)) for way, number, message in expected["messages"])
    asked = tuple(frame for frame in frames(each["id"]) if frame.datagram[3] == 7)
    return Trace15(each["id"], AuthType(expected["auth_type"]), each["password"].encode(), asked, messages)


def _code15(each: dict[str, Any]) -> Code15:
    facts = each["inputs"]
    return Code15(
        id=each["id"],
        password=facts["password"].encode(),
        session_id=_id(facts["session_id_le"]),
        sequence=_id(facts["session_sequence_le"]),
        message=bytes.fromhex(facts["message"]),
        code=bytes.fromhex(each["expected"]["authcode"]),
    )


def _handshake(each: dict[str, Any], facts: dict[str, Any]) -> Handshake:
    login = Login(
        suite=SUITES[each["cipher_suite"]],
        user=facts["user"].encode(),
        password=facts["password"].encode(),
        kg=(facts.get("kg") or "").encode(),
        role=facts["role"],
        console_id=_id(facts["console_session_id_le"]),
        bmc_id=_id(facts["bmc_session_id_le"]),
        console_random=bytes.fromhex(facts["console_random"]),
        bmc_random=bytes.fromhex(facts["bmc_random"]),
        guid=bytes.fromhex(facts["bmc_guid"]),
    )
    expected = {new: bytes.fromhex(each["expected"].get(old, "")) for new, old in _DIGESTS.items()}
    return Handshake(each["id"], login, **expected)


_DIGESTS = {
    "rakp_2_code": "rakp2_authcode",
    "rakp_3_code": "rakp3_authcode",
    "rakp_4_code": "rakp4_icv",
    "sik": "sik",
    "k1": "k1",
    "k2": "k2",
}


def _derivation(each: dict[str, Any]) -> Derivation:
    facts = each.get("inputs", {}) | each["expected"]
    return Derivation(each["id"], SUITES[each["cipher_suite"]], *(bytes.fromhex(facts[name]) for name in ("sik", "k1", "k2")))


def _id(little_endian: str) -> int:
    return int.from_bytes(bytes.fromhex(little_endian), "little")
