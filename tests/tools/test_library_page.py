"""The two programs that docs/library.md prints work together, as does the ipmitool line that one of them prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.haconn_daemon.resetpath.test_endpoint import free_address
from tests.peers.programs import find_program

PAGE = Path(__file__).resolve().parents[2] / "docs/library.md"
CLIENT, SIMULATOR = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


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
def test_the_client_reads_the_simulated_bmc(printed: str, port: str) -> None:
    words = [sys.executable, "-c", CLIENT.replace("6230", port)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.stderr) == ("on suite 17\n", "")


@pytest.mark.peer
def test_the_printed_line_works(printed: str) -> None:
    name, *words = shlex.split(printed)
    ended = subprocess.run([find_program(name), *words], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.returncode) == ("Chassis Power is on\n", 0)
