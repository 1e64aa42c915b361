"""A log file that only its owner can read, and that never stops the program which writes it."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import sys
from contextlib import suppress
from pathlib import Path


class PrivateLogFile(logging.handlers.RotatingFileHandler):
    """Appends a line for each record; when the file is full, it becomes `.1`, `.1` becomes `.2`, and so on.

    The file is opened, and its directory made (0700), at the first line. It has mode 0600 from its first moment on, and a
    symbolic link in its place is not followed. Whatever goes wrong loses that line without a word; the next line tries anew.
    """

    def __init__(self, file: Path, largest: int, generations: int) -> None:
        """`largest`: bytes of one file; `generations`: how many older ones are kept."""
        super().__init__(file, maxBytes=largest, backupCount=generations, encoding="utf-8", delay=True)
        self.trouble = ""
        """Why the latest line was lost; empty when it was written."""
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or note why not."""
        self._has_failed = False
        super().emit(record)
        if not self._has_failed:
            self.trouble = ""

    def _open(self) -> io.TextIOWrapper:
        file = Path(self.baseFilename)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC   # a FIFO must not hang us
        descriptor = os.open(file, flags, 0o600)
        with suppress(OSError):   # not ours, or of a file system without modes
            os.fchmod(descriptor, 0o600)   # one that was there before us
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:   # noqa: N802 - logging's name
        """Note it, say nothing, and open the file again for the next line."""
        error = sys.exception()
        self._has_failed, self.trouble = True, getattr(error, "strerror", None) or str(error)
        stream, self.stream = self.stream, None
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.close()

    def close(self) -> None:
        """Close the file; what could not be written is lost."""
        with suppress(OSError, ValueError):
            super().close()
