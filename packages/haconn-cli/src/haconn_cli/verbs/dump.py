"""`haconnsetup dump`: what support needs, in one archive without a secret (manual C11)."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from haconn_cli import screen
from haconn_cli.config.paths import Paths
from haconn_cli.config.store import NotWritten
from haconn_cli.exits import Exit
from haconn_cli.verbs.dump_facts import Fact, Missing, facts
from haconn_cli.words import no_more

LARGEST_FILE = 8 << 20
"""Bytes that are taken of one file, the newest ones; our own logs are far smaller."""
_TEMPORARY = ".HaConnectorDump.new"

HELP = """\
usage: haconnsetup dump

Collects what support needs into HaConnectorDump.(date and time).tar.gz in the directory of the logs: the settings
without passwords and keys, all logs, the status, the history and the record of resets, versions, and this server's
interfaces, addresses and routes. Only root can read it. What is missing is named and changes nothing.
Exit code: 0; 1 the archive could not be written, and nothing is left of it.
"""
"""What `haconnsetup dump --help` prints."""


def run(words: Sequence[str], paths: Paths) -> Exit:
    """Collect it, a line for each part. Raises `WrongWords`, `NotWritten`."""
    no_more(words, "haconnsetup dump")
    now = datetime.now(UTC)
    folder = f"HaConnectorDump.{now:%Y%m%d%H%M%S}"
    target = paths.log / f"{folder}.tar.gz"
    if target.exists():
        raise NotWritten(f"{target}: is there already, made in this very second; try again")
    with _archive(target) as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for fact in facts(paths):
            _add(archive, folder, fact, now)
    screen.say(f"{target}: {target.stat().st_size} bytes")
    return Exit.OK


def _add(archive: tarfile.TarFile, folder: str, fact: Fact, now: datetime) -> None:
    try:
        content = fact.read() if callable(fact.read) else read_end(fact.read)
    except Missing as missing:
        screen.complain(f"{fact.name}: {missing}")
        return
    member = tarfile.TarInfo(f"{folder}/{fact.name}")
    member.size, member.mode, member.mtime = len(content), 0o600, int(now.timestamp())
    archive.addfile(member, io.BytesIO(content))
    screen.say(f"{fact.name}: {len(content)} bytes")


def read_end(file: Path, largest: int = LARGEST_FILE) -> bytes:
    """The last bytes of a file; whatever it grows or is meanwhile, it neither hangs nor fills the memory. Raises `Missing`."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Missing("is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Missing("is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            stream.seek(max(0, state.st_size - largest))
            left_out = f"(the first {state.st_size - largest} bytes are left out)\n".encode()
            return (left_out if state.st_size > largest else b"") + stream.read(largest)
    except OSError as error:
        raise Missing(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


@contextmanager
def _archive(target: Path) -> Iterator[BinaryIO]:
    """A file of mode 0600 that is at `target` in the end as a whole, or is not at all. Raises `NotWritten`."""
    temporary = target.with_name(_TEMPORARY)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _open_alone(temporary)
    except OSError as error:
        raise NotWritten(f"{target}: cannot be written: {error.strerror}") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NotWritten(f"{target}: cannot be written: {error.strerror or error}; nothing is left of it") from None
        raise


def _open_alone(temporary: Path) -> BinaryIO:
    """Empty, and nobody else's: what another run left behind is taken over, one that is at work is not. Raises `OSError`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(temporary.stat(), os.fstat(descriptor))   # not finished by another run since it was opened
        if is_ours:
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except BlockingIOError:
        is_ours = False
    except OSError:
        os.close(descriptor)
        raise
    if not is_ours:
        os.close(descriptor)
        raise OSError(0, "another haconnsetup dump is at work")
    return os.fdopen(descriptor, "wb")
