"""A driver for the local client: an ioctl that reads and writes memory as Linux does, in front of a BMC of a few lines.

The structures are unpacked here with the struct module and the offsets of <linux/ipmi.h> on this machine, not with ours.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.transport.local import open_local

GUID = bytes(range(16))
LONG = 60.0
"""Seconds for a command: so many that no machine is too slow."""
REQUEST, ARRIVAL = "PIlBBHP", "iPIlBBHP"
"""struct ipmi_req and struct ipmi_recv; the struct module pads as the C compiler does."""
SEND, RECEIVE, CHOOSE_EVENTS = 13, 11, 16   # the number of an ioctl is its lowest octet


@dataclass
class Message:
    """One that waits to be fetched."""

    number: int
    netfn: int
    command: int
    data: bytes
    kind: int = 1
    claims: int | None = None
    """Octets that the driver says there are, whatever it writes."""


@dataclass
class FakeDriver:
    """`fcntl.ioctl` of a machine that has an IPMI device: the FIFO `path`, readable while there is something to fetch."""

    path: Path
    answer: Callable[[int, int, bytes], bytes | None] = lambda netfn, command, data: b"\0"
    """What the BMC says to network function, command and data, completion code first; None: nothing."""
    requests: list[Message] = field(default_factory=list)
    waiting: deque[Message] = field(default_factory=deque)
    errors: dict[int, list[int]] = field(default_factory=dict)
    """By number of an ioctl: what its next calls fail with, before anything happens; 0: that call does not."""
    addresses: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self._descriptor)

    def deliver(self, message: Message) -> None:
        """Let `message` arrive."""
        self.waiting.append(message)
        os.write(self._descriptor, b"!")

    def wake(self) -> None:
        """Say that there is something, and there is nothing."""
        os.write(self._descriptor, b"!")

    def __call__(self, descriptor: int, request: int, argument: bytearray) -> int:
        number = request & 0xFF
        assert request >> 8 & 0xFF == ord("i")
        assert request >> 16 & 0x3FFF == len(argument), "the number of an ioctl has the size of its argument in it"
        pending = self.errors.get(number, [])
        if pending and (error := pending.pop(0)):
            raise OSError(error, os.strerror(error))
        if number == SEND:
            self._send(argument)
        elif number == RECEIVE:
            self._receive(argument)
        else:
            assert (number, bytes(argument)) == (CHOOSE_EVENTS, bytes(4))
        return 0

    def _send(self, argument: bytearray) -> None:
        address, size, number, netfn, command, length, data = struct.unpack(REQUEST, argument)
        self.addresses.append(ctypes.string_at(address, size))
        content = ctypes.string_at(data, length)
        self.requests.append(Message(number, netfn, command, content))
        answer = self.answer(netfn, command, content)
        if answer is not None:
            self.deliver(Message(number, netfn | 1, command, answer))

    def _receive(self, argument: bytearray) -> None:
        os.read(self._descriptor, 1)
        if not self.waiting:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        message = self.waiting.popleft()
        _, address, address_size, _, _, _, room, data = struct.unpack(ARRIVAL, argument)
        fits = message.data[:room]
        ctypes.memmove(data, fits, len(fits))
        claims = len(fits) if message.claims is None else message.claims
        argument[:] = struct.pack(
            ARRIVAL, message.kind, address, min(8, address_size), message.number, message.netfn, message.command, claims, data
        )
        if len(message.data) > room:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))


async def ask(driver: FakeDriver) -> bytes:
    """The GUID that a client of ours gets."""
    async with open_local(str(driver.path), ioctl=driver) as bmc:
        return (await bmc.run(get_system_guid(), LONG)).guid
