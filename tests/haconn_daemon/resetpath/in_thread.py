"""A connector on a real socket in a thread of its own, for programs that have their own event loop. It resets by a timetable."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from haconn_cli.config.model import KeyRing, Servers
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import EventKind, Phase, ResetResult
from haconn_daemon.resetpath.arrivals import Arrival, ResetAsked
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_daemon.resetpath.network import statuses


@dataclass
class Connector:
    """What the test sees of it."""

    responder: Responder
    endpoint: Endpoint
    token: trio.lowlevel.TrioToken
    asked: list[ResetAsked] = field(default_factory=list)

    def announce(self, kind: EventKind, server: str) -> None:
        """From the test's thread: tell an event."""
        trio.from_thread.run_sync(self._announce, kind, server, trio_token=self.token)

    def _announce(self, kind: EventKind, server: str) -> None:
        self.responder.announce(kind, server, trio.current_time())
        self.endpoint.wake()


@contextmanager
def connector_in_thread(
    keys: KeyRing, servers: Servers, address: Address, result: ResetResult, *, is_mute: bool = False
) -> Iterator[Connector]:
    """Every reset is accepted and ends with `result` at once; a mute one never answers a reset."""
    ready: list[Connector] = []
    is_ready = threading.Event()
    scope = trio.CancelScope()

    async def live() -> None:
        responder = Responder(keys, address, servers, secrets.token_bytes, statuses, version="0.1.0")
        send, arrivals = trio.open_memory_channel[Arrival](0)
        endpoint = Endpoint(responder, address, send)
        connector = Connector(responder, endpoint, trio.lowlevel.current_trio_token())
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(endpoint.run)
                ready.append(connector)
                is_ready.set()
                async for arrival in arrivals:
                    if isinstance(arrival, ResetAsked):
                        connector.asked.append(arrival)
                        if not is_mute:
                            _serve(connector, arrival, result)

    thread = threading.Thread(target=trio.run, args=(live,))
    thread.start()
    is_ready.wait(10)
    try:
        yield ready[0]
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=ready[0].token)
        thread.join(10)


def _serve(connector: Connector, asked: ResetAsked, result: ResetResult) -> None:
    operation, now = secrets.token_bytes(16), trio.current_time()
    connector.responder.accepted(asked.request, operation, joined=False, now=now)
    connector.responder.progress(operation, Phase.CONFIRMING_OFF, 2, now=now)
    connector.responder.finished(operation, result, now=now)
    connector.endpoint.wake()
