"""The nursery: joins the rooms, passes on what one has to tell the other, reports ready, orders the shutdown. Decides nothing."""

from __future__ import annotations

import logging
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import trio

from haconn_cli.config.model import Settings
from haconn_cli.config.paths import Paths
from haconn_cli.control import ServerReport, StatusReport
from haconn_cli.resetpath.vocabulary import EventKind, Evidence, Link, Phase, Reading, ResetResult, ResultCode, ServerStatus
from haconn_daemon import __version__, systemd
from haconn_daemon.bmc import Bmc
from haconn_daemon.control import serve_control
from haconn_daemon.fence.desk import Admitted, Desk, Operation, Order
from haconn_daemon.fence.record import Record
from haconn_daemon.journal import Journal
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.monitor.watcher import Watcher
from haconn_daemon.resetpath.arrivals import (
    Arrival,
    HelloSeen,
    OtherVersionSeen,
    RequestKey,
    ResetAsked,
    ResultAcknowledged,
)
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder

RUNNING_RESET_GRACE = 4.0
"""Seconds that a reset in progress gets when the service is told to stop."""
LAST_WORDS = 0.2
"""Seconds for the last results to leave."""
PROGRESS_INTERVAL = 1.0
COUNTS_INTERVAL = 60.0

_EVENTS = {Change.POWER_OFF: EventKind.POWER_OFF, Change.POWER_ON: EventKind.POWER_ON}


