"""How long to stay logged in: BMCs have few session slots, and other consoles need them too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ipmi_lan.commands.login import SessionInfo
from ipmi_lan.errors import BadArgument


class Stay(Enum):
    """What to do with a session between two uses."""

    WARM = "warm"
    """Keep it, whoever else may need a slot: for BMCs that nobody else talks to, or that leak slots at every login."""
    SHORT = "short"
    """Close it at once."""
    AUTOMATIC = "automatic"
    """Keep it where the BMC says that slots are to spare."""


@dataclass(frozen=True, slots=True)
class SessionBudget:
    """Whether to stay logged in to a BMC. A policy only: it has no state and sends nothing."""

    leave_free: int = 2
    """Slots that must stay free beside ours: one for another console's reset, and one for a person."""
    stay: Stay = Stay.AUTOMATIC

    def __post_init__(self) -> None:
        if self.leave_free < 0:
            raise BadArgument(f"{self.leave_free} session slots to be left free: must be 0 or more")

    @property
    def asks(self) -> bool:
        """Whether the answer depends on what the BMC says; else Get Session Info can be saved."""
        return self.stay is Stay.AUTOMATIC

    def allows_staying(self, info: SessionInfo | None) -> bool:
        """Whether to keep the session that `info` was asked in (22.20); ours is among the active ones.

        None is a BMC that does not tell, and it is taken for one with few slots. One that counts no session counts at least ours.
        """
        if not self.asks or info is None:
            return self.stay is Stay.WARM
        return info.slots - max(info.active, 1) >= self.leave_free
