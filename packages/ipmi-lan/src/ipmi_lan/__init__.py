"""ipmi-lan: RMCP+/IPMI 2.0 over LAN. These are the public names; see `ipmi_lan.commands` for what can be asked of a BMC.

Each name is loaded when it is first used, so that a script with the blocking client does not load trio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipmi_lan.account import kg_of
    from ipmi_lan.budget import SessionBudget, Stay
    from ipmi_lan.client import Client, open_client
    from ipmi_lan.command import Command, Hop
    from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, SUITES, CipherSuite
    from ipmi_lan.errors import (
        AuthTypeRefused,
        BadArgument,
        CommandRefused,
        DeviceFailed,
        IpmiError,
        LoginRefused,
        Malformed,
        NoAnswer,
        NoDevice,
        NoFreeSession,
        NoPermission,
        NotIpmi,
        PortRefused,
        PrivilegeTooHigh,
        SessionLost,
        SuiteRefused,
        SuiteUnavailable,
        Unreachable,
        WrongKg,
        WrongPassword,
    )
    from ipmi_lan.probe import probe_bmc
    from ipmi_lan.profiles import Profile, named_profile
    from ipmi_lan.quirks import Quirk, parse_quirks
    from ipmi_lan.session.events import Peer
    from ipmi_lan.session.memory import KnownBmcs
    from ipmi_lan.session.probing import Offer
    from ipmi_lan.transport.endpoint import Endpoint, open_endpoint
    from ipmi_lan.transport.local import LocalBmc, open_local
    from ipmi_lan.wire.codes import AuthType, Privilege

__all__ = [
    "DEFAULT_SUITES",
    "SUITES",
    "SUITE_3",
    "SUITE_17",
    "AuthType",
    "AuthTypeRefused",
    "BadArgument",
    "CipherSuite",
    "Client",
    "Command",
    "CommandRefused",
    "DeviceFailed",
    "Endpoint",
    "Hop",
    "IpmiError",
    "KnownBmcs",
    "LocalBmc",
    "LoginRefused",
    "Malformed",
    "NoAnswer",
    "NoDevice",
    "NoFreeSession",
    "NoPermission",
    "NotIpmi",
    "Offer",
    "Peer",
    "PortRefused",
    "Privilege",
    "PrivilegeTooHigh",
    "Profile",
    "Quirk",
    "SessionBudget",
    "SessionLost",
    "Stay",
    "SuiteRefused",
    "SuiteUnavailable",
    "Unreachable",
    "WrongKg",
    "WrongPassword",
    "kg_of",
    "named_profile",
    "open_client",
    "open_endpoint",
    "open_local",
    "parse_quirks",
    "probe_bmc",
]

_HOMES = {
    "ipmi_lan.account": ("kg_of",),
    "ipmi_lan.budget": ("SessionBudget", "Stay"),
    "ipmi_lan.client": ("Client", "open_client"),
    "ipmi_lan.command": ("Command", "Hop"),
    "ipmi_lan.crypto.suites": ("DEFAULT_SUITES", "SUITES", "SUITE_3", "SUITE_17", "CipherSuite"),
    "ipmi_lan.probe": ("probe_bmc",),
    "ipmi_lan.profiles": ("Profile", "named_profile"),
    "ipmi_lan.quirks": ("Quirk", "parse_quirks"),
    "ipmi_lan.session.events": ("Peer",),
    "ipmi_lan.session.memory": ("KnownBmcs",),
    "ipmi_lan.session.probing": ("Offer",),
    "ipmi_lan.transport.endpoint": ("Endpoint", "open_endpoint"),
    "ipmi_lan.transport.local": ("LocalBmc", "open_local"),
    "ipmi_lan.wire.codes": ("AuthType", "Privilege"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ipmi_lan' has no attribute '{name}'")
    value = getattr(import_module(_HOME_OF.get(name, "ipmi_lan.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
