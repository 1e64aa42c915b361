"""What a plan may ask for next, and how long everything may take."""

from __future__ import annotations

from dataclasses import dataclass

from haconn_cli.resetpath.vocabulary import ResetResult
from ipmi_lan.commands.chassis import Control


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    confirm_gap: float = 0.5
    """Between the two readings that prove "off": longer than any bounce of a relay or of a BMC's sensor."""
    unsettled_gap: float = 5.0
    """The same where the BMC has just been silent: restarted ones have been seen to say "off" of a running host for a while."""
    suspicious_silence: float = 4.0
    """Between two answers: longer than two lost readings take, shorter than any BMC's restart."""
    read_interval: float = 0.2
    slow_interval: float = 1.0
    """While a dump is waited for."""
    second_send_after: float = 5.0
    """Still as before after this, though the BMC took the command: once more. Usual BMCs act within 4 s."""
    resend_after: float = 1.5
    """Still as before after this, and no answer to the command came: it was lost, most likely."""
    hold_off: float = 1.0
    """From the first reading of "off" to the power-on command: supplies need a moment to fall."""
    refusal_patience: float = 2.0
    """A login that is refused for so long, always alike, will not succeed."""
    most_back_on: float = 15.0
    """Waiting for "on"; the server is fenced by then, and the requester should know."""
    kept_after_dump: float = 12.0
    """Of the budget, that no wait for a dump may use up: an off command, a second one 5 s later, 4 s to obey it, two readings."""
    most_look: float = 1.0
    """For a look into the event log: a BMC that is slow, or has none, costs a reset no more, and that only once."""
    cause_after: float = 1.0
    """From an accepted hard reset to the question for its cause, which a BMC notes while the server restarts."""
    most_cause: float = 2.0
    """From an accepted hard reset to its answer, whether or not the cause could be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the power state."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Send this power command, once."""

    control: Control


@dataclass(frozen=True, slots=True)
class Look:
    """Look into the BMC's event log for signs of a crash dump, until then at most."""

    until: float


@dataclass(frozen=True, slots=True)
class ReadCause:
    """Read why the system started last (28.11)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before `until`, or until there is news."""

    until: float


@dataclass(frozen=True, slots=True)
class Done:
    """The final answer."""

    result: ResetResult


Step = Read | Switch | Look | ReadCause | Wait | Done
