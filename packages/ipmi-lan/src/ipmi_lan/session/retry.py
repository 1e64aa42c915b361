"""When to try again: arithmetic on `now`. All times in seconds."""

from __future__ import annotations

OPEN_SESSION_WAITS = (0.3, 0.6, 1.2, 2.0)
"""For the answer to Open Session Request, try by try; the last one repeats. It costs a BMC no cryptography, so it comes soon."""
RAKP_WAITS = (0.35, 1.0, 2.0)
"""For RAKP 2 and RAKP 4, try by try. OpenBMC and Cisco take up to a second over the password, and a message sent twice breaks
their login. So nothing is sent twice: after the wait a second handshake begins beside the first, and either may go on."""
SLOT_WAITS = (1.0, 2.0, 5.0, 10.0)
"""For a free session slot: leaked sessions end after 60 s, short ones of other consoles within a second."""
REFUSED_WAIT = 0.2
"""After an ICMP refusal: a BMC that restarts refuses for a moment."""
MOST_REFUSALS = 4
"""Spaced refusals that are believed: 0.6 s."""

COMMAND_WAITS = (0.3, 0.6, 1.2, 2.0)
"""For the answer to a command, send by send; the last one repeats until the command's deadline. When as many sends as there are
here were met with nothing at all, the session is lost. OpenBMC drops the first packet of a session now and then, hence the short
first wait; where answers take longer, the first wait grows with them."""
MOST_FIRST_WAIT = 2.0
"""What the first wait grows to at most."""
BUSY_WAIT = 0.5
"""Before a command that the BMC was too busy for (C0h, C3h, D0h to D2h) is sent again."""
SETTLE_WAIT = 0.15
"""For a newer RAKP 2, once a login has failed as if there were two: a network that doubles datagrams makes the BMC answer RAKP 1
twice, and only the newest answer counts."""
QUARANTINE = 5.0
"""How long the rqSeq of a command stays unused whose answer, or a second one, may still be on the way."""
KEEP_ALIVE = 25.0
"""Quiet before a keep-alive: BMCs drop a session that was idle for 60 ± 3 s (6.12.15)."""
IDLE_LIMIT = 63.0
"""Quiet after which a session without keep-alives is taken for gone: the same 60 + 3 s."""
INNER_TIMEOUT = 6.0
"""For a command that the session itself sends."""
CLOSE_WAIT = 0.5
"""Before Close Session is sent once more."""
CLOSE_TIMEOUT = 1.0
"""For Close Session; some BMCs never answer it."""


def wait_of(waits: tuple[float, ...], tries: int) -> float:
    """The wait after the given number of tries (1 is the first); the last one repeats."""
    return waits[min(tries, len(waits)) - 1]


def jittered(wait: float, random_octet: int) -> float:
    """`wait` ± 20 %, so that consoles which lost a race for a slot do not meet again."""
    return wait * (0.8 + 0.4 * random_octet / 255)
