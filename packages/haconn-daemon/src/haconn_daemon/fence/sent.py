"""One power command of a plan: how often it left, what came back, and whether it may leave again. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_daemon.fence.steps import Timing
from ipmi_lan.commands.chassis import Control

BUSY_CODES = frozenset({0xC0, 0xC3, 0xCF, 0xD0, 0xD1, 0xD2, 0xD5, 0xFF})
"""Completion codes of a BMC that could not just now; FFh is what restarting firmware says of everything, D5h that it believes the
power to be so already."""
UNCLEAR_CODES = frozenset({0xC3, 0xCF, 0xFF})
"""Codes after which the command may have been done all the same."""
MOST_TAKEN = 2
"""Times that the BMC may take the same power command without obeying it."""
MOST_SENDS = 8
"""Times that the same power command may leave at all; most of them were lost on the way then."""
_ONCE = (Control.HARD_RESET, Control.DIAGNOSTIC_INTERRUPT)
"""Never sent again: whether it was done cannot be seen."""


@dataclass(slots=True)
class Sent:
    """The power command of the present phase."""

    control: Control
    times: int = 0
    taken: int = 0
    """How often the BMC answered it, whatever the answer."""
    is_answered: bool = False
    """Whether the last one was answered."""
    first: float = 0.0
    last: float = 0.0
    refusal: int | None = None
    meaning: str = ""
    is_needed: bool = True
    """Whether the latest reading, made since the last send, shows that it did not work."""

    def leaves(self, now: float) -> None:
        """It is being sent."""
        self.first = self.first if self.times else now
        self.times += 1
        self.last, self.is_needed, self.is_answered, self.refusal = now, False, False, None

    def is_taken(self) -> None:
        """The BMC has answered it."""
        self.taken += 1
        self.is_answered = True

    def was_shown(self, is_on: bool, asked: float) -> None:
        """A reading, asked for at `asked`: does the server still need the command?"""
        if self.times:
            self.is_needed = asked >= self.last and is_on is not (self.control is Control.POWER_ON)

    def may_leave_again(self, now: float, timing: Timing) -> bool:
        """After it was sent once: whether it may be sent once more, now."""
        if self.control in _ONCE or not self.is_needed or self.taken >= MOST_TAKEN or self.times >= MOST_SENDS:
            return False
        return now - self.last >= (timing.second_send_after if self.is_answered else timing.resend_after)

    @property
    def words(self) -> str:
        """Its name for a person."""
        return self.control.name.lower().replace("_", " ")

    @property
    def refusal_in_words(self) -> str:
        """What the BMC said, where it refused."""
        return f"{self.words} refused with {self.refusal:02X}h ({self.meaning})"
