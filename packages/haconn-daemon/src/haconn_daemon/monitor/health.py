"""The judge of one server: what readings and silences say of its link and its power. No I/O.

Silence never says anything of the power. Power is called off after two readings in a row, so that one odd answer of a BMC
does not send an alarm through the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from haconn_cli.resetpath.vocabulary import Link, ServerStatus, Status

CONFIRMATION_DELAY = 0.3
"""Seconds from the first reading of a change to the next reading."""
SLOWEST_POLL = 30.0
"""Seconds between readings of the slowest BMC."""
LOAD_SHARE = 4
"""A reading may keep a BMC busy for a quarter of the time at most: polling too hard makes some hang until a cold reset."""
MOST_WRONG_PASSWORDS = 3
"""Since the last login that worked; BMCs lock an account after five."""
SUSPICIOUS_FAILURES = 2
"""Readings in a row that fail when a BMC restarts; a single one is a network's doing."""
SUSPICIOUS_DELAY = 4.0
"""Seconds that an answer comes later than it was due: longer than two lost readings take, shorter than any BMC's restart."""
SETTLING = 60.0
"""Seconds after such a silence in which "off" is not believed: a BMC that has just restarted may say it of a running host."""
WRONG_PASSWORD_PAUSE = 300.0
"""Seconds; the usual time that a BMC keeps an account locked."""
BARRIER_LIFE = 3600.0
"""Seconds that a refusal of power commands is taken to stand; then the link counts as able to reset until it is refused again."""


class Change(Enum):
    """What has changed with a server."""

    POWER_OFF = "power off"
    POWER_ON = "power on"
    LINK_LOST = "link lost"
    LINK_BACK = "link back"


@dataclass(frozen=True, slots=True)
class Silence:
    """A reading that failed, and why."""

    reason: str
    is_wrong_password: bool = False


