"""What earlier lives left on the disk, read at the start; a disk that hangs holds the start up for a moment, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from haconn_daemon.bmcs.pinning import PinKeeper
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.fence.record import Record
from haconn_daemon.logs.journal import Journal
from haconn_daemon.reception import Reception
from haconn_daemon.standing.standing import Standing

PATIENCE = 5.0
"""Seconds that the start waits for the disk; a healthy one takes milliseconds."""
_TOO_SLOW = f"the disk takes longer than {PATIENCE:g} s"


class Past:
    """The record of resets, the pins, and which server is the own one."""

    def __init__(
        self, record: Record, pins: PinKeeper, standing: Standing, roster: Roster, reception: Reception, journal: Journal
    ) -> None:
        self._record, self._pins, self._standing = record, pins, standing
        self._roster, self._reception, self._journal = roster, reception, journal
        self._missing: dict[str, Callable[[], None]] = {}
        self._is_news = trio.Event()
        self._is_late = False

    def notes(self) -> list[str]:
        """What has not been read yet, a line each; of pins that are missing the roster tells."""
        return [f"{what} is not read yet: {_TOO_SLOW}" for what in self._missing if self._is_late and what != _PINS]

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Report started when all is read or the patience is over; what comes later is taken up then.

        Raises `BlockingIOError`, sooner or later, where another connector has the record.
        """
        self._missing = {_RECORD: self._miss_record, _PINS: self._miss_pins, _OWN_SERVER: self._miss_own_server}
        async with trio.open_nursery() as nursery:
            for what, read in ((_RECORD, self._open_record), (_PINS, self._load_pins), (_OWN_SERVER, self._standing.load)):
                nursery.start_soon(self._read, what, read)
            with trio.move_on_after(PATIENCE):
                while self._missing:
                    await self._is_news.wait()
            for miss in self._missing.values():
                miss()
            self._is_late = True
            task_status.started()

    async def _read(self, what: str, read: Callable[[], Awaitable[None]]) -> None:
        await read()
        del self._missing[what]
        self._is_news.set()
        self._is_news = trio.Event()

    async def _open_record(self) -> None:
        try:
            past = await trio.to_thread.run_sync(self._record.open, abandon_on_cancel=True)
        except BlockingIOError:
            raise   # another connector has it
        except (OSError, RuntimeError) as error:     # RuntimeError: no thread to be had
            self._journal.event("record_unavailable", logging.ERROR, why=str(error))
        else:
            self._reception.restore(past)
            if self._is_late:
                self._journal.event("record_available")

    async def _load_pins(self) -> None:
        try:
            self._roster.replace_pins(await self._pins.load())
        except (OSError, RuntimeError) as error:
            self._roster.replace_pins(str(error))

    def _miss_record(self) -> None:
        self._journal.event("record_unavailable", logging.ERROR, why=_TOO_SLOW)

    def _miss_pins(self) -> None:
        """A BMC that is seen meanwhile may be the wrong one: none is pinned, or switched, that the settings do not name."""
        self._roster.replace_pins(_TOO_SLOW)

    def _miss_own_server(self) -> None:
        self._journal.event("own_server_not_read", logging.ERROR, why=_TOO_SLOW)


_RECORD, _PINS, _OWN_SERVER = "the record of resets", "the pins", "the own server that an earlier life knew"
