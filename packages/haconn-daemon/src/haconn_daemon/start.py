"""The start: settings, logs, the service; one that fails says why, with the manual's message and an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import trio

from haconn_cli.config.load import ConfigError, NewerFormat, load_settings
from haconn_cli.config.model import Service as ServiceSettings
from haconn_cli.config.model import Settings
from haconn_cli.config.paths import Paths
from haconn_cli.exits import Exit
from haconn_daemon import __version__
from haconn_daemon.logs.journal import Journal
from haconn_daemon.service import Service


def run(paths: Paths) -> NoReturn:
    """Run the connector to its end, and end the process with its exit code.

    SIGHUP ends a process that does not expect it; one that comes before `Service` does waits until then.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        settings = load_settings(paths)
    except ConfigError as error:
        with Journal(paths.log, ServiceSettings().syslog) as journal:   # no settings: where it usually goes
            code = _refuse_to_start(journal, error)
    else:
        with Journal(paths.log, settings.service.syslog) as journal:
            code = _serve(settings, paths, journal)
    if journal.is_stuck:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _serve(settings: Settings, paths: Paths, journal: Journal) -> Exit:
    journal.start_up("starting", version=__version__, servers=len(settings.servers.servers))
    why = ""
    try:
        trio.run(Service(settings, paths, journal).run)
    except* OSError as group:
        why = "; ".join(str(error) for error in _leaves(group))
    except* Exception as group:     # a mistake of ours: systemd starts us again, and somebody has to hear of it
        traceback.print_exception(group)
        why = "; ".join(map(_place, _leaves(group)))
        journal.event("failed", logging.ERROR, why=why)
    return _say(journal, journal.cannot_start("HCME1011", why), why, Exit.FAILED) if why else Exit.OK


def _place(error: BaseException) -> str:
    """What it is and where it was raised; not its words, which may quote what nobody is to read."""
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    nested = (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error] for error in group.exceptions)
    return [leaf for leaves in nested for leaf in leaves]


def _refuse_to_start(journal: Journal, error: ConfigError) -> Exit:
    if isinstance(error, NewerFormat):
        versions = {"file": str(error.file_format), "service": str(error.our_format)}
        text = journal.cannot_start("HCME1020", str(error), **versions)
    else:
        text = journal.cannot_start("HCME1012", str(error))
    return _say(journal, text, str(error), Exit.CONFIGURATION)


def _say(journal: Journal, text: str, why: str, code: Exit) -> Exit:
    """The message and the reason; where there is no syslog the journal prints it itself, and systemd's has it already."""
    if journal.has_syslog and not journal.has_journal:
        print(text, file=sys.stderr)
    print(f"haconn-daemon: {why}", file=sys.stderr)
    return code
