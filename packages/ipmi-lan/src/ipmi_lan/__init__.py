"""IPMI 2.0 over LAN: a client with structured concurrency, and typed errors that say what is wrong.

>>> async with open_client("192.0.2.1", "admin", "secret") as bmc:
...     status = await bmc.run(get_chassis_status())
"""

from ipmi_lan.client import Client, open_client
from ipmi_lan.command import Command
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, CipherSuite
from ipmi_lan.errors import (
    BadArgument,
    CommandRefused,
    IpmiError,
    LoginRefused,
    Malformed,
    NoAnswer,
    NoFreeSession,
    NotIpmi,
    PortRefused,
    PrivilegeTooHigh,
    SessionLost,
    SuiteRefused,
    Unreachable,
    WrongKg,
    WrongPassword,
)
from ipmi_lan.session.events import Peer
from ipmi_lan.wire.codes import Privilege

__all__ = [
    "DEFAULT_SUITES",
    "SUITE_3",
    "SUITE_17",
    "BadArgument",
    "CipherSuite",
    "Client",
    "Command",
    "CommandRefused",
    "IpmiError",
    "LoginRefused",
    "Malformed",
    "NoAnswer",
    "NoFreeSession",
    "NotIpmi",
    "Peer",
    "PortRefused",
    "Privilege",
    "PrivilegeTooHigh",
    "SessionLost",
    "SuiteRefused",
    "Unreachable",
    "WrongKg",
    "WrongPassword",
    "open_client",
]
