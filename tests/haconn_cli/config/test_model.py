from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.identity import Identity
from haconn_cli.config.model import (
    Account,
    BadValue,
    BmcAddress,
    GivenTwice,
    Key,
    KeyRing,
    ManagedServer,
    ResetPath,
    Servers,
    Service,
    checked_name,
    parse_interface,
    parse_port,
)

ADMIN = Account("admin", "pw")


@pytest.mark.parametrize("name", ["A", "PSERVER1", "0", "x" * 31])
def test_right_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 32, "a b", "a-b", "é", "A\n", "٣", "a=b"])
def test_wrong_names(name: str) -> None:
    with pytest.raises(BadValue, match="1 to 31 letters and digits"):
        checked_name(name)


@pytest.mark.parametrize(
    ("text", "mask"),
    [("192.168.0.1/24", "255.255.255.0"), ("192.168.0.1/255.255.255.128", "255.255.255.128"), ("fd00::1/64", "64")],
)
def test_interfaces(text: str, mask: str) -> None:
    reset_path = ResetPath(parse_interface(text), 5001)
    assert (reset_path.address, reset_path.mask) == (text.split("/", maxsplit=1)[0], mask)


@pytest.mark.parametrize(
    "text", ["", "192.168.0.1", "1.2.3/24", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/24/24", "224.0.0.1/24", "::/64", "x/24"]
)
def test_wrong_interfaces(text: str) -> None:
    with pytest.raises(BadValue, match="must be IP/MASK, like"):
        parse_interface(text)


@pytest.mark.parametrize("text", ["fe80::1/64", "fe80::1%eth1/64", "febf::1/128", "fd00::1%eth1/64"])
def test_link_local_addresses_are_refused(text: str) -> None:
    """Nothing of ours keeps the interface that belongs to them."""
    with pytest.raises(BadValue, match=r"link-local.*like fd00::1/64"):
        parse_interface(text)
    with pytest.raises(BadValue, match=r"link-local.*like fd00::1/64"):
        ResetPath(IPv6Interface(text), 30000)


def test_link_local_addresses_of_ipv4_need_no_interface() -> None:
    assert ResetPath(parse_interface("169.254.1.2/16"), 30000).address == "169.254.1.2"


@pytest.mark.parametrize("text", ["", "-1", "5001x", "５００１", "1" * 6, "1" * 5000, "5001.0"])
def test_wrong_ports(text: str) -> None:
    with pytest.raises(BadValue, match="must be a number from 5001 to 65535"):
        parse_port(text)


@pytest.mark.parametrize("port", [0, 5000, 65536])
def test_ports_out_of_range(port: int) -> None:
    with pytest.raises(BadValue, match="must be 5001 to 65535"):
        ResetPath(parse_interface("10.0.0.1/8"), port)


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("192.168.0.51", "192.168.0.51", 623, "192.168.0.51"),
        ("192.168.0.51:623", "192.168.0.51", 623, "192.168.0.51"),
        ("127.0.0.1:9001", "127.0.0.1", 9001, "127.0.0.1:9001"),
        ("FD00::0:51", "fd00::51", 623, "fd00::51"),
        ("[fd00::51]", "fd00::51", 623, "fd00::51"),
        ("[fd00::51]:9001", "fd00::51", 9001, "[fd00::51]:9001"),
    ],
)
def test_bmc_addresses(text: str, host: str, port: int, shown: str) -> None:
    address = BmcAddress.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, shown)
    assert BmcAddress.parse(shown) == address


@pytest.mark.parametrize("text", ["::1:623", "fd00::51:6230", "fd00::1:2:3:623"])
def test_an_address_that_was_probably_meant_with_a_port(text: str) -> None:
    host, _, port = text.rpartition(":")
    assert BmcAddress.parse(text).port == 623
    assert BmcAddress.probably_meant(text) == BmcAddress(host, int(port))


@pytest.mark.parametrize(
    "text", ["fd00::51", "fd00::1:51", "fd00::623", "fd00:1:2:3:4:5:6:623", "fd00::1:62f", "[::1]:623", "10.0.0.1:623", ""]
)
def test_an_address_that_is_what_it_says(text: str) -> None:
    assert BmcAddress.probably_meant(text) is None


@given(st.text() | st.from_regex(r"[\[\]0-9a-f:.]*", fullmatch=True))
def test_any_text_is_an_address_or_a_bad_value(text: str) -> None:
    try:
        address = BmcAddress.parse(text)
    except BadValue:
        return
    assert BmcAddress.parse(str(address)) == address


def test_accounts_are_counted_in_bytes_and_never_cut() -> None:
    Account("é" * 8, "é" * 10)
    with pytest.raises(BadValue, match="account: 18 bytes are more than IPMI carries; at most 16"):
        Account("é" * 9, "x")
    with pytest.raises(BadValue, match="password: 22 bytes are more than IPMI carries; at most 20"):
        Account("a", "é" * 11)


@pytest.mark.parametrize(
    ("name", "password"), [("", "x"), ("a\n", "x"), ("a", ""), ("a", "x\0"), ("a", "\udcff"), ("\udcff", "x")]
)
def test_wrong_accounts(name: str, password: str) -> None:
    with pytest.raises(BadValue):
        Account(name, password)


def test_secrets_are_not_shown() -> None:
    assert "pw" not in repr(Servers((ManagedServer("A", BmcAddress("10.0.0.1"), ADMIN),), ADMIN))
    assert "kkk" not in repr(KeyRing(b"c" * 16, (Key(1, b"k" * 32),)))


def test_what_two_servers_share_is_refused_with_both_places() -> None:
    one, two = ManagedServer("A", BmcAddress("10.0.0.1")), ManagedServer("B", BmcAddress("10.0.0.2"))
    with pytest.raises(GivenTwice, match=r"^server C: BMC address 10\.0\.0\.2 is already that of B$") as raised:
        Servers((one, two, ManagedServer("C", two.bmc)), ADMIN)
    assert raised.value.places == (1, 2)


def test_at_most_16_servers() -> None:
    servers = [ManagedServer(f"A{number}", BmcAddress("10.0.0.1", number), ADMIN) for number in range(1, 18)]
    assert len(Servers(tuple(servers[:16])).servers) == 16
    with pytest.raises(BadValue, match="17 servers: at most 16"):
        Servers(tuple(servers))


def test_the_digest_knows_no_order_and_no_password() -> None:
    one, two = ManagedServer("A", BmcAddress("10.0.0.1")), ManagedServer("B", BmcAddress("10.0.0.2"))
    digest = Servers((one, two), ADMIN).digest()
    assert len(digest) == 8
    assert Servers((two, one), Account("admin", "other")).digest() == digest
    assert Servers((one, two), Account("root", "pw")).digest() != digest
    assert Servers((one,), ADMIN).digest() != digest
    assert Servers((replace(one, priority=1), two), ADMIN).digest() != digest
    assert Servers((replace(one, identity=Identity("guid", b"g" * 16)), two), ADMIN).digest() != digest
    assert Servers((replace(one, addresses=("10.0.0.9",), delay=1.0), two), ADMIN).digest() == digest


@pytest.mark.parametrize(
    "wrong", [{"poll_interval": 0.1}, {"poll_interval": float("inf")}, {"patience": 61}, {"own_server": "a b"}]
)
def test_wrong_service_settings(wrong: dict[str, float | str]) -> None:
    with pytest.raises(BadValue):
        Service(**wrong)  # type: ignore[arg-type]
