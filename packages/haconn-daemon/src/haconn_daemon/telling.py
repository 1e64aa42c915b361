"""What happens, and who is told: the journal always, the reset path where somebody there waits for it. Decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import trio

from haconn_cli.resetpath.vocabulary import EventKind, Phase, Reading, ResetResult, ResultCode
from haconn_daemon.fence.operation import Operation
from haconn_daemon.logs.journal import Journal
from haconn_daemon.monitor.dump import DumpChange
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder

PROGRESS_INTERVAL = 1.0
MOST_REASONS = 16
"""Said of one lost link; what comes after them is in eventlogalt."""
_CHANGES = {
    Change.POWER_OFF: ("power_off", logging.WARNING, EventKind.POWER_OFF),
    Change.POWER_ON: ("power_on", logging.WARNING, EventKind.POWER_ON),
    Change.LINK_LOST: ("link_lost", logging.WARNING, EventKind.LINK_LOST),
    Change.LINK_BACK: ("link_back", logging.INFO, EventKind.LINK_BACK),
}
_DUMPS = {
    DumpChange.STARTED: ("dump_started", logging.WARNING, EventKind.DUMP_STARTED),
    DumpChange.ENDED: ("dump_ended", logging.WARNING, EventKind.DUMP_ENDED),
}
"""What each change is called in the log, how loud it is, and what it is on the reset path."""


class Telling:
    """Hears from the desk (`fence.desk.Teller`) and from the watchers, and passes it on."""

    def __init__(
        self, journal: Journal, responder: Responder, endpoint: Endpoint, restarted: Callable[[str], None] = lambda server: None
    ) -> None:
        """`restarted` hears of a server that a reset has switched."""
        self._restarted = restarted
        self._journal, self._responder, self._endpoint = journal, responder, endpoint
        self._said_progress: dict[bytes, float] = {}
        self._said_reasons: dict[str, set[str]] = {}

    # ── what the desk tells ───────────────────────────────────────────────────

    def announce(self, operation: Operation, requester: str, priority: int) -> None:
        """Tell the other connectors, before anything is switched."""
        self._responder.announce_intent(operation.order.target, requester, priority, operation.id, trio.current_time())
        self._endpoint.wake()

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
        if result.code.is_success or result.code is ResultCode.RESET_UNVERIFIED:
            self._restarted(operation.order.target)
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

    # ── what the watchers tell ────────────────────────────────────────────────

    def changed(self, judge: Judge, changes: list[Change]) -> None:
        """A reading, or a silence, and what it changed."""
        power_is_on = "" if judge.reason else judge.power_is_on     # what was read before says nothing of now
        self._journal.periodic("poll", server=judge.name, power_is_on=power_is_on, reason=judge.reason)
        self._tell_new_reason(judge, changes)
        for change in changes:
            name, level, kind = _CHANGES[change]
            self._journal.event(name, level, server=judge.name, reason=judge.reason)
            self._announce(kind, judge.name)

    def _tell_new_reason(self, judge: Judge, changes: list[Change]) -> None:
        """A link that is NG for another reason by now: each reason is said once until the link is back."""
        if not judge.is_lost:
            self._said_reasons.pop(judge.name, None)
            return
        said = self._said_reasons.setdefault(judge.name, set())
        if judge.reason in said or len(said) >= MOST_REASONS:
            return
        said.add(judge.reason)
        if Change.LINK_LOST not in changes:
            self._journal.event("link_reason", logging.WARNING, server=judge.name, reason=judge.reason)

    # ── what is told of dumps ─────────────────────────────────────────────────

    def dump_changed(self, server: str, change: DumpChange, sign: str) -> EventKind:
        """A server began to write a crash dump, as far as `sign` says, or has ended. Returns which event that is."""
        name, level, kind = _DUMPS[change]
        self._journal.event(name, level, server=server, sign=sign)
        self._announce(kind, server)
        return kind

    def _announce(self, kind: EventKind, server: str) -> None:
        self._responder.announce(kind, server, trio.current_time())
        self._endpoint.wake()


def _in_words(readings: Sequence[Reading]) -> str:
    return " ".join(f"{reading.after:.3f}={'on' if reading.power_is_on else 'off'}" for reading in readings)
