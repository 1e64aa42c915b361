"""A task for each BMC: read the power state, tell the judge, wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.monitor.health import Change, Judge, Silence
from haconn_daemon.monitor.wording import in_words
from ipmi_lan import (
    Client,
    CommandRefused,
    IpmiError,
    Malformed,
    NoAnswer,
    Peer,
    Privilege,
    SessionBudget,
    SessionLost,
    WrongPassword,
)
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.login import SessionInfo, get_session_info

READ_TIMEOUT = 2.0
"""Seconds for one reading in an open session, its repeats included."""
LOGIN_TIMEOUT = 3.0
"""Seconds for a login; OpenBMC needs one to two."""
BUDGET = SessionBudget(leave_free=2)
"""A session is kept open only where two slots stay free beside it: for another connector's reset, and for a person."""

ASK_SLOTS_AGAIN = 600.0
"""Seconds before a BMC that did not tell its slots is asked again: an answer may just have been lost."""
RECHECK = 3600.0
"""Seconds after which a session that is kept is asked again whether it may be, and for its privilege."""
_NO_CONTROL = frozenset({0xC1, 0xCC, 0xD4})
"""Completion codes that mean never, not just now: no such command, no such argument, not with this privilege."""
_STEP = 1.0
"""Seconds between signs of life while a reset has the BMC to itself."""
LONGEST_LOOK = 3.0
"""Seconds that `look_further` may take."""

Tell = Callable[[Judge, list[Change]], None]
LookFurther = Callable[[Judge, Client], Awaitable[None]]


async def _look_no_further(judge: Judge, client: Client) -> None:
    return


class Watcher:
    """Watches one BMC for ever."""

    def __init__(self, bmc: Bmc, judge: Judge, tell: Tell, look_further: LookFurther = _look_no_further) -> None:
        """`tell` is called after every reading, with what it changed; then `look_further` may use the session."""
        self.judge = judge
        self.last_progress = 0.0
        """When the watcher last came round, for the watchdog."""
        self.peer: Peer | None = None
        """The BMC as our latest login proved it."""
        self.free_sessions: int | None = None
        """How many more it had room for when it was last asked."""
        self._bmc = bmc
        self._tell, self._look_further = tell, look_further
        self._ask_slots_from = float("-inf")
        self._rest = 0.0
        self._wish = trio.Event()
        self._sharing = sharing = bmc.sharing
        sharing.on_reading, sharing.on_failure, sharing.on_control = self._take_reading, self._take_failure, self._take_control

    def look_now(self) -> None:
        """Do not wait for the next poll. Nothing happens where the password was refused too often, lest the account be locked."""
        if not self.judge.spares_the_account:
            self._wish.set()

    @property
    def longest_silence(self) -> float:
        """Seconds that a healthy watcher may go without progress.

        A reset's reading may make the pause that is under way longer than the next one would be.
        """
        return max(self._rest, self.judge.next_delay()) + LOGIN_TIMEOUT + 3 * READ_TIMEOUT + LONGEST_LOOK + 4.0

    async def run(self) -> None:
        """Read, tell, wait; log in anew whenever the session ends."""
        while True:
            try:
                await self._visit()
            except IpmiError as error:
                self._take_failure(error)
            await self._wait()

    async def _visit(self) -> None:
        """A login and a reading, and as many more as there is room for us to stay. Raises what ends it."""
        began = trio.current_time()
        async with self._bmc.open(LOGIN_TIMEOUT) as client:
            self.peer = client.peer
            await self._read(client, began)
            while not self._sharing.is_taken and await self._may_stay(client):
                await self._stay(client)

    async def _stay(self, client: Client) -> None:
        """Readings over the same session, which a reset may borrow meanwhile."""
        until = trio.current_time() + RECHECK
        with self._sharing.offered(client):
            while trio.current_time() < until:
                await self._wait()
                await self._read(client, trio.current_time())

    async def _read(self, client: Client, began: float) -> None:
        """One reading, which has kept the BMC busy since `began`. A reset that begins meanwhile ends it, which is no failure."""
        with self._sharing.poll():
            self._bmc.expect_right()
            status = await client.run(get_chassis_status(), READ_TIMEOUT)
            self._take_reading(status.power_is_on, began)
            with trio.move_on_after(LONGEST_LOOK):
                await self._look_further(self.judge, client)

    async def _may_stay(self, client: Client) -> bool:
        info = await self._ask_slots(client)
        self.free_sessions = None if info is None else max(0, info.slots - info.active)
        if info is not None and info.privilege is not None and 0 < info.privilege < Privilege.OPERATOR:
            why = f"the session has privilege {info.privilege}, and power commands need {int(Privilege.OPERATOR)} (operator)"
            self._tell(self.judge, self.judge.control_refused(why, trio.current_time()))
        return BUDGET.allows_staying(info)

    async def _ask_slots(self, client: Client) -> SessionInfo | None:
        """How many sessions the BMC has, and how many are taken; None from one that does not tell, which rests for a while."""
        if trio.current_time() < self._ask_slots_from:
            return None
        try:
            return await client.run(get_session_info(), READ_TIMEOUT)
        except (CommandRefused, NoAnswer, SessionLost, Malformed):
            self._ask_slots_from = trio.current_time() + ASK_SLOTS_AGAIN
            return None

    async def _wait(self) -> None:
        """Until the next poll is due or wished for, and no reset has the BMC to itself."""
        self.last_progress = trio.current_time()
        self._rest = self.judge.next_delay()
        with trio.move_on_after(self._rest):
            await self._wish.wait()
        self._rest, self._wish = 0.0, trio.Event()
        while self._sharing.is_taken:
            self.last_progress = trio.current_time()
            await self._sharing.until_free(_STEP)
        self.last_progress = trio.current_time()

    # ── what was seen, by us or by a reset ────────────────────────────────────

    def _take_reading(self, is_on: bool, asked: float) -> None:
        now = trio.current_time()
        self._tell(self.judge, self.judge.saw_power(is_on, now, now - asked))
        self._sharing.spares_the_account = False

    def _take_failure(self, error: IpmiError) -> None:
        silence = Silence(in_words(error), isinstance(error, WrongPassword))
        self._tell(self.judge, self.judge.heard_nothing(silence, trio.current_time()))
        self._sharing.spares_the_account = self.judge.spares_the_account

    def _take_control(self, code: int | None) -> None:
        """A power command of a reset was taken (None), or refused."""
        if code is None:
            self.judge.control_works()
        elif code in _NO_CONTROL:
            why = f"the BMC lets this account read and refuses its power commands ({code:02X}h)"
            self._tell(self.judge, self.judge.control_refused(why, trio.current_time()))
