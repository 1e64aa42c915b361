"""The notification hook: an executable of the administrator's that is told of events, and can hold up nobody.

One runs at a time, with the event as a JSON object on its standard input, an environment without anything of ours, and 30 s. What
comes meanwhile waits in a short queue. A hook that fails is logged; it is not run again for the same event.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from subprocess import PIPE, STDOUT

import trio

from haconn_daemon.logs.journal import Journal

TIME_LIMIT = 30.0
"""Seconds for one run; then SIGTERM to its process group, and SIGKILL `GRACE` seconds later."""
GRACE = 2.0
MOST_WAITING = 100
"""Events; what comes on top of them is dropped, counted, and said in the log."""
MOST_OUTPUT = 2000
"""Bytes of what it prints that go into the event log."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

subprocess._USE_VFORK = False  # type: ignore[misc]
"""With vfork, the whole process would stand still until the hook's file is loaded, and it may lie on a slow disk."""


def checked_hook(path: str) -> str:
    """What is wrong with it as a hook, and what would be right; "": nothing is. Only root and we may have written it."""
    try:
        real = os.path.realpath(path)
        facts = Path(path).stat()
        folders = [(folder, folder.stat()) for folder in Path(path).parents]
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    except ValueError as error:     # a NUL in it
        return f"cannot be looked at: {error}"
    if real != path:
        return f"must be the file itself, not a way through symbolic links: {real}"
    if not stat.S_ISREG(facts.st_mode) or not os.access(path, os.X_OK):
        return "must be an executable file: chmod 700"
    if not _is_ours_alone(facts):
        return "can be written by others; do: chown root, then chmod 700"
    for folder, its in folders:
        if not _is_ours_alone(its) and not its.st_mode & stat.S_ISVTX:
            return f"lies in {folder}, where others can replace it; move it to a directory that only root may write"
    return ""


def _is_ours_alone(facts: os.stat_result) -> bool:
    return facts.st_uid in (0, os.geteuid()) and not facts.st_mode & 0o022


class Hook:
    """Runs the hook for each event that it is told. The journal hears how that went."""

    def __init__(self, path: str | None, journal: Journal) -> None:
        """`path` may be changed at any time; None: nothing is run."""
        self._path = path
        self._journal = journal
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._stir = trio.Event()

    @property
    def path(self) -> str | None:
        """The hook that is run for the next event. Without one, what waits is dropped: another one would be told of old news."""
        return self._path

    @path.setter
    def path(self, path: str | None) -> None:
        self._path = path
        if path is None:
            self._waiting.clear()

    def tell(self, name: str, level: int, fields: Mapping[str, object]) -> None:
        """An event. Returns at once, whatever the hook does."""
        if self._path is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(_as_json(name, level, fields))
        self._stir.set()

    async def run(self) -> None:
        """Until cancelled; a hook that runs then is ended with its process group."""
        while True:
            await self._stir.wait()
            self._stir = trio.Event()
            while self._waiting and self._path is not None:
                await self._run_once(self._path, self._waiting.popleft())
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self._journal.event("hook_events_lost", logging.WARNING, count=dropped)

    async def _run_once(self, path: str, event: bytes) -> None:
        try:
            process = await trio.lowlevel.open_process(
                [path], stdin=PIPE, stdout=PIPE, stderr=STDOUT, start_new_session=True, env=ENVIRONMENT, cwd="/"
            )
        except (OSError, RuntimeError) as error:    # RuntimeError: no thread to be had
            self._journal.event("hook_failed", logging.ERROR, hook=path, why=str(error))
            return
        printed = bytearray()
        with trio.move_on_after(TIME_LIMIT) as limit:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_feed, process, event)
                    nursery.start_soon(_collect, process, printed)
                    await process.wait()
                    nursery.cancel_scope.deadline = trio.current_time() + 0.2   # its last words; children may hold the pipe open
            finally:
                with trio.CancelScope(shield=True):
                    await _end(process)
        late = f"took longer than {TIME_LIMIT:g} s" if limit.cancelled_caught else ""
        self._conclude(path, late or _ending(process.returncode), printed.decode("utf-8", "backslashreplace").strip())

    def _conclude(self, path: str, why: str, output: str) -> None:
        if not why:
            if output:
                self._journal.event("hook_said", hook=path, output=output)
            return
        self._journal.event("hook_failed", logging.ERROR, hook=path, why=why, output=output)


def _ending(code: int | None) -> str:
    """What was wrong with its end; "" for nothing."""
    if not code:
        return "" if code == 0 else "cannot be ended"
    return f"ended by signal {-code}" if code < 0 else f"exit code {code}"


def _plain(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def _as_json(name: str, level: int, fields: Mapping[str, object]) -> bytes:
    plain = {key: _plain(value) for key, value in fields.items()}
    event = {
        "event": name,
        "level": logging.getLevelName(level).lower(),
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "server": plain.get("server", plain.get("target")),
        "fields": plain,
    }
    return json.dumps(event).encode() + b"\n"


async def _feed(process: trio.Process, event: bytes) -> None:
    assert process.stdin is not None
    with suppress(trio.BrokenResourceError):     # it does not want to know
        await process.stdin.send_all(event)
    await process.stdin.aclose()


async def _collect(process: trio.Process, printed: bytearray) -> None:
    """What it prints, to the end; only the first of it is kept."""
    assert process.stdout is not None
    with suppress(trio.BrokenResourceError):
        async for piece in process.stdout:
            printed += piece[: MOST_OUTPUT - len(printed)]


async def _end(process: trio.Process) -> None:
    """See that it is gone: one that is over its time, or cut short by our own end, takes its whole group with it."""
    if process.returncode is None:
        _signal_group(process, signal.SIGTERM)
        with trio.move_on_after(GRACE):
            await process.wait()
        _signal_group(process, signal.SIGKILL)
        with trio.move_on_after(GRACE):
            await process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            await trio.aclose_forcefully(stream)


def _signal_group(process: trio.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):     # one that is another user's by now goes on
        os.killpg(process.pid, number)
