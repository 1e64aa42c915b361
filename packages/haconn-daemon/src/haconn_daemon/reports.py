"""What the connector says of itself when asked: the statuses of a path check, and the report on the control socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from haconn_cli.reports import HistoryEntry, KeyReport, ServerReport, StatusReport
from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status
from haconn_daemon import __version__
from haconn_daemon.fence.record import Record
from haconn_daemon.monitor.dumps import Dumps
from haconn_daemon.monitor.health import Judge
from haconn_daemon.monitor.watch import Watch
from haconn_daemon.reloading import Reloading
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.standing.standing import Standing
from ipmi_lan import Privilege

_GIVES_WAY_TO_A_DUMP = (Status.NOT_YET, Status.MONITORING)
"""A server that is off writes no dump; and of the own server it is more important that it is that."""


class Reports:
    """Put together anew each time, from what is known already: nothing here waits."""

    def __init__(
        self,
        watch: Watch,
        responder: Responder,
        standing: Standing,
        dumps: Dumps,
        reloading: Reloading,
        notes: Callable[[], Sequence[str]],
    ) -> None:
        """`notes`: what a person should look at."""
        self._watch, self._responder, self._dumps, self._reloading, self._notes = watch, responder, dumps, reloading, notes
        self._standing = standing
        self._links: dict[str, tuple[Link, float]] = {}

    def statuses(self, now: float) -> list[ServerStatus]:
        """Of every server, in the order of the configuration."""
        own = self._standing.servers
        statuses = [judge.status(now, judge.name in own) for judge in (watcher.judge for watcher in self._watch)]
        return [
            replace(each, status=Status.DUMP_DETECTED)
            if each.status in _GIVES_WAY_TO_A_DUMP and self._dumps.is_dumping(each.name)
            else each
            for each in statuses
        ]

    def status(self) -> StatusReport:
        """What `show status` prints."""
        return StatusReport(
            __version__,
            self._standing.decided,
            tuple(self._server(status) for status in self.statuses(trio.current_time())),
            dict(self._responder.dropped),
            notes=tuple(self._notes()),
            started=self._reloading.started,
            settings_read=self._reloading.settings_read,
            settings_refused=self._reloading.refused,
            keys=self._keys(trio.current_time()),
        )

    def _server(self, status: ServerStatus) -> ServerReport:
        post, now = self._watch.post(status.name), trio.current_time()
        peer, since = post.watcher.peer, self._links.get(status.name)
        return replace(
            ServerReport.of(status, post.watcher.judge.why(now)),
            bmc=str(post.server.bmc),
            identity=self._watch.identity(status.name),
            suite=None if peer is None or peer.suite is None else peer.suite.id,
            privilege=None if peer is None else _privilege(peer.privilege),
            since=None if since is None else now - since[1],
            round_trip=post.watcher.judge.round_trip,
            free_sessions=post.watcher.free_sessions,
            dump=self._dumps.dump_sign(status.name) or None,
        )

    def _keys(self, now: float) -> tuple[KeyReport, ...]:
        keys, heard = self._responder.keys.keys, self._responder.keys_heard
        return tuple(KeyReport(key.id, place == 0, heard.ages(key.id, now)) for place, key in enumerate(keys))

    def link_seen(self, judge: Judge) -> None:
        """To be called after every reading: how long a link is as it is."""
        now = trio.current_time()
        link = judge.status(now, is_own=False).link
        if self._links.get(judge.name, (None, now))[0] is not link:
            self._links[judge.name] = link, now


    def summary(self) -> str:
        """One line for `systemctl status`."""
        servers = self.statuses(trio.current_time())
        bad = [each.name for each in servers if each.link is not Link.OK]
        links = f"{len(servers)} servers, all links OK" if not bad else f"{len(servers)} servers; link not OK: {', '.join(bad)}"
        refused = self._reloading.refused
        return "; ".join([links, *self._notes(), *([f"settings refused: {refused}"] if refused else [])])


def _privilege(privilege: Privilege | int) -> str:
    return privilege.name.lower() if isinstance(privilege, Privilege) else str(privilege)


async def read_history(record: Record, name: str | None) -> list[HistoryEntry]:
    """The resets on record, of that server or of all, the oldest first. Raises OSError."""
    try:
        found = await trio.to_thread.run_sync(record.history, abandon_on_cancel=True)
    except RuntimeError as error:
        raise OSError(f"no thread to read it: {error}") from None
    return [
        HistoryEntry(
            each.operation, each.target, each.action, each.requesters, each.time, each.code or None, each.back_on, each.detail,
            each.seconds if each.code else None, each.steps, each.readings, each.power_commands, each.guid or None,
            each.suite if each.guid else None, each.reason, each.recorded,
        )
        for each in found
        if name in (None, each.target)
    ]  # fmt: skip
