"""ipmitool against the simulated BMC. Its exit code is not reliable: its text and the BMC's own power trace are compared."""

from __future__ import annotations

import os

import pytest

from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.wire.codes import Privilege
from tests.peers.programs import run_program, with_served

pytestmark = pytest.mark.peer

GUID = bytes.fromhex("00112233445566778899aabbccddeeff")
PASSWORDS = {"admin": "right & proper", "viewer": "may only look", "long": "twenty octets of it."}
USERS = {
    "admin": (PASSWORDS["admin"], Privilege.ADMINISTRATOR),
    "viewer": (PASSWORDS["viewer"], Privilege.USER),
    "long": (PASSWORDS["long"], Privilege.ADMINISTRATOR),
}
KG = "key of this BMC"
IS_ON, IS_OFF = "Chassis Power is on\n", "Chassis Power is off\n"
suites = pytest.mark.parametrize("suite", [["-C", "3"], ["-C", "17"]], ids="-".join)


def a_bmc(kg: str = "") -> SimulatedBmc:
    return SimulatedBmc("peer", USERS, GUID, os.urandom, kg=kg.encode())


class Ipmitool:
    """ipmitool for one BMC; the password goes by the environment."""

    def __init__(self, host: str, port: int, *options: str, user: str = "admin", password: str | None = None) -> None:
        self._options = ["-I", "lanplus", "-H", host, "-p", str(port), "-U", user, "-E", *options]
        self._environment = {"IPMI_PASSWORD": PASSWORDS[user] if password is None else password}

    async def __call__(self, *words: str) -> str:
        return (await run_program("ipmitool", [*self._options, *words], self._environment)).text


@suites
def test_status_off_on(suite: list[str]) -> None:
    bmc = a_bmc()

    async def story(host: str, port: int) -> None:
        ipmitool = Ipmitool(host, port, *suite)
        assert await ipmitool("power", "status") == IS_ON
        assert await ipmitool("power", "off") == "Chassis Power Control: Down/Off\n"
        assert await ipmitool("power", "status") == IS_OFF
        assert await ipmitool("power", "on") == "Chassis Power Control: Up/On\n"
        assert "System Power         : on\n" in await ipmitool("chassis", "status")

    with_served(bmc, story)
    assert [change.is_on for change in bmc.chassis.trace] == [False, True]
    assert [action for _, action in bmc.power_commands] == [Control.POWER_OFF, Control.POWER_ON]
    assert bmc.handshakes == 5


@suites
def test_cycle_and_reset(suite: list[str]) -> None:
    bmc = a_bmc()
    bmc.chassis.off_time = 0.2

    async def story(host: str, port: int) -> None:
        ipmitool = Ipmitool(host, port, *suite)
        assert await ipmitool("power", "reset") == "Chassis Power Control: Reset\n"
        assert (bmc.chassis.trace, len(bmc.chassis.resets)) == ([], 1)
        assert await ipmitool("power", "cycle") == "Chassis Power Control: Cycle\n"
        while await ipmitool("power", "status") == IS_OFF:
            pass
        assert await ipmitool("power", "status") == IS_ON
        assert await ipmitool("chassis", "restart_cause") == "System restart cause: chassis power control command\n"

    with_served(bmc, story)
    off, on = bmc.chassis.trace
    assert (off.is_on, on.is_on) == (False, True)
    assert on.at - off.at == pytest.approx(0.2)
    assert [action for _, action in bmc.power_commands] == [Control.HARD_RESET, Control.POWER_CYCLE]


def test_reset_and_cycle_of_a_server_that_is_off() -> None:
    bmc = a_bmc()
    bmc.chassis.lose_power(0.0)

    async def story(host: str, port: int) -> None:
        for word in ("reset", "cycle"):
            assert "Command not supported in present state" in await Ipmitool(host, port, "-C", "17")("power", word)

    with_served(bmc, story)
    assert (len(bmc.chassis.trace), bmc.chassis.resets) == (1, [])


@suites
def test_identity(suite: list[str]) -> None:
    async def story(host: str, port: int) -> None:
        ipmitool = Ipmitool(host, port, *suite)
        text = await ipmitool("mc", "info")
        for line in ("Device ID                 : 32", "Firmware Revision         : 1.00", "IPMI Version              : 2.0"):
            assert f"{line}\n" in text
        assert "    Chassis Device\n" in text
        assert GUID.hex() in (await ipmitool("mc", "guid")).lower().replace("-", "")

    with_served(a_bmc(), story)


def test_suite_found_by_asking() -> None:
    async def story(host: str, port: int) -> None:
        ipmitool = Ipmitool(host, port)
        assert await ipmitool("power", "status") == IS_ON
        ciphers = await ipmitool("channel", "getciphers", "ipmi")
        assert "17   N/A     hmac_sha256     sha256_128      aes_cbc_128" in ciphers
        assert "3    N/A     hmac_sha1       hmac_sha1_96    aes_cbc_128" in ciphers
        assert "active sessions               : 1\n" in await ipmitool("session", "info", "active")

    with_served(a_bmc(), story)


@suites
def test_bmc_key_and_a_password_of_twenty_octets(suite: list[str]) -> None:
    async def story(host: str, port: int) -> None:
        assert await Ipmitool(host, port, *suite, "-k", KG)("power", "status") == IS_ON
        assert await Ipmitool(host, port, *suite, "-k", KG, user="long")("power", "status") == IS_ON

    with_served(a_bmc(KG), story)


@suites
def test_wrong_bmc_key(suite: list[str]) -> None:
    bmc = a_bmc(KG)

    async def story(host: str, port: int) -> None:
        text = await Ipmitool(host, port, *suite, "-v", "-k", "another key")("power", "off")
        assert "Unable to establish IPMI v2 / RMCP+ session" in text
        assert "invalid ICV" in text or "RAKP 4" in text

    with_served(bmc, story, left_open=1)   # as the specification has it: RAKP 3 was right, and RAKP 4 is the last message
    assert bmc.power_commands == []


REFUSALS = {
    "wrong password": (["-C", "17"], "admin", "wrong", "RAKP 2 HMAC is invalid"),
    "no such user": (["-C", "17"], "nobody", "wrong", "RAKP 2 message indicates an error : unauthorized name"),
    "above the user's limit": (["-C", "17"], "viewer", None, "RAKP 2 message indicates an error : invalid role"),
    "no such suite": (["-C", "8"], "admin", None, "invalid authentication algorithm"),
}


@pytest.mark.parametrize(("options", "user", "password", "said"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(options: list[str], user: str, password: str | None, said: str) -> None:
    bmc = a_bmc()

    async def story(host: str, port: int) -> None:
        text = await Ipmitool(host, port, "-v", *options, user=user, password=password)("power", "off")
        assert said in text
        assert "Unable to establish IPMI v2 / RMCP+ session" in text

    with_served(bmc, story)
    assert (bmc.handshakes, bmc.power_commands, bmc.chassis.trace) == (0, [], [])


@suites
def test_a_user_may_look_and_not_switch(suite: list[str]) -> None:
    bmc = a_bmc()

    async def story(host: str, port: int) -> None:
        ipmitool = Ipmitool(host, port, *suite, "-L", "USER", user="viewer")
        assert await ipmitool("power", "status") == IS_ON
        assert "Insufficient privilege level" in await ipmitool("power", "off")

    with_served(bmc, story)
    assert (bmc.power_commands, bmc.chassis.trace) == ([], [])
