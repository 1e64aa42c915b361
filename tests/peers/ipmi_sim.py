"""OpenIPMI's ipmi_sim as a process: a BMC that somebody else wrote, on an address of 127.0.0.0/8."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.peers.programs import find_program

USER, PASSWORD = "ipmiusr", "sim-Kx7.Qv"
_SCRIPT = Path(__file__).with_name("ipmi_sim_chassis.sh")
_LAN = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr {host} {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid {guid}
{kg}  endlan
  chassis_control "{script} {folder}"
{users}"""
_USER = '  user {number} true "{name}" "{password}" {privilege} 10 none md2 md5 straight\n'
_EMULATION = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 100 0x0a
mc_enable 0x20
"""


@dataclass
class IpmiSim:
    """One ipmi_sim process with its chassis."""

    folder: Path
    host: str
    port: int
    guid: bytes
    kg: str = ""
    users: Mapping[str, str] = field(default_factory=lambda: {USER: PASSWORD}, repr=False)
    """Administrators with their passwords. Who is not among them may log in without a name, as a mere user."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def power_is_on(self) -> bool:
        return (self.folder / "power").read_text().strip() == "1"

    @power_is_on.setter
    def power_is_on(self, is_on: bool) -> None:
        (self.folder / "power").write_text(f"{int(is_on)}\n")

    @property
    def power_log(self) -> list[str]:
        """What the chassis was told, in order, like `power 0`."""
        log = self.folder / "power.log"
        return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []

    def prepare(self) -> None:
        """The files that ipmi_sim reads, and a chassis that is on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        words = {"name": self.folder.name, "host": self.host, "port": self.port, "guid": self.guid.hex()}
        words |= {"kg": f'    bmc_key "{self.kg}"\n' if self.kg else "", "users": self._user_lines()}
        (self.folder / "lan.conf").write_text(_LAN.format(**words, script=_SCRIPT, folder=self.folder))
        (self.folder / "emulation").write_text(_EMULATION)
        self.power_is_on = True

    def _user_lines(self) -> str:
        everybody = {"": ("nobody", "user")} | {name: (password, "admin") for name, password in self.users.items()}
        return "".join(
            _USER.format(number=number, name=name, password=password, privilege=privilege)
            for number, (name, (password, privilege)) in enumerate(everybody.items(), 1)
        )

    def start(self) -> None:
        """Start the process; it ends when its standard input does, so that gets a pipe of ours."""
        words = [find_program("ipmi_sim"), "-c", "lan.conf", "-f", "emulation", "-s", "state"]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(words, cwd=self.folder, stdin=subprocess.PIPE, stdout=output, stderr=output)

    def pause(self) -> None:
        """SIGSTOP: the BMC hangs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill the process (also a stopped one) and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()
            self.process = None


@asynccontextmanager
async def running_ipmi_sims(folder: Path, hosts: list[str], port: int) -> AsyncIterator[list[IpmiSim]]:
    """One ipmi_sim for each host, answering, and all gone afterwards."""
    sims = [IpmiSim(folder / f"bmc{n}", host, port, bytes([n]) * 16) for n, host in enumerate(hosts, 1)]
    try:
        for sim in sims:
            sim.prepare()
            sim.start()
        for sim in sims:
            await until_it_answers(sim)
        yield sims
    finally:
        for sim in sims:
            sim.stop()


async def until_it_answers(sim: IpmiSim) -> None:
    """Ping until there is a pong."""
    ping = bytes.fromhex("0600ff06000011be80010000")
    with trio.fail_after(30), trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as socket:
        await socket.connect((sim.host, sim.port))
        while True:
            with trio.move_on_after(0.1):
                try:
                    await socket.send(ping)
                    await socket.recv(100)
                except ConnectionRefusedError:
                    await trio.sleep(0.05)
                    continue
                return
