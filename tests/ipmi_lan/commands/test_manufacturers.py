from __future__ import annotations

import pytest

from ipmi_lan.commands.device import GET_DEVICE_ID, SystemGuid
from ipmi_lan.commands.manufacturers import manufacturer_name


@pytest.mark.parametrize(("number", "name"), [(116, "Hitachi"), (674, "Dell"), (10876, "Supermicro"), (47196, "Hewlett Packard")])
def test_makers_that_are_known(number: int, name: str) -> None:
    assert manufacturer_name(number).startswith(name)


def test_makers_that_are_not() -> None:
    assert manufacturer_name(0) == "unspecified"
    assert manufacturer_name(0xFFFFF0) == "enterprise 16777200"


def test_a_device_names_its_maker() -> None:
    device = GET_DEVICE_ID.reply.parse_untrusted(bytes.fromhex("20 01 01 00 02 80 570100 0100"))
    assert device.maker == "Intel"


@pytest.mark.parametrize(("guid", "names_nobody"), [(bytes(16), True), (b"\xff" * 16, True), (bytes(15) + b"\1", False)])
def test_a_guid_of_zeros_or_ones_is_nobody_s(guid: bytes, names_nobody: bool) -> None:
    assert SystemGuid(guid).names_nobody is names_nobody
