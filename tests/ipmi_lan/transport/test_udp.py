"""On the loopback: the one socket of the client."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.errors import NoAnswer, PortRefused
from ipmi_lan.simulator import serve_bmc
from ipmi_lan.transport.udp import PeerRefused, UdpTransport
from tests.fakes.network import run_virtually
from tests.ipmi_lan.simulator.console import USERS, a_bmc

LIMIT = 5.0   # seconds; nothing here waits unless something is wrong


def limited(story: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """A test that runs `story` under trio, for `LIMIT` seconds at most."""

    async def main() -> None:
        with trio.fail_after(LIMIT):
            await story()

    def test() -> None:
        trio.run(main)

    return test


def a_socket() -> trio.socket.SocketType:
    return trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)


async def a_closed_port() -> int:
    with a_socket() as socket:
        await socket.bind(("127.0.0.1", 0))
        return int(socket.getsockname()[1])


@limited
async def test_pair() -> None:
    """To and fro, the empty datagram and the longest one included."""
    with a_socket() as far:
        await far.bind(("127.0.0.1", 0))
        transport = await UdpTransport.connect("localhost", far.getsockname()[1])
        for datagram in (b"", b"one", bytes(60000)):
            await transport.send(datagram)
            received, address = await far.recvfrom(65535)
            assert received == datagram
            await far.sendto(datagram, address)
            assert await transport.receive() == datagram
        transport.close()


@limited
async def test_only_the_peer_is_heard() -> None:
    with a_socket() as far, a_socket() as stranger:
        await far.bind(("127.0.0.1", 0))
        await stranger.bind(("127.0.0.1", 0))
        transport = await UdpTransport.connect("127.0.0.1", far.getsockname()[1])
        await transport.send(b"hello")
        _, address = await far.recvfrom(100)
        await stranger.sendto(b"forged", address)
        await far.sendto(b"honest", address)
        assert await transport.receive() == b"honest"
        transport.close()


@limited
async def test_a_refusal_is_told_once_and_costs_no_later_datagram() -> None:
    port = await a_closed_port()
    transport = await UdpTransport.connect("127.0.0.1", port)
    await transport.send(b"first")
    with pytest.raises(PeerRefused):
        await transport.receive()
    await transport.send(b"second")
    with a_socket() as far:
        await far.bind(("127.0.0.1", port))
        await transport.send(b"third, sent over the refusal of the second")
        assert (await far.recvfrom(100))[0].startswith(b"third")
    transport.close()


@limited
async def test_refused_port_from_the_client() -> None:
    port = await a_closed_port()
    with pytest.raises(PortRefused):
        async with open_client("127.0.0.1", "admin", "x", port=port):
            pass


@limited
async def test_no_such_name_nor_route() -> None:
    for host in ("no-such-host.invalid", "255.255.255.255"):
        with pytest.raises(NoAnswer) as caught:
            async with open_client(host, "admin", "x"):
                pass
        assert host in str(caught.value)


@limited
async def test_the_client_over_a_real_socket() -> None:
    bmc = a_bmc()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_bmc, bmc)
        async with open_client(host, "admin", USERS["admin"][0], port=port) as client:
            assert (await client.run(get_chassis_status())).power_is_on
        assert bmc.open_sessions(trio.current_time()) == 0
        nursery.cancel_scope.cancel()


class FailingSocket:
    """What the kernel may report of a host that does not answer ARP, and then a datagram."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    async def recv(self, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise OSError(self.errors.pop(0), "from the kernel")
        return b"datagram"

    async def send(self, datagram: bytes) -> None:
        await self.recv(0)

    def close(self) -> None:
        pass


def test_other_errors_of_the_kernel_are_lost_datagrams() -> None:
    async def main() -> None:
        socket = FailingSocket(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EMSGSIZE)
        assert await UdpTransport(cast("Any", socket)).receive() == b"datagram"
        assert trio.current_time() < 1.0
        for error in (errno.EHOSTUNREACH, errno.EPERM, errno.ENOBUFS):
            await UdpTransport(cast("Any", FailingSocket(error))).send(b"")

    run_virtually(main)


def test_a_host_that_does_not_answer_arp_is_no_refused_port() -> None:
    async def main() -> None:
        transport = UdpTransport(cast("Any", FailingSocket(*[errno.EHOSTUNREACH] * 1000)))
        with pytest.raises(NoAnswer):
            async with open_client("bmc", "admin", "x", timeout=3.0, transport=transport):
                pass
        assert trio.current_time() == 3.0

    run_virtually(main)
