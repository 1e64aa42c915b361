"""One BMC and its two users here, the watcher and a reset: a session that is lent, polls that make way, readings passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from ipmi_lan import Client, IpmiError


class Sharing:
    """Of one BMC. The watcher offers its session, a reset borrows it; neither waits for the other, nor falls with it."""

    def __init__(self) -> None:
        self.on_reading: Callable[[bool, float], None] = lambda is_on, asked: None
        """A reset read the power state; it had asked at that moment."""
        self.on_failure: Callable[[IpmiError], None] = lambda error: None
        """A reset could not log in, or got no answer to a reading."""
        self.on_control: Callable[[int | None], None] = lambda code: None
        """The BMC took a power command, or refused it with that completion code."""
        self.spares_the_account = False
        """The BMC refused our password so often that it may lock the account: a reset tries it only once more."""
        self._warm: Client | None = None
        self._resets = 0
        self._change = trio.Event()
        self._poll: trio.CancelScope | None = None

    @property
    def warm(self) -> Client | None:
        """The watcher's session, if it is open at present."""
        return self._warm

    @property
    def is_taken(self) -> bool:
        """Whether a reset is under way, and polls have to wait."""
        return self._resets > 0

    # ── the watcher's side ────────────────────────────────────────────────────

    @contextmanager
    def offered(self, client: Client) -> Iterator[None]:
        """While inside, resets may use this session. It may end at any time; who uses it then hears so from the client."""
        self._warm = client
        try:
            yield
        finally:
            self._warm = None

    @contextmanager
    def poll(self) -> Iterator[trio.CancelScope]:
        """A reading that is given up at once when a reset begins: nothing of ours stands before it in the session's queue."""
        with trio.CancelScope() as self._poll:
            if self.is_taken:
                self._poll.cancel()
            try:
                yield self._poll
            finally:
                self._poll = None

    async def until_free(self, most: float) -> None:
        """Until no reset is under way, `most` seconds at the most."""
        with trio.move_on_after(most):
            while self.is_taken:
                await self._change.wait()

    # ── the reset's side ──────────────────────────────────────────────────────

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While inside, the watcher asks nothing."""
        self._resets += 1
        if self._poll is not None:
            self._poll.cancel()
        try:
            yield
        finally:
            self._resets -= 1
            self._change.set()
            self._change = trio.Event()

    def spoilt(self, client: Client) -> None:
        """This session did not answer in time; it is not lent again."""
        if self._warm is client:
            self._warm = None
