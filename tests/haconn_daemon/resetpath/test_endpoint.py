"""The real sockets: a client and an endpoint on 127.0.0.x. Smoke only; the rules are tested without a network."""

from __future__ import annotations

import secrets
import socket as plain_socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from haconn_cli.resetpath.client import NoSocket, NotAnswered, Path, open_requester
from haconn_cli.resetpath.outcomes import Accepted, Progress, Why
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResultCode, Role, Standing
from haconn_daemon.resetpath.arrivals import Arrival, HelloSeen, ResetAsked, ResultAcknowledged
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_cli.resetpath.cluster import KEYS, SERVERS
from tests.haconn_daemon.resetpath.network import OFF, STATUSES, statuses


def free_address(host: str = "127.0.0.1") -> Address:
    """An address with a UDP port that nobody has now."""
    with plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return host, probe.getsockname()[1]


class Connector:
    """A responder on its endpoint, and the daemon's part played by hand."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.responder = Responder(KEYS, address, SERVERS, secrets.token_bytes, statuses, version="0.1.0")
        send, self.arrivals = trio.open_memory_channel[Arrival](0)
        self.endpoint = Endpoint(self.responder, address, send)

    async def serve_one_reset(self) -> None:
        """Accept the next reset, one step, done."""
        async for arrival in self.arrivals:
            if isinstance(arrival, ResetAsked):
                self.responder.accepted(arrival.request, bytes(16), joined=False, now=trio.current_time())
                self.responder.progress(bytes(16), Phase.READING, 1, now=trio.current_time())
                self.endpoint.wake()
                await trio.lowlevel.checkpoint()
                self.responder.finished(bytes(16), OFF, now=trio.current_time())
                self.endpoint.wake()
            if isinstance(arrival, ResultAcknowledged):
                return


@asynccontextmanager
async def running(host: str = "127.0.0.1") -> AsyncIterator[Connector]:
    connector = Connector(free_address(host))
    async with trio.open_nursery() as nursery:
        await nursery.start(connector.endpoint.run)
        yield connector
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def monitor(address: Address, bind: str | None = None) -> AsyncIterator[Path]:
    digest = SERVERS.digest()
    async with open_requester(KEYS, Role.MONITOR, "PSERVER1", address, digest=digest, standing=Standing.LOCAL, bind=bind) as path:
        yield path


def test_hello_check_reset_event() -> None:
    async def story() -> None:
        async with running() as connector, monitor(connector.address, bind="127.0.1.1") as path:
            steps: list[Accepted | Progress] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connector.serve_one_reset)
                welcomed = await path.hello()
                assert (welcomed.own_server, welcomed.digest_differs) == ("PSERVER1", False)
                assert (await path.check()).servers == STATUSES
                result = await path.reset("PSERVER2", Action.OFF, 10, on_progress=steps.append)
            assert result == OFF
            assert [type(step) for step in steps] == [Accepted, Progress]
            connector.responder.announce(EventKind.POWER_OFF, "PSERVER2", trio.current_time())
            connector.endpoint.wake()
            event = await path.events.receive()
            assert (event.kind, event.server) == (EventKind.POWER_OFF, "PSERVER2")

    trio.run(story)


def test_path_checks_are_answered_while_nobody_takes_the_arrivals() -> None:
    async def story() -> None:
        async with running() as connector, monitor(connector.address) as path:
            for _ in range(20):
                await path.check()
            arrival = await connector.arrivals.receive()
            assert isinstance(arrival, HelloSeen)

    trio.run(story)


def test_nonsense_and_a_sender_that_is_gone_do_not_end_the_endpoint() -> None:
    async def story() -> None:
        async with running() as connector:
            async with monitor(connector.address) as path:
                await path.hello()
            connector.responder.announce(EventKind.POWER_OFF, "PSERVER2", trio.current_time())   # to a port that is closed now
            connector.endpoint.wake()
            with plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) as stranger:
                for nonsense in (b"", b"x", bytes(2000), b"HAC1" + bytes(200)):
                    stranger.sendto(nonsense, connector.address)
            async with monitor(connector.address) as path:
                await path.check()
            assert connector.responder.dropped.total() >= 4

    trio.run(story)


def test_a_connector_that_is_not_there_gives_no_answer() -> None:
    async def story() -> None:
        async with monitor(free_address()) as path:
            with pytest.raises(NotAnswered, match="no answer") as caught:
                await path.check(patience=0.05)
            assert caught.value.why is Why.NO_ANSWER

    trio.run(story)


def test_an_address_that_is_not_ours_is_no_way() -> None:
    async def story() -> None:
        with pytest.raises(NoSocket, match="no address to send from"):
            async with monitor(("127.0.0.1", 30000), bind="192.0.2.1"):
                pass

    trio.run(story)


def test_a_cancelled_reset_is_asked_no_more() -> None:
    async def story() -> None:
        async with running() as connector, monitor(connector.address) as path:
            await path.hello()
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(path.reset, "PSERVER2", Action.OFF, 10)
                    while not isinstance(await connector.arrivals.receive(), ResetAsked):
                        pass
                    scope.cancel()
            assert path._requester.next_deadline() is None

    trio.run(story)


def test_a_refusal_is_a_result() -> None:
    async def story() -> None:
        async with running() as connector, monitor(connector.address) as path:
            assert (await path.reset("PSERVER9", Action.OFF, 5)).code is ResultCode.UNKNOWN_TARGET

    trio.run(story)


def test_errors_of_the_caller_leave_as_themselves() -> None:
    async def story() -> None:
        async with monitor(free_address()):
            raise KeyError

    with pytest.raises(KeyError):
        trio.run(story)
