"""Linux's IPMI device as <linux/ipmi.h> has it: structures, ioctl numbers, and what an arrival says. No file is opened here.

All is in the byte order and word size of the machine, as the C compiler lays it out there; the numbers are those of
<asm-generic/ioctl.h>, which x86, ARM, RISC-V and s390 share.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from construct import Byte, Int16sn, Int16un, Int32sn, Int32un, Int64sn, Int64un, Padding, Struct

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.fields import malformed

NATIVE_WORD = struct.calcsize("P")
"""Octets of a pointer and of a long here: 8, or 4."""
MOST_DATA = 272
"""IPMI_MAX_MSG_LENGTH: octets of a message, the completion code of an answer included."""
BMC_CHANNEL, SYSTEM_INTERFACE = 0x0F, 0x0C
"""IPMI_BMC_CHANNEL, and the address type IPMI_SYSTEM_INTERFACE_ADDR_TYPE."""
MOST_ADDRESS = 40
"""sizeof(struct ipmi_addr)."""
RESPONSE = 1
"""Kind of an arrival: IPMI_RESPONSE_RECV_TYPE; events and commands for us have others."""

_READ, _WRITE = 2, 1
_MAGIC = ord("i")


class Arrival(NamedTuple):
    """One message from the driver."""

    kind: int
    number: int
    """The msgid of the request that it answers; else meaningless."""
    netfn: int
    command: int
    data: bytes
    """With the completion code in front, of an answer."""


@dataclass(frozen=True, slots=True)
class Structures:
    """Layouts for one word size, and the ioctl numbers, which have the sizes in them."""

    address: Struct
    request: Struct
    arrival: Struct
    send: int
    """IPMICTL_SEND_COMMAND."""
    receive: int
    """IPMICTL_RECEIVE_MSG_TRUNC: takes the message away also where it does not fit."""
    choose_events: int
    """IPMICTL_SET_GETS_EVENTS_CMD: whether events arrive here."""


def structures(word: int) -> Structures:
    """For pointers and longs of `word` octets, 8 or 4, that begin at multiples of it."""
    pointer, number = (Int64un, Int64sn) if word == 8 else (Int32un, Int32sn)
    gap = Padding(word - 4)
    address = Struct("type" / Int32sn, "channel" / Int16sn, "lun" / Byte, Padding(1))
    message = Struct("netfn" / Byte, "command" / Byte, "size" / Int16un, gap, "data" / pointer)
    head = ("address" / pointer, "address_size" / Int32un, gap, "number" / number, "message" / message)
    request, arrival = Struct(*head), Struct("kind" / Int32sn, gap, *head)
    return Structures(
        address,
        request,
        arrival,
        send=_ioctl(_READ, 13, request.sizeof()),
        receive=_ioctl(_READ | _WRITE, 11, arrival.sizeof()),
        choose_events=_ioctl(_READ, 16, Int32sn.sizeof()),
    )


def _ioctl(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | _MAGIC << 8 | number


NATIVE = structures(NATIVE_WORD)
BMC_ADDRESS = bytes(NATIVE.address.build({"type": SYSTEM_INTERFACE, "channel": BMC_CHANNEL, "lun": 0}))
"""struct ipmi_system_interface_addr: the local BMC."""


def build_request(number: int, netfn: int, command: int, address: int, data: tuple[int, int]) -> bytes:
    """A struct ipmi_req. `address` is where `BMC_ADDRESS` lies in memory, `data` where the data lie and how many octets."""
    at, size = data
    message = {"netfn": netfn, "command": command, "size": size, "data": at}
    values = {"address": address, "address_size": len(BMC_ADDRESS), "number": number, "message": message}
    return bytes(NATIVE.request.build(values))


def build_room(address: int, data: int) -> bytes:
    """A struct ipmi_recv before the call: where there is room for an address of `MOST_ADDRESS` and data of `MOST_DATA` octets."""
    message = {"netfn": 0, "command": 0, "size": MOST_DATA, "data": data}
    values = {"kind": 0, "address": address, "address_size": MOST_ADDRESS, "number": 0, "message": message}
    return bytes(NATIVE.arrival.build(values))


def parse_arrival_untrusted(octets: bytes, data: bytes) -> Arrival:
    """What struct ipmi_recv says after the call, `data` being the whole room. Raises `Malformed`: more than there is room for."""
    with malformed("struct ipmi_recv"):
        found = NATIVE.arrival.parse(octets)
    message = found.message
    if message.size > len(data):
        raise Malformed(f"a message of {message.size} octets in room for {len(data)}")
    return Arrival(found.kind, found.number, message.netfn, message.command, bytes(data[: message.size]))
