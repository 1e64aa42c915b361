"""Where everyone is, and who may be a connector."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_interface

import pytest

from haconn_cli.config.model import ResetPath, Servers
from haconn_daemon.resetpath.segment import Segment
from tests.haconn_cli.resetpath.cluster import SERVERS


def segment(text: str) -> Segment:
    return Segment.of(ResetPath(ip_interface(text), 30000))


@pytest.mark.parametrize(
    ("interface", "everyone"),
    [
        ("192.168.0.1/24", "192.168.0.255"),
        ("10.1.2.3/8", "10.255.255.255"),
        ("192.168.0.5/30", "192.168.0.7"),
        ("127.0.0.3/8", "127.255.255.255"),
        ("fd00::1/64", "ff02::1"),
        ("192.168.0.4/31", None),
        ("192.168.0.4/32", None),
        ("fd00::1/127", None),
        ("::1/128", None),
    ],
)
def test_everyone_is_at_the_broadcast_address_where_there_is_one(interface: str, everyone: str | None) -> None:
    assert segment(interface).everyone == (None if everyone is None else (everyone, 30000))


def test_only_hosts_of_the_segment_are_on_the_reset_path_save_where_the_mask_says_nothing() -> None:
    assert segment("192.168.0.1/24").holds("192.168.0.200")
    assert not segment("192.168.0.1/24").holds("192.168.1.1")
    assert not segment("192.168.0.1/24").holds("fd00::1")
    assert segment("192.168.0.1/32").holds("10.0.0.1")


def test_connectors_are_expected_at_the_servers_own_addresses_on_the_segment() -> None:
    addresses = (("192.168.0.1",), ("10.0.0.2", "192.168.0.2"), ("fd00::3",), ())
    servers = [dataclasses.replace(one, addresses=each) for one, each in zip(SERVERS.servers, addresses, strict=True)]
    configured = Servers(tuple(servers), SERVERS.default_account)
    assert segment("192.168.0.1/24").configured(configured) == (("192.168.0.2", 30000),)
    assert segment("192.168.0.1/32").configured(configured) == (("10.0.0.2", 30000), ("192.168.0.2", 30000))
    assert segment("fd00::1/64").configured(configured) == (("fd00::3", 30000),)
