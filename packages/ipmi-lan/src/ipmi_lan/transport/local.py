"""The local BMC by way of Linux's IPMI device: no address, no password, and no network that could fail."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import TypeVar

import trio

from ipmi_lan.command import Command
from ipmi_lan.errors import BadArgument, CommandRefused, DeviceFailed, IpmiError, Malformed, NoAnswer, NoDevice, NoPermission
from ipmi_lan.transport.device import (
    BMC_ADDRESS,
    MOST_ADDRESS,
    MOST_DATA,
    NATIVE,
    RESPONSE,
    Arrival,
    build_request,
    build_room,
    parse_arrival_untrusted,
)
from ipmi_lan.wire.codes import CompletionCode, meaning_of

DEVICE = "/dev/ipmi0"
TIMEOUT = 5.0
"""Seconds for a command, waiting for its turn included: KCS interfaces take 5 to 50 ms, a BMC that is busy some seconds."""
_BETWEEN_TRIES = 0.05   # seconds; the driver has no room now, or said that there was something and there was not
_INSIDE_LIMIT = 1.0     # seconds that a call waits for one before it that nobody waits for any more
_TRY_AGAIN = {errno.EAGAIN, errno.EBUSY, errno.ENOMEM, errno.EINTR}
_NOT_THERE = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM}

Ioctl = Callable[[int, int, bytearray], int]
"""Like `fcntl.ioctl` with a buffer that is changed."""
Reply = TypeVar("Reply")
_Value = TypeVar("_Value")


class _Driver:
    """The device. Every call is made in a thread, for a driver may hang; one at a time, and the last one out closes."""

    def __init__(self, path: str, ioctl: Ioctl) -> None:
        self.path = path
        self.descriptor = -1
        self._ioctl = ioctl
        self._turn = threading.Lock()
        self._is_over = False

    async def call(self, function: Callable[[], _Value]) -> _Value:
        """Do `function` in a thread, and wait for it, until cancelled. Raises `DeviceFailed`, and what `function` raises."""
        return await trio.to_thread.run_sync(partial(self._inside, function), abandon_on_cancel=True)

    def _inside(self, function: Callable[[], _Value]) -> _Value:
        if not self._turn.acquire(timeout=_INSIDE_LIMIT):
            raise DeviceFailed(self.path, "the driver has not come back from an earlier call")
        try:
            if self._is_over:
                raise DeviceFailed(self.path, "it was closed")
            return function()
        finally:
            self._turn.release()
            self._close_when_over()

    def close(self) -> None:
        """Close the device, now or when the call that hangs comes back."""
        if self.descriptor >= 0:
            trio.lowlevel.notify_closing(self.descriptor)
        self._is_over = True
        self._close_when_over()

    def _close_when_over(self) -> None:
        if self._is_over and self._turn.acquire(blocking=False):
            try:
                if self.descriptor >= 0:
                    os.close(self.descriptor)
                    self.descriptor = -1
            finally:
                self._turn.release()

    # ── in the thread ─────────────────────────────────────────────────────────

    def open(self) -> None:
        """Open it, and let only answers arrive: a file that is no IPMI device does not know of such a choice."""
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._ioctl(self.descriptor, NATIVE.choose_events, bytearray(4))

    def send(self, number: int, netfn: int, command: int, data: bytes) -> bool:
        """Hand a request over; False: the driver has no room for it now."""
        address, content = ctypes.create_string_buffer(BMC_ADDRESS), ctypes.create_string_buffer(data)
        where = ctypes.addressof(content), len(data)
        request = build_request(number, netfn, command, ctypes.addressof(address), where)
        try:
            self._ioctl(self.descriptor, NATIVE.send, bytearray(request))
        except OSError as error:
            if error.errno in _TRY_AGAIN:
                return False
            raise
        return True

    def receive_untrusted(self) -> Arrival | None:
        """Take the next message; None: there is none. Raises `Malformed` for one that is longer than any; it is gone then."""
        address, content = ctypes.create_string_buffer(MOST_ADDRESS), ctypes.create_string_buffer(MOST_DATA)
        room = bytearray(build_room(ctypes.addressof(address), ctypes.addressof(content)))
        try:
            self._ioctl(self.descriptor, NATIVE.receive, room)
        except OSError as error:
            if error.errno in _TRY_AGAIN:
                return None
            if error.errno == errno.EMSGSIZE:
                raise Malformed("a message longer than any of IPMI") from None
            raise
        return parse_arrival_untrusted(bytes(room), content.raw)


class LocalBmc:
    """The BMC of this machine. Use `open_local`. Several tasks may run commands; they go one after the other."""

    __slots__ = ("_driver", "_numbers", "_turn", "dropped")

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._turn = trio.Lock()
        self._numbers = count(1)
        self.dropped: Counter[str] = Counter()
        """Arrivals that were ignored, by reason."""

    async def run(self, command: Command[Reply], timeout: float = TIMEOUT) -> Reply:
        """Give `command` to the BMC, once, and return its reply; done or failed within `timeout` seconds.

        Raises `CommandRefused`, `NoAnswer`, `Malformed` (the reply is too short to read), `DeviceFailed` (the driver says no, or
        the device was closed), `NoDevice` (the driver was removed), and `BadArgument` for a command for a controller behind the
        BMC, or one that is too long.
        """
        if command.via or len(command.data) > MOST_DATA:
            raise BadArgument(f"{command.name}: the local device takes what is for the BMC itself, at most {MOST_DATA} octets")
        number, was_sent = next(self._numbers), False
        send = partial(self._driver.send, number, int(command.netfn), command.code, command.data)
        with trio.move_on_after(timeout):
            async with self._turn:
                while not was_sent:
                    was_sent = True      # Should nobody wait for the call any more, it may still send.
                    was_sent = await self._call(send)
                    await trio.sleep(0 if was_sent else _BETWEEN_TRIES)
                return _reply_untrusted(command, await self._answer(number, command))
        raise NoAnswer(command.name, timeout, was_sent)

    async def _answer(self, number: int, command: Command[Reply]) -> bytes:
        """The data of the answer to the request of this number; what else arrives is counted and dropped."""
        while True:
            await self._wait()
            try:
                arrival = await self._call(self._driver.receive_untrusted)
            except Malformed:
                self.dropped["too long"] += 1
                continue
            if arrival is None:
                self.dropped["nothing"] += 1
                await trio.sleep(_BETWEEN_TRIES)
            elif (reason := _reason_to_drop(arrival, number, command)) is not None:
                self.dropped[reason] += 1
            else:
                return arrival.data

    async def _wait(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self._driver.descriptor)
        except (trio.ClosedResourceError, ValueError, OSError):
            raise DeviceFailed(self._driver.path, "it was closed") from None

    async def _call(self, function: Callable[[], _Value]) -> _Value:
        try:
            return await self._driver.call(function)
        except OSError as error:
            raise _translated(self._driver.path, error) from None


def _reason_to_drop(arrival: Arrival, number: int, command: Command[Reply]) -> str | None:
    """None: it is the answer. A late one of a request given up carries that one's number."""
    if arrival.kind != RESPONSE:
        return "no answer"
    if arrival.number != number:
        return "answer to another request"
    if (arrival.netfn, arrival.command) != (command.netfn | 1, command.code):
        return "answer to another command"
    return None


