"""What is done every so often: the counts of a minute, the watchdog's food, and the line that `systemctl status` shows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import trio

from haconn_daemon import systemd
from haconn_daemon.fence.desk import Desk
from haconn_daemon.logs.journal import Journal
from haconn_daemon.monitor.watch import Watch
from haconn_daemon.resetpath.responder import Responder

COUNTS_INTERVAL = 60.0
LOOK_INTERVAL = 1.0
OVERDUE = 5.0
"""Seconds after its deadline in which a reset must have ended: it ends at its deadline, and the record may take a moment."""


async def tell_counts(journal: Journal, responder: Responder) -> None:
    """Once a minute: path checks, and datagrams without effect, which is how a wrong key shows, or an attack."""
    told: Counter[str] = Counter()
    while True:
        await trio.sleep(COUNTS_INTERVAL)
        checks, responder.path_checks = responder.path_checks, Counter()
        journal.periodic("path_checks", **dict(sorted(checks.items())))
        fresh = responder.dropped - told
        if fresh:
            told = Counter(responder.dropped)
            journal.event("datagrams_dropped", logging.WARNING, **dict(sorted(fresh.items())))


def what_hangs(watch: Watch, desk: Desk) -> str:
    """Who should have made progress long ago and has not; "" while all do."""
    now = trio.current_time()
    hanging = [
        f"the watcher of {watcher.judge.name}" for watcher in watch if now - watcher.last_progress > watcher.longest_silence
    ]
    hanging += [f"the reset of {each.order.target}" for each in desk.running if now > each.plan.deadline + OVERDUE]
    return ", ".join(hanging)


async def feed_watchdog(journal: Journal, what_hangs: Callable[[], str]) -> None:
    """Only while all make progress. That this task runs shows that the loop does; there is no thread that could feed it instead.

    Where systemd does not watch, what hangs is in the log all the same. After a stop of the whole process all others get their
    turn before they are judged.
    """
    interval = systemd.watchdog_interval()
    told = ""
    while True:
        hanging = what_hangs()
        if not hanging and interval is not None:
            systemd.notify(systemd.WATCHDOG)
        if hanging and hanging != told:
            journal.event("no_progress", logging.ERROR, who=hanging)
        told = hanging
        due = trio.current_time() + (interval or LOOK_INTERVAL)
        await trio.sleep_until(due)
        if trio.current_time() > due + LOOK_INTERVAL:
            await trio.sleep(LOOK_INTERVAL)


async def keep_posted(journal: Journal, summary: Callable[[], str]) -> None:
    """Tell systemd how things stand when that is new, and sound one alarm when the logs cannot be written."""
    told = trouble = ""
    while True:
        if (text := summary()) != told:
            told = text
            systemd.notify(systemd.status(text))
        if bool(journal.trouble) != bool(trouble):
            if journal.trouble:
                journal.event("log_not_written", logging.ERROR, why=journal.trouble)
            else:
                journal.event("log_written_again")
        trouble = journal.trouble
        await trio.sleep(LOOK_INTERVAL)
