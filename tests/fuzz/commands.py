"""The door of every layout of a command, request and reply, and that of the cipher suite records."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import ipmi_lan.commands
from ipmi_lan.command import Definition, Layout
from ipmi_lan.commands.channel import parse_suite_records_untrusted
from ipmi_lan.commands.lan import IP_ADDRESS, MAC_ADDRESS
from tests.fuzz import recorded
from tests.fuzz.finding import Target, expect, expect_same, head_and_rest
from tests.fuzz.wire import read


def definitions() -> list[Definition[Any, Any]]:
    """Every command that there is."""
    found: dict[str, Definition[Any, Any]] = {}
    for module in pkgutil.iter_modules(ipmi_lan.commands.__path__, ipmi_lan.commands.__name__ + "."):
        content = vars(import_module(module.name)).values()
        found |= {each.name: each for each in content if isinstance(each, Definition)}
    return [found[name] for name in sorted(found)]


_DEFINITIONS = definitions()
_LAYOUTS: tuple[Layout[Any], ...] = (
    *(layout for each in _DEFINITIONS for layout in (each.request, each.reply)),
    IP_ADDRESS,
    MAC_ADDRESS,
)


def command_data(data: bytes) -> None:
    """The first octet chooses the layout, the rest is its data."""
    (chosen,), rest = head_and_rest(data, 1)
    layout = _LAYOUTS[chosen % len(_LAYOUTS)]
    value = read(layout.parse_untrusted, rest)
    if value is not None:
        expect_same(value, layout.parse_untrusted(layout.build(value)), layout.kind.__name__)


def suite_records(data: bytes) -> None:
    """Never raises, and makes no more suites than there are octets."""
    found = parse_suite_records_untrusted(data)
    expect(len(found) <= len(data), "more records than octets")
    expect(all(0 <= record.id <= 0xFF for record in found), "an id that is no octet")


def _command_seeds() -> list[bytes]:
    places = {(int(each.netfn), each.code): place for place, each in enumerate(_DEFINITIONS)}
    seeds = [
        bytes((2 * places[netfn, code] + is_reply,)) + data
        for netfn, code, is_reply, data in recorded.command_data()
        if (netfn, code) in places
    ]
    return seeds + [bytes((place,)) + bytes(32) for place in range(len(_LAYOUTS))]


def _record_seeds() -> list[bytes]:
    answers = [data[1:] for _, code, is_reply, data in recorded.command_data() if code == 0x54 and is_reply]
    return [*answers, bytes.fromhex("c00301 4181 c01103 4481"), bytes.fromhex("c1800a0b0c 01 4181 0303 41 81 c0"), b""]


TARGETS = {
    "command-data": Target(command_data, _command_seeds, longest=96),
    "suite-records": Target(suite_records, _record_seeds, longest=48),
}