def _reply_untrusted(command: Command[Reply], data: bytes) -> Reply:
    if not data:
        raise Malformed(f"{command.name}: an answer without a completion code")
    if data[0] != CompletionCode.OK:
        raise CommandRefused(command.name, data[0], meaning_of(data[0], CompletionCode))
    return command.reply.parse_untrusted(data[1:])


def _translated(path: str, error: OSError) -> IpmiError:
    """The one border where the driver's errors become ours."""
    if error.errno in _NOT_THERE:
        return NoDevice(path)
    if error.errno in _NOT_ALLOWED:
        return NoPermission(path)
    return DeviceFailed(path, error.strerror or str(error))


@asynccontextmanager
async def open_local(path: str = DEVICE, *, timeout: float = TIMEOUT, ioctl: Ioctl = fcntl.ioctl) -> AsyncIterator[LocalBmc]:
    """Open the IPMI device, hand out a `LocalBmc`, and close it at the end.

    Raises `NoDevice`, `NoPermission`, `DeviceFailed` (it is there, and is no IPMI device, or fails), `NoAnswer` (the driver does
    not let us in within `timeout` seconds).
    """
    driver = _Driver(path, ioctl)
    try:
        await _open(driver, timeout)
        yield LocalBmc(driver)
    finally:
        driver.close()


async def _open(driver: _Driver, timeout: float) -> None:
    with trio.move_on_after(timeout):
        try:
            return await driver.call(driver.open)
        except OSError as error:
            raise _translated(driver.path, error) from None
    raise NoAnswer(f"opening {driver.path}", timeout)
