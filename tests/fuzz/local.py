"""The doors of the event log's records, and of the local IPMI device: a driver that says whatever it likes."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from contextlib import suppress

from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.commands.sel import build_event, parse_event_untrusted, parse_oem_untrusted
from ipmi_lan.errors import CommandRefused, Malformed
from ipmi_lan.transport.device import MOST_DATA, NATIVE, Arrival
from ipmi_lan.transport.local import _Driver, _reply_untrusted
from tests.fuzz.finding import Target, expect, expect_same, head_and_rest

_RECORD_SIZE = 16
_ROOM_AT = struct.calcsize("iPIlBBHP") - struct.calcsize("P")   # the data pointer is the last member of struct ipmi_recv
_ERRORS = (0, 0, 0, errno.EMSGSIZE, errno.EAGAIN, errno.EIO)
_ANSWER = struct.pack("iPIlBBHP", 1, 0, 8, 1, 0x07, 0x37, 17, 0)
_MEMORY = bytes(17) + b"what the driver did not write"


def sel_records(data: bytes) -> None:
    """Never raise; an event that is written again is the same record, and no record is both."""
    event, oem = parse_event_untrusted(data), parse_oem_untrusted(data)
    expect(event is None or oem is None, "both an event and a vendor's record")
    expect(len(data) == _RECORD_SIZE or (event is None and oem is None), "a record of another size")
    if event is not None:
        expect_same(data, build_event(event), "event")
    if oem is not None:
        expect(data.endswith(oem.data) and oem.record_type == data[2], "other octets than the record's")


def local_device(data: bytes) -> None:
    """The first octet is how the ioctl ends, then what it writes: the structure, and the message."""
    (chosen,), rest = head_and_rest(data, 1)
    size = NATIVE.arrival.sizeof()
    ending, structure, memory = _ERRORS[chosen % len(_ERRORS)], rest[:size].ljust(size, b"\0"), rest[size:]
    driver = _Driver("the driver", _Ioctl(ending, structure, memory[:MOST_DATA]))
    arrival = None
    with suppress(Malformed, OSError):
        arrival = driver.receive_untrusted()
    if arrival is not None:
        expect(not ending, "an arrival although the driver said that there is none, or that it is cut")
        expect(memory.ljust(MOST_DATA, b"\0")[:MOST_DATA].startswith(arrival.data), "octets that nobody wrote")
        _reply_of(arrival)


class _Ioctl:
    """Writes what it is told into the structure and into the room that this points to."""

    def __init__(self, ending: int, structure: bytes, memory: bytes) -> None:
        self._ending = ending
        self._structure = structure
        self._memory = memory

    def __call__(self, descriptor: int, request: int, argument: bytearray) -> int:
        (room,) = struct.unpack_from("P", argument, _ROOM_AT)
        ctypes.memmove(room, self._memory, len(self._memory))
        argument[:] = self._structure
        if self._ending:
            raise OSError(self._ending, os.strerror(self._ending))
        return 0


def _reply_of(arrival: Arrival) -> None:
    try:
        reply = _reply_untrusted(get_system_guid(), arrival.data)
    except CommandRefused as refused:
        expect(refused.code == arrival.data[0] != 0, "a refusal that the BMC did not say")
    except Malformed:
        expect(len(arrival.data) < 1 + _RECORD_SIZE, "what is long enough is malformed")
    else:
        expect(arrival.data.startswith(b"\0" + reply.guid), "a GUID that the BMC did not say")


def _record_seeds() -> list[bytes]:
    return [
        bytes.fromhex("0a00 02 78563465 2100 03 20 41 6f a1 6263"),
        bytes.fromhex("0200 c1 04030201 a20200 010203040506"),
        bytes.fromhex("0300 f0 20 01") + b"Fatal excep",
        b"",
    ]


def _device_seeds() -> list[bytes]:
    refused = b"\xc1" + _MEMORY[1:]
    too_long = _ANSWER[: _ROOM_AT - 2 - _ROOM_AT % 2] + b"\xff" * (len(_ANSWER) - _ROOM_AT + 2)
    return [bytes((ending,)) + _ANSWER + memory for ending in range(len(_ERRORS)) for memory in (_MEMORY, refused)] + [
        b"\0" + too_long + _MEMORY,
        b"",
    ]


TARGETS = {
    "sel-records": Target(sel_records, _record_seeds, longest=20),
    "local-device": Target(local_device, _device_seeds, longest=360),
}
