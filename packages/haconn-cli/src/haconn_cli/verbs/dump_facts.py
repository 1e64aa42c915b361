"""What goes into a dump. Settings are written from what is known to be no secret, never copied with something taken out."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from haconn_cli import __version__
from haconn_cli.config.load import ConfigError, ConfigMissing, load_haconn, load_keys, load_servers
from haconn_cli.config.model import Account, Service
from haconn_cli.config.paths import Paths
from haconn_cli.control import NotRunning, ask_history, ask_status
from haconn_cli.reports import ControlError

_LOGS = ("eventlog", "eventlogalt", "eventlogcui", "initlog")
_GENERATION = re.compile(rf"({'|'.join(_LOGS)})(\.\d+)?")
_SYSTEM = (
    *("/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev"),
    *("/proc/net/route", "/proc/net/ipv6_route", "/proc/net/fib_trie", "/proc/net/if_inet6", "/proc/net/arp", "/proc/net/udp"),
    *("/proc/net/udp6", "/proc/net/snmp"),
)
"""The kernel's own words on the machine: names, addresses and counts."""
_INTERFACE = ("address", "operstate", "carrier", "mtu", "flags", "speed", "duplex", "ifindex", "master/ifindex")
"""Of each network interface, from /sys/class/net."""


class Missing(Exception):  # noqa: N818 - errors here are named for the fact
    """A part cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One member of the archive."""

    name: str
    read: Callable[[], bytes] | Path
    """Its content, or raises `Missing`; a path is a file to be copied."""


def facts(paths: Paths) -> Iterator[Fact]:
    """Everything, in the order in which it is collected."""
    yield Fact("settings/conf_haconn.json", lambda: _haconn(paths))
    yield Fact("settings/conf_pserver.json", lambda: _servers(paths))
    yield Fact("settings/conf_key.json", lambda: _keys(paths))
    yield Fact("status.json", lambda: _asked(lambda: asdict(ask_status(paths))))
    yield Fact("history.json", lambda: _asked(lambda: asdict(ask_history(paths))))
    yield Fact("versions.json", _versions)
    yield Fact("files.json", lambda: _files(paths))
    yield Fact("interfaces.json", _interfaces)
    for name in _logs(paths):
        yield Fact(f"log/{name}", paths.log / name)
    for name in ("record", "pins", "own_server"):
        yield Fact(f"state/{name}", paths.state / name)
    for name in _SYSTEM:
        yield Fact(f"system{name}", lambda name=name: _kernel(Path(name)))  # type: ignore[misc]


def _json(values: Any) -> bytes:
    return json.dumps(values, indent=1, default=str).encode() + b"\n"


def _logs(paths: Paths) -> list[str]:
    """Every log, or where it would be, and each of its generations."""
    try:
        found = {name for name in os.listdir(paths.log) if _GENERATION.fullmatch(name)}  # noqa: PTH208 - names are all we need
    except OSError:
        found = set()
    return sorted({*_LOGS, *found})


# ── settings, without secrets: what is not named here is not in the archive ───


def _readable(read: Callable[[], Any]) -> bytes:
    try:
        return _json(read())
    except ConfigMissing:
        raise Missing("is not there") from None
    except ConfigError as error:
        return _json({"wrong": str(error)})


def _haconn(paths: Paths) -> bytes:
    def read() -> Any:
        reset_path, service = load_haconn(paths.conf_haconn)
        path = None if reset_path is None else {"addr": str(reset_path.interface), "port": reset_path.port}
        return {"resetpath": path, "service": _service(service)}

    return _readable(read)


def _service(service: Service) -> dict[str, Any]:
    known = (
        *("poll_interval", "patience", "own_server", "syslog", "arbitration_wait", "dump_wait", "dump_limit", "kdump_port"),
        *("sel_interval", "hook"),
    )
    return {name: getattr(service, name) for name in known}


def _servers(paths: Paths) -> bytes:
    def read() -> Any:
        servers = load_servers(paths.conf_pserver)
        return {
            "default_account": _account(servers.default_account),
            "digest": servers.digest().hex(),
            "servers": [
                {
                    "name": server.name,
                    "addr": str(server.bmc),
                    "account": _account(server.account),
                    "identity": None if server.identity is None else str(server.identity),
                    "addresses": server.addresses,
                    "priority": server.priority,
                    "delay": server.delay,
                }
                for server in servers.servers
            ],
        }

    return _readable(read)


def _account(account: Account | None) -> str | None:
    return None if account is None else account.name


def _keys(paths: Paths) -> bytes:
    return _readable(
        lambda: [
            {"id": key.id, "fingerprint": key.fingerprint, "is_sent": place == 0}
            for place, key in enumerate(load_keys(paths.conf_key).keys)
        ]
    )


# ── the rest ──────────────────────────────────────────────────────────────────


def _asked(ask: Callable[[], dict[str, Any]]) -> bytes:
    try:
        return _json(ask())
    except NotRunning as error:
        raise Missing(f"the connector does not answer: {error}") from None
    except ControlError as error:
        raise Missing(str(error)) from None


def _versions() -> bytes:
    packages = {each.metadata["Name"]: each.version for each in metadata.distributions() if each.metadata["Name"]}
    return _json(
        {
            "haconnsetup": __version__,
            "python": sys.version,
            "executable": sys.executable,
            "kernel": " ".join(platform.uname()),
            "libc": " ".join(platform.libc_ver()),
            "packages": dict(sorted(packages.items())),
            "time": datetime.now(UTC).isoformat(),
            "zone": time.strftime("%Z %z"),
        }
    )


def _files(paths: Paths) -> bytes:
    """Every file of ours: its mode, owner, size and time, and how full the disk is."""
    places = (paths.config, paths.log, paths.state, paths.run)
    listed = [_described(file) for place in places for file in (place, *_inside(place))]
    return _json({"files": [each for each in listed if each], "disks": {str(place): _room(place) for place in places}})


def _inside(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())[:1000]
    except OSError:
        return []


def _described(file: Path) -> dict[str, Any]:
    try:
        state = file.lstat()
    except OSError:
        return {}
    changed = datetime.fromtimestamp(state.st_mtime, UTC).isoformat()
    mode, owner = f"{state.st_mode:06o}", f"{state.st_uid}:{state.st_gid}"
    return {"file": str(file), "mode": mode, "owner": owner, "size": state.st_size, "changed": changed}


def _room(place: Path) -> dict[str, int] | None:
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return {"bytes": found.f_frsize * found.f_blocks, "free": found.f_frsize * found.f_bavail, "free_files": found.f_favail}


def _interfaces() -> bytes:
    """Each network interface, with what the kernel says of it."""
    root = Path("/sys/class/net")
    return _json({name.name: {fact: _word(name / fact) for fact in _INTERFACE} for name in _inside(root)})


def _word(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _kernel(file: Path) -> bytes:
    """A file that the kernel writes as it is read."""
    try:
        with file.open("rb") as stream:
            return stream.read(1 << 20)
    except OSError as error:
        raise Missing(f"cannot be read: {error.strerror}") from None
