"""The datagrams that wait to be looked at: those from known places first, and few of the others at a time. Sans-IO.

Whoever floods a connector with datagrams that only a digest can tell from real ones makes it compute digests. So those are
counted: in each turn of the loop some from places where somebody was believed lately, who is served first, and fewer from
anywhere else. Between two turns the rest of the daemon runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from haconn_cli.resetpath.seal import Address

KNOWN_A_TURN, STRANGERS_A_TURN = 64, 16
"""Digests of a turn, below a millisecond of work."""
MOST_KNOWN, MOST_STRANGERS = 512, 64
"""Kept waiting; more are lost, as on the way. A stranger's turn comes in some milliseconds or not at all."""


class Inbox:
    """Two queues."""

    def __init__(self, is_known: Callable[[Address], bool]) -> None:
        self._is_known = is_known
        self._known: deque[tuple[bytes, Address]] = deque()
        self._strangers: deque[tuple[bytes, Address]] = deque()
        self.lost = 0
        """Datagrams for which there was no room."""

    def __len__(self) -> int:
        return len(self._known) + len(self._strangers)

    def put(self, data: bytes, address: Address) -> None:
        """Keep a datagram, where there is room."""
        queue, most = (self._known, MOST_KNOWN) if self._is_known(address) else (self._strangers, MOST_STRANGERS)
        if len(queue) < most:
            queue.append((data, address))
        else:
            self.lost += 1

    def take_turn(self) -> Iterator[tuple[bytes, Address]]:
        """What is to be looked at now."""
        for queue, most in ((self._known, KNOWN_A_TURN), (self._strangers, STRANGERS_A_TURN)):
            for _ in range(min(most, len(queue))):
                yield queue.popleft()
