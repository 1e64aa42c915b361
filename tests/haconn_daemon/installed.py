"""A connector's installed layout under a directory of its own, and its process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haconn_cli.config.model import (
    BmcAddress,
    Key,
    KeyRing,
    ManagedServer,
    ResetPath,
    Servers,
    Service,
    Settings,
    parse_interface,
)
from haconn_cli.config.paths import ROOT_VARIABLE, Paths
from haconn_cli.config.store import haconn_text, keys_text, servers_text
from tests.haconn_daemon.managed import ACCOUNT

KEYS = KeyRing(bytes(range(16)), (Key(1, bytes(range(32))),))
NOBODY_LISTENS = ("127.0.0.1", 9)
"""Where a BMC would be; the host refuses the port."""


@contextmanager
def taken_port() -> Iterator[int]:
    """A UDP port of the reset path's range that somebody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind(("127.0.0.1", 0))   # the kernel's own range lies within ours
        yield somebody.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


def configure(root: Path, port: int, *bmcs: tuple[str, int], service: Service | None = None) -> Settings:
    """Write the three files as haconnsetup does: PSERVER1 and so on, with these BMCs."""
    servers = tuple(ManagedServer(f"PSERVER{number}", BmcAddress(*bmc)) for number, bmc in enumerate(bmcs, 1))
    settings = Settings(
        ResetPath(parse_interface("127.0.0.1/8"), port),
        Servers(servers, ACCOUNT),
        KEYS,
        service or Service(syslog=str(root / "no-syslog"), poll_interval=0.2),
    )
    paths = Paths(root)
    paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, text in (
        (paths.conf_haconn, haconn_text(settings.reset_path, settings.service)),
        (paths.conf_pserver, servers_text(settings.servers)),
        (paths.conf_key, keys_text(settings.keys)),
    ):
        file.touch(mode=0o600)
        file.write_text(text)
    return settings


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "haconn_daemon", *words]


def environment(root: Path, **more: str) -> dict[str, str]:
    """Of the process; what systemd has told this one is not passed on."""
    plain = {name: value for name, value in os.environ.items() if name not in {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}}
    return plain | {ROOT_VARIABLE: str(root)} | more


def run_to_its_end(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), env=environment(root), capture_output=True, text=True, timeout=20, check=False)
