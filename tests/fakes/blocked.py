"""A plain socket and a clock in memory, for the blocking client: waiting takes no time, and everything happens in one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import pytest

from tests.fakes.network import LATENCY, AnyBmc

HOST = "192.0.2.1"


class Clock:
    """Seconds; each look at it takes a microsecond, so that who looks for ever gets old."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.alarms: list[float] = []
        """When the user loses patience, and presses Ctrl-C."""

    def monotonic(self) -> float:
        """In the place of `time.monotonic`."""
        self.now += 1e-6
        if self.alarms and self.now >= self.alarms[0]:
            del self.alarms[0]
            raise KeyboardInterrupt
        return self.now

    def sleep(self, seconds: float) -> None:
        """In the place of `time.sleep`."""
        self.now += seconds


class BlockedSocket:
    """A connected UDP socket whose far end is `bmc`."""

    def __init__(self, clock: Clock, bmc: AnyBmc) -> None:
        self.bmc = bmc
        self.refuses = False
        self.floods: bytes | None = None
        """Where it is set, this arrives at any moment when nothing else does."""
        self.errors: deque[BaseException] = deque()
        """What the next calls of `recv` raise."""
        self.send_errors: deque[BaseException] = deque()
        self.sent: list[tuple[float, bytes]] = []
        self.is_closed = False
        self._clock = clock
        self._timeout: float | None = None
        self._arriving: deque[tuple[float, bytes | None]] = deque()

    def settimeout(self, timeout: float) -> None:
        """As a real one has it."""
        assert 0.0 < timeout < 1e6, "0 means another thing, and too long is an OverflowError"
        self._timeout = timeout

    def send(self, datagram: bytes) -> int:
        """It arrives at once; the answers take a round trip."""
        assert not self.is_closed
        if self.send_errors:
            raise self.send_errors.popleft()
        now = self._clock.now
        self.sent.append((now, datagram))
        replies: list[bytes | None] = [None] if self.refuses else [
            *self.bmc.receive_datagram_untrusted(datagram, (HOST, 40000), now)
        ]  # fmt: skip
        self._arriving += [(now + 2 * LATENCY, reply) for reply in replies]
        return len(datagram)

    def recv(self, size: int) -> bytes:
        """The next datagram, a refusal, or TimeoutError."""
        assert not self.is_closed
        assert self._timeout is not None, "nothing may wait for ever"
        if self.errors:
            raise self.errors.popleft()
        due = self._clock.now + self._timeout
        if self._arriving and self._arriving[0][0] <= due:
            at, datagram = self._arriving.popleft()
            self._clock.now = max(self._clock.now, at)
            if datagram is None:
                raise ConnectionRefusedError
            return datagram
        if self.floods is not None:
            self._clock.now += 1e-4
            return self.floods
        self._clock.now = due
        raise TimeoutError

    def close(self) -> None:
        """For good."""
        self.is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def blocked(monkeypatch: pytest.MonkeyPatch, bmc: AnyBmc) -> Iterator[tuple[Clock, BlockedSocket]]:
    """Inside, `ipmi_lan.blocking` has this clock and this socket; afterwards the socket must be closed."""
    clock = Clock()
    sock = BlockedSocket(clock, bmc)
    connect: Callable[[str, int], object] = lambda host, port: (sock, (host, port))  # noqa: E731
    monkeypatch.setattr("ipmi_lan.blocking.monotonic", clock.monotonic)
    monkeypatch.setattr("ipmi_lan.blocking.sleep", clock.sleep)
    monkeypatch.setattr("ipmi_lan.blocking._connect", connect)
    yield clock, sock
    assert sock.is_closed
