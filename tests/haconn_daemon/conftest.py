from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.lan import Lan, plug_in
from tests.haconn_daemon.sites import Test, run_at_a_site


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> Lan:
    """The network that every client of this test uses."""
    network = Lan()
    plug_in(network, monkeypatch)
    return network


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for the address of a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="hc", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Test:
    """Runs a test at a site where a connector is ready."""
    return lambda main: run_at_a_site(main, tmp_path, monkeypatch)
