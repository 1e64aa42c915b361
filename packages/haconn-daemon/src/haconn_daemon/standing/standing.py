"""Where this connector stands: the one place that knows its own server, from all who can tell, and keeps it over restarts."""

from __future__ import annotations

import logging
from pathlib import Path

import trio

from haconn_cli.config.guarded import Unreadable, read_guarded, write_whole
from haconn_cli.config.model import Servers
from haconn_daemon.bmcs.roster import Roster
from haconn_daemon.logs.journal import Journal
from haconn_daemon.standing.local_bmc import LocalSighting, OpenDevice, look_at_local_bmc
from haconn_daemon.standing.own_server import OwnServer
from ipmi_lan import IpmiError, NoDevice, open_local

AT_BOOT, LATER = 20.0, 300.0
"""Seconds between two looks at the local BMC, before one has succeeded and after. A BMC may be busy while its server boots."""
WRITE_PATIENCE = 1.0
"""Seconds that the disk may take before that is an alarm; so long the end waits for it, too."""
BETWEEN_WRITES = 10.0
"""Seconds before a disk that failed, or took too long, is tried again."""
_COMPARING = 2.0
"""Seconds between two comparisons with what the watchers see."""


class Standing:
    """Asks the judge, and feeds it."""

    def __init__(
        self, servers: Servers, configured: str | None, roster: Roster, file: Path, journal: Journal,
        open_device: OpenDevice | None = None,
    ) -> None:  # fmt: skip
        """`file` is where what HA Monitor has said outlives the process; `open_device` opens the IPMI device of this server."""
        self._judge = OwnServer((server.name for server in servers.servers), configured)
        self._roster, self._file, self._journal, self._open_device = roster, file, journal, open_device or open_local
        self._local = LocalSighting()
        self._is_news = trio.Event()
        self._kept: tuple[str, ...] = ()
        self._one_writer = trio.CapacityLimiter(1)    # one that was given up still has the file that it began
        self.why_not_kept = ""
        """Why what HA Monitor said would not outlive the process; empty: it would."""
        self._said = ""

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server taken for the own one; more than one is a mistake in somebody's settings, and none may be reset."""
        self._compare()
        return self._judge.claimed

    @property
    def decided(self) -> str | None:
        """The own server, where all who can tell agree."""
        self._compare()
        return self._judge.decided

    def is_disputed(self) -> bool:
        """Whether they do not agree."""
        self._compare()
        return self._judge.is_disputed

    def note(self) -> str:
        """What a person should mend; empty: nothing."""
        self._compare()
        return self._judge.contradiction()

    def change(self, servers: Servers, configured: str | None) -> None:
        """Other settings."""
        self._judge.change((server.name for server in servers.servers), configured)
        self._compare()

    def heard(self, name: str) -> None:
        """HA Monitor on this server said hello."""
        if self._judge.hello(name):
            self._is_news.set()
        self._compare()

    async def load(self) -> None:
        """What HA Monitor told an earlier life. It takes as long as the disk does, and may be done at any time."""
        try:
            data = await trio.to_thread.run_sync(lambda: read_guarded(self._file, private=False), abandon_on_cancel=True)
            names = data.decode().split()
        except FileNotFoundError:
            return
        except (Unreadable, UnicodeDecodeError, OSError, RuntimeError) as error:     # RuntimeError: no thread to be had
            self._journal.event("own_server_not_read", logging.ERROR, why=str(error))
            return
        has_heard = bool(self._judge.told)
        for name in names:
            self._judge.hello(name)
        if has_heard:
            self._is_news.set()
        else:
            self._kept = self._judge.told
        self._compare()

    async def run(self) -> None:
        """Look at the local BMC from time to time, and write down what is new, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            nursery.start_soon(self._keep)
            while True:
                await trio.sleep(_COMPARING)
                self._compare()

    def _compare(self) -> None:
        local = self._local
        self._judge.local_bmc(self._roster.servers_of(local.guid, local.macs, local.addresses))
        contradiction = self._judge.contradiction()
        if contradiction != self._said:
            self._said = contradiction
            if contradiction:
                self._journal.event("own_server_unclear", logging.ERROR, claims=",".join(self._judge.claimed), why=contradiction)
            else:
                self._journal.event("own_server_clear", own_server=self._judge.decided)

    async def _look(self) -> None:
        said = ""
        while True:
            why, pause = "", LATER
            try:
                self._local = await look_at_local_bmc(self._open_device)
            except NoDevice as error:
                why = str(error)
            except IpmiError as error:
                why = str(error)
                pause = AT_BOOT if self._local == LocalSighting() else LATER
            if why not in ("", said):
                self._journal.event("local_bmc_not_seen", logging.INFO, why=why)
            said = why
            await trio.sleep(pause)

    async def _keep(self) -> None:
        """Write down what is new until the disk has it, as HA Monitor says it only once; at the end, try once more."""
        try:
            while True:
                await self._is_news.wait()
                self._is_news = trio.Event()
                while self._kept != self._judge.told:
                    await self._try_to_keep()
                    if self._kept != self._judge.told:
                        await trio.sleep(BETWEEN_WRITES)
                self._say_kept("")
        finally:
            if self._kept != self._judge.told:
                with trio.CancelScope(shield=True):
                    await self._try_to_keep()

    async def _try_to_keep(self) -> None:
        why = f"the disk takes longer than {WRITE_PATIENCE:g} s"
        with trio.move_on_after(WRITE_PATIENCE):
            try:
                await trio.to_thread.run_sync(self._write, self._judge.told, abandon_on_cancel=True, limiter=self._one_writer)
            except (OSError, RuntimeError) as error:     # RuntimeError: no thread to be had
                why = str(error)
            else:
                return
        self._say_kept(why)

    def _write(self, told: tuple[str, ...]) -> None:
        """In a thread. That it is kept is known also where nobody waits for it any more."""
        write_whole(self._file, "".join(f"{name}\n" for name in told))
        self._kept = told

    def _say_kept(self, why: str) -> None:
        """An alarm when it begins, and one line when it is over."""
        before, self.why_not_kept = self.why_not_kept, why
        if why and not before:
            self._journal.event("own_server_not_kept", logging.ERROR, why=why)
        elif before and not why:
            self._journal.event("own_server_kept")
