"""The programs that docs/library.md prints work, each as it stands there, as does the ipmitool line that one of them prints."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.haconn_daemon.resetpath.test_endpoint import free_address
from tests.peers.programs import find_program

PAGE = Path(__file__).resolve().parents[2] / "docs/library.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(SIMULATOR,) = (program for program in PROGRAMS if "sleep_forever" in program)
CLIENTS = [program for program in PROGRAMS if program is not SIMULATOR]
PRINTED = ["on suite 17\n", "on\n", "127.0.0.1 on\n127.0.0.2 the host refuses the port (4 tries)\n", "32 44\n"]


@pytest.fixture
def port() -> str:
    return str(free_address()[1])


@pytest.fixture
def printed(port: str) -> Iterator[str]:
    """The line that the running simulator printed."""
    words = [sys.executable, "-u", "-c", SIMULATOR.replace("6230", port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        yield simulator.stdout.readline()
        simulator.terminate()


@pytest.mark.whole
@pytest.mark.parametrize(("program", "expected"), list(zip(CLIENTS, PRINTED, strict=True)), ids=range(len(PRINTED)))
def test_the_clients_read_the_simulated_bmc(printed: str, port: str, program: str, expected: str) -> None:
    words = [sys.executable, "-W", "error", "-c", program.replace("6230", port)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.stderr) == (expected, "")


def test_the_page_says_what_they_print() -> None:
    assert [line for text in PRINTED for line in text.splitlines() if f"`{line}`" not in TEXT] == ["on"]


@pytest.mark.peer
def test_the_printed_line_works(printed: str) -> None:
    name, *words = shlex.split(printed)
    ended = subprocess.run([find_program(name), *words], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.returncode) == ("Chassis Power is on\n", 0)


@pytest.mark.whole
def test_the_simulated_bmc_ends_quietly_by_ctrl_c(port: str) -> None:
    words = [sys.executable, "-u", "-c", SIMULATOR.replace("6230", port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        simulator.stdout.readline()
        simulator.send_signal(signal.SIGINT)
        _, errors = simulator.communicate(timeout=30)
    assert (simulator.returncode, errors) == (0, "")
