"""The real sockets: a client and an endpoint on 127.0.0.x. Smoke only; the rules are tested without a network."""

from __future__ import annotations

import secrets
import socket as plain_socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_interface
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from haconn_cli.resetpath.client import NoSocket, NotAnswered, Path, open_requester
from haconn_cli.resetpath.outcomes import Accepted, Progress, Why
from haconn_cli.resetpath.seal import Address, Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import Action, EventKind, Phase, ResultCode, Role, Standing
from haconn_cli.resetpath.wire.messages import PathCheck
from haconn_daemon.resetpath.arrivals import Arrival, ConnectorSeen, HelloSeen, IntentHeard, ResetAsked, ResultAcknowledged
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
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


@pytest.mark.shows("R6")
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


class Neighbour:
    """A connector that takes part in the segment."""

    def __init__(self, interface: str, port: int) -> None:
        self.segment = Segment(ip_interface(interface), port)
        own = self.segment.own
        self.responder = Responder(KEYS, own, SERVERS, secrets.token_bytes, statuses, version="0.1.0", segment=self.segment)
        send, self.arrivals = trio.open_memory_channel[Arrival](64)
        self.endpoint = Endpoint(self.responder, own, send, self.segment)

    async def told(self, kind: type[Arrival]) -> Arrival:
        """The next arrival of that kind."""
        with trio.fail_after(20):
            async for arrival in self.arrivals:
                if isinstance(arrival, kind):
                    return arrival
        raise AssertionError


@pytest.mark.parametrize("mask", [8, 24])
def test_connectors_on_one_host_hear_each_other(mask: int) -> None:
    """127.255.255.255 is a broadcast address of the loopback; 127.0.7.255 is an address like any other, and heard by one only."""

    async def story() -> None:
        _, port = free_address()
        one, two = (Neighbour(f"127.0.7.{number}/{mask}", port) for number in (1, 2))
        async with trio.open_nursery() as nursery:
            await nursery.start(one.endpoint.run)
            await nursery.start(two.endpoint.run)
            assert isinstance(await one.told(ConnectorSeen), ConnectorSeen)
            assert isinstance(await two.told(ConnectorSeen), ConnectorSeen)
            one.responder.announce_intent("PSERVER2", "PSERVER1", 3, bytes(16), trio.current_time())
            one.endpoint.wake()
            assert await two.told(IntentHeard) == IntentHeard(f"127.0.7.1:{port}", "PSERVER2", "PSERVER1", 3, bytes(16))
            nursery.cancel_scope.cancel()

    trio.run(story)


def test_a_reset_over_ipv6() -> None:
    async def story() -> None:
        port = free_address("127.0.0.1")[1]
        one = Neighbour("::1/128", port)
        async with trio.open_nursery() as nursery:
            await nursery.start(one.endpoint.run)
            async with monitor(("::1", port)) as path:
                welcomed = await path.hello()
                assert welcomed.own_server == "PSERVER1"
                assert (await path.check()).servers == STATUSES
            nursery.cancel_scope.cancel()

    trio.run(story)


def test_an_endpoint_may_be_run_again_after_it_failed() -> None:
    async def story() -> None:
        _, port = free_address()
        one = Neighbour("127.0.7.1/8", port)
        with plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) as other:
            other.bind(("127.0.7.1", port))
            with pytest.raises(OSError, match="in use"):
                await one.endpoint.run()
        async with trio.open_nursery() as nursery:
            await nursery.start(one.endpoint.run)
            async with monitor(one.segment.own) as path:
                await path.check()
            nursery.cancel_scope.cancel()

    trio.run(story)


def test_path_checks_are_answered_in_a_flood_that_only_digests_can_tell() -> None:
    """From the segment, with the right magic, sender and receiver, and a wrong tag. Counted, and nothing of it gets further."""

    async def story() -> None:
        _, port = free_address()
        one = Neighbour("127.0.7.1/8", port)
        async with trio.open_nursery() as nursery:
            await nursery.start(one.endpoint.run)
            async with monitor(one.segment.own) as path:
                await path.check()
                with plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) as stranger:
                    flood = forged(one.segment.own)
                    for _ in range(20):
                        for _ in range(300):
                            stranger.sendto(flood, one.segment.own)
                        await path.check(patience=20.0)
            dropped = one.responder.dropped
            assert dropped["tag"] + dropped["crowded"] + dropped["kernel"] > 300
            assert set(dropped) <= {"tag", "crowded", "kernel", "stale", "replay"}
            nursery.cancel_scope.cancel()

    trio.run(story)


def forged(connector: Address) -> bytes:
    """A path check of PSERVER1's HA Monitor, but for its tag."""
    ids = [participant_id(KEYS.cluster, role, name) for role, name in (
        (Role.MONITOR, "PSERVER1"), (Role.CONNECTOR, connector_name(*connector)),
    )]   # fmt: skip
    return Seal(KEYS, ids[0], bytes(8)).seal(ids[1], PathCheck(), bytes(16), bytes(16))[:-1] + b"?"


class Restless:
    """Two sockets, and the second one is wanted anew again and again, as where its address cannot be bound."""

    complaints = ()

    def __init__(self) -> None:
        self.looks = 0
        self.sockets = [plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) for _ in range(2)]
        for each in self.sockets:
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        self.all = lambda: list(self.sockets)
        self.lost, self.reopen = lambda: 0, lambda: None

    def has_moved(self) -> bool:
        self.looks += 1
        return self.looks % 7 == 0

    def receive(self, source: plain_socket.socket) -> tuple[bytes, Address]:
        return source.recvfrom(100)

    def send(self, datagram: bytes, address: Address) -> None:
        raise AssertionError

    def close(self) -> None:
        for each in self.sockets:
            each.close()


def test_nothing_is_lost_while_the_broadcast_socket_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    sockets, most = Restless(), 40
    responder: Any = SimpleNamespace(
        is_known=lambda address: False, dropped=Counter(), datagrams_to_send=lambda now: [], next_deadline=lambda: None,
        next_event=lambda: None, receive_datagram_untrusted=lambda data, address, now: seen.append(data),
    )   # fmt: skip
    monkeypatch.setattr("haconn_daemon.resetpath.endpoint.Sockets", lambda address, segment: sockets)
    monkeypatch.setattr("haconn_daemon.resetpath.endpoint.FOLLOW_INTERVAL", 0.0)
    monkeypatch.setattr("haconn_daemon.resetpath.inbox.STRANGERS_A_TURN", 1)
    sent = {b"%d" % number for number in range(2 * most)}

    async def story() -> None:
        with plain_socket.socket(plain_socket.AF_INET, plain_socket.SOCK_DGRAM) as sender:
            for number, datagram in enumerate(sorted(sent)):
                sender.sendto(datagram, sockets.sockets[number % 2].getsockname())
        send, _ = trio.open_memory_channel[Arrival](0)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await nursery.start(Endpoint(responder, ("127.0.0.1", 1), send).run)
                while sockets.looks < 20 * most:
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()

    trio.run(story)
    assert (set(seen), len(seen), responder.dropped.total()) == (sent, 2 * most, 0)