class Service:
    """One connector."""

    def __init__(self, settings: Settings, paths: Paths, journal: Journal) -> None:
        self._paths, self._journal = paths, journal
        servers, service = settings.servers, settings.service
        self._address = address = (settings.reset_path.address, settings.reset_path.port)
        self._arrivals_in, self._arrivals = trio.open_memory_channel[Arrival](256)
        self._responder = Responder(
            settings.keys, address, servers, os.urandom, self._statuses, own_server=service.own_server, version=__version__
        )
        self._endpoint = Endpoint(self._responder, address, self._arrivals_in)
        bmcs = {server.name: Bmc(server, servers.account_of(server)) for server in servers.servers}
        self._watchers = {
            name: Watcher(bmc, Judge(name, service.poll_interval, service.patience), self._tell_changes)
            for name, bmc in bmcs.items()
        }
        self._record = Record(Path(paths.state) / "record")
        self._own_claims = Path(paths.state) / "own_server"
        self._desk = Desk(
            bmcs,
            self._record,
            lambda: frozenset(self._responder.own_servers),
            self,
            is_settled=lambda target: self._watchers[target].judge.is_settled(trio.current_time()),
        )
        self._said_progress: dict[bytes, float] = {}
        self._told_to_stop = trio.Event()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises OSError where the reset path's address or the control socket cannot be had."""
        with closing(self._record):
            await self._open_record()
            await self._serve()
        self._journal.event("stopped")

    async def _serve(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._obey_signals, signals)
                await self._open_rooms(nursery)
                self._journal.start_up("ready", version=__version__, servers=len(self._watchers))
                self._journal.event("started", version=__version__)
                systemd.notify(systemd.READY)
                await self._told_to_stop.wait()
                await self._wind_up()
                nursery.cancel_scope.cancel()

    async def _open_rooms(self, nursery: trio.Nursery) -> None:
        await nursery.start(self._desk.run)
        await nursery.start(lambda task_status: self._endpoint.run(task_status=task_status))
        self._journal.start_up("reset_path_open", address=self._address[0], port=self._address[1])
        await nursery.start(serve_control, self._paths, self._report)
        for watcher in self._watchers.values():
            watcher.last_progress = trio.current_time()
            nursery.start_soon(watcher.run)
        nursery.start_soon(self._take_arrivals, nursery)
        nursery.start_soon(self._feed_watchdog)
        nursery.start_soon(self._tell_counts)

    # ── what the desk tells (fence.desk.Teller) ───────────────────────────────

    def progress(self, operation: Operation, phase: Phase, reads: int) -> None:
        """Tell the requesters, every second or so."""
        now = trio.current_time()
        if now - self._said_progress.get(operation.id, float("-inf")) >= PROGRESS_INTERVAL:
            self._said_progress[operation.id] = now
            self._responder.progress(operation.id, phase, reads, now)
            self._endpoint.wake()

    def finished(self, operation: Operation, result: ResetResult) -> None:
        """Tell everybody who waits for it, and the log."""
        self._said_progress.pop(operation.id, None)
        self._responder.finished(operation.id, result, trio.current_time())
        self._endpoint.wake()
        evidence = result.evidence
        self._journal.event(
            "reset_finished",
            logging.WARNING if result.code.is_success else logging.ERROR,
            operation=operation.id.hex(),
            target=operation.order.target,
            code=result.code.name,
            back_on=result.back_on,
            seconds=trio.current_time() - operation.plan.started,
            readings=_in_words(evidence.readings[-20:]),
            power_commands="; ".join(evidence.power_commands),
            detail=evidence.detail,
        )

    def not_recorded(self, operation: Operation, why: str) -> None:
        """Loud: after a crash nobody will know of this reset."""
        self._journal.event("reset_not_recorded", logging.ERROR, operation=operation.id.hex(), why=why)

    # ── what the monitor tells ────────────────────────────────────────────────

    def _tell_changes(self, judge: Judge, changes: list[Change]) -> None:
        self._journal.periodic("poll", server=judge.name, power_is_on=judge.power_is_on, reason=judge.reason)
        for change in changes:
            level = logging.INFO if change is Change.LINK_BACK else logging.WARNING
            self._journal.event(change.name.lower(), level, server=judge.name, reason=judge.reason)
            if (kind := _EVENTS.get(change)) is not None:
                self._responder.announce(kind, judge.name, trio.current_time())
                self._endpoint.wake()

    # ── what the reset path tells ─────────────────────────────────────────────

    async def _take_arrivals(self, nursery: trio.Nursery) -> None:
        async for arrival in self._arrivals:
            match arrival:
                case ResetAsked():
                    nursery.start_soon(self._admit, arrival)
                case HelloSeen():
                    self._note_hello(arrival)
                case OtherVersionSeen(name, version, address):
                    self._journal.event("other_protocol_version", logging.WARNING, name=name, version=version, address=address[0])
                case ResultAcknowledged(request):
                    self._journal.event("result_acknowledged", request=request.request.hex())

    async def _admit(self, asked: ResetAsked) -> None:
        deadline = trio.current_time() + asked.budget
        ticket = f"{asked.request.sender.hex()}:{asked.request.request.hex()}"
        order = Order(asked.target, asked.action, asked.budget, asked.requester, asked.reason, ticket, asked.force)
        self._journal.event(
            "reset_asked",
            logging.WARNING,
            target=order.target,
            action=order.action.name,
            requester=order.requester,
            budget=order.budget,
            reason=order.reason,
            force=order.force,
        )
        admission = await self._desk.admit(order)
        now = trio.current_time()
        if isinstance(admission, ResultCode):
            self._responder.refused(asked.request, admission, now)
            self._journal.event("reset_refused", logging.WARNING, target=order.target, code=admission.name)
        else:
            self._responder.accepted(asked.request, admission.operation, admission.joined, now)
            self._journal.event("reset_accepted", operation=admission.operation.hex(), joined=admission.joined)
        self._endpoint.wake()
        if isinstance(admission, Admitted) and admission.joined:
            await self._answer_in_time(asked, admission.operation, deadline)

    async def _answer_in_time(self, asked: ResetAsked, operation: bytes, deadline: float) -> None:
        """Who has joined with less time than the operation has still gets an answer in that time."""
        await trio.sleep_until(deadline)
        late = ResetResult(ResultCode.TIMEOUT, evidence=Evidence(detail="the reset joined goes on"))
        self._responder.finished_for(asked.request, operation, late, trio.current_time())
        self._endpoint.wake()

    def _note_hello(self, hello: HelloSeen) -> None:
        self._journal.event("hello", name=hello.name, local=hello.is_local, address=hello.address[0])
        if hello.is_local:
            self._keep_own_claims()
        if hello.digest_differs:
            self._journal.event("configurations_differ", logging.WARNING, name=hello.name, address=hello.address[0])
        own = self._responder.own_servers
        if len(own) > 1:
            self._journal.event("own_server_unclear", logging.ERROR, claims=",".join(own))

    def _keep_own_claims(self) -> None:
        """So that a restarted connector knows where it stands before HA Monitor says hello again."""
        with suppress(OSError):
            self._own_claims.write_text("\n".join(self._responder.own_servers) + "\n", encoding="utf-8")

    def _load_own_claims(self) -> None:
        with suppress(OSError, UnicodeDecodeError):
            for name in self._own_claims.read_text(encoding="utf-8").split():
                self._responder.claim_own(name)

    # ── the rest ──────────────────────────────────────────────────────────────

    async def _open_record(self) -> None:
        """Read the record. A disk that is full or broken costs the record, not the reset path."""
        self._load_own_claims()
        try:
            past = await trio.to_thread.run_sync(self._record.open)
        except BlockingIOError:
            raise   # another connector has it
        except OSError as error:
            self._journal.event("record_unavailable", logging.ERROR, why=str(error))
            return
        for reset in past:
            if reset.was_cut_short:
                self._journal.event("reset_interrupted", logging.ERROR, operation=reset.operation.hex(), target=reset.target)
            for ticket in reset.tickets:
                if (request := _request(ticket)) is not None:
                    self._responder.restore(request, reset.operation, reset.result, trio.current_time())

    async def _obey_signals(self, signals: AsyncIterator[int]) -> None:
        """SIGTERM or SIGINT stops; further ones change nothing any more, and SIGHUP never does."""
        async for number in signals:
            if number == signal.SIGHUP:
                self._journal.event("hangup_ignored", logging.WARNING, advice="restart it to have the settings read")
            elif not self._told_to_stop.is_set():
                self._journal.event("stopping", signal=signal.Signals(number).name, running_resets=len(self._desk.running))
                self._told_to_stop.set()

    async def _wind_up(self) -> None:
        systemd.notify(systemd.STOPPING)
        was_busy = bool(self._desk.running)
        await self._desk.close(RUNNING_RESET_GRACE)
        if was_busy:
            await trio.sleep(LAST_WORDS)

    async def _tell_counts(self) -> None:
        """Once a minute: path checks, and datagrams without effect, which is how a wrong key shows, or an attack."""
        told: Counter[str] = Counter()
        while True:
            await trio.sleep(COUNTS_INTERVAL)
            checks, self._responder.path_checks = self._responder.path_checks, Counter()
            self._journal.periodic("path_checks", **dict(sorted(checks.items())))
            fresh = self._responder.dropped - told
            if fresh:
                told = Counter(self._responder.dropped)
                self._journal.event("datagrams_dropped", logging.WARNING, **dict(sorted(fresh.items())))

    async def _feed_watchdog(self) -> None:
        interval = systemd.watchdog_interval()
        while interval is not None:
            now = trio.current_time()
            if all(now - watcher.last_progress <= watcher.longest_silence for watcher in self._watchers.values()):
                systemd.notify(systemd.WATCHDOG)
            await trio.sleep(interval)

    def _statuses(self, now: float) -> list[ServerStatus]:
        own = self._responder.own_servers
        return [watcher.judge.status(now, name in own) for name, watcher in self._watchers.items()]

    def _report(self) -> StatusReport:
        own = self._responder.own_servers
        servers = tuple(
            ServerReport.of(status, self._why_ng(status)) for status in self._statuses(trio.current_time())
        )
        return StatusReport(__version__, own[0] if len(own) == 1 else None, servers, dict(self._responder.dropped))

    def _why_ng(self, status: ServerStatus) -> str:
        return self._watchers[status.name].judge.reason if status.link is Link.NG else ""


def _in_words(readings: Sequence[Reading]) -> str:
    return " ".join(f"{reading.after:.3f}={'on' if reading.power_is_on else 'off'}" for reading in readings)


def _request(ticket: str) -> RequestKey | None:
    try:
        sender, request = (bytes.fromhex(part) for part in ticket.split(":"))
    except ValueError:
        return None
    return RequestKey(sender, request)
