"""FreeIPMI against the simulated BMC, without any of its workaround flags: the strictest judge of a BMC there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import Privilege
from tests.peers.programs import Outcome, run_program, with_served

pytestmark = pytest.mark.peer

GUID = bytes.fromhex("00112233445566778899aabbccddeeff")
USERS = {"admin": ("right_and_proper", Privilege.ADMINISTRATOR), "viewer": ("may_only_look", Privilege.USER)}
KG = "key_of_this_BMC"
suites = pytest.mark.parametrize("suite", ["3", "17"])


def a_bmc(kg: str = "") -> SimulatedBmc:
    return SimulatedBmc("peer", USERS, GUID, os.urandom, kg=kg.encode())


class FreeIpmi:
    """FreeIPMI's tools for one BMC; name and secrets go by a configuration file."""

    def __init__(
        self, folder: Path, host: str, port: int, suite: str, user: str = "admin", password: str | None = None, kg: str = ""
    ) -> None:
        secret = USERS[user][0] if password is None else password
        self._settings = folder / "freeipmi.conf"
        self._settings.touch(mode=0o600)
        self._settings.write_text(f"username {user}\npassword {secret}\n" + (f"k_g {kg}\n" if kg else ""))
        self._options = ["-D", "LAN_2_0", "-h", f"{host}:{port}", "-I", suite, "--config-file", str(self._settings)]

    async def power(self, *words: str) -> str:
        """What ipmipower says of the BMC: its text without the host in front."""
        return (await run_program("ipmipower", [*self._options, *words])).text.rpartition(": ")[2].strip()

    async def info(self, *words: str) -> Outcome:
        """bmc-info."""
        return await self.run("bmc-info", *words)

    async def run(self, name: str, *words: str) -> Outcome:
        """Any other of its tools."""
        return await run_program(name, [*self._options, *words])

    async def checkout(self, section: str) -> dict[str, str]:
        """What ipmi-config reads of the BMC's settings: value by name."""
        text = (await self.run("ipmi-config", "-l", "ADMIN", "--checkout", "-S", section)).text
        lines = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
        return {words[0]: words[1] for words in lines if len(words) == 2}


@suites
def test_status_off_on(suite: str, tmp_path: Path) -> None:
    bmc = a_bmc()

    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, suite)
        assert await free.power("--stat") == "on"
        assert await free.power("--off") == "ok"
        assert await free.power("--stat") == "off"
        assert await free.power("--on") == "ok"
        assert await free.power("--stat") == "on"

    with_served(bmc, story)
    assert [change.is_on for change in bmc.chassis.trace] == [False, True]
    assert [action for _, action in bmc.power_commands] == [Control.POWER_OFF, Control.POWER_ON]
    assert bmc.handshakes == 5


@suites
def test_off_and_on_waiting_for_the_effect(suite: str, tmp_path: Path) -> None:
    bmc = a_bmc()
    bmc.chassis.lag = 0.3

    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, suite)
        assert await free.power("--wait-until-off", "--off") == "ok"
        assert [change.is_on for change in bmc.chassis.trace] == [False]
        assert await free.power("--wait-until-on", "--on") == "ok"

    with_served(bmc, story)
    assert [change.is_on for change in bmc.chassis.trace] == [False, True]


@suites
def test_cycle_and_reset(suite: str, tmp_path: Path) -> None:
    bmc = a_bmc()
    bmc.chassis.off_time = 0.2

    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, suite)
        assert await free.power("--reset") == "ok"
        assert (bmc.chassis.trace, len(bmc.chassis.resets)) == ([], 1)
        assert await free.power("--cycle") == "ok"
        while await free.power("--stat") == "off":
            pass
        assert await free.power("--stat") == "on"

    with_served(bmc, story, left_open=1)   # ipmipower sends no Close Session after a reset that was accepted
    off, on = bmc.chassis.trace
    assert (off.is_on, on.is_on) == (False, True)
    assert on.at - off.at == pytest.approx(0.2)
    assert [action for _, action in bmc.power_commands] == [Control.HARD_RESET, Control.POWER_CYCLE]


def test_reset_and_cycle_of_a_server_that_is_off(tmp_path: Path) -> None:
    bmc = a_bmc()
    bmc.chassis.lose_power(0.0)

    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, "17")
        for word in ("--reset", "--cycle"):
            assert await free.power(word) == ""   # completion code D5h: ipmipower says nothing at all, and returns 0
        assert (len(bmc.chassis.trace), bmc.chassis.resets) == (1, [])
        assert await free.power("--on-if-off", "--reset") == "ok"

    with_served(bmc, story)
    assert [change.is_on for change in bmc.chassis.trace] == [False, True]
    assert [action for _, action in bmc.power_commands] == [Control.HARD_RESET, Control.POWER_CYCLE, Control.POWER_ON]


@suites
def test_identity(suite: str, tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, suite)
        whole = await free.info()
        assert whole.code == 0
        for line in (
            "Device ID             : 32",
            "Firmware Revision     : 1.00",
            "IPMI Version          : 2.0",
            "Chassis Device        : supported",
            "System GUID : ffeeddcc-bbaa-9988-7766-554433221100",   # FreeIPMI reads the octets from the last to the first
            "Medium Type          : 802.3 LAN",
        ):
            assert f"{line}\n" in whole.text
        assert (await free.info("--get-system-guid")).text == "ffeeddcc-bbaa-9988-7766-554433221100\n"

    with_served(a_bmc(), story)


@suites
def test_bmc_key(suite: str, tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        assert await FreeIpmi(tmp_path, host, port, suite, kg=KG).power("--stat") == "on"

    with_served(a_bmc(KG), story)


def test_wrong_bmc_key(tmp_path: Path) -> None:
    bmc = a_bmc(KG)

    async def story(host: str, port: int) -> None:
        assert await FreeIpmi(tmp_path, host, port, "17", kg="another_key").power("--off") == "k_g invalid"

    with_served(bmc, story, left_open=1)   # as the specification has it: RAKP 3 was right, and RAKP 4 is the last message
    assert bmc.power_commands == []


REFUSALS = {
    "wrong password": ("17", "admin", "wrong", "password invalid"),
    "no such user": ("17", "nobody", "wrong", "username invalid"),
    "above the user's limit": ("17", "viewer", None, "privilege level cannot be obtained for this user"),
    "no such suite": ("8", "admin", None, "BMC error"),
}


@pytest.mark.parametrize(("suite", "user", "password", "said"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(suite: str, user: str, password: str | None, said: str, tmp_path: Path) -> None:
    bmc = a_bmc()

    async def story(host: str, port: int) -> None:
        assert await FreeIpmi(tmp_path, host, port, suite, user, password).power("--off") == said

    with_served(bmc, story)
    assert (bmc.handshakes, bmc.power_commands, bmc.chassis.trace) == (0, [], [])


@suites
def test_a_user_may_look(suite: str, tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, suite, "viewer")
        assert await free.power("-l", "USER", "--stat") == "on"
        assert (await free.info("-l", "USER", "--get-device-id")).text.startswith("Device ID             : 32\n")

    with_served(a_bmc(), story)
