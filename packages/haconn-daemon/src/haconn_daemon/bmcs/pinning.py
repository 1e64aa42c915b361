"""The file of the pins, from the connector's side: read at the start, written in a thread, so that no disk holds anything up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

import trio

from haconn_cli.config.identity import Identity
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import DamagedPins, Pin, keep_pin, load_pins
from haconn_daemon.logs.journal import Journal

WRITE_PATIENCE = 1.0
"""Seconds for the disk to take a pin; so long the end waits for those that were made last."""
_MOST_WAITING = 64
"""A server is pinned once or twice in a life."""


class PinKeeper:
    """Keeps what the roster pins."""

    def __init__(self, paths: Paths, journal: Journal) -> None:
        self._paths, self._journal = paths, journal
        self._in, self._out = trio.open_memory_channel[tuple[str, str, Identity]](_MOST_WAITING)
        self._unwritten: dict[str, Pin] = {}
        self._recent: dict[str, Pin] = {}

    def load(self) -> Mapping[str, Pin] | str:
        """The pins as they were kept, or what is wrong with their file. Raises nothing; blocks as long as the disk does."""
        try:
            return load_pins(self._paths)
        except DamagedPins as error:
            return str(error)

    async def load_again(self) -> Mapping[str, Pin] | str:
        """The same while pins are being made: what is in the file, or not yet. Raises `RuntimeError` without threads."""
        recent = self._recent = dict(self._unwritten)
        pins = await trio.to_thread.run_sync(self.load, abandon_on_cancel=True)
        return pins if isinstance(pins, str) else {**pins, **recent}

    def keep(self, name: str, bmc: str, identity: Identity) -> None:
        """Have it written soon."""
        self._unwritten[name] = self._recent[name] = Pin(bmc, identity)
        with suppress(trio.WouldBlock):
            self._in.send_nowait((name, bmc, identity))

    async def run(self) -> None:
        """Write until cancelled, and then what is still waiting."""
        try:
            async for name, bmc, identity in self._out:
                await self._write(name, bmc, identity)
        finally:
            with trio.move_on_after(WRITE_PATIENCE, shield=True), suppress(trio.WouldBlock):
                while True:
                    await self._write(*self._out.receive_nowait())

    async def _write(self, name: str, bmc: str, identity: Identity) -> None:
        try:
            with trio.move_on_after(WRITE_PATIENCE, shield=True):
                await trio.to_thread.run_sync(keep_pin, self._paths, name, bmc, identity, abandon_on_cancel=True)
                if self._unwritten.get(name) == Pin(bmc, identity):
                    del self._unwritten[name]
                return
        except (OSError, DamagedPins, RuntimeError) as error:     # RuntimeError: no thread to be had
            why = str(error)
        else:
            why = f"the disk took longer than {WRITE_PATIENCE:g} s"
        self._journal.event("pin_not_kept", logging.ERROR, server=name, identity=str(identity), why=why)
