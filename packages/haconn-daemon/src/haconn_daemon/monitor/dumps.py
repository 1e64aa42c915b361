"""Crash dumps of all servers: looks into the BMCs' event logs, listens for fence_kdump, and says who is dumping."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from haconn_cli.config.model import BmcAddress, Servers, Service
from haconn_daemon.logs.journal import Journal
from haconn_daemon.monitor import kdump
from haconn_daemon.monitor.crash_log import CrashLog, Found, NoEventLog
from haconn_daemon.monitor.dump import DumpChange, DumpJudge
from ipmi_lan import Client, CommandRefused, IpmiError

SEL_TIMEOUT = 2.0
"""Seconds for one command."""
LOOK_AGAIN = 3600.0
"""Seconds after which a BMC without an event log is asked again: its firmware may be another one then."""
MOST_LOOKS = 8
"""In a row, of a reset; each reads a few records, and there may have been many events before a crash."""
LISTEN_AGAIN = 10.0
"""Seconds between attempts to get the port of fence_kdump."""
LOOK_INTERVAL = 1.0
BETWEEN_STRANGERS = 10.0
"""Seconds between two lines in the log on datagrams from nobody's address: anybody can send any number of them."""

Tell = Callable[[str, DumpChange, str], None]


@dataclass(slots=True, eq=False)
class _Case:
    """One server."""

    name: str
    judge: DumpJudge = field(default_factory=DumpJudge)
    log: CrashLog = field(default_factory=CrashLog)
    next_look: float = float("-inf")
    looked: float = float("-inf")
    """When the event log was last looked into to its end."""
    no_log_until: float = float("-inf")
    """It has none, or not for us; until then it is not asked again."""


class Dumps:
    """Who is writing a crash dump now, as far as anybody can tell from outside."""

    def __init__(self, servers: Servers, service: Service, tell: Tell, journal: Journal) -> None:
        """`tell` hears a server's name, what changed, and what speaks for it."""
        self._tell, self._journal = tell, journal
        self._cases: dict[str, _Case] = {}
        self._at: dict[BmcAddress, _Case] = {}
        self._port_changed = trio.Event()
        self._next_stranger = float("-inf")
        self.why_deaf = ""
        """Why fence_kdump cannot be listened for; "" where it can, or where nobody wants it."""
        self.change(servers, service)

    def change(self, servers: Servers, service: Service) -> None:
        """Other settings. What is known of a BMC's event log stays known."""
        self._at = {server.bmc: self._at.get(server.bmc, _Case(server.name)) for server in servers.servers}
        for server in servers.servers:
            self._at[server.bmc].name = server.name
        self._cases = {case.name: case for case in self._at.values()}
        self._senders = {address: server.name for server in servers.servers for address in server.addresses}
        self._interval, self._port = service.sel_interval, service.kdump_port
        self._port_changed.set()

    def is_dumping(self, name: str) -> bool:
        """Whether there is a sign of it."""
        return self._cases[name].judge.is_dumping(trio.current_time())

    def dump_sign(self, name: str) -> str:
        """What speaks for it, for a person; "" where nothing does."""
        return self._cases[name].judge.sign(trio.current_time())

    async def run(self) -> None:
        """Listen, and see dumps end, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_listening)
            while True:
                for case in self._cases.values():
                    self._say(case, case.judge.look(trio.current_time()))
                await trio.sleep(LOOK_INTERVAL)

    # ── signs ─────────────────────────────────────────────────────────────────

    async def look(self, name: str, client: Client, power_is_on: bool) -> None:
        """Look into the event log over the watcher's session, if it is time for that. Never raises what the BMC does wrong."""
        case = self._cases.get(name)
        if case is not None and self._interval and trio.current_time() >= case.next_look:
            await self._look(case, client, power_is_on)

    async def look_for_reset(self, name: str, client: Client) -> bool | None:
        """Look into the event log of a server that is on, over the session of a reset, to its newest record.

        Returns whether the server was started anew since it was looked last, and writes no dump; None where nothing can be
        learned. Never raises what the BMC does wrong.
        """
        case, has_restarted = self._cases.get(name), False
        if case is None or not self._interval:
            return None
        for _ in range(MOST_LOOKS):
            found = await self._look(case, client, power_is_on=True)
            if found is None:
                return None
            has_restarted = found.restarted or (has_restarted and not found.crash)
            if found.is_all:
                break
        return has_restarted and not case.judge.is_dumping(trio.current_time())

    async def _look(self, case: _Case, client: Client, power_is_on: bool) -> Found | None:
        now = trio.current_time()
        if now < case.no_log_until:
            return None
        case.next_look = now + self._interval
        try:
            found = await _read(case.log, client)
        except NoEventLog:
            case.no_log_until = trio.current_time() + LOOK_AGAIN
        except IpmiError:
            return None     # whoever has the session hears so from the next reading; the next look goes on from here
        else:
            self._weigh(case, found, power_is_on)
            case.looked = now
            return found
        return None

    def _weigh(self, case: _Case, found: Found, power_is_on: bool) -> None:
        now = trio.current_time()
        if found.restarted:     # after the crash, where there is one: then it is over, and was not worth an alarm
            self._say(case, case.judge.saw_start(now))
        elif found.crash and power_is_on:
            self._say(case, case.judge.saw_crash(found.crash, found.crash_age, now, case.looked))

    def restarted(self, name: str) -> None:
        """The watcher saw the server go off, or on; or a reset of it was carried out."""
        if (case := self._cases.get(name)) is not None:
            self._say(case, case.judge.saw_restart(trio.current_time()))

    def _hear(self, address: str) -> None:
        name = self._senders.get(address)
        if name is None:
            if (now := trio.current_time()) >= self._next_stranger:
                self._next_stranger = now + BETWEEN_STRANGERS
                self._journal.periodic("kdump_of_nobody", address=address)
        else:
            case = self._cases[name]
            self._say(case, case.judge.heard_kdump(trio.current_time()))

    def _say(self, case: _Case, changes: list[DumpChange]) -> None:
        for change in changes:
            self._tell(case.name, change, case.judge.sign(trio.current_time()))

    # ── fence_kdump ───────────────────────────────────────────────────────────

    async def _keep_listening(self) -> None:
        """On the port of the settings, whichever that is at the moment."""
        while True:
            self._port_changed = trio.Event()
            port = self._port
            async with trio.open_nursery() as nursery:
                if port:
                    nursery.start_soon(self._listen, port)
                while self._port == port:
                    await self._port_changed.wait()
                    self._port_changed = trio.Event()
                nursery.cancel_scope.cancel()
            self.why_deaf = ""

    async def _listen(self, port: int) -> None:
        while True:
            try:
                async with trio.open_nursery() as nursery:
                    await nursery.start(kdump.listen, port, self._hear, kdump.ANY_ADDRESS)
                    self.why_deaf = ""
            except* OSError as group:
                why = str(group.exceptions[0])
                if why != self.why_deaf:
                    self._journal.event("kdump_not_heard", logging.ERROR, why=why)
                self.why_deaf = why
            await trio.sleep(LISTEN_AGAIN)


async def _read(log: CrashLog, client: Client) -> Found:
    """Run a look over this session. Raises what its commands raise, and `NoEventLog`."""
    look = log.look()
    try:
        command = next(look)
        while True:
            try:
                reply = await client.run(command, SEL_TIMEOUT)
            except CommandRefused as refusal:
                command = look.throw(refusal)
            else:
                command = look.send(reply)
    except StopIteration as end:
        found: Found = end.value
        return found
