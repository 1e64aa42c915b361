"""OpenIPMI's ipmi_sim as the second server: no program behind its chassis, so that it answers at once. Standard library only."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.bench import programs
from tools.bench.steering import PASSWORD, USER

HOST = "127.2.9.1"
_PING = bytes.fromhex("0600ff06000011be80010000")
_LONGEST_START = 10.0   # seconds
_LAN = """name "bench"
set_working_mc 0x20
  startlan 1
    addr {host} {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid 01010101010101010101010101010101
  endlan
  user 1 true "" "nobody" user 10 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_EMULATION = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


def free_port(host: str) -> int:
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_sim(folder: Path, cpu: int) -> Iterator[tuple[str, int]]:
    """An ipmi_sim on processor `cpu`, answering; its address."""
    port = free_port(HOST)
    (folder / "state").mkdir()
    (folder / "lan.conf").write_text(_LAN.format(host=HOST, port=port, user=USER, password=PASSWORD), encoding="ascii")
    (folder / "emulation").write_text(_EMULATION, encoding="ascii")
    words = [programs.find("ipmi_sim"), "-c", "lan.conf", "-f", "emulation", "-s", "state"]
    with (folder / "output").open("ab") as output:
        sim = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=output, stderr=output)
    try:
        os.sched_setaffinity(sim.pid, {cpu})
        _wait_for(port)
        yield HOST, port
    finally:
        sim.kill()
        sim.wait()
        assert sim.stdin is not None
        sim.stdin.close()


def _wait_for(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((HOST, port))
        probe.settimeout(0.1)
        until = time.monotonic() + _LONGEST_START
        while time.monotonic() < until:
            with suppress(TimeoutError, ConnectionRefusedError):
                probe.send(_PING)
                probe.recv(100)
                return
            time.sleep(0.05)
    raise TimeoutError("ipmi_sim does not answer")
