"""Where the installed files lie (chapter 2 of the manual); `HACONN_ROOT` moves them all under another directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT_VARIABLE = "HACONN_ROOT"


@dataclass(frozen=True, slots=True)
class Paths:
    """The installed layout under one root ("/" unless moved)."""

    root: Path

    @classmethod
    def from_environment(cls) -> Paths:
        """The layout that this process is to use: under `HACONN_ROOT`, else under "/"."""
        return cls(Path(os.environ.get(ROOT_VARIABLE) or "/").absolute())

    @property
    def is_moved(self) -> bool:
        """Whether this is not the system's own layout; then nobody needs to be root."""
        return self.root != Path("/")

    @property
    def config(self) -> Path:
        """The directory of the configuration files, mode 0700."""
        return self.root / "opt/hitachi/haconn2/config"

    @property
    def conf_haconn(self) -> Path:
        """Basic configuration: the reset path and the service."""
        return self.config / "conf_haconn"

    @property
    def conf_pserver(self) -> Path:
        """The managed servers ("physical servers") and their accounts."""
        return self.config / "conf_pserver"

    @property
    def conf_key(self) -> Path:
        """The cluster id and the keys of the reset path."""
        return self.config / "conf_key"

    @property
    def log(self) -> Path:
        """The directory of eventlog, eventlogalt, eventlogcui and initlog."""
        return self.root / "var/opt/hitachi/haconn2/log"

    @property
    def state(self) -> Path:
        """The directory of what must survive a restart: the record of resets."""
        return self.root / "var/opt/hitachi/haconn2/state"

    @property
    def pins(self) -> Path:
        """Which BMC each server was first seen with."""
        return self.state / "pins"

    @property
    def run(self) -> Path:
        """The directory of the control socket, mode 0700."""
        return self.root / "var/opt/hitachi/haconn2/run"
