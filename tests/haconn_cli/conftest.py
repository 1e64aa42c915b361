from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from haconn_cli import app
from haconn_cli.config.paths import ROOT_VARIABLE, Paths
from tests.fakes.lan import Lan, plug_in


@dataclass(frozen=True)
class Outcome:
    code: int
    out: list[str]
    err: list[str]

    @property
    def complaint(self) -> str:
        """The one line on standard error."""
        assert len(self.err) == 1, self.err
        return self.err[0]


Setup = Callable[..., Outcome]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "root"))
    return Paths.from_environment()


@pytest.fixture
def haconnsetup(paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Setup:
    """Run `haconnsetup` with these words, and this text piped into it."""

    def run(*words: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = app.main(words)
        out, err = capsys.readouterr()
        return Outcome(code, out.splitlines(), err.splitlines())

    return run


@pytest.fixture
def cluster(haconnsetup: Setup) -> Setup:
    """The manual's example, as an administrator types it."""
    assert haconnsetup("resetpath", "addr=192.168.0.1/24", "port=30000") == Outcome(0, [], [])
    assert haconnsetup("default", "account=hitachi", stdin="secret\n") == Outcome(0, [], ["password :"])
    for number in range(1, 5):
        assert haconnsetup("pserver", "add", f"PSERVER{number}", f"addr=192.168.0.5{number}") == Outcome(0, [], [])
    return haconnsetup


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> Lan:
    """The network in memory on which every look at a BMC happens; its time is virtual."""
    network, run = Lan(), trio.run
    plug_in(network, monkeypatch)
    monkeypatch.setattr(trio, "run", lambda main, *words: run(main, *words, clock=MockClock(autojump_threshold=0)))
    return network
