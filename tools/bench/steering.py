"""The responder from outside: build it, start it, tell it how to behave, read its counters. Standard library only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("responder.c")
USER, PASSWORD = "bench", "only-For-Measuring"
_TRIES = 20
_PATIENCE = 0.25   # seconds


class ResponderFailed(Exception):  # noqa: N818 - errors here are named for the fact
    """The responder could not be built, does not start, or saw datagrams that it could not read."""


class Steering:
    """Orders to a running responder; each is answered by its counters."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(_PATIENCE)
        self._socket.connect(("127.0.0.1", port))

    def tell(self, *orders: str) -> dict[str, int]:
        """Give `orders`, which may be repeated without harm, and return the counters. Raises `ResponderFailed`."""
        for _ in range(_TRIES):
            self._socket.send(b"bench\n" + "\n".join(orders).encode())
            try:
                counters: dict[str, int] = json.loads(self._socket.recv(2000))
            except (TimeoutError, ConnectionRefusedError):
                continue
            return counters
        raise ResponderFailed("no answer to an order")

    def checked(self) -> dict[str, int]:
        """The counters. Raises `ResponderFailed` where datagrams came that a BMC could not accept, or too many at once."""
        counters = self.tell()
        if counters["bad"] or counters["overflowed"]:
            raise ResponderFailed(f"{counters['bad']} bad datagrams, {counters['overflowed']} too many: {counters}")
        return counters

    def close(self) -> None:
        self._socket.close()


def build(folder: Path) -> Path:
    """Compile the responder into `folder`. Raises `ResponderFailed`."""
    program = folder / "responder"
    words = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(SOURCE), "-lcrypto"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ResponderFailed(f"gcc: {done.stderr}")
    return program


@contextmanager
def running_responder(program: Path, cpu: int) -> Iterator[Steering]:
    """The responder on processor `cpu` and a free port; it is gone afterwards. Raises `ResponderFailed`."""
    process = subprocess.Popen([str(program), "0", USER, PASSWORD], stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {cpu})
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        if not line:
            raise ResponderFailed("it does not start")
        steering = Steering(int(line))
        yield steering
        steering.close()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
