"""The reset path's door: opened as soon as its address can be had."""

from __future__ import annotations

import errno
import logging

import trio

from haconn_daemon.logs.journal import Journal
from haconn_daemon.resetpath.endpoint import Endpoint

BETWEEN_TRIES = 1.0
PATIENCE = 3.0
"""Seconds for whoever has the port to leave, like a connector that is just ending. After that it is somebody else's."""


class Door:
    """Opens the endpoint, and knows why it is not open yet."""

    def __init__(self, endpoint: Endpoint, address: tuple[str, int], journal: Journal) -> None:
        self._endpoint, self._address, self._journal = endpoint, address, journal
        self.why_closed = ""

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. Reports started when the door is open, or once it is clear that its address is not there yet.

        An address that is on no interface may come at any time, as at boot: it is waited for, for ever. A port that somebody else
        has is a mistake that waiting does not mend. Raises `OSError` for that and for everything else.
        """
        give_up = trio.current_time() + PATIENCE
        async with trio.open_nursery() as nursery:
            while not await self._is_opened(nursery, give_up):
                if self.why_closed:
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                await trio.sleep(BETWEEN_TRIES)
            self._say("")
            self._journal.start_up("reset_path_open", address=self._address[0], port=self._address[1])
            task_status.started()

    async def _is_opened(self, nursery: trio.Nursery, give_up: float) -> bool:
        try:
            await nursery.start(lambda task_status: self._endpoint.run(task_status=task_status))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                self._say(str(error.strerror or error))
            elif error.errno != errno.EADDRINUSE or trio.current_time() >= give_up:
                raise
            return False
        return True

    def _say(self, why: str) -> None:
        if why == self.why_closed:
            return
        self.why_closed = why
        if why:
            self._journal.start_up("reset_path_waits", logging.ERROR, why=why)
            self._journal.event("reset_path_waits", logging.ERROR, why=why)
        else:
            self._journal.event("reset_path_back")
