"""The record of resets on disk: an intent is there before the first power command, its result before the answer.

One JSON object a line, appended and forced to the disk. After a crash an intent without a result is INTERRUPTED: it is
written down as such and never resumed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from haconn_cli.resetpath.vocabulary import Evidence, Reading, ResetResult, ResultCode

MOST_LINES = 4096
"""Kept when the record is shortened, which happens at a start."""
_OPERATION_SIZE = 16


@dataclass(frozen=True, slots=True)
class Intent:
    """A reset that is about to begin."""

    operation: str
    """Its id, in hexadecimal."""
    target: str
    action: str
    requester: str
    budget: float
    reason: str
    ticket: str
    """What the requester finds its answer by, as the reset path has it."""
    time: str
    """UTC, ISO 8601; for a person only."""


@dataclass(frozen=True, slots=True)
class Past:
    """A reset of an earlier life of the connector, with its final answer."""

    operation: bytes
    target: str
    tickets: tuple[str, ...]
    result: ResetResult
    was_cut_short: bool
    """Whether it is found only now that a crash interrupted it."""


class Record:
    """The file. Its methods block on the disk: call them in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._claim: int | None = None

    def open(self) -> list[Past]:
        """Read what was there, shorten it, and conclude as INTERRUPTED what a crash cut short.

        The file is then this process' alone until `close`. Raises OSError, also where another connector has it.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim = _claim(self._path.with_suffix(".lock"))
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() if self._path.exists() else []
        entries = [entry for line in lines if (entry := _parsed(line)) is not None][-MOST_LINES:]
        self._write(entries)
        past = _past(entries)
        for reset in past:
            if reset.was_cut_short:
                self.conclude(reset.operation.hex(), reset.result)
        return past

    def close(self) -> None:
        """Leave the file to the connector's next life."""
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    def intend(self, intent: Intent) -> None:
        """On the disk when this returns. Raises OSError."""
        self._append(asdict(intent))

    def join(self, operation: str, ticket: str) -> None:
        """Another requester waits for the same operation; on the disk when this returns. Raises OSError."""
        self._append({"operation": operation, "ticket": ticket})

    def conclude(self, operation: str, result: ResetResult) -> None:
        """On the disk when this returns. Raises OSError."""
        evidence = result.evidence
        self._append(
            {
                "operation": operation,
                "code": result.code.name,
                "back_on": result.back_on,
                "detail": evidence.detail,
                "readings": [[reading.after, reading.power_is_on] for reading in evidence.readings],
                "power_commands": list(evidence.power_commands),
                "bmc_guid": evidence.bmc_guid.hex(),
                "cipher_suite": evidence.cipher_suite,
            }
        )

    def _append(self, entry: dict[str, object]) -> None:
        with self._writing:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _write_line(descriptor, json.dumps(entry).encode() + b"\n")
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def _write(self, entries: list[dict[str, object]]) -> None:
        """The whole file anew, by rename: a line that a crash cut in half is gone, none else."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(json.dumps(entry) + "\n" for entry in entries)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _claim(path: Path) -> int:
    """An open lock file that nobody else has. Two connectors would call each other's running resets interrupted."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(errno.EWOULDBLOCK, "another connector runs here", str(path)) from None
    return descriptor


def _write_line(descriptor: int, line: bytes) -> None:
    """All of it or nothing: a full disk takes a part without an error, and half a line would spoil the next one."""
    size = os.fstat(descriptor).st_size
    if os.write(descriptor, line) < len(line):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        is_ours = len(bytes.fromhex(entry["operation"])) == _OPERATION_SIZE
    except (ValueError, KeyError, TypeError, RecursionError):
        return None     # a line that a crash cut in half
    return entry if is_ours else None


def _past(entries: list[dict[str, Any]]) -> list[Past]:
    by_operation: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_operation.setdefault(entry["operation"], []).append(entry)
    return [_reset(operation, lines) for operation, lines in by_operation.items() if any("target" in line for line in lines)]


def _reset(operation: str, lines: list[dict[str, Any]]) -> Past:
    target = next(str(line["target"]) for line in lines if "target" in line)   # a slow disk may have it behind others
    tickets = tuple(str(line["ticket"]) for line in lines if "ticket" in line)
    result = next((parsed for line in lines if "code" in line and (parsed := _result(line)) is not None), None)
    interrupted = ResetResult(ResultCode.INTERRUPTED, evidence=Evidence(detail="the connector stopped in the middle"))
    return Past(bytes.fromhex(operation), target, tickets, result or interrupted, result is None)


def _result(line: dict[str, Any]) -> ResetResult | None:
    try:
        readings = tuple(Reading(float(after), bool(is_on)) for after, is_on in line["readings"])
        commands = tuple(str(command) for command in line["power_commands"])
        guid, suite, detail = bytes.fromhex(line["bmc_guid"]), int(line["cipher_suite"]), str(line["detail"])
        return ResetResult(ResultCode[line["code"]], bool(line["back_on"]), Evidence(readings, guid, suite, commands, detail))
    except (KeyError, ValueError, TypeError, OverflowError):
        return None     # a line that we did not write; without a result the reset counts as interrupted
