"""The real sockets on the loopback: broadcasts, the filter, IPv6, an address that there is not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_interface
from pathlib import Path

import pytest

from haconn_cli.resetpath.wire.frame import MAGIC
from haconn_daemon.resetpath.segment import Segment
from haconn_daemon.resetpath.sockets import Sockets
from tests.haconn_daemon.resetpath.test_endpoint import free_address

DATAGRAM = MAGIC + bytes(4) + (112).to_bytes(2) + bytes(102)


@contextmanager
def opened(*interfaces: str) -> Iterator[list[Sockets]]:
    """One at each of these addresses, all at one port."""
    _, port = free_address()
    found: list[Sockets] = []
    try:
        for text in interfaces:
            segment = Segment(ip_interface(text), port)
            found.append(Sockets(segment.own, segment))
        yield found
    finally:
        for each in found:
            each.close()


def received(sockets: Sockets) -> list[tuple[bytes, str]]:
    got = []
    for source in sockets.all():
        while True:
            try:
                data, (host, _) = sockets.receive(source)
            except BlockingIOError:
                break
            got.append((data, host))
    return got


def test_a_broadcast_reaches_all_of_them_on_the_loopback() -> None:
    with opened("127.0.9.1/8", "127.0.9.2/8", "127.0.9.3/8") as found:
        everyone = Segment(ip_interface("127.0.9.1/8"), found[0]._address[1]).everyone
        assert everyone is not None
        found[0].send(DATAGRAM, everyone)
        assert [received(each) for each in found] == [[(DATAGRAM, "127.0.9.1")]] * 3


def test_nonsense_and_strangers_are_dropped_by_the_kernel_and_counted() -> None:
    with opened("127.0.9.1/24") as (one,), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        before = one.lost()
        stranger.bind(("127.0.8.1", 0))
        for data in (b"", b"x" * 200, DATAGRAM[:-1], DATAGRAM):
            stranger.sendto(data, one._address)
        assert received(one) == []
        assert one.lost() - before == 4


def test_ipv6_on_the_loopback() -> None:
    with opened("::1/128") as (one,):
        one.send(DATAGRAM, one._address)
        assert received(one) == [(DATAGRAM, "::1")]


def test_an_address_that_is_on_no_interface_is_told_by_its_number() -> None:
    segment = Segment(ip_interface("192.0.2.77/24"), 30000)
    with pytest.raises(OSError, match=r"reset path 192\.0\.2\.77 port 30000 \(haconnsetup resetpath\)") as caught:
        Sockets(segment.own, segment)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_port_that_another_has_is_told_and_nothing_stays_open() -> None:
    with opened("127.0.9.1/8") as (one,):
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(OSError, match="in use"):
            Sockets(one._address, one._segment)
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_way_that_is_closed_loses_what_is_sent() -> None:
    with opened("127.0.9.1/8") as (one,):
        one.send(DATAGRAM, ("203.0.113.9", 0))


def test_it_has_not_moved_while_nothing_changes() -> None:
    with opened("127.0.9.1/8") as (one,):
        assert not one.has_moved()


def test_a_second_socket_that_is_missing_is_opened_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("127.0.9.1/8") as (one,):
        assert one._broadcast is not None
        one._broadcast.close()
        one._broadcast = None
        assert one.has_moved()
        one.reopen()
        assert len(one.all()) == 2


def test_without_a_segment_there_is_one_socket_and_no_filter() -> None:
    with closing(Sockets(free_address(), None)) as one:
        one.send(b"x", one._address)
        assert received(one) == [(b"x", "127.0.0.1")]
        assert not one.has_moved()
