"""On the loopback: the sockets of the client."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio

from ipmi_lan.client import open_client
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.errors import NoAnswer, PortRefused
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.simulator import serve_bmc
from ipmi_lan.transport.endpoint import Endpoint, open_endpoint
from ipmi_lan.transport.udp import address_of
from tests.ipmi_lan.simulator.console import USERS, a_bmc
from tests.ipmi_lan.transport.loopback import BOTH, HOSTS, Open, a_closed_port, a_socket, answering, connected, limited, shared


@BOTH
@pytest.mark.parametrize("host", HOSTS)
@limited
async def test_to_and_fro(opened: Open, host: str) -> None:
    """The empty datagram and the longest one included."""
    with a_socket(host) as far:
        port = opened(far.getsockname())
        for datagram in (b"", b"one", bytes(60000)):
            port.send(datagram, far.getsockname())
            received, address = await far.recvfrom(65535)
            assert received == datagram
            await far.sendto(datagram, address)
            assert await port.receive() == [(datagram, far.getsockname())]
        port.close()


@limited
async def test_the_connected_one_hears_its_peer_only() -> None:
    with a_socket() as far, a_socket() as stranger:
        port = connected(far.getsockname())
        port.send(b"hello", far.getsockname())
        _, address = await far.recvfrom(100)
        await stranger.sendto(b"forged", address)
        await far.sendto(b"honest", address)
        assert await port.receive() == [(b"honest", far.getsockname())]
        port.close()


@limited
async def test_the_shared_one_says_who_it_was() -> None:
    with a_socket() as far, a_socket() as stranger:
        port = shared(far.getsockname())
        port.send(b"hello", far.getsockname())
        _, address = await far.recvfrom(100)
        await stranger.sendto(b"forged", address)
        await far.sendto(b"honest", address)
        arrivals = await port.receive()
        while len(arrivals) < 2:
            arrivals += await port.receive()
        assert arrivals == [(b"forged", stranger.getsockname()), (b"honest", far.getsockname())]
        port.close()


@BOTH
@pytest.mark.parametrize("host", HOSTS)
@limited
async def test_a_refusal_is_told_once_and_costs_no_later_datagram(opened: Open, host: str) -> None:
    closed = a_closed_port(host)
    address: Any = address_of(host, closed)[1]  # type: ignore[index]
    port = opened(address)
    port.send(b"first", address)
    assert await port.receive() == [(None, address)]
    with trio.move_on_after(0.1) as patience:
        await port.receive()
    assert patience.cancelled_caught
    port.send(b"second", address)
    await trio.sleep(0.05)
    plain = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    plain.bind((host, closed))
    with trio.socket.from_stdlib_socket(plain) as far:
        port.send(b"third, sent over the refusal of the second", address)
        assert (await far.recvfrom(100))[0].startswith(b"third")
    port.close()


@limited
async def test_many_refusals_on_one_socket_and_an_answer_among_them() -> None:
    with a_socket() as far:
        port = shared(far.getsockname())
        closed = [("127.0.0.1", a_closed_port()) for _ in range(5)]
        for address in closed:
            port.send(b"is anybody there?", address)
            port.send(b"hello", far.getsockname())
        heard = 0
        for _ in closed:
            data, address = await far.recvfrom(100)
            await far.sendto(data, address)
        refused: set[Any] = set()
        sender: Any
        while heard < 5 or len(refused) < 5:
            for datagram, sender in await port.receive():
                if datagram is None:
                    refused.add(sender)
                else:
                    assert (datagram, sender) == (b"hello", far.getsockname())
                    heard += 1
        assert refused == set(closed)
        port.close()


@BOTH
@limited
async def test_a_receive_that_is_cancelled_loses_nothing(opened: Open) -> None:
    with a_socket() as far:
        port = opened(far.getsockname())
        port.send(b"hello", far.getsockname())
        _, address = await far.recvfrom(100)
        for _ in range(3):
            with trio.move_on_after(0.0):
                await port.receive()
        await far.sendto(b"late", address)
        with trio.CancelScope() as scope:
            scope.cancel()
            await port.receive()
        assert await port.receive() == [(b"late", far.getsockname())]
        port.close()


@BOTH
@limited
async def test_a_datagram_that_is_too_long_or_goes_nowhere_is_lost(opened: Open) -> None:
    with a_socket() as far:
        port = opened(far.getsockname())
        port.send(bytes(100_000), far.getsockname())
        if opened is shared:
            port.send(b"nobody", ("255.255.255.255", 623))
        port.send(b"hello", far.getsockname())
        assert (await far.recvfrom(100))[0] == b"hello"
        port.close()
        port.send(b"after the end", far.getsockname())


# ── addresses ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 623))),
        ("::1", (socket.AF_INET6, ("::1", 623, 0, 0))),
        ("0:0:0:0:0:0:0:1", (socket.AF_INET6, ("::1", 623, 0, 0))),
        ("2001:DB8::00ff", (socket.AF_INET6, ("2001:db8::ff", 623, 0, 0))),
        ("::ffff:192.0.2.1", (socket.AF_INET6, ("::ffff:192.0.2.1", 623, 0, 0))),
        *((name, None) for name in ("bmc.example", "127.1", "0127.0.0.1", "fe80::1%lo", "1.2.3.4.5", "", "bücher", "[::1]")),
        ("\udc80", None),
    ],
)
def test_an_address_is_written_as_the_kernel_writes_it(host: str, address: object) -> None:
    """For what comes back is matched by it."""
    assert address_of(host, 623) == address


# ── the client over them ──────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1"])
@pytest.mark.parametrize("is_shared", [False, True])
@limited
async def test_the_client_over_a_real_socket(host: str, is_shared: bool) -> None:
    bmc = a_bmc()
    async with answering(bmc, host) as port, open_endpoint() as endpoint:
        settings: dict[str, Any] = {"port": port, "known": KnownBmcs()} | ({"endpoint": endpoint} if is_shared else {})
        async with open_client(host, "admin", USERS["admin"][0], **settings) as client:
            assert (await client.run(get_chassis_status())).power_is_on
        assert bmc.open_sessions(trio.current_time()) == 0


@limited
async def test_a_name_is_looked_up() -> None:
    bmc = a_bmc()
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(serve_bmc, bmc)
        async with open_client("localhost", "admin", USERS["admin"][0], port=port, known=KnownBmcs()) as client:
            assert (await client.run(get_chassis_status())).power_is_on
        nursery.cancel_scope.cancel()


@limited
async def test_refused_port_from_the_client() -> None:
    async def be_refused(host: str, port: int, endpoint: Endpoint | None) -> None:
        with pytest.raises(PortRefused):
            async with open_client(host, "admin", "x", port=port, endpoint=endpoint):
                pass

    start = trio.current_time()
    async with open_endpoint() as endpoint, trio.open_nursery() as nursery:
        for host in HOSTS:
            nursery.start_soon(be_refused, host, a_closed_port(host), endpoint)
            nursery.start_soon(be_refused, host, a_closed_port(host), None)
    assert trio.current_time() - start <= 1.0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "255.255.255.255"])
@limited
async def test_no_such_name_nor_route(host: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        async with open_client(host, "admin", "x"):
            pass
    assert host in str(caught.value)


@limited
async def test_on_a_shared_socket_no_route_is_silence() -> None:
    """A route may come back, and the socket is not connected: nothing fails before the deadline."""
    with pytest.raises(NoAnswer):
        async with (
            open_endpoint() as endpoint,
            open_client("255.255.255.255", "admin", "x", endpoint=endpoint, timeout=0.5),
        ):
            pass
