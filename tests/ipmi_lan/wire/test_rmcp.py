from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.rmcp import (
    CLASS_ASF,
    CLASS_IPMI,
    IPMI_HEADER,
    Pong,
    build_ping,
    build_pong,
    expect_ipmi_untrusted,
    parse_ping_untrusted,
    parse_pong_untrusted,
    rmcp_class_untrusted,
)
from tests.ipmi_lan.wire.octets import hostile, octet
from tests.vectors.load import frames

PING, PONG = frames("lab-ping")


def test_a_recorded_ping_is_understood() -> None:
    assert rmcp_class_untrusted(PING.datagram) == CLASS_ASF
    assert parse_ping_untrusted(PING.datagram) == 0


def test_our_pong_is_the_one_that_ipmi_sim_sent() -> None:
    recorded = PONG.datagram
    ours = build_pong(0)
    assert ours[:2] + ours[3:] == recorded[:2] + recorded[3:]
    assert ours[2] == 0xFF, "no RMCP acknowledgement is wanted; ipmi_sim copies the number of the ping, which is 0"


def test_our_ping_is_the_one_that_ipmitool_sent() -> None:
    recorded = PING.datagram
    ours = build_ping(0)
    assert ours[:2] + ours[3:] == recorded[:2] + recorded[3:]


def test_a_recorded_pong_is_understood() -> None:
    assert parse_pong_untrusted(PONG.datagram) == Pong(tag=0, supports_ipmi=True)


@given(octet)
def test_ping_and_pong_carry_the_tag(tag: int) -> None:
    assert parse_ping_untrusted(build_ping(tag)) == tag
    assert parse_pong_untrusted(build_pong(tag)) == Pong(tag, supports_ipmi=True)
    with pytest.raises(Malformed):
        parse_pong_untrusted(build_ping(tag))


def test_a_pong_with_the_octets_of_the_enterprise_number_swapped_is_taken() -> None:
    swapped = PONG.datagram[:4] + PONG.datagram[7:3:-1] + PONG.datagram[8:]
    assert parse_pong_untrusted(swapped) == Pong(tag=0, supports_ipmi=True)


def test_a_pong_says_whether_ipmi_is_supported() -> None:
    without = PONG.datagram[:20] + b"\x01" + PONG.datagram[21:]
    assert parse_pong_untrusted(without) == Pong(tag=0, supports_ipmi=False)


def test_a_pong_of_another_enterprise_or_cut_is_refused() -> None:
    for wrong in (PONG.datagram[:7] + b"\xbf" + PONG.datagram[8:], PONG.datagram[:27]):
        with pytest.raises(Malformed):
            parse_pong_untrusted(wrong)


@given(octet)
def test_a_pong_carries_the_tag_and_is_no_ping(tag: int) -> None:
    pong = build_pong(tag)
    assert pong[9] == tag
    assert len(pong) == 12 + pong[11]
    with pytest.raises(Malformed):
        parse_ping_untrusted(pong)


@given(octet)
def test_the_tag_of_a_ping_is_read(tag: int) -> None:
    assert parse_ping_untrusted(PING.datagram[:9] + bytes((tag,)) + PING.datagram[10:]) == tag


def test_a_ping_of_another_enterprise_is_refused() -> None:
    with pytest.raises(Malformed):
        parse_ping_untrusted(PING.datagram[:7] + b"\xbf" + PING.datagram[8:])


@pytest.mark.parametrize("datagram", [b"", b"\x06", b"\x06\x00\xff", b"\x05\x00\xff\x07", b"HTTP/1.1 400"])
def test_what_is_not_rmcp_has_no_class(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        rmcp_class_untrusted(datagram)


@given(octet, octet, octet)
def test_only_version_and_class_decide_what_is_ipmi(reserved: int, sequence: int, rmcp_class: int) -> None:
    datagram = bytes((0x06, reserved, sequence, rmcp_class))
    assert rmcp_class_untrusted(datagram) == rmcp_class
    if rmcp_class == CLASS_IPMI:
        expect_ipmi_untrusted(datagram)
    else:
        with pytest.raises(Malformed):
            expect_ipmi_untrusted(datagram)


@given(hostile(st.sampled_from([PING.datagram, PONG.datagram, IPMI_HEADER])))
def test_the_doors_raise_malformed_only(datagram: bytes) -> None:
    with suppress(Malformed):
        parse_ping_untrusted(datagram)
    with suppress(Malformed):
        parse_pong_untrusted(datagram)
    with suppress(Malformed):
        rmcp_class_untrusted(datagram)
    with suppress(Malformed):
        expect_ipmi_untrusted(datagram)
