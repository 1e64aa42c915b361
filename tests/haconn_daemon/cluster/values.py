"""What a cluster in memory is made of, and what is noted of its course."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import trio

from haconn_cli.config.model import Account, Settings
from haconn_cli.config.paths import Paths
from haconn_cli.resetpath.client import Path as Requests
from haconn_cli.resetpath.vocabulary import Action, ResetResult
from haconn_daemon.logs.journal import Journal
from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import Chassis, SimulatedBmc
from tests.fakes.host_sockets import Life

ACCOUNT = Account("hitachi", "canary-6f1d0b7e")


class LyingChassis(Chassis):
    """Says "off" of a server that runs, for as long as it was told: what firmware does after its own restart."""

    lies_until = float("-inf")
    has_lied = False

    def lie(self, until: float) -> None:
        """From now on."""
        self.lies_until, self.has_lied = until, True

    def power_is_on(self, now: float) -> bool:
        """What the BMC says; the trace stays true."""
        return super().power_is_on(now) and now >= self.lies_until


class KeptJournal(Journal):
    """Keeps its lines in memory; its writer never runs."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "/nowhere")
        self.lines: list[tuple[float, str, dict[str, object]]] = []

    def _put(self, log: str, level: int, name: str, fields: dict[str, object], text: str = "") -> None:
        self.lines.append((trio.current_time(), name, fields))


@dataclass
class Asked:
    """A reset that an HA Monitor asked a connector for, and what it was told."""

    by: str
    of: str
    """Whose connector."""
    target: str
    action: Action
    budget: float
    at: float
    request: bytes = b""
    answered: float | None = None
    result: ResetResult | None = None
    """None: no answer."""
    is_moot: bool = False
    """Who asked is dead."""


@dataclass
class Begun:
    """An operation of a connector, as its record has it."""

    host: str
    target: str
    action: str
    ticket: str
    id: str
    began: float
    ended: float | None = None


@dataclass(frozen=True)
class Commanded:
    """A power command that a BMC took."""

    at: float
    board: str
    host: str
    """Who sent it."""
    control: Control | int


@dataclass(eq=False)
class Server:
    """One server of the cluster."""

    name: str
    host: str
    bmc_host: str
    board: SimulatedBmc
    settings: Settings
    paths: Paths
    journal: KeptJournal
    connector: Life | None = None
    monitor: Life | None = None
    signals: trio.MemorySendChannel[int] | None = None
    began: float = 0.0
    """When its connector was started last."""
    ready: trio.Event = field(default_factory=trio.Event)
    gone: trio.Event = field(default_factory=trio.Event)
    requests: dict[str, Requests] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)

    def knows(self, name: str) -> bool:
        """Whether its connector has seen that server's BMC, and will know it again."""
        return any(event == "identity_pinned" and fields.get("server") == name for _, event, fields in self.journal.lines)

    @property
    def is_up(self) -> bool:
        """Whether its connector runs."""
        return self.connector is not None and not self.connector.is_dead
