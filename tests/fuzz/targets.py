"""Every target, by name."""

from __future__ import annotations

from tests.fuzz import commands, control, crypto, machines, resetpath, resetpath_ends, sessions, simulator, wire
from tests.fuzz.finding import Target

TARGETS: dict[str, Target] = {
    **wire.TARGETS,
    **commands.TARGETS,
    **crypto.TARGETS,
    **machines.TARGETS,
    **sessions.TARGETS,
    **simulator.TARGETS,
    **resetpath.TARGETS,
    **resetpath_ends.TARGETS,
    **control.TARGETS,
}
