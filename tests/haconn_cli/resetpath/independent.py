"""HACP/1 a second time, from docs/resetpath.md with nothing but the standard library, as a witness for the vectors.

`python -m tests.haconn_cli.resetpath.independent` prints the vectors anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct

CLUSTER = bytes(range(16))
SECRET = bytes(range(32))
MONITOR_NAME, CONNECTOR_NAME = b"PSERVER1", b"192.168.0.1:30000"
EPOCH, REQUEST, HEADER_CHALLENGE = b"\xe0" * 8, b"\x1d" * 16, b"\xc4" * 16
NONCE, DIGEST, OPERATION = b"\x5a" * 16, b"\xd1" * 8, b"\x09" * 16


def _id(role: bytes, name: bytes) -> bytes:
    return hashlib.sha256(CLUSTER + b"\0" + role + b"\0" + name).digest()[:8]


MONITOR, CONNECTOR = _id(b"monitor", MONITOR_NAME), _id(b"connector", CONNECTOR_NAME)


def _key(sender: bytes, receiver: bytes) -> bytes:
    """RFC 5869, one block of output."""
    extracted = hmac.new(CLUSTER, SECRET, hashlib.sha256).digest()
    return hmac.new(extracted, b"HACP\0reset\0" + sender + receiver + b"\x01", hashlib.sha256).digest()


def _text(text: bytes) -> bytes:
    return bytes((len(text),)) + text


def _datagram(number: int, body: bytes, *, from_connector: bool, reply: bool) -> bytes:
    sender, receiver = (CONNECTOR, MONITOR) if from_connector else (MONITOR, CONNECTOR)
    covered = struct.pack(
        ">4sBBBBH6s8s8s8sQ16s16s",
        b"HAC1", 1, number, 7, 1 if reply else 0, 112 + len(body), bytes(6), sender, receiver, EPOCH, 1,
        HEADER_CHALLENGE, REQUEST,
    ) + body   # fmt: skip
    return covered + hmac.new(_key(sender, receiver), covered, hashlib.sha256).digest()


_STATUS = _text(b"PSERVER1") + bytes((1, 2, 1)) + struct.pack(">I", 250) + _text(b"PSERVER2") + bytes((2, 0, 0)) + b"\xff" * 4
_WHOM_AND_WHY = _text(b"PSERVER2") + _text(b"failed")
_EVIDENCE = (
    b"\x02" + struct.pack(">IB", 100, 1) + struct.pack(">IB", 1500, 0)
    + _text(bytes(range(16))) + b"\x11"
    + b"\x01" + _text(b"power off at 0.012 s: accepted") + _text(b"seen off twice")
)   # fmt: skip

BODIES: dict[str, tuple[int, bytes, bool, bool]] = {
    # name: (type, body, from the connector, reply)
    "HELLO": (0x01, NONCE + DIGEST + b"\x01" + _text(MONITOR_NAME) + _text(b"1.0"), False, False),
    "WELCOME": (0x02, NONCE + DIGEST + _text(b"PSERVER1") + _text(b"0.1.0"), True, True),
    "CHALLENGE": (0x03, NONCE, True, True),
    "REFUSED": (0x04, b"\x42" + struct.pack(">I", 1000), True, True),
    "VERSION": (0x05, b"", True, True),
    "PATH_CHECK": (0x10, bytes(649), False, False),
    "PATH_STATUS": (0x11, NONCE + DIGEST + b"\x02" + _STATUS, True, True),
    "RESET_REQUEST": (0x20, bytes(16) + b"\x02\x01" + struct.pack(">I", 60000) + _WHOM_AND_WHY, False, False),
    "RESET_ACCEPTED": (0x21, OPERATION + b"\x01", True, True),
    "RESET_PROGRESS": (0x22, OPERATION + b"\x05" + struct.pack(">H", 3), True, True),
    "RESET_RESULT": (0x23, OPERATION + b"\x03\x01" + _EVIDENCE, True, True),
    "RESULT_ACK": (0x24, b"", False, False),
    "RESULT_QUERY": (0x25, bytes(16), False, False),
    "EVENT": (0x30, b"\x01" + _text(b"PSERVER2"), True, False),
    "EVENT_ACK": (0x31, b"", False, False),
    "INTENT": (0x40, OPERATION + b"\x07" + _text(b"PSERVER2") + _text(b"PSERVER1"), True, False),
    "PRESENCE": (0x41, DIGEST + _text(b"PSERVER1") + _text(b"0.1.0"), True, False),
    "PROVE": (0x42, b"", True, False),
    "PROOF": (0x43, b"", True, True),
}


def vectors() -> dict[str, str]:
    """Each type's datagram in hexadecimal."""
    return {
        name: _datagram(number, body, from_connector=from_connector, reply=reply).hex()
        for name, (number, body, from_connector, reply) in BODIES.items()
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
