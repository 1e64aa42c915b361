"""What is sent again until the other side says that it has it: results and events. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.wire.messages import Message
from haconn_daemon.resetpath.peers import Peer

RESULT_WAITS = (0.2, 0.4, 0.8, *(1.6 for _ in range(17)))
"""Seconds between the sendings of a result; together just under 30."""
EVENT_WAITS = (0.2, 0.4, 0.8, 1.6, 3.2)
MOST_NOTICES = 1024


@dataclass(slots=True)
class Notice:
    """One message on its way to one peer."""

    peer: Peer
    message: Message
    request: bytes
    waits: tuple[float, ...]
    due: float
    sent: int = 0


class Notices:
    """The messages that wait for their acknowledgement, bounded in number: past that the oldest are not repeated any more."""

    def __init__(self) -> None:
        self._notices: dict[tuple[bytes, bytes], Notice] = {}

    def add(self, peer: Peer, message: Message, request: bytes, waits: tuple[float, ...], now: float) -> None:
        """Begin (again) to send `message`, at once and then after each of `waits`."""
        key = (peer.sender, request)
        self._notices.pop(key, None)
        self._notices[key] = Notice(peer, message, request, waits, due=now)
        if len(self._notices) > MOST_NOTICES:
            del self._notices[next(iter(self._notices))]

    def acknowledge(self, sender: bytes, request: bytes) -> bool:
        """End it; whether there was one."""
        return self._notices.pop((sender, request), None) is not None

    def take_due(self, now: float) -> list[Notice]:
        """What is to be sent now."""
        due = [(key, notice) for key, notice in self._notices.items() if notice.due <= now]
        for key, notice in due:
            if notice.sent == len(notice.waits):
                del self._notices[key]
                continue
            notice.due = now + notice.waits[notice.sent]
            notice.sent += 1
        return [notice for _, notice in due]

    def next_deadline(self) -> float | None:
        """When something is due next."""
        return min((notice.due for notice in self._notices.values()), default=None)
