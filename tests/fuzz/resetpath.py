"""The doors of the reset path's datagrams: frame, body and seal."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.resetpath.seal import Rejected, Seal
from haconn_cli.resetpath.wire.frame import HEADER_SIZE, LARGEST, TAG_SIZE, Malformed, build_frame, parse_frame_untrusted
from haconn_cli.resetpath.wire.messages import Type, build_body, parse_body_untrusted
from tests.fuzz.finding import Target, expect, expect_same, head_and_rest
from tests.haconn_cli.resetpath import independent

_VECTORS = Path(__file__).resolve().parents[1] / "haconn_cli/resetpath/vectors.json"
MOST_BODY = LARGEST - HEADER_SIZE - TAG_SIZE


@cache
def vectors() -> dict[str, bytes]:
    """A datagram of each type, by its name."""
    return {name: bytes.fromhex(datagram) for name, datagram in json.loads(_VECTORS.read_text()).items()}


def frame(data: bytes) -> None:
    """Header and body; the tag is not looked at."""
    try:
        parsed = parse_frame_untrusted(data)
    except Malformed:
        return
    expect_same(parsed, parse_frame_untrusted(build_frame(parsed) + bytes(TAG_SIZE)), "frame")


def body(data: bytes) -> None:
    """The first octet is the type."""
    (kind,), rest = head_and_rest(data, 1)
    try:
        message = parse_body_untrusted(kind, rest)
    except Malformed:
        return
    expect_same(message, parse_body_untrusted(kind, build_body(message)), Type(kind).name)


def seal(data: bytes) -> None:
    """The first octet says who receives it; what nobody sealed is `Rejected`."""
    (chosen,), datagram = head_and_rest(data, 1)
    try:
        parsed = _SEALS[chosen % 2].unseal_untrusted(datagram, _SENDERS)
    except Rejected:
        return
    expect(datagram in vectors().values(), f"{parsed} for octets that nobody sealed")


_KEYS = KeyRing(independent.CLUSTER, (Key(7, independent.SECRET),))
_SENDERS = {independent.MONITOR, independent.CONNECTOR}
_SEALS = tuple(Seal(_KEYS, own, bytes(8)) for own in (independent.CONNECTOR, independent.MONITOR))


def body_seeds() -> list[bytes]:
    """Type and body of a datagram of each type."""
    longest_wait = bytes((Type.REFUSED,)) + b"\xff" * 5
    return [*(datagram[5:6] + datagram[HEADER_SIZE:-TAG_SIZE] for datagram in vectors().values()), longest_wait]


TARGETS = {
    "resetpath-frame": Target(frame, lambda: list(vectors().values()), longest=LARGEST + 8),
    "resetpath-body": Target(body, body_seeds, longest=MOST_BODY),
    "resetpath-seal": Target(
        seal, lambda: [bytes((place,)) + each for place in range(2) for each in vectors().values()], longest=LARGEST + 8
    ),
}
