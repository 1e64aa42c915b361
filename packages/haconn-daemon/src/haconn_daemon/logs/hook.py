"""The notification hook: an executable of the administrator's that is told of events, and can hold up nobody.

One runs at a time, with the event as a JSON object on its standard input, an environment without anything of ours, and 30 s. What
comes meanwhile waits in a short queue. A hook that fails is logged; it is not run again for the same event. One that is not to be
relied on is not run, and an alarm; it is looked at anew for each event.
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
from math import inf, isfinite
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import IO

import trio

from haconn_daemon.logs.journal import Journal

TIME_LIMIT = 30.0
"""Seconds for the hook to be looked at and loaded, and again for its run; then SIGTERM to its process group, and SIGKILL
`GRACE` seconds later."""
GRACE, LAST_GRACE = 2.0, 0.5
"""Seconds between the two signals; when the connector itself ends, it has less time."""
LOOK_AGAIN = 60.0
"""Seconds between two looks at a hook that is not to be relied on."""
_GLANCE = 0.02   # seconds between two looks whether it has ended
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


class _Process(subprocess.Popen[bytes]):
    """A run of the hook, known before it has begun: a disk that hangs holds up `start` for as long as it does."""

    def __init__(self) -> None:
        self.pid = 0
        self._is_unwanted = False

    def start(self, path: str) -> str:
        """In a thread. Returns why it is not one to rely on, and "" where it runs. Raises `OSError`."""
        if (problem := checked_hook(path)) or self._is_unwanted:
            return problem
        super().__init__([path], 0, None, PIPE, PIPE, STDOUT, start_new_session=True, env=ENVIRONMENT, cwd="/")
        if self._is_unwanted:
            self.kill()
            self.wait()
            for pipe in (self.stdin, self.stdout):
                assert pipe is not None
                pipe.close()
        return ""

    def give_up(self) -> None:
        """Nobody waits for the start any more. A child that is still being loaded is ended; then it is never run."""
        self._is_unwanted = True
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Hook:
    """Runs the hook for each event that it is told. The journal hears how that went."""

    def __init__(self, path: str | None, journal: Journal) -> None:
        """`path` may be changed at any time; None: nothing is run."""
        self._journal = journal
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._stir = trio.Event()
        self._one_thread = trio.CapacityLimiter(1)    # one that hangs is waited for, so that they do not pile up
        self.trouble = ""
        """Why the hook is not run, and what would be right; "": it is."""
        self.path = path

    @property
    def path(self) -> str | None:
        """The hook that is run for the next event. Without one, what waits is dropped: another one would be told of old news."""
        return self._path

    @path.setter
    def path(self, path: str | None) -> None:
        self._path = path
        self._is_looked_at = path is None
        if path is None:
            self._waiting.clear()
            self.trouble = ""
        self._stir.set()

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
            with trio.move_on_after(LOOK_AGAIN if self.trouble else inf) as pause:
                await self._stir.wait()
            self._stir = trio.Event()
            if self._path is not None and (pause.cancelled_caught or not self._is_looked_at):
                self._is_looked_at = True
                await self._look(self._path)
            while self._waiting and self._path is not None:
                await self._run_once(self._path, self._waiting.popleft())
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                self._journal.event("hook_events_lost", logging.WARNING, count=dropped)

    async def _look(self, path: str) -> None:
        """Whether it is one to rely on, before there is anything to tell it."""
        problem = _TOO_SLOW
        with trio.move_on_after(TIME_LIMIT), suppress(RuntimeError):     # no thread to be had
            problem = await trio.to_thread.run_sync(checked_hook, path, abandon_on_cancel=True, limiter=self._one_thread)
        self._say_trouble(path, problem)

    def _say_trouble(self, path: str, problem: str) -> None:
        """An alarm when it begins, and one line when it is over."""
        if path != self._path:      # it was taken away meanwhile
            return
        before, self.trouble = self.trouble, problem
        if problem and not before:
            self._journal.event("hook_unusable", logging.ERROR, hook=path, why=problem)
        elif before and not problem:
            self._journal.event("hook_usable", hook=path)

    async def _started(self, path: str) -> _Process | None:
        """A run that has begun; None where there is none, which is said then."""
        process, problem = _Process(), _TOO_SLOW
        try:
            with trio.move_on_after(TIME_LIMIT):
                problem = await trio.to_thread.run_sync(process.start, path, abandon_on_cancel=True, limiter=self._one_thread)
        except (OSError, RuntimeError) as error:    # RuntimeError: no thread to be had
            self._journal.event("hook_failed", logging.ERROR, hook=path, why=str(error))
            return None
        except trio.Cancelled:
            process.give_up()
            raise
        self._say_trouble(path, problem)
        if problem:
            process.give_up()
            return None
        return process

    async def _run_once(self, path: str, event: bytes) -> None:
        process = await self._started(path)
        if process is None:
            return
        stdin, stdout, printed = _stream(process.stdin), _stream(process.stdout), bytearray()
        with trio.move_on_after(TIME_LIMIT) as limit:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_feed, stdin, event)
                    nursery.start_soon(_collect, stdout, printed)
                    await _wait(process)
                    nursery.cancel_scope.deadline = trio.current_time() + 0.2   # its last words; children may hold the pipe open
            finally:
                with trio.CancelScope(shield=True):
                    await _end(process, GRACE if limit.cancel_called else LAST_GRACE)
                    await trio.aclose_forcefully(stdin)
                    await trio.aclose_forcefully(stdout)
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


def _stream(pipe: IO[bytes] | None) -> trio.lowlevel.FdStream:
    """The pipe as trio has it."""
    assert pipe is not None
    with pipe:
        return trio.lowlevel.FdStream(os.dup(pipe.fileno()))


async def _feed(stdin: trio.lowlevel.FdStream, event: bytes) -> None:
    with suppress(trio.BrokenResourceError):     # it does not want to know
        await stdin.send_all(event)
    await stdin.aclose()


async def _collect(stdout: trio.lowlevel.FdStream, printed: bytearray) -> None:
    """What it prints, to the end; only the first of it is kept."""
    with suppress(trio.BrokenResourceError):
        async for piece in stdout:
            printed += piece[: MOST_OUTPUT - len(printed)]


async def _wait(process: _Process) -> None:
    """For its end. Who else might wait for it in a thread could not be told to stop."""
    while process.poll() is None:
        await trio.sleep(_GLANCE)


async def _end(process: _Process, grace: float) -> None:
    """See that it is gone: one that is over its time, or cut short by our own end, takes its whole group with it."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with trio.move_on_after(grace):
            await _wait(process)
        _signal_group(process, signal.SIGKILL)
        with trio.move_on_after(LAST_GRACE):
            await _wait(process)


def _signal_group(process: _Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):     # one that is another user's by now goes on
        os.killpg(process.pid, number)


_TOO_SLOW = f"cannot be looked at or loaded: its disk takes longer than {TIME_LIMIT:g} s"
