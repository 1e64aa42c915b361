from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.command import Command
from ipmi_lan.commands.lan import (
    GET_LAN_CONFIGURATION_PARAMETERS,
    LanParameterQuery,
    LanParameterValue,
    get_ip_address,
    get_mac_address,
    get_subnet_mask,
)
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import NetFn


def test_each_parameter_is_asked_by_its_number() -> None:
    asked: dict[int, Command[Any]] = {3: get_ip_address(1), 5: get_mac_address(1), 6: get_subnet_mask(1)}
    assert {number: command.data for number, command in asked.items()} == {n: bytes((1, n, 0, 0)) for n in asked}
    assert all((command.netfn, command.code) == (NetFn.TRANSPORT, 0x02) for command in asked.values())
    assert all(command.is_repeatable for command in asked.values())
    assert get_mac_address().data[0] == 0x0E, "this channel"


def test_addresses_are_read_and_written_as_people_do() -> None:
    address = get_ip_address().reply.parse_untrusted(bytes.fromhex("11 c0000207"))
    assert (address.revision, str(address)) == (0x11, "192.0.2.7")
    ethernet = get_mac_address().reply.parse_untrusted(bytes.fromhex("11 0a1b2c3d4e5f"))
    assert (ethernet.octets, str(ethernet)) == (bytes.fromhex("0a1b2c3d4e5f"), "0a:1b:2c:3d:4e:5f")


@pytest.mark.parametrize(("command", "whole"), [(get_ip_address(), 5), (get_subnet_mask(), 5), (get_mac_address(), 7)])
def test_a_short_parameter_is_malformed(command: Command[Any], whole: int) -> None:
    for size in range(whole):
        with pytest.raises(Malformed):
            command.reply.parse_untrusted(bytes(size))


OCTET = st.integers(0, 255)


@given(st.builds(LanParameterQuery, OCTET, st.integers(0, 15), st.booleans(), OCTET, OCTET))
def test_a_query_comes_back(query: LanParameterQuery) -> None:
    octets = GET_LAN_CONFIGURATION_PARAMETERS.request.build(query)
    assert octets == bytes((query.wants_revision_only << 7 | query.channel, query.parameter, query.set, query.block))
    assert GET_LAN_CONFIGURATION_PARAMETERS.request.parse_untrusted(octets) == query


@given(st.binary(max_size=32))
def test_any_parameter_is_a_revision_and_data(data: bytes) -> None:
    assert GET_LAN_CONFIGURATION_PARAMETERS.reply.parse_untrusted(b"\x11" + data) == LanParameterValue(0x11, data)
