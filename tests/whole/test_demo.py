"""`make demo` tells a story; the simulated BMCs' own record of their power says whether it is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
POWER_OFF, POWER_ON = 0, 1
pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("demo")
    truth = folder / "truth.json"
    command = [sys.executable, "-m", "tools.demo", "--truth", str(truth)]
    environment = {"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [entry.name for entry in folder.iterdir()] == ["truth.json"], "something was left behind"
    return done.stdout, json.loads(truth.read_text())


@pytest.mark.shows("M1", "R1")
def test_the_reset_was_proven_while_power_was_really_off(story: tuple[str, dict[str, object]]) -> None:
    text, truth = story
    reset = truth["claims"]["reset"]  # type: ignore[index]
    trace = truth["bmcs"]["PSERVER4"]["trace"]  # type: ignore[index]
    assert [is_on for _, is_on in trace] == [False, True]
    off, on = (at for at, _ in trace)
    assert reset["asked"] < off < on < reset["answered"]
    assert reset["code"] == "CYCLED_CONFIRMED"
    assert reset["back_on"]
    readings = reset["off_readings"]
    assert readings
    assert all(off <= reading <= on + 0.1 for reading in readings), "said off at a moment when it was on"
    assert max(readings) - min(readings) >= 0.5
    assert "reset of PSERVER4 succeeded: CYCLED_CONFIRMED" in text


@pytest.mark.shows("M3")
def test_the_power_loss_was_told_only_after_it_happened(story: tuple[str, dict[str, object]]) -> None:
    text, truth = story
    assert [is_on for _, is_on in truth["bmcs"]["PSERVER3"]["trace"]] == [False]  # type: ignore[index]
    assert truth["bmcs"]["PSERVER3"]["power_commands"] == []  # type: ignore[index]
    delays = truth["claims"]["power_off_event_seconds"]  # type: ignore[index]
    assert len(delays) == 2
    assert all(delay > 0 for delay in delays)
    assert " 3 PSERVER3  OK poff detected" in text
    assert " 1 PSERVER1  OK (own server)" in text


@pytest.mark.shows("R2")
def test_nobody_else_was_touched(story: tuple[str, dict[str, object]]) -> None:
    _, truth = story
    for name in ("PSERVER1", "PSERVER2"):
        assert truth["bmcs"][name] == {"trace": [], "power_commands": []}  # type: ignore[index]
    assert [control for _, control in truth["bmcs"]["PSERVER4"]["power_commands"]] == [POWER_OFF, POWER_ON]  # type: ignore[index]
    assert truth["claims"]["forged_datagrams_ignored"] > 0  # type: ignore[index]


def test_ctrl_c_ends_it_in_a_line(tmp_path: Path) -> None:
    command, environment = [sys.executable, "-u", "-m", "tools.demo"], {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert any("haconn-daemon is up" in line for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=60)
    assert (demo.returncode, errors) == (130, "demo: stopped by Ctrl-C; nothing is left behind\n")
    assert list(tmp_path.iterdir()) == []
