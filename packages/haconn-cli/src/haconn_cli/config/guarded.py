"""Reading a file only if nobody but its owner can have written it, and writing one as a whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LARGEST_FILE = 1 << 20
"""Bytes; a configuration is far smaller, and a mistaken path must not fill the memory."""


class Unreadable(Exception):  # noqa: N818 - errors here are named for the fact
    """The file is there but is not one to rely on; the text says why and what would be right."""


def read_guarded(file: Path, *, private: bool) -> bytes:
    """The bytes of a regular file that root or this user owns and nobody else may write, or with `private` even read.

    Raises `FileNotFoundError` and `Unreadable`.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # nonblocking: a FIFO must not hang us
    try:
        descriptor = os.open(file, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(_why_not_opened(error)) from None
    try:
        _check(os.fstat(descriptor), private=private)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(data) > LARGEST_FILE:
        raise Unreadable(f"is larger than {LARGEST_FILE} bytes; this is not a configuration file of ours")
    return data


def write_whole(file: Path, text: str) -> None:
    """Put `text` at the file's place, mode 0600, whole or not at all. One writer at a time. Raises `OSError`."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)  # left by a writer that was killed
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def _why_not_opened(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a symbolic link; put the file itself there"
    return f"cannot be opened: {error.strerror}"


def _check(facts: os.stat_result, *, private: bool) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise Unreadable("is a directory; must be a file")
    if not stat.S_ISREG(facts.st_mode):
        raise Unreadable("is not a regular file")
    if facts.st_uid not in (0, os.geteuid()):
        raise Unreadable(f"belongs to user {facts.st_uid}; must belong to root: chown root, then chmod 600")
    if facts.st_mode & (0o077 if private else 0o022):
        what = "read or written" if private else "written"
        raise Unreadable(f"can be {what} by others (mode {stat.S_IMODE(facts.st_mode):03o}); do: chmod 600")
