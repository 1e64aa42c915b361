"""How a simulated BMC misbehaves. Every switch may be turned while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """A BMC without any of them is as the specification has it."""

    silent: bool = False
    """Drops everything, like a BMC that hangs or has lost its supply."""
    silent_after_off: bool = False
    """Takes a power-off command, obeys it, and is `silent` from then on: not even that command is answered."""
    ignores_power_commands: bool = False
    """Answers every Chassis Control with 00h and does nothing."""
    lag: float = 0.0
    """Seconds that power commands take to have an effect, beside `Chassis.lag`."""
    flaps: int = 0
    """How many changes of power follow a power-off command, 0.3 s apart, on first: an odd number leaves the power on."""
    refuses_control: int | None = None
    """The completion code that every Chassis Control gets instead of being obeyed."""
    loses_control_reply: bool = False
    """Obeys Chassis Control and does not answer it."""
    open_session_status: int | None = None
    """The RMCP+ status that every Open Session Request gets."""
    close_is_ignored: bool = False
    """Answers Close Session with 00h and keeps the session, so that its slot leaks until the idle time-out."""
