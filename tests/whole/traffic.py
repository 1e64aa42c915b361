"""What goes over the interfaces of a network namespace: UDP datagrams, by way, ports and type.

It prints `ready`; a line on its input makes it print what it saw since the line before, as JSON: a list of
`[interface, is_outgoing, from address, from port, to address, to port, type of HACP, or -1]`.
"""

from __future__ import annotations

import json
import socket
import sys
from selectors import EVENT_READ, DefaultSelector

IPV4, UDP = 0x0800, 17
_Way = tuple[str, bool, str, int, str, int, int]


def way_of(packet: bytes, interface: str, kind: int) -> _Way | None:
    """The way of an IPv4 packet that is UDP; None for another one."""
    if len(packet) < 28 or packet[9] != UDP:
        return None
    start = (packet[0] & 0x0F) * 4
    ports = [int.from_bytes(packet[at : at + 2]) for at in (start, start + 2)]
    source, target = (socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16))
    body = packet[start + 8 :]
    of_hacp = body[5] if body[:4] == b"HAC1" else -1
    return interface, kind == socket.PACKET_OUTGOING, source, ports[0], target, ports[1], of_hacp


def main() -> None:
    ways: set[_Way] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)) as tap, DefaultSelector() as selector:
        selector.register(tap, EVENT_READ)
        selector.register(sys.stdin, EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is tap:
                    packet, (interface, protocol, kind, *_) = tap.recvfrom(2048)
                    if protocol == IPV4 and (way := way_of(packet, interface, kind)):
                        ways.add(way)
                elif not sys.stdin.readline():
                    return
                else:
                    print(json.dumps({"ways": sorted(ways)}), flush=True)
                    ways.clear()


if __name__ == "__main__":
    main()
