"""A task for each BMC: read the power state, tell the judge, wait."""

from __future__ import annotations

from collections.abc import Callable

import trio

from haconn_daemon.bmc import Bmc
from haconn_daemon.monitor.health import Change, Judge, Silence
from ipmi_lan import Client, CommandRefused, IpmiError, Malformed, NoAnswer, SessionLost, WrongPassword
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.login import get_session_info

READ_TIMEOUT = 2.0
"""Seconds for one reading in an open session, its repeats included."""
LOGIN_TIMEOUT = 3.0
"""Seconds for a login; OpenBMC needs one to two."""
FREE_SLOTS_TO_LEAVE = 2
"""A session is kept open only where this many slots stay free beside it: for another connector's reset, and for a person."""

Tell = Callable[[Judge, list[Change]], None]


class Watcher:
    """Watches one BMC for ever."""

    def __init__(self, bmc: Bmc, judge: Judge, tell: Tell) -> None:
        """`tell` is called after every reading, with what it changed."""
        self.judge = judge
        self.last_progress = 0.0
        """When the watcher last came round, for the watchdog."""
        self._bmc = bmc
        self._tell = tell
        self._tells_slots = True

    @property
    def longest_silence(self) -> float:
        """Seconds that a healthy watcher may go without progress."""
        return self.judge.next_delay() + LOGIN_TIMEOUT + 3 * READ_TIMEOUT + 4.0

    async def run(self) -> None:
        """Read, tell, wait; log in anew whenever the session ends."""
        while True:
            try:
                await self._visit()
            except IpmiError as error:
                silence = Silence(str(error), isinstance(error, WrongPassword))
                self._tell(self.judge, self.judge.heard_nothing(silence, trio.current_time()))
            await self._wait()

    async def _visit(self) -> None:
        """A login and a reading, and as many more as there is room for us to stay. Raises what ends it."""
        began = trio.current_time()
        async with self._bmc.open(LOGIN_TIMEOUT) as client:
            await self._read(client, began)
            if await self._has_slots_to_spare(client):
                while True:
                    await self._wait()
                    await self._read(client, trio.current_time())

    async def _read(self, client: Client, began: float) -> None:
        """One reading, which has kept the BMC busy since `began`."""
        status = await client.run(get_chassis_status(), READ_TIMEOUT)
        now = trio.current_time()
        self._tell(self.judge, self.judge.saw_power(status.power_is_on, now, now - began))

    async def _has_slots_to_spare(self, client: Client) -> bool:
        """Whether the BMC has room for us to stay; one that does not tell is taken for a small one, and not asked again."""
        if not self._tells_slots:
            return False
        try:
            info = await client.run(get_session_info(), READ_TIMEOUT)
        except (CommandRefused, NoAnswer, SessionLost, Malformed):
            self._tells_slots = False
            return False
        return info.slots - info.active >= FREE_SLOTS_TO_LEAVE

    async def _wait(self) -> None:
        self.last_progress = trio.current_time()
        await trio.sleep(self.judge.next_delay())
        self.last_progress = trio.current_time()
