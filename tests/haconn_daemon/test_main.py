"""How it starts, and how it says that it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_daemon import __version__, start
from haconn_daemon.service import Service
from tests.haconn_daemon.installed import NOBODY_LISTENS, configure, environment, free_port, run_to_its_end, taken_port


def initlog(root: Path) -> list[str]:
    return (Paths(root).log / "initlog").read_text().splitlines()


@pytest.mark.shows("L1+")
def test_version(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"haconn-daemon {__version__}\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.shows("L1+")
def test_a_wrong_argument(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path, "--verbose")
    assert done.returncode == 2
    assert "--verbose" in done.stderr


@pytest.mark.shows("L11", "HCME1012")
def test_no_configuration(tmp_path: Path) -> None:
    done = run_to_its_end(tmp_path)
    assert done.returncode == 3
    assert "HCME1012: HA connector service cannot be started. Please check HA connector's configuration." in done.stderr
    assert "conf_haconn" in done.stderr
    assert "haconnsetup resetpath" in done.stderr, "what would be right"
    assert "HCME1012" in initlog(tmp_path)[-1]


@pytest.mark.shows("HCME1020")
@pytest.mark.parametrize("file", ["conf_haconn", "conf_pserver", "conf_key"])
def test_a_file_of_a_newer_version(tmp_path: Path, file: str) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    path = Paths(tmp_path).config / file
    path.write_text(path.read_text().replace("format = 1", "format = 7"))
    done = run_to_its_end(tmp_path)
    assert done.returncode == 3
    assert "HCME1020: HA connector service cannot Version Mismatch ini file[7], Service[1]" in done.stderr
    assert file in done.stderr


@pytest.mark.shows("HCME1011")
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


@pytest.mark.shows("HCME1013")
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


@pytest.mark.shows("M4")
def test_a_mistake_of_ours_does_not_end_it_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, free_port(), NOBODY_LISTENS)

    async def fail(service: Service) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(Service, "run", fail)
    with pytest.raises(SystemExit) as ended:
        start.run(Paths(tmp_path))
    assert ended.value.code == 1
    assert "HCME1011" in initlog(tmp_path)[-1]
    assert "ERROR failed why=" in (Paths(tmp_path).log / "eventlog").read_text()
    assert "a secret" not in (Paths(tmp_path).log / "eventlog").read_text() + "".join(initlog(tmp_path))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.shows("HCME1013")
def test_a_file_of_ours_that_was_cut_off(tmp_path: Path) -> None:
    """By a disk that was full during an upgrade."""
    configure(tmp_path, free_port(), NOBODY_LISTENS)
    whole, half = Path(start.__file__), tmp_path / "start.py"
    half.write_text(whole.read_text() + "\ndef half(")
    broken = (
        "import importlib.util, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        return importlib.util.spec_from_file_location(name, {str(half)!r}) if name == 'haconn_daemon.start' else None\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from haconn_daemon.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken], env=environment(tmp_path), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "HCME1013" in done.stderr
    assert "Traceback" not in done.stderr
