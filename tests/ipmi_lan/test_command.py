from __future__ import annotations

import pkgutil
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from construct import Byte, Int16ul, Struct
from hypothesis import given
from hypothesis import strategies as st

import ipmi_lan.commands
from ipmi_lan.command import NOTHING, Command, Definition, Empty, Layout, _names
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import NetFn
from tests.ipmi_lan.wire.octets import any_octets


def catalogue() -> list[Definition[Any, Any]]:
    modules = [import_module(f"ipmi_lan.commands.{found.name}") for found in pkgutil.iter_modules(ipmi_lan.commands.__path__)]
    return [each for module in modules for each in vars(module).values() if isinstance(each, Definition)]


LAYOUTS = [layout for each in catalogue() for layout in (each.request, each.reply)]


@dataclass(frozen=True, slots=True)
class Pair:
    second: int
    first: int


PAIR = Layout(Struct("first" / Byte, "second" / Int16ul), Pair)


def test_a_layout_turns_octets_into_its_dataclass_and_back() -> None:
    assert PAIR.parse_untrusted(b"\x01\x02\x03") == Pair(first=1, second=0x0302)
    assert PAIR.build(Pair(first=1, second=0x0302)) == b"\x01\x02\x03"


def test_octets_beyond_a_layout_are_ignored() -> None:
    assert PAIR.parse_untrusted(b"\x01\x02\x03 and more") == Pair(first=1, second=0x0302)
    assert NOTHING.parse_untrusted(b"more") == Empty()


def test_a_short_reply_is_malformed_and_the_error_names_what_it_was_to_be() -> None:
    with pytest.raises(Malformed, match="Pair"):
        PAIR.parse_untrusted(b"\x01\x02")


def test_a_definition_with_its_argument_is_a_command() -> None:
    definition = Definition("Set Pair", NetFn.APP, 0x42, PAIR, NOTHING, is_repeatable=False)
    assert definition(Pair(1, 2)) == Command("Set Pair", NetFn.APP, 0x42, b"\x02\x01\x00", NOTHING, is_repeatable=False)


def test_the_catalogue_has_each_command_once() -> None:
    known = {(int(each.netfn), each.code): each.name for each in catalogue()}
    assert len(known) == len(catalogue())
    assert known == {
        (0x00, 0x01): "Get Chassis Status",
        (0x00, 0x02): "Chassis Control",
        (0x00, 0x07): "Get System Restart Cause",
        (0x06, 0x01): "Get Device ID",
        (0x06, 0x37): "Get System GUID",
        (0x06, 0x34): "Send Message",
        (0x06, 0x38): "Get Channel Authentication Capabilities",
        (0x06, 0x39): "Get Session Challenge",
        (0x06, 0x3A): "Activate Session",
        (0x06, 0x3B): "Set Session Privilege Level",
        (0x06, 0x3C): "Close Session",
        (0x06, 0x3D): "Get Session Info",
        (0x06, 0x41): "Get Channel Access",
        (0x06, 0x42): "Get Channel Info",
        (0x06, 0x44): "Get User Access",
        (0x06, 0x46): "Get User Name",
        (0x06, 0x54): "Get Channel Cipher Suites",
        (0x0A, 0x40): "Get SEL Info",
        (0x0A, 0x42): "Reserve SEL",
        (0x0A, 0x43): "Get SEL Entry",
        (0x0A, 0x44): "Add SEL Entry",
        (0x0A, 0x47): "Clear SEL",
        (0x0A, 0x48): "Get SEL Time",
        (0x0A, 0x49): "Set SEL Time",
        (0x0C, 0x02): "Get LAN Configuration Parameters",
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind.__name__)
@given(data=any_octets(40))
def test_every_layout_of_the_catalogue_raises_malformed_only(layout: Layout[Any], data: bytes) -> None:
    with suppress(Malformed):
        value = layout.parse_untrusted(data)
        assert layout.parse_untrusted(layout.build(value)) == value


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind.__name__)
@given(data=st.binary(min_size=40, max_size=40))
def test_no_container_leaves_a_layout(layout: Layout[Any], data: bytes) -> None:
    try:
        value = layout.parse_untrusted(data)
    except Malformed:       # Send Message has a constant
        return
    for name in _names(layout.kind):
        assert isinstance(getattr(value, name), (int, bytes))
