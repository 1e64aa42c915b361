"""A connector's end of the reset path alone, as a program: `python -m tests.whole.neighbour INTERFACE PORT`.

It prints what it learns of the other connectors, a line each. A line on its input is the name of a server, whose reset it
announces.
"""

from __future__ import annotations

import os
import secrets
import sys
from ipaddress import ip_interface

import trio

from haconn_daemon.resetpath.arrivals import Arrival
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.resetpath.segment import Segment
from tests.haconn_cli.resetpath.cluster import KEYS, SERVERS


async def main() -> None:
    segment = Segment(ip_interface(sys.argv[1]), int(sys.argv[2]))
    responder = Responder(KEYS, segment.own, SERVERS, secrets.token_bytes, lambda now: (), segment=segment)
    send, arrivals = trio.open_memory_channel[Arrival](64)
    endpoint = Endpoint(responder, segment.own, send, segment)
    async with trio.open_nursery() as nursery:
        await nursery.start(endpoint.run)
        nursery.start_soon(obey, responder, endpoint)
        print("ready", flush=True)
        async for arrival in arrivals:
            print(arrival, flush=True)


async def obey(responder: Responder, endpoint: Endpoint) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as source:
        async for piece in source:
            for line in piece.decode().split():
                responder.announce_intent(line, "PSERVER1", 1, secrets.token_bytes(16), trio.current_time())
                endpoint.wake()


if __name__ == "__main__":
    trio.run(main)
