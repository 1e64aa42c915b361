from __future__ import annotations

from typing import Any

import pytest

from ipmi_lan.commands.channel import AccessMode, get_channel_access
from ipmi_lan.commands.device import get_system_guid
from ipmi_lan.commands.lan import (
    GET_LAN_CONFIGURATION_PARAMETERS,
    LanParameterQuery,
    get_ip_address,
    get_mac_address,
    get_subnet_mask,
)
from ipmi_lan.commands.users import NO_ACCESS, UserState, get_user_access, get_user_name
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator import LanSettings
from ipmi_lan.wire.codes import CompletionCode, Privilege
from tests.ipmi_lan.simulator.console import GUID, Console, a_bmc

ETHERNET = bytes.fromhex("0a1b2c3d4e5f")


def test_the_addresses_that_it_was_given() -> None:
    console = Console(a_bmc(lan=LanSettings(ETHERNET, "192.0.2.7", "255.255.255.0", "192.0.2.1"))).log_in()
    assert str(console.run(get_mac_address())) == "0a:1b:2c:3d:4e:5f"
    assert str(console.run(get_ip_address(1))) == "192.0.2.7"
    assert str(console.run(get_subnet_mask())) == "255.255.255.0"


def test_without_any_it_has_a_mac_address_of_its_own_guid() -> None:
    octets = Console(a_bmc()).log_in().run(get_mac_address()).octets
    assert octets == b"\x02" + GUID[-5:]
    assert Console(a_bmc(guid=bytes(16))).log_in().run(get_mac_address()).octets == b"\x02" + bytes(5)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (LanParameterQuery(200), 0x80),
        (LanParameterQuery(7), 0x80),
        (LanParameterQuery(5, channel=3), CompletionCode.INVALID_DATA_FIELD),
    ],
)
def test_what_it_does_not_have(query: LanParameterQuery, code: int) -> None:
    assert Console(a_bmc()).log_in().refusal(GET_LAN_CONFIGURATION_PARAMETERS(query)) == code


def test_the_revision_alone() -> None:
    query = LanParameterQuery(5, wants_revision_only=True)
    assert Console(a_bmc()).log_in().run(GET_LAN_CONFIGURATION_PARAMETERS(query)) == (0x11, b"")


def test_a_user_may_not_ask() -> None:
    console = Console(a_bmc(), "user", privilege=Privilege.USER).log_in()
    for command in (get_mac_address(), get_user_access(1), get_user_name(1)):
        assert console.refusal(command) == CompletionCode.INSUFFICIENT_PRIVILEGE


def test_what_the_channel_lets_in() -> None:
    access = Console(a_bmc()).log_in().run(get_channel_access())
    assert (access.mode, access.limit) == (AccessMode.ALWAYS, Privilege.ADMINISTRATOR)


def test_who_may_do_what() -> None:
    bmc = a_bmc()
    bmc.faults.login.disabled_users = frozenset({"user"})
    console = Console(bmc, "operator", privilege=Privilege.OPERATOR).log_in()
    found = {number: console.run(get_user_access(number)) for number in (1, 2, 3, 4)}
    assert [access.limit for access in found.values()] == [Privilege.ADMINISTRATOR, Privilege.OPERATOR, Privilege.USER, NO_ACCESS]
    assert [access.state for access in found.values()] == [UserState.ENABLED] * 2 + [UserState.DISABLED] * 2
    assert (found[1].most_users, found[1].enabled_users, found[3].ipmi_messaging) == (10, 2, False)
    assert [str(console.run(get_user_name(number))) for number in (1, 3, 4)] == ["admin", "user", ""]
    assert console.refusal(get_user_access(11)) == console.refusal(get_user_name(0)) == CompletionCode.INVALID_DATA_FIELD


@pytest.mark.parametrize("settings", [(b"12345",), (ETHERNET, "somewhere"), (ETHERNET, "192.0.2.1", "/24")])
def test_settings_that_cannot_be_told(settings: Any) -> None:
    with pytest.raises(BadArgument):
        LanSettings(*settings)


@pytest.mark.parametrize("guid", [bytes(16), b"\xff" * 16])
def test_guids_that_name_nobody_are_to_be_had(guid: bytes) -> None:
    found = Console(a_bmc(guid=guid)).log_in().run(get_system_guid())
    assert found.guid == guid
    assert found.names_nobody
