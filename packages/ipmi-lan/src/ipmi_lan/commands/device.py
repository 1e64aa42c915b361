"""IPM device "global" commands (IPMI 2.0, chapter 20, and Get System GUID, 22.14)."""

from __future__ import annotations

from typing import NamedTuple

from construct import BitsInteger, BitStruct, Byte, Bytes, Bytewise, Flag, Int16ul, Int24ul, Nibble, Padding, Struct

from ipmi_lan.command import NOTHING, Command, Definition, Empty, Layout
from ipmi_lan.commands.manufacturers import manufacturer_name
from ipmi_lan.wire.codes import NetFn

_DEVICE_ID = BitStruct(
    "device_id" / Bytewise(Byte),
    "provides_sdrs" / Flag,
    Padding(3),
    "device_revision" / Nibble,
    "is_starting_or_updating" / Flag,
    "firmware_major" / BitsInteger(7),
    "firmware_minor_bcd" / Bytewise(Byte),
    "ipmi_minor" / Nibble,
    "ipmi_major" / Nibble,
    "supported_devices" / Bytewise(Byte),
    "manufacturer" / Bytewise(Int24ul),
    "product" / Bytewise(Int16ul),
)


class DeviceId(NamedTuple):
    """Who the BMC is (20.1). The four auxiliary firmware octets, which some BMCs leave out, are not read."""

    device_id: int
    device_revision: int
    firmware_major: int
    firmware_minor_bcd: int
    ipmi_major: int
    ipmi_minor: int
    manufacturer: int
    """IANA enterprise number."""
    product: int
    supported_devices: int = 0
    """Additional device support, bit by bit (20.1, byte 6); bit 7 chassis."""
    provides_sdrs: bool = False
    is_starting_or_updating: bool = False

    @property
    def firmware(self) -> str:
        """The firmware revision as tools print it: major, and minor of two digits."""
        return f"{self.firmware_major}.{self.firmware_minor_bcd:02x}"

    @property
    def maker(self) -> str:
        """The manufacturer's name, or its number in words."""
        return manufacturer_name(self.manufacturer)


class SystemGuid(NamedTuple):
    """The 16 octets that name a system, in the order they travel; vendors order the fields in at least five ways."""

    guid: bytes

    @property
    def names_nobody(self) -> bool:
        """Whether all octets are 00h or all FFh, as firmware has it that was never given a GUID: no identity."""
        return self.guid in {bytes(len(self.guid)), b"\xff" * len(self.guid)}


GET_DEVICE_ID = Definition("Get Device ID", NetFn.APP, 0x01, NOTHING, Layout(_DEVICE_ID, DeviceId))
GET_SYSTEM_GUID = Definition(
    "Get System GUID", NetFn.APP, 0x37, NOTHING, Layout(Struct("guid" / Bytes(16)), SystemGuid)
)


def get_device_id() -> Command[DeviceId]:
    """Vendor, product and firmware of the BMC (20.1)."""
    return GET_DEVICE_ID(Empty())


def get_system_guid() -> Command[SystemGuid]:
    """The system's GUID; RAKP 2's code covers the same one (22.14)."""
    return GET_SYSTEM_GUID(Empty())
