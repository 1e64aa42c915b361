"""`haconn-daemon`: settings, logs, the service; a start that fails says why, with the manual's message and an exit code.

Exit codes: 0 stopped as told, 1 could not start or failed, 2 wrong argument, 3 the configuration is missing or wrong.
"""

from __future__ import annotations

import argparse
import sys

import trio
from haconn_cli.config.load import ConfigError, NewerFormat, load_settings
from haconn_cli.config.model import Service as ServiceSettings
from haconn_cli.config.model import Settings
from haconn_cli.config.paths import ROOT_VARIABLE, Paths
from haconn_cli.exits import Exit

from haconn_daemon import __version__
from haconn_daemon.journal import Journal


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(
        prog="haconn-daemon",
        description="The HA Monitor connector: watches the power of the cluster's servers and resets a failed one on request.",
        epilog=f"Configure it with haconnsetup. {ROOT_VARIABLE} moves the installed layout under another directory. "
        "It runs in the foreground and stops at SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"haconn-daemon {__version__}")
    parser.parse_args()
    sys.exit(_run(Paths.from_environment()))


def _run(paths: Paths) -> Exit:
    try:
        settings = load_settings(paths)
    except ConfigError as error:
        return _refuse_to_start(paths, error)
    with Journal(paths.log, settings.service.syslog) as journal:
        return _serve(settings, paths, journal)


def _serve(settings: Settings, paths: Paths, journal: Journal) -> Exit:
    journal.start_up("starting", version=__version__, servers=len(settings.servers.servers))
    try:
        from haconn_daemon.service import Service  # noqa: PLC0415 - so that a broken installation can still say so
    except ImportError as error:
        return _say(journal.cannot_start("HCME1013", str(error)), str(error), Exit.FAILED)
    why = ""
    try:
        trio.run(Service(settings, paths, journal).run)
    except* OSError as group:
        why = "; ".join(str(error) for error in _leaves(group))
    return _say(journal.cannot_start("HCME1011", why), why, Exit.FAILED) if why else Exit.OK


def _leaves(group: BaseExceptionGroup[OSError]) -> list[BaseException]:
    nested = (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error] for error in group.exceptions)
    return [leaf for leaves in nested for leaf in leaves]


def _refuse_to_start(paths: Paths, error: ConfigError) -> Exit:
    """The settings are no good, so the log goes where it goes by default."""
    with Journal(paths.log, ServiceSettings().syslog) as journal:
        if isinstance(error, NewerFormat):
            versions = {"file": str(error.file_format), "service": str(error.our_format)}
            text = journal.cannot_start("HCME1020", str(error), **versions)
        else:
            text = journal.cannot_start("HCME1012", str(error))
        return _say(text, str(error), Exit.CONFIGURATION)


def _say(text: str, why: str, code: Exit) -> Exit:
    print(f"{text}\nhaconn-daemon: {why}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
