"""When to try again: arithmetic on `now`. All times in seconds."""

from __future__ import annotations

OPEN_SESSION_WAITS = (0.5, 1.0, 2.0)
"""For the answer to Open Session Request, try by try; the last one repeats. It costs a BMC no cryptography, so it comes soon."""
RAKP_WAIT = 2.0
"""For RAKP 2 and RAKP 4: OpenBMC and Cisco take up to a second over the password, and a message sent twice breaks their login."""
SLOT_WAITS = (1.0, 2.0, 5.0, 10.0)
"""For a free session slot: leaked sessions end after 60 s, short ones of other consoles within a second."""
REFUSED_WAIT = 0.2
"""After an ICMP refusal: a BMC that restarts refuses for a moment."""
MOST_REFUSALS = 4
"""Spaced refusals that are believed: 0.6 s."""

COMMAND_WAITS = (0.6, 1.0, 2.0, 2.0)
"""For the answer to a command, send by send; the last one repeats until the command's deadline. When as many sends as there are
here were met with nothing at all, the session is lost. OpenBMC drops the first packet of a session now and then, hence the short
first wait."""
BUSY_WAIT = 0.5
"""Before a command that the BMC was too busy for (C0h, C3h, D0h to D2h) is sent again."""
SETTLE_WAIT = 0.15
"""For a newer RAKP 2, once a login has failed as if there were two: a network that doubles datagrams makes the BMC answer RAKP 1
twice, and only the newest answer counts."""
QUARANTINE = 5.0
"""How long the rqSeq of an unanswered command stays unused: its answer may be on the way."""


def wait_of(waits: tuple[float, ...], tries: int) -> float:
    """The wait after the given number of tries (1 is the first); the last one repeats."""
    return waits[min(tries, len(waits)) - 1]


def jittered(wait: float, random_octet: int) -> float:
    """`wait` ± 20 %, so that consoles which lost a race for a slot do not meet again."""
    return wait * (0.8 + 0.4 * random_octet / 255)
