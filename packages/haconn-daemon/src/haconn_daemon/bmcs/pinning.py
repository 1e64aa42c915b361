"""The file of the pins, from the connector's side: read at the start, written in a thread, so that no disk holds anything up."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping

import trio

from haconn_cli.config.identity import Identity
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import DamagedPins, Pin, keep_pin, load_pins
from haconn_daemon.logs.journal import Journal

WRITE_PATIENCE = 1.0
"""Seconds for the disk to take a pin; so long the end waits for all that are not written yet."""


class PinKeeper:
    """Keeps what the roster pins."""

    def __init__(self, paths: Paths, journal: Journal) -> None:
        self._paths, self._journal = paths, journal
        self._waiting: deque[tuple[str, Pin]] = deque()
        self._is_news = trio.Event()
        self._one_writer = trio.CapacityLimiter(1)     # a disk that hangs takes up one thread, and not one for each pin
        self._one_reading, self._one_reader = trio.Lock(), trio.CapacityLimiter(1)
        self._unwritten: dict[str, Pin] = {}
        self._recent: dict[str, Pin] = {}

    async def load(self) -> Mapping[str, Pin] | str:
        """The pins, also those that are being written or made meanwhile, or what is wrong with their file.

        Takes as long as the disk does. Raises `OSError`, and `RuntimeError` where no thread is to be had.
        """
        async with self._one_reading:
            recent = self._recent = dict(self._unwritten)
            pins = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True, limiter=self._one_reader)
        return pins if isinstance(pins, str) else {**pins, **recent}

    def _read(self) -> Mapping[str, Pin] | str:
        try:
            return load_pins(self._paths)
        except DamagedPins as error:
            return str(error)

    def keep(self, name: str, bmc: str, identity: Identity) -> None:
        """Have it written soon."""
        pin = self._unwritten[name] = self._recent[name] = Pin(bmc, identity)
        self._waiting.append((name, pin))
        self._is_news.set()

    async def run(self) -> None:
        """Write until cancelled, and then what is still waiting."""
        try:
            while True:
                await self._write_all()
                await self._is_news.wait()
                self._is_news = trio.Event()
        finally:
            with trio.move_on_after(WRITE_PATIENCE, shield=True):
                await self._write_all()
            for name, pin in self._waiting:
                self._say_lost(name, pin, _TOO_SLOW)

    async def _write_all(self) -> None:
        """One after the other; one that is cut short by our end goes on in its thread, and is written once more then."""
        while self._waiting:
            name, pin = self._waiting[0]
            why = await self._write(name, pin)
            self._waiting.popleft()
            if why:
                self._say_lost(name, pin, why)
            elif self._unwritten.get(name) == pin:
                del self._unwritten[name]

    async def _write(self, name: str, pin: Pin) -> str:
        """Why it is not written; "" where it is."""
        with trio.move_on_after(WRITE_PATIENCE):
            try:
                await trio.to_thread.run_sync(
                    keep_pin, self._paths, name, pin.bmc, pin.identity, abandon_on_cancel=True, limiter=self._one_writer
                )
            except (OSError, DamagedPins, RuntimeError) as error:     # RuntimeError: no thread to be had
                return str(error)
            return ""
        return _TOO_SLOW

    def _say_lost(self, name: str, pin: Pin, why: str) -> None:
        self._journal.event("pin_not_kept", logging.ERROR, server=name, identity=str(pin.identity), why=why)


_TOO_SLOW = f"the disk took longer than {WRITE_PATIENCE:g} s"
