"""The nursery: joins the rooms, orders the start and the shutdown, reports ready. Decides nothing.

What a room has to tell another goes through `telling` (what happens), `reception` (what arrives) and `reports` (what is asked).
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import trio

from haconn_cli.config.model import KeyRing, Settings
from haconn_cli.config.paths import Paths
from haconn_cli.resetpath.vocabulary import ServerStatus
from haconn_daemon import __version__, systemd
from haconn_daemon.bmcs.pinning import PinKeeper
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.control import serve_control
from haconn_daemon.door import Door
from haconn_daemon.fence.desk import Desk
from haconn_daemon.fence.record import Record
from haconn_daemon.fence.rules import Rules
from haconn_daemon.logs.events import is_for_the_hook
from haconn_daemon.logs.hook import Hook
from haconn_daemon.logs.journal import Journal
from haconn_daemon.monitor.dump import DumpChange
from haconn_daemon.monitor.dumps import Dumps
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.monitor.watch import Watch
from haconn_daemon.past import Past
from haconn_daemon.reception import Reception
from haconn_daemon.reloading import READ_PATIENCE, Reloading
from haconn_daemon.reports import Reports, read_history
from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.keys import why_not
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from haconn_daemon.standing.standing import Standing
from haconn_daemon.telling import Telling
from haconn_daemon.upkeep import feed_watchdog, keep_posted, tell_counts, what_hangs
from ipmi_lan import Client

RUNNING_RESET_GRACE = 4.0
"""Seconds that a reset in progress gets when the service is told to stop."""
LAST_WORDS = 0.2
"""Seconds for the last results to leave."""


class Service:
    """One connector."""

    def __init__(self, settings: Settings, paths: Paths, journal: Journal) -> None:
        self._paths, self._journal = paths, journal
        servers, service = settings.servers, settings.service
        segment = Segment.of(settings.reset_path)
        self._address = address = segment.own
        self._pins = PinKeeper(paths, journal)
        self._roster = Roster(servers.servers, {}, journal.event, self._pins.keep)
        self._dumps = Dumps(servers, service, self._tell_dump, journal)
        self._watch = Watch(servers, service, self._tell_changes, self._look_further, self._roster)
        self._standing = Standing(servers, service.own_server, self._roster, Path(paths.state) / "own_server", journal)
        self._responder = Responder(
            settings.keys, address, servers, os.urandom, self._statuses, own_servers=lambda: self._standing.servers,
            version=__version__, segment=segment, arbitrates=service.arbitration_wait > 0,
        )   # fmt: skip
        arrivals_in, self._arrivals = trio.open_memory_channel[Arrival](256)
        self._endpoint = Endpoint(self._responder, address, arrivals_in, segment)
        self._telling = Telling(journal, self._responder, self._endpoint, self._dumps.restarted)
        self._hook = Hook(service.hook, journal)
        journal.listener = self._tell_hook
        self._reloading = Reloading(settings, paths, journal, self._take, self._why_not_keys)
        self._reports = Reports(self._watch, self._responder, self._standing, self._dumps, self._reloading, self._notes)
        self._door = Door(self._endpoint, address, journal)
        self._record = Record(Path(paths.state) / "record")
        self._desk = Desk(
            self._watch.bmcs,
            self._record,
            lambda: frozenset(self._standing.servers),
            self._telling,
            is_settled=self._watch.is_settled,
            is_dumping=self._dumps.is_dumping,
            look_for_dump=self._dumps.look_for_reset,
            rules=Rules.of(servers, service),
        )
        self._reception = Reception(journal, self._responder, self._endpoint, self._desk, self._standing, self._watch.look_now)
        self._past = Past(self._record, self._pins, self._standing, self._roster, self._reception, journal)
        self._told_to_stop = trio.Event()
        self._one_reload_at_a_time = trio.Lock()

    async def reload(self) -> str:
        """Read the settings anew, for SIGHUP and the control socket. Returns "", or why the old ones stay."""
        async with self._one_reload_at_a_time:
            if self._told_to_stop.is_set():
                return "the connector is being stopped"
            systemd.notify(systemd.reloading())
            # A disk that is broken or hangs, or no thread to be had: the pins stay as they are known.
            with suppress(OSError, RuntimeError), trio.move_on_after(READ_PATIENCE):
                self._roster.replace_pins(await self._pins.load())
            refused = await self._reloading.reload()
            if not self._told_to_stop.is_set():
                systemd.notify(systemd.READY)
            return refused

    def _why_not_keys(self, keys: KeyRing) -> str:
        return why_not(self._responder.keys, keys, self._responder.keys_heard, trio.current_time())

    def _take(self, settings: Settings) -> None:
        """Put settings into force. A reset that runs goes on to its end as it was begun."""
        servers, service = settings.servers, settings.service
        self._watch.change(servers, service)
        self._dumps.change(servers, service)
        self._responder.replace_servers(servers, arbitrates=service.arbitration_wait > 0)
        self._standing.change(servers, service.own_server)
        self._responder.replace_keys(settings.keys)
        self._desk.rules = Rules.of(servers, service)
        self._hook.path = service.hook

    # ── what one room has for another ─────────────────────────────────────────

    def _tell_changes(self, judge: Judge, changes: list[Change]) -> None:
        self._telling.changed(judge, changes)
        self._reports.link_seen(judge)
        if Change.POWER_OFF in changes or Change.POWER_ON in changes:
            self._dumps.restarted(judge.name)

    def _tell_dump(self, server: str, change: DumpChange, sign: str) -> None:
        kind = self._telling.dump_changed(server, change, sign)
        self._desk.dump_sign(server, kind)

    async def _look_further(self, judge: Judge, client: Client) -> None:
        await self._dumps.look(judge.name, client, judge.power_is_on is not False)

    def _tell_hook(self, name: str, level: int, fields: Mapping[str, object]) -> None:
        if is_for_the_hook(name, level):
            self._hook.tell(name, level, fields)

    def _notes(self) -> list[str]:
        """What a person should look at."""
        closed = f"no reset path: {self._door.why_closed}" if self._door.why_closed else ""
        deaf = f"fence_kdump is not heard: {self._dumps.why_deaf}" if self._dumps.why_deaf else ""
        forgets = f"after a restart the own server would not be known: {why}" if (why := self._standing.why_not_kept) else ""
        hook = f"the hook {self._hook.path} is not run: {self._hook.trouble}" if self._hook.trouble else ""
        own = (closed, deaf, hook, self._standing.note(), forgets, self._journal.trouble, self._hanging())
        network = (*self._endpoint.complaints, *self._responder.notes(trio.current_time()))
        return [*(note for note in own if note), *self._past.notes(), *self._roster.notes(), *network]

    def _hanging(self) -> str:
        hanging = what_hangs(self._watch, self._desk)
        return f"no progress: {hanging}" if hanging else ""

    def _statuses(self, now: float) -> list[ServerStatus]:
        return self._reports.statuses(now)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises OSError where the reset path's address or the control socket cannot be had."""
        with closing(self._record):
            await self._serve()
        self._journal.event("stopped")

    async def _serve(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})     # one that came since the start is obeyed now
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._obey_signals, signals, nursery)
                async with self._one_reload_at_a_time:
                    await self._start(nursery)
                await self._told_to_stop.wait()
                await self._wind_up()
                nursery.cancel_scope.cancel()

    async def _start(self, nursery: trio.Nursery) -> None:
        """To be ready, unless it is told to stop before that."""
        async with trio.open_nursery() as starting:
            starting.start_soon(self._cut_short, starting.cancel_scope)
            await self._open_rooms(nursery)
            self._journal.start_up("ready", version=__version__, servers=len(self._watch))
            self._journal.event("started", version=__version__)
            systemd.notify(systemd.READY)
            starting.cancel_scope.cancel()

    async def _cut_short(self, starting: trio.CancelScope) -> None:
        await self._told_to_stop.wait()
        starting.cancel()

    async def _open_rooms(self, nursery: trio.Nursery) -> None:
        await nursery.start(self._past.run)
        await nursery.start(self._desk.run)
        await nursery.start(self._door.run)
        await nursery.start(self._watch.run)
        history = partial(read_history, self._record)
        await nursery.start(partial(serve_control, self._paths, self._reports.status, history, self.reload))
        nursery.start_soon(self._dumps.run)
        nursery.start_soon(self._hook.run)
        nursery.start_soon(self._reception.run, self._arrivals)
        nursery.start_soon(feed_watchdog, self._journal, partial(what_hangs, self._watch, self._desk))
        nursery.start_soon(keep_posted, self._journal, self._reports.summary)
        nursery.start_soon(self._pins.run)
        nursery.start_soon(self._standing.run)
        nursery.start_soon(tell_counts, self._journal, self._responder)

    async def _obey_signals(self, signals: AsyncIterator[int], nursery: trio.Nursery) -> None:
        """SIGTERM or SIGINT stops, and further ones change nothing any more; SIGHUP has the settings read anew."""
        async for number in signals:
            if number == signal.SIGHUP:
                nursery.start_soon(self.reload)
            elif not self._told_to_stop.is_set():
                self._journal.event("stopping", signal=signal.Signals(number).name, running_resets=len(self._desk.running))
                self._told_to_stop.set()

    async def _wind_up(self) -> None:
        systemd.notify(systemd.STOPPING)
        was_busy = bool(self._desk.running)
        await self._desk.close(RUNNING_RESET_GRACE)
        if was_busy:
            await trio.sleep(LAST_WORDS)
