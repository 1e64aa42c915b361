"""How resets are begun here, as the configuration has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from haconn_cli.config.model import Servers, Service


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds. The plain ones neither arbitrate nor wait."""

    arbitration_wait: float = 0.0
    """0: a reset is neither announced nor given up for another one."""
    dump_wait: float = 0.0
    dump_limit: float = 60.0
    look_interval: float = 0.0
    """Between two looks into the event log of a BMC, by a reset that waits for dumps; 0: none."""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """By server; one that is not here has 0."""
    delays: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, servers: Servers, service: Service) -> Rules:
        """Those that the settings say."""
        return cls(
            service.arbitration_wait,
            service.dump_wait,
            service.dump_limit,
            service.sel_interval,
            {server.name: server.priority for server in servers.servers},
            {server.name: server.delay for server in servers.servers},
        )
