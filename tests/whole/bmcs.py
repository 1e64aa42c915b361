"""Simulated BMCs as a program, for a network namespace of their own.

Its arguments are `NAME=ADDRESS` for each; they listen on port 623. It prints `ready`, and obeys a line each:
  record        print what happened: power commands and changes of power, by server, as JSON
  pull NAME     the server loses its power
  silence NAME  its BMC does not answer any more
  crash NAME    its operating system crashes, and dumps for a minute
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

import trio

from ipmi_lan import Privilege
from ipmi_lan.simulator import SimulatedBmc, serve_bmcs

USER, PASSWORD = "hitachi", "correct horse"
PORT = 623


def record(bmcs: dict[str, SimulatedBmc]) -> dict[str, object]:
    """By server: the power commands its BMC got, and whether it was on after each change."""
    now = trio.current_time()
    for bmc in bmcs.values():
        bmc.chassis.advance(now)
    return {
        name: {
            "commands": [int(control) for _, control in bmc.power_commands],
            "power": [change.is_on for change in bmc.chassis.trace],
            "sessions": bmc.open_sessions(now),
        }
        for name, bmc in bmcs.items()
    }


def obey(words: list[str], bmcs: dict[str, SimulatedBmc]) -> None:
    match words:
        case ["record"]:
            print(json.dumps(record(bmcs)), flush=True)
        case ["pull", name]:
            bmcs[name].chassis.lose_power(trio.current_time())
        case ["silence", name]:
            bmcs[name].faults.silent = True
        case ["crash", name]:
            bmcs[name].faults.host.dump_time = 60.0
            bmcs[name].host_crashes(trio.current_time())
        case _:
            raise ValueError(words)


async def main(places: dict[str, str]) -> None:
    users = {USER: (PASSWORD, Privilege.OPERATOR)}
    bmcs = {name: SimulatedBmc(name, users, hashlib.md5(name.encode()).digest(), os.urandom) for name in places}
    async with trio.open_nursery() as nursery:
        served = {(places[name], PORT): bmc for name, bmc in bmcs.items()}
        await nursery.start(lambda task_status: serve_bmcs(served, may_leave_loopback=True, task_status=task_status))
        print("ready", flush=True)
        async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
            rest = b""
            async for piece in stream:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    obey(line.decode().split(), bmcs)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, dict(word.split("=") for word in sys.argv[1:]))