class Judge:
    """One server's health, from the answers of its BMC."""

    def __init__(self, name: str, poll_interval: float, patience: int) -> None:
        """`poll_interval` in seconds; `patience`: how many readings in a row may fail before the link is NG."""
        self.name = name
        self.reason = ""
        """Why the latest reading failed, for a person; empty when it did not."""
        self._interval = poll_interval
        self._patience = patience
        self._link = Link.NOT_YET
        self._power_is_on: bool | None = None
        self._unconfirmed: bool | None = None
        self._unconfirmed_since = 0.0
        self._reset_capable = False
        self._last_proof: float | None = None
        self._failures = self._wrong_passwords = 0
        self._last_round_trip = 0.0
        self._unsettled_until = float("-inf")
        self._due = float("inf")
        self._is_new_until = float("inf")
        self._barrier = ""
        self._barrier_until = float("-inf")

    def change(self, name: str, poll_interval: float, patience: int) -> None:
        """Other settings for the same BMC; what is known of it stays known. The account may be right now, so it is tried anew."""
        self.name, self._interval, self._patience = name, poll_interval, patience
        self._wrong_passwords = 0
        self._barrier = ""

    @property
    def spares_the_account(self) -> bool:
        """Whether the password was refused so often that the next try has to wait."""
        return self._wrong_passwords >= MOST_WRONG_PASSWORDS

    def why(self, now: float) -> str:
        """Why the link is NG, for a person, and since when; empty where it is not."""
        if not self.is_lost:
            return ""
        if self._barrier and self._failures == 0:
            return self._barrier
        since = "never an answer yet" if self._last_proof is None else f"last answer {now - self._last_proof:.0f} s ago"
        if self.spares_the_account:
            since += f"; tried again only every {WRONG_PASSWORD_PAUSE:.0f} s, lest the account be locked"
        return f"{self.reason} ({since})"

    @property
    def round_trip(self) -> float | None:
        """Seconds that the latest reading took; None: there was none."""
        return None if self._last_proof is None else self._last_round_trip

    @property
    def is_lost(self) -> bool:
        """Whether the link is NG."""
        return self._link is Link.NG

    @property
    def power_is_on(self) -> bool | None:
        """As last confirmed; None: never."""
        return self._power_is_on

    def saw_power(self, is_on: bool, now: float, round_trip: float) -> list[Change]:
        """An authenticated reading; `round_trip` is what it took, in seconds."""
        self._failures = self._wrong_passwords = 0
        if now - self._due > SUSPICIOUS_DELAY:
            self._unsettled_until = now + SETTLING
        if self._last_proof is None:
            self._is_new_until = float("-inf") if is_on else now + SETTLING
        self._last_proof, self._last_round_trip = now, round_trip
        if now >= self._barrier_until:
            self._barrier = ""
        changes = self._weigh_barrier() + self._weigh(is_on, now)
        self._due = now + self.next_delay()
        return changes

    def control_refused(self, why: str, now: float) -> list[Change]:
        """The BMC lets us read and not switch: the link is not OK, for it is there to reset."""
        self._barrier, self._barrier_until = why, now + BARRIER_LIFE
        return self._weigh_barrier()

    def control_works(self) -> None:
        """The BMC took a power command. The next reading tells that the link is back."""
        self._barrier = ""

    @property
    def _least_gap(self) -> float:
        """Seconds between the two readings of a change: those of a reset come faster. Clocks may be a little early."""
        return 0.9 * min(CONFIRMATION_DELAY, self._interval)

    def is_settled(self, now: float) -> bool:
        """Whether its BMC has answered without a gap for a while, so that its "off" can be believed as it is."""
        return now >= self._unsettled_until and now - self._due <= SUSPICIOUS_DELAY

    def believes_off(self, now: float) -> bool:
        """Whether a reset may take its "off" as it is: we know this BMC, and it was not silent lately.

        One that was off or silent when we began to look may be restarting, together with us after an outage.
        """
        return self.is_settled(now) and now >= self._is_new_until

    def heard_nothing(self, silence: Silence, now: float) -> list[Change]:
        """A reading that failed: no answer, no login, or another BMC."""
        self._failures += 1
        self._wrong_passwords += silence.is_wrong_password
        if self._failures >= SUSPICIOUS_FAILURES:
            self._unsettled_until = now + SETTLING
        self.reason = silence.reason
        self._unconfirmed = None
        if self._failures < self._patience and not silence.is_wrong_password:
            return []
        self._reset_capable = False
        is_news = self._link is not Link.NG
        self._link = Link.NG
        return [Change.LINK_LOST] if is_news else []

    def next_delay(self) -> float:
        """Seconds until the next reading."""
        if self.spares_the_account:
            return WRONG_PASSWORD_PAUSE
        if self._unconfirmed is not None and self.is_settled(self._last_proof or 0.0):
            return min(CONFIRMATION_DELAY, self._interval)
        return min(max(self._interval, LOAD_SHARE * self._last_round_trip), max(SLOWEST_POLL, self._interval))

    def status(self, now: float, is_own: bool) -> ServerStatus:
        """What is known now."""
        if is_own:
            status = Status.OWN_SERVER
        elif self._link is Link.NOT_YET:
            status = Status.NOT_YET
        else:
            status = Status.POFF_DETECTED if self._power_is_on is False else Status.MONITORING
        age = None if self._last_proof is None else now - self._last_proof
        return ServerStatus(self.name, self._link, status, self._reset_capable and self._link is Link.OK, age)

    def _weigh_barrier(self) -> list[Change]:
        """An answer is there: OK or NG is only a matter of whether the BMC lets us switch."""
        before, self._link = self._link, Link.NG if self._barrier else Link.OK
        self._reset_capable, self.reason = not self._barrier, self._barrier
        if before is self._link or (before is Link.NOT_YET and self._link is Link.OK):
            return []
        return [Change.LINK_BACK if self._link is Link.OK else Change.LINK_LOST]

    def _weigh(self, is_on: bool, now: float) -> list[Change]:
        if self._power_is_on is None and is_on:
            self._power_is_on = True
        if is_on == self._power_is_on:
            self._unconfirmed = None
            return []
        if self._unconfirmed is not is_on:
            self._unconfirmed, self._unconfirmed_since = is_on, now
            return []
        if not (is_on or self.is_settled(now)) or now - self._unconfirmed_since < self._least_gap:
            return []
        self._unconfirmed, before, self._power_is_on = None, self._power_is_on, is_on
        if before is None:
            return []     # found off at the first look: a state, not a change
        return [Change.POWER_ON if is_on else Change.POWER_OFF]
