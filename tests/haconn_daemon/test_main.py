"""How it starts, and how it says that it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_daemon import __version__
from tests.haconn_daemon.installed import NOBODY_LISTENS, configure, environment, free_port, run_to_its_end, taken_port


def initlog(root: Path) -> list[str]:
    return (Paths(root).log / "initlog").read_text().splitlines()


def test_version(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"haconn-daemon {__version__}\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_argument(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path, "--verbose")
    assert done.returncode == 2
    assert "--verbose" in done.stderr


def test_no_configuration(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path)
    assert done.returncode == 3
    assert "HCME1012: HA connector service cannot be started. Please check HA connector's configuration." in done.stderr
    assert "conf_haconn" in done.stderr
    assert "haconnsetup resetpath" in done.stderr, "what would be right"
    assert "HCME1012" in initlog(tmp_path)[-1]


@pytest.mark.parametrize("file", ["conf_haconn", "conf_pserver", "conf_key"])
def test_a_file_of_a_newer_version(tmp_path: Path, file: str) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    path = Paths(tmp_path).config / file
    path.write_text(path.read_text().replace("format = 1", "format = 7"))
    done = run_to_its_end(tmp_path)
    assert done.returncode == 3
    assert "HCME1020: HA connector service cannot Version Mismatch ini file[7], Service[1]" in done.stderr
    assert file in done.stderr


def test_the_port_is_taken(tmp_path: Path) -> None:
    with taken_port() as port:
        configure(tmp_path, port, NOBODY_LISTENS)
        done = run_to_its_end(tmp_path)
    assert done.returncode == 1
    assert "HCME1011: HA connector service cannot be started. Failed to initialize." in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert "HCME1011" in initlog(tmp_path)[-1]
    assert not (Paths(tmp_path).run / "control.sock").exists()


def test_a_broken_installation(tmp_path: Path) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    broken = "import sys; sys.modules['haconn_daemon.service'] = None; from haconn_daemon.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", broken], env=environment(tmp_path), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "HCME1013: HA connector service cannot be started. Please reinstall HA connector." in done.stderr
    assert "Traceback" not in done.stderr


def test_no_secret_is_told(tmp_path: Path) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    key = Paths(tmp_path).conf_key
    key.write_text(key.read_text().replace("secret = ", "secret = 5 #"))
    done = run_to_its_end(tmp_path)
    assert done.returncode == 3
    assert "conf_key" in done.stderr
    assert bytes(range(32)).hex() not in done.stderr + "".join(initlog(tmp_path))
