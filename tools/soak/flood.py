"""Hostile datagrams at a rate: `python -m tools.soak.flood HOST:PORT RATE SECONDS CAPTURED SEED`, a process of its own.

Wrong magic, right magic with a wrong tag, captured datagrams again, one byte, and the longest there are, as many of each; from
several ports. CAPTURED is a file with one datagram a line, in hexadecimal. Prints what was really sent.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LARGEST = 65507
SENDERS = 8
_TICK = 0.002   # seconds


def kinds(captured: list[bytes], chance: random.Random) -> dict[str, Callable[[], bytes]]:
    """What is sent, each by the name of its kind."""
    large = b"HAC1" + bytes(LARGEST - 4)

    def forged() -> bytes:
        spoilt = bytearray(chance.choice(captured))
        spoilt[-1 - chance.randrange(32)] ^= 1 << chance.randrange(8)
        return bytes(spoilt)

    return {
        "wrong magic": lambda: b"HAC2" + chance.choice(captured)[4:],
        "wrong tag": forged,
        "replay": lambda: chance.choice(captured),
        "one byte": lambda: b"H",
        "65507 bytes": lambda: large,
    }


def flood(to: tuple[str, int], rate: float, seconds: float, captured: list[bytes], seed: int) -> dict[str, int]:
    """Send, and return how many of which kind left."""
    chance = random.Random(seed)   # noqa: S311 - a seed is wanted
    makers = kinds(captured, chance)
    names = list(makers)
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SENDERS)]
    for sender in senders:
        sender.setblocking(False)
        sender.connect(to)
    sent, number, began = dict.fromkeys(names, 0), 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while number < rate * passed:
            name = names[number % len(names)]
            with suppress(OSError):
                senders[number % SENDERS].send(makers[name]())
                sent[name] += 1
            number += 1
        time.sleep(_TICK)
    for sender in senders:
        sender.close()
    return sent


def main() -> None:
    where, rate, seconds, captured, seed = sys.argv[1:]
    host, _, port = where.rpartition(":")
    datagrams = [bytes.fromhex(line) for line in Path(captured).read_text().split()]
    print(json.dumps(flood((host, int(port)), float(rate), float(seconds), datagrams, int(seed))))


if __name__ == "__main__":
    main()
