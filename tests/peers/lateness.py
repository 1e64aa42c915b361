"""What a slow or loaded machine explains, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ipmi_lan.session.retry import COMMAND_WAITS, OPEN_SESSION_WAITS, RAKP_WAITS, jittered

FIRST_WAIT = jittered(min(COMMAND_WAITS[0], OPEN_SESSION_WAITS[0], RAKP_WAITS[0]), 0)
"""Seconds in which our client says nothing twice: so soon at the earliest a command or a handshake is begun once more."""
LATE = {"answer to another login", "not awaited in the login", "answer to nothing asked", "duplicate of ours noticed"}
"""What we drop where we said something twice and were answered twice: to a second handshake, or to a command sent again."""

REPEATED = {"replayed", "NotAuthentic"}
"""What a simulated BMC drops of a client that said something twice: the same packet again, or one of a session that has ended."""
_OFTEN = 0.05         # seconds between two looks at the clock
_PATIENT_FOR = 0.4    # seconds that every foreign client waits before it says anything twice: FreeIPMI, told to hurry, 0.5


class Gauge:
    """How late our own event loop was, and with it a simulated BMC in it. Run `watch` beside that."""

    def __init__(self) -> None:
        self.worst = 0.0
        """Seconds."""

    async def watch(self) -> None:
        """Look at the clock until cancelled."""
        while True:
            began = trio.current_time()
            await trio.sleep(_OFTEN)
            self.worst = max(self.worst, trio.current_time() - began - _OFTEN)

    def unexplained(self, counters: Iterable[str]) -> set[str]:
        """The reasons for which a simulated BMC dropped something, but those that lateness explains, where there was any."""
        return set(counters) - (REPEATED if self.worst >= _PATIENT_FOR else set())


def unexplained(dropped: Iterable[str], took: float) -> set[str]:
    """The reasons, of all for which datagrams were dropped within `took` seconds, that lateness alone does not explain.

    Where all was over before our client said anything twice, nothing is late and nothing is explained.
    """
    return set(dropped) - (LATE if took >= FIRST_WAIT else set())
