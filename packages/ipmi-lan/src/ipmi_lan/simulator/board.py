"""What a simulated BMC is made of: identity, users, chassis, sessions. Login and command handlers stand on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address

from ipmi_lan.commands.chassis import Control
from ipmi_lan.commands.device import DeviceId
from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator.accounts import Accounts
from ipmi_lan.simulator.eventlog import EventLog
from ipmi_lan.simulator.faults import Faults
from ipmi_lan.simulator.host import Host
from ipmi_lan.simulator.power import Chassis
from ipmi_lan.simulator.sessions import SessionTable
from ipmi_lan.wire.codes import AuthType

_ETHERNET_SIZE = 6   # octets
CHASSIS_DEVICE = 0x80
"""Bit of `DeviceId.supported_devices`: answers chassis commands."""
DEVICE_ID = DeviceId(
    device_id=0x20,
    device_revision=1,
    firmware_major=1,
    firmware_minor_bcd=0x00,
    ipmi_major=2,
    ipmi_minor=0,
    manufacturer=0,
    product=1,
    supported_devices=CHASSIS_DEVICE,
)
"""Of no vendor."""


@dataclass(frozen=True, slots=True)
class Logins15:
    """The logins of IPMI 1.5 that a BMC takes."""

    auth_types: tuple[AuthType, ...] = ()
    per_message: bool = True
    """Whether each message of a session is authenticated, and not only the activation (6.11.4)."""
    user_level: bool = True
    """Whether those that need no more than the privilege of a user are."""


@dataclass(frozen=True, slots=True)
class LanSettings:
    """What a BMC says of its own place in the network; it answers wherever it is served."""

    ethernet: bytes
    """The MAC address, 6 octets."""
    ip: str = "127.0.0.1"
    netmask: str = "255.0.0.0"
    gateway: str = "0.0.0.0"  # noqa: S104 - none

    def __post_init__(self) -> None:
        """Raises `BadArgument` for what cannot be told."""
        try:
            for text in (self.ip, self.netmask, self.gateway):
                IPv4Address(text)
        except AddressValueError as error:
            raise BadArgument(f"not an IPv4 address: {error}") from None
        if len(self.ethernet) != _ETHERNET_SIZE:
            raise BadArgument(f"a MAC address has {_ETHERNET_SIZE} octets")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What Get Session Challenge gave out, until Activate Session or the half-open limit."""

    temporary_id: int
    challenge: bytes
    auth_type: AuthType
    user: bytes
    given_at: float


@dataclass(slots=True)
class Board:
    """The parts; see `SimulatedBmc` for what each means."""

    accounts: Accounts
    guid: bytes
    randomness: Callable[[int], bytes]
    suites: tuple[CipherSuite, ...]
    kg: bytes = field(repr=False)
    chassis: Chassis
    faults: Faults
    device_id: DeviceId
    sessions: SessionTable
    logins15: Logins15
    satellites: Mapping[tuple[int, int], DeviceId]
    lan: LanSettings
    log: EventLog
    host: Host
    challenges: dict[int, Challenge] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    power_commands: list[tuple[float, Control | int]] = field(default_factory=list)
    handshakes: int = 0
    erasing_until: float = float("-inf")
    """When the erasure of the log ends."""
