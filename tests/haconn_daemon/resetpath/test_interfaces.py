"""Which interface has an address, and what is wrong with the segment on this host."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from haconn_daemon.resetpath.interfaces import Held, complaints, held_addresses, index_of

HELD = [Held(index, ip_address(address), prefix) for index, address, prefix in (
    (1, "127.0.0.1", 8), (1, "::1", 128), (2, "192.168.0.1", 24), (3, "10.0.0.1", 8), (3, "fd00::1", 64),
)]   # fmt: skip


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconn_daemon.resetpath.interfaces.socket.if_indextoname", lambda index: f"eth{index}")


def test_the_kernel_tells_its_loopback() -> None:
    assert ip_address("127.0.0.1") in {one.address for one in held_addresses() if one.prefix == 8}


@pytest.mark.parametrize(
    ("address", "index"),
    [("192.168.0.1/24", 2), ("192.168.0.2/24", None), ("fd00::1/64", 3), ("127.0.0.9/8", 1), ("::1/128", 1)],
)
def test_the_interface_is_that_with_the_address(address: str, index: int | None) -> None:
    assert index_of(ip_interface(address), HELD) == index


@pytest.mark.parametrize("address", ["192.168.0.1/24", "10.0.0.1/8", "fd00::1/64", "127.0.0.9/8", "::1/128"])
def test_an_address_on_one_interface_is_right(address: str) -> None:
    assert complaints(ip_interface(address), HELD) == ()


@pytest.mark.shows("O5")
def test_an_address_on_no_interface_is_told() -> None:
    (told,) = complaints(ip_interface("192.168.7.1/24"), HELD)
    assert told.startswith("reset-path address 192.168.7.1 is on no interface")


@pytest.mark.shows("O5")
def test_a_segment_on_two_interfaces_is_told() -> None:
    (told,) = complaints(ip_interface("192.168.0.1/24"), [*HELD, Held(5, ip_address("192.168.0.77"), 24)])
    assert "192.168.0.0/24 is on eth2 and on eth5" in told


def test_another_mask_than_the_interfaces_is_told() -> None:
    (told,) = complaints(ip_interface("192.168.0.1/16"), HELD)
    assert "/16 in conf_haconn, /24 on eth2" in told


def test_an_interface_that_has_just_gone_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(index: int) -> str:
        raise OSError

    monkeypatch.setattr("haconn_daemon.resetpath.interfaces.socket.if_indextoname", gone)
    assert Held(9, ip_address("10.9.9.9"), 8).name == "interface 9"
