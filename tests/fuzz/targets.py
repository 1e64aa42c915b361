"""Every target, by name."""

from __future__ import annotations

from tests.fuzz import (
    commands,
    control,
    crypto,
    dumps,
    local,
    machines,
    pins,
    resetpath,
    resetpath_connectors,
    resetpath_ends,
    sessions,
    simulator,
    wire,
)
from tests.fuzz.finding import Target

TARGETS: dict[str, Target] = {
    **wire.TARGETS,
    **commands.TARGETS,
    **local.TARGETS,
    **crypto.TARGETS,
    **machines.TARGETS,
    **sessions.TARGETS,
    **simulator.TARGETS,
    **resetpath.TARGETS,
    **resetpath_ends.TARGETS,
    **resetpath_connectors.TARGETS,
    **control.TARGETS,
    **pins.TARGETS,
    **dumps.TARGETS,
}
