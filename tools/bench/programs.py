"""Their side in C: the command lines of ipmitool and FreeIPMI, and what is read from their output."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.bench.children import Done, run
from tools.bench.measure import Order, hosts

_LONGEST_RANGE = 250


def find(name: str) -> str:
    """The path of a program. Raises FileNotFoundError."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise FileNotFoundError(f"{name}: not installed; see tools/setup")
    return path


def _freeipmi(name: str, order: Order, hosts: str) -> list[str]:
    login = ["-u", order.user, "-p", order.password, "-l", "USER", "-I", "3", "-D", "LAN_2_0"]
    return [find(name), *login, "-W", "opensesspriv", "-h", hosts]    # the flag is for ipmi_sim


def ipmitool(order: Order, *command: str, cpu: int | None, may_fail: bool = False) -> Done:
    """ipmitool once, suite 3."""
    where = ["-I", "lanplus", "-C", "3", "-H", order.host, "-p", str(order.port)]
    login = ["-L", "USER", "-U", order.user, "-P", order.password]
    return run([find("ipmitool"), *where, *login, *command], cpu, may_fail=may_fail)


def ipmitool_exec(order: Order, folder: Path, cpu: int | None) -> Done:
    """A file of `order.count` power status commands, in one session."""
    file = folder / "ipmitool.commands"
    file.write_text("raw 0 1\n" * order.count)
    return ipmitool(order, "exec", str(file), cpu=cpu)


def ipmi_raw(order: Order, folder: Path, cpu: int | None) -> Done:
    """The same for ipmi-raw."""
    file = folder / "ipmi-raw.commands"
    file.write_text("0 0 1\n" * order.count)
    return run([*_freeipmi("ipmi-raw", order, f"{order.host}:{order.port}"), "--file", str(file)], cpu)


def ipmipower(order: Order, cpu: int | None, fanout: int = 0) -> Done:
    """The power status of `order.count` BMCs from `order.host` on; it may end well without having asked them all."""
    more = [f"--fanout={fanout}"] if fanout else []
    return run([*_freeipmi("ipmipower", order, host_ranges(order)), "--stat", *more], cpu, may_fail=True)


def host_ranges(order: Order) -> str:
    """The hosts of an order as FreeIPMI writes them: `127.2.0.[1-250]:623,...`."""
    names = hosts(order.host, order.count)
    ranges = []
    for first in range(0, len(names), _LONGEST_RANGE):
        part = names[first : first + _LONGEST_RANGE]
        net, _, low = part[0].rpartition(".")
        ranges.append(f"{net}.[{low}-{part[-1].rpartition('.')[2]}]:{order.port}" if len(part) > 1 else f"{part[0]}:{order.port}")
    return ",".join(ranges)


def powers_told(output: str) -> int:
    """How many BMCs ipmipower says are on or off."""
    return sum(line.endswith((": on", ": off")) for line in output.splitlines())
