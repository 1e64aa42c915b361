"""One session of each suite, both ends, for the tests of sealing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ipmi_lan.crypto.integrity import code_maker
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITES, CipherSuite
from tests.ipmi_lan.crypto.randomness import counting

KEYS = SessionKeys(b"\x11" * 32, b"\x22" * 32, b"\x33" * 32)
PASSWORD = b"a password"
BMC, CONSOLE = 0x01020304, 0xA0A2A3A4
MESSAGE = b"a message"
AUTHENTICATED = [suite for suite in SUITES.values() if suite.is_authenticated]
WITHOUT_CODES = [suite for suite in SUITES.values() if not suite.is_authenticated]


def name_of(suite: CipherSuite) -> str:
    return f"suite {suite.id}"


@dataclass(frozen=True)
class Ends:
    console: Sealing
    bmc: Sealing


def ends(suite: CipherSuite, keys: SessionKeys = KEYS, password: bytes = PASSWORD, pads_short: bool = False) -> Ends:
    """Both ends of a session, fresh."""
    return Ends(
        Sealing(suite, keys, password, BMC, CONSOLE, pads_short),
        Sealing(suite, keys, password, CONSOLE, BMC, pads_short),
    )


@cache
def sealed(suite: CipherSuite) -> bytes:
    """What the BMC sends as its packet number 7."""
    return ends(suite).bmc.seal(7, MESSAGE, counting())


def with_code(suite: CipherSuite, datagram: bytes) -> bytes:
    """`datagram` with the right code, whatever it says."""
    return datagram + code_maker(suite, KEYS, PASSWORD)(datagram[4:])
