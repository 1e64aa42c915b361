"""The BMC in this very server, asked through the operating system's IPMI device: who it is, and where it is on the network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ipmi_lan import Command, CommandRefused, Malformed, NoAnswer
from ipmi_lan.commands.channel import get_channel_info
from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.commands.lan import get_ip_address, get_mac_address

_CHANNELS = range(1, 12)
"""Of a BMC to the outside (table 6-1); 0 is the IPMB, above are those that lead to us."""
_LAN_MEDIUM = 4
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - as a BMC says it that has none

_Reply = TypeVar("_Reply")


class Device(Protocol):
    """Runs commands, like `ipmi_lan.LocalBmc`."""

    async def run(self, command: Command[_Reply], /) -> _Reply:
        """As `ipmi_lan.Client.run`."""


OpenDevice = Callable[[], AbstractAsyncContextManager[Device]]


@dataclass(frozen=True, slots=True)
class LocalSighting:
    """What the local BMC tells of itself."""

    guid: bytes = b""
    """16 bytes; empty where it does not tell. Several tell it over the network only."""
    macs: tuple[bytes, ...] = ()
    addresses: tuple[str, ...] = ()
    """IPv4, as the settings print them."""


async def look_at_local_bmc(open_device: OpenDevice) -> LocalSighting:
    """Ask it. Raises what opening raises, and of the questions only what ends them all."""
    async with open_device() as device:
        guid = await _told(device, get_system_guid())
        macs: list[bytes] = []
        addresses: list[str] = []
        for channel in _CHANNELS:
            info = await _told(device, get_channel_info(channel))
            if info is None or info.medium != _LAN_MEDIUM:
                continue
            mac, ip = await _told(device, get_mac_address(channel)), await _told(device, get_ip_address(channel))
            macs += [] if mac is None or not any(mac.octets) else [mac.octets]
            addresses += [] if ip is None or str(ip) == _NO_ADDRESS else [str(ip)]
        return LocalSighting(b"" if guid is None else guid.guid, tuple(macs), tuple(addresses))


async def _told(device: Device, command: Command[_Reply]) -> _Reply | None:
    try:
        return await device.run(command)
    except (CommandRefused, Malformed, NoAnswer):
        return None
