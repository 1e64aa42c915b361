"""Simulated BMCs on real sockets, in a thread of their own: for clients without an event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import trio

from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from tests.fakes.network import AnyBmc

PATIENCE = 10.0   # seconds


@contextmanager
def served(*bmcs: SimulatedBmc | AnyBmc) -> Iterator[Sequence[tuple[str, int]]]:
    """The address of each, on the loopback; they answer until the block ends."""
    addresses: list[tuple[str, int]] = []
    ready = threading.Event()
    scope = trio.CancelScope()
    token: list[Any] = []

    async def live() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            async with trio.open_nursery() as nursery:
                for bmc in bmcs:
                    start: Any = serve_bmc if isinstance(bmc, SimulatedBmc) else _serve
                    addresses.append(await nursery.start(start, bmc))
                ready.set()

    thread = threading.Thread(target=trio.run, args=(live,))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield addresses
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token[0])
        thread.join(PATIENCE)
        assert not thread.is_alive()


async def _serve(bmc: AnyBmc, *, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as sock:
        await sock.bind(("127.0.0.1", 0))
        task_status.started(sock.getsockname())
        while True:
            datagram, address = await sock.recvfrom(65535)
            for reply in bmc.receive_datagram_untrusted(datagram, address, trio.current_time()):
                await sock.sendto(reply, address)
