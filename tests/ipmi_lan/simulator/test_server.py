from __future__ import annotations

import pytest
import trio

from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator import serve_bmc, serve_bmcs
from tests.ipmi_lan.simulator.console import a_bmc

PING = bytes.fromhex("0600ff06 000011be 80 2a 00 00")


async def _ping(address: tuple[str, int]) -> tuple[bytes, tuple[str, int]]:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock, trio.fail_after(5):
        await sock.bind(("127.0.0.1", 0))
        await sock.sendto(PING, address)
        return await sock.recvfrom(100)


def test_one_bmc_on_its_socket() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve_bmc, a_bmc(), "127.0.0.9")
            assert address[0] == "127.0.0.9"
            pong, sender = await _ping(address)
            assert (pong[8], sender) == (0x40, address)
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_many_bmcs_in_one_process() -> None:
    bmcs = {(f"127.0.1.{number}", 0): a_bmc(keeps_wire=True) for number in range(1, 21)}

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(serve_bmcs, bmcs)
            assert [host for host, _ in addresses] == [host for host, _ in bmcs]
            for address in addresses:
                assert (await _ping(address))[1] == address
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert all(len(bmc.wire) == 2 for bmc in bmcs.values())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::1", "localhost", ""])
def test_only_the_loopback(host: str) -> None:
    with pytest.raises(BadArgument, match=r"IPv4|loopback"):
        trio.run(serve_bmc, a_bmc(), host)


def test_an_address_that_is_taken() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            host, port = await nursery.start(serve_bmc, a_bmc())
            with pytest.raises(OSError, match="in use"):
                await serve_bmcs({("127.0.0.1", 0): a_bmc(), (host, port): a_bmc()})
            nursery.cancel_scope.cancel()

    trio.run(main)
