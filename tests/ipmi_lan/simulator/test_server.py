from __future__ import annotations

from functools import partial

import pytest
import trio

from ipmi_lan.crypto.suites import SUITE_17
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator import Faults, LoginFaults, serve_bmc, serve_bmcs
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.handshake import OpenSessionRequest, build_open_session_request
from ipmi_lan.wire.packet import Packet, build_packet
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


def test_a_late_reply_leaves_when_it_is_due_and_others_overtake_it() -> None:
    bmc = a_bmc(faults=Faults(login=LoginFaults(delays={PayloadType.OPEN_SESSION_RESPONSE: 0.2})))
    request = build_open_session_request(OpenSessionRequest(7, 4, 0x11223344, SUITE_17.algorithms))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(serve_bmc, bmc)
            with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock, trio.fail_after(5):
                await sock.bind(("127.0.0.1", 0))
                await sock.sendto(build_packet(Packet(PayloadType.OPEN_SESSION_REQUEST, request)), address)
                await sock.sendto(PING, address)
                pong, _ = await sock.recvfrom(100)
                began = trio.current_time()
                opened, _ = await sock.recvfrom(100)
                assert (pong[3], opened[5]) == (0x06, PayloadType.OPEN_SESSION_RESPONSE)
                assert trio.current_time() - began > 0.1
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_a_second_address_to_hear_on_and_to_answer_from() -> None:
    bmc = a_bmc()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            first = await nursery.start(partial(serve_bmc, bmc, "127.0.0.9", second=("127.0.0.10", 62310)))
            second = ("127.0.0.10", 62310)
            assert (await _ping(first))[1] == first
            assert (await _ping(second))[1] == second
            bmc.faults.session.answers_from_second_address = True
            assert (await _ping(first))[1] == second
            nursery.cancel_scope.cancel()

    trio.run(main)
