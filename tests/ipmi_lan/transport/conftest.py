from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ipmi_lan.transport.ipmi_device import GUID, FakeDriver


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[FakeDriver]:
    """A driver whose BMC answers everything with its GUID."""
    made = FakeDriver(tmp_path / "ipmi0", lambda netfn, command, data: b"\0" + GUID)
    yield made
    made.close()
