"""Settings read anew while the connector runs: taken whole, or refused whole."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import trio

from haconn_cli.config.load import ConfigError, load_settings
from haconn_cli.config.model import KeyRing, Settings
from haconn_cli.config.paths import Paths
from haconn_daemon.logs.journal import Journal

READ_PATIENCE = 5.0
"""Seconds for the disk to give the settings."""


class Reloading:
    """The settings in force, and how they are replaced."""

    def __init__(
        self,
        settings: Settings,
        paths: Paths,
        journal: Journal,
        take: Callable[[Settings], None],
        why_not_keys: Callable[[KeyRing], str] = lambda keys: "",
    ) -> None:
        """`take` puts new settings into force; it can neither fail nor wait. `why_not_keys`: why these may not be taken now."""
        self.settings = settings
        self.refused = ""
        """Why the files as they were read last are not in force; empty when they are."""
        self.started = self.settings_read = _now()
        """For people."""
        self._paths, self._journal, self._take, self._why_not_keys = paths, journal, take, why_not_keys
        self._one_at_a_time, self._one_reader = trio.Lock(), trio.CapacityLimiter(1)

    async def reload(self) -> str:
        """Read the three files and take what they say. Returns "", or why all stays as it was, in one line.

        The files are read in a thread: a slow disk delays nobody but who asked for this, and one that hangs not for ever.
        """
        async with self._one_at_a_time:
            try:
                settings = await self._read()
                self._check_what_needs_a_restart(settings)
            except (ConfigError, OSError, RuntimeError) as error:   # RuntimeError: no thread to be had
                self.refused = str(error)
                self._journal.event("settings_refused", logging.ERROR, why=self.refused)
            else:
                self._take(settings)
                self.settings, self.refused, self.settings_read = settings, "", _now()
                names = ",".join(server.name for server in settings.servers.servers)
                self._journal.event("settings_taken", servers=names, keys=len(settings.keys.keys))
        return self.refused

    async def _read(self) -> Settings:
        """A reading that was given up keeps its thread, and the next one waits for it. Raises as `load_settings`; `OSError`."""
        with trio.move_on_after(READ_PATIENCE):
            return await trio.to_thread.run_sync(load_settings, self._paths, abandon_on_cancel=True, limiter=self._one_reader)
        raise OSError(errno.ETIMEDOUT, f"the disk takes longer than {READ_PATIENCE:g} s to give the settings")

    def _check_what_needs_a_restart(self, settings: Settings) -> None:
        """Our identity on the reset path is made of these, and the answers to requests that are under way hang on it."""
        paths, now = self._paths, self.settings
        for file, key, before, after in (
            (paths.conf_haconn, "resetpath", now.reset_path, settings.reset_path),
            (paths.conf_haconn, "service.syslog", now.service.syslog, settings.service.syslog),
            (paths.conf_key, "cluster", now.keys.cluster, settings.keys.cluster),
        ):
            if before != after:
                raise ConfigError(file, key, "is new; that needs a restart of the connector, and until then nothing new is taken")
        if problem := self._why_not_keys(settings.keys):
            raise ConfigError(paths.conf_key, "key", problem)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
