from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.device import (
    GET_DEVICE_ID,
    GET_SYSTEM_GUID,
    DeviceId,
    SystemGuid,
    get_device_id,
    get_system_guid,
)
from ipmi_lan.errors import Malformed
from tests.ipmi_lan.commands.recorded import exchange, is_asked_by, reply_in
from tests.vectors.load import traces

IPMI_SIM = DeviceId(
    device_id=0,
    device_revision=3,
    firmware_major=9,
    firmware_minor_bcd=0x08,
    ipmi_major=2,
    ipmi_minor=0,
    manufacturer=4753,
    product=3842,
    supported_devices=0x9F,
)
NIBBLE, OCTET = st.integers(0, 15), st.integers(0, 255)


def test_the_device_id_is_asked_as_ipmitool_does_and_read_as_it_printed_it() -> None:
    request, reply = exchange("device-id")
    assert is_asked_by(get_device_id(), request)
    assert get_device_id().reply.parse_untrusted(reply.data) == IPMI_SIM
    assert IPMI_SIM.firmware == "9.08"


def test_the_device_id_of_go_ipmi_s_server_is_read() -> None:
    octets = reply_in("lab-suite17", 0x06, 0x01)
    assert octets.hex() == "20010100203b5701000100"
    device = GET_DEVICE_ID.reply.parse_untrusted(octets)
    assert (device.device_id, device.device_revision, device.firmware) == (0x20, 1, "1.00")
    assert (device.ipmi_major, device.ipmi_minor) == (0, 2), "that server has the halves of 20.1, byte 5, the wrong way round"
    assert (device.supported_devices, device.manufacturer, device.product) == (0x3B, 343, 1)


def test_the_four_auxiliary_octets_may_be_missing() -> None:
    _, reply = exchange("device-id")
    assert len(reply.data) == 15
    assert GET_DEVICE_ID.reply.parse_untrusted(reply.data[:11]) == IPMI_SIM


@pytest.mark.parametrize("size", range(11))
def test_a_short_device_id_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_DEVICE_ID.reply.parse_untrusted(bytes(size))


def test_bits_beside_the_revisions_are_flags_or_reserved() -> None:
    octets = bytes.fromhex("00 f3 89 08 51 00 000000 0000")
    device = GET_DEVICE_ID.reply.parse_untrusted(octets)
    assert device.provides_sdrs
    assert device.is_starting_or_updating
    assert (device.device_revision, device.firmware_major) == (3, 9)
    assert (device.ipmi_major, device.ipmi_minor) == (1, 5), "51h is version 1.5 (20.1, byte 5)"


@given(
    st.builds(
        DeviceId,
        device_id=OCTET,
        device_revision=NIBBLE,
        firmware_major=st.integers(0, 127),
        firmware_minor_bcd=OCTET,
        ipmi_major=NIBBLE,
        ipmi_minor=NIBBLE,
        manufacturer=st.integers(0, 0xFFFFFF),
        product=st.integers(0, 0xFFFF),
        supported_devices=OCTET,
        provides_sdrs=st.booleans(),
        is_starting_or_updating=st.booleans(),
    )
)
def test_a_device_id_comes_back(device: DeviceId) -> None:
    assert GET_DEVICE_ID.reply.parse_untrusted(GET_DEVICE_ID.reply.build(device)) == device


def test_the_guid_travels_as_the_one_that_rakp_2_covers() -> None:
    request, reply = exchange("system-guid")
    assert is_asked_by(get_system_guid(), request)
    guid = get_system_guid().reply.parse_untrusted(reply.data).guid
    assert guid == next(trace for trace in traces() if trace.id == "lab-suite3-chassis").handshake.login.guid


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=4))
def test_a_guid_comes_back_whatever_follows_it(guid: bytes, more: bytes) -> None:
    assert GET_SYSTEM_GUID.reply.parse_untrusted(guid + more) == SystemGuid(guid)
    assert GET_SYSTEM_GUID.reply.build(SystemGuid(guid)) == guid


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_short_guid_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_SYSTEM_GUID.reply.parse_untrusted(bytes(size))
