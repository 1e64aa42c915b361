from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipmi_lan.simulator import SimulatedBmc
from tests.fakes.blocked import blocked
from tests.ipmi_lan.bench import Bench
from tests.ipmi_lan.simulator.console import a_bmc


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """For the blocking client; afterwards no socket is open, and no session."""
    with blocked(monkeypatch, a_bmc()) as (clock, sock):
        yield Bench(clock, sock)
    if isinstance(sock.bmc, SimulatedBmc):
        assert sock.bmc.open_sessions(clock.now) == 0
