"""`haconn-daemon`: the command line. A broken installation can still say that it is one (HCME1013).

Exit codes: 0 stopped as told, 1 could not start or failed, 2 wrong argument, 3 the configuration is missing or wrong.
"""

from __future__ import annotations

import argparse
import sys
import syslog

from haconn_daemon import __version__

BROKEN = "HCME1013: HA connector service cannot be started. Please reinstall HA connector."


def main() -> None:
    """The entry point."""
    try:
        from haconn_cli.config.paths import ROOT_VARIABLE, Paths  # noqa: PLC0415 - see above
        from haconn_daemon import start  # noqa: PLC0415
    except Exception as error:  # a file that is missing, or cut off, or another one's
        syslog.syslog(syslog.LOG_ERR, BROKEN)
        sys.exit(f"{BROKEN}\nhaconn-daemon: {error}")
    parser = argparse.ArgumentParser(
        prog="haconn-daemon",
        description="The HA Monitor connector: watches the power of the cluster's servers and resets a failed one on request.",
        epilog=f"Configure it with haconnsetup. {ROOT_VARIABLE} moves the installed layout under another directory. "
        "It runs in the foreground and stops at SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"haconn-daemon {__version__}")
    parser.parse_args()
    start.run(Paths.from_environment())


if __name__ == "__main__":
    main()
