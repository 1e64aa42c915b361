"""A task for each BMC: read the power state, tell the judge, wait."""

from __future__ import annotations

from collections.abc import Callable

import trio

from haconn_daemon.bmc import Bmc
from haconn_daemon.monitor.health import Change, Judge, Silence
from ipmi_lan import Client, CommandRefused, IpmiError, Malformed, NoAnswer, SessionBudget, SessionLost, WrongPassword
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.login import SessionInfo, get_session_info

READ_TIMEOUT = 2.0
"""Seconds for one reading in an open session, its repeats included."""
LOGIN_TIMEOUT = 3.0
"""Seconds for a login; OpenBMC needs one to two."""
BUDGET = SessionBudget(leave_free=2)
"""A session is kept open only where two slots stay free beside it: for another connector's reset, and for a person."""

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
            if BUDGET.allows_staying(await self._ask_slots(client)):
                while True:
                    await self._wait()
                    await self._read(client, trio.current_time())

    async def _read(self, client: Client, began: float) -> None:
        """One reading, which has kept the BMC busy since `began`."""
        status = await client.run(get_chassis_status(), READ_TIMEOUT)
        now = trio.current_time()
        self._tell(self.judge, self.judge.saw_power(status.power_is_on, now, now - began))

    async def _ask_slots(self, client: Client) -> SessionInfo | None:
        """How many sessions the BMC has, and how many are taken; None from one that does not tell, which is not asked again."""
        if not self._tells_slots:
            return None
        try:
            return await client.run(get_session_info(), READ_TIMEOUT)
        except (CommandRefused, NoAnswer, SessionLost, Malformed):
            self._tells_slots = False
            return None

    async def _wait(self) -> None:
        self.last_progress = trio.current_time()
        await trio.sleep(self.judge.next_delay())
        self.last_progress = trio.current_time()
