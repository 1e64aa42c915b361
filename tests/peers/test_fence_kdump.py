"""The program that a crashed server runs, against our listener."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from haconn_daemon.monitor.kdump import listen
from tests.haconn_daemon.monitor.test_kdump import free_port
from tests.peers.programs import run_program

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_its_datagrams_are_known(host: str) -> None:
    heard: list[str] = []

    async def main() -> None:
        port = free_port()
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(listen, port, heard.append, (host,)))
            outcome = await run_program("fence_kdump_send", ["-p", str(port), "-f", "auto", "-c", "1", host])
            assert outcome.code == 0, outcome.text
            with trio.fail_after(10):
                while not heard:
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert heard == [host]
