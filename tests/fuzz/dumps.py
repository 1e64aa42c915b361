"""The doors of crash dumps: a datagram of fence_kdump, and a BMC that answers anything when its event log is looked into."""

from __future__ import annotations

import struct
from typing import Any

from haconn_daemon.monitor.crash_log import MOST_AT_ONCE, CrashLog, NoEventLog
from haconn_daemon.monitor.dump import parse_kdump_untrusted
from ipmi_lan import CommandRefused
from ipmi_lan.commands.sel import SelEntry, SelTime
from tests.fuzz.finding import Target, expect, expect_same

_MOST_COMMANDS = MOST_AT_ONCE + 3
"""The newest record, the one that we know, the new ones, and the clock."""


def kdump(data: bytes) -> None:
    """Taken for one only where a host of either byte order would have sent it."""
    fields = [struct.unpack(order + "II", data) for order in "<>"] if len(data) == 8 else []
    expect_same(parse_kdump_untrusted(data), (0x1B302A40, 1) in fields, "kdump")


def crash_log(data: bytes) -> None:
    """Look after look, while there are answers: each ends, soon, and raises nothing but what it says."""
    log, answers = CrashLog(), [data[at : at + 19] for at in range(0, len(data), 19)]
    while answers:
        look, commands = log.look(), 0
        try:
            command = next(look)
            while answers:
                commands += 1
                expect(commands <= _MOST_COMMANDS, "a look has an end")
                command = _answer(look, command, answers.pop(0))
        except (StopIteration, CommandRefused, NoEventLog):
            continue


def _answer(look: Any, command: Any, octets: bytes) -> Any:
    """The next command. The first octet says whether the BMC refuses, and how; the rest is a record, and what comes after it."""
    if octets[0] & 1 or len(octets) < 19:
        return look.throw(CommandRefused(command.name, octets[0], ""))
    if command.name == "Get SEL Time":
        return look.send(SelTime(int.from_bytes(octets[1:5], "little")))
    return look.send(SelEntry(int.from_bytes(octets[1:3], "little"), octets[3:19]))


def _records() -> list[bytes]:
    """A panic between two other events, in a log that is looked into twice."""
    fan = bytes.fromhex("0100 02 00f05365 4100 04 04 30 01 000000".replace(" ", ""))[:16]
    panic = bytes.fromhex("0200 02 10f05365 4100 04 20 73 6f a17973".replace(" ", ""))
    first, second, none = b"\x00\xff\xff", b"\x00\x02\x00", b"\xcb" + bytes(18)
    return [
        first + fan + first + panic + second + fan + first + panic + first + panic,
        none + first + panic + first + panic + first + panic,
        first + fan + first + panic + none + second + fan + first + panic,
        b"\xc1" + bytes(18),
    ]


TARGETS = {
    "kdump": Target(kdump, lambda: [bytes.fromhex("402a301b01000000"), bytes.fromhex("1b302a4000000001")], longest=16),
    "crash-log": Target(crash_log, _records, longest=600),
}
