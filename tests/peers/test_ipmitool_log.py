"""ipmitool and FreeIPMI read the simulated BMC's event log, LAN settings, users and channel, and both say the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import trio

from ipmi_lan.commands.chassis import Control
from ipmi_lan.simulator import LanSettings, SimulatedBmc
from tests.peers.programs import TIME_LIMIT, run_program, with_served
from tests.peers.test_freeipmi import USERS, FreeIpmi
from tests.peers.test_ipmitool import GUID, Ipmitool

pytestmark = pytest.mark.peer

PASSWORD = USERS["admin"][0]
LAN = LanSettings(bytes.fromhex("0a1b2c3d4e5f"), "192.0.2.7", "255.255.255.0", "192.0.2.1")
NOVEMBER = 1_700_000_000   # 14 November 2023, 22:13:20 UTC
OEM_WITH_TIME = bytes.fromhex("0000 c1 00000000 a20200 010203040506")
KERNEL_PANIC = bytes.fromhex("0000 f0 20 01") + b"Fatal excep"   # as Linux logs the text of a panic
PANIC = bytes.fromhex("0000 02 00000000 2100 03 20 50 6f a1 6162")
PANIC_WORDS = ["0x0a", "0x44", *(f"0x{octet:02x}" for octet in PANIC)]


def a_bmc() -> SimulatedBmc:
    return SimulatedBmc("peer", USERS, GUID, os.urandom, lan=LAN)


def a_bmc_that_crashed() -> SimulatedBmc:
    """Its log has an OS Critical Stop and two records of vendors, all of the same second."""
    bmc = a_bmc()
    bmc.log.set_time(NOVEMBER, 0.0)
    bmc.host_crashes(0.0)
    for record in (OEM_WITH_TIME, KERNEL_PANIC):
        bmc.log.add(record, 0.0)
    return bmc


def ipmitool_for(host: str, port: int) -> Ipmitool:
    return Ipmitool(host, port, "-C", "17", password=PASSWORD)


def test_ipmitool_reads_the_log() -> None:
    async def story(host: str, port: int) -> None:
        ipmitool = ipmitool_for(host, port)
        info = await ipmitool("sel", "info")
        for line in (
            "Version          : 1.5 (v1.5, v2 compliant)",
            "Entries          : 3",
            f"Free Space       : {509 * 16} bytes ",
            "Last Add Time    : 11/14/23 22:13:20 UTC",
            "Last Del Time    : Not Available",
            "Overflow         : false",
            "Supported Cmds   : 'Reserve' ",
        ):
            assert f"{line}\n" in info
        assert (await ipmitool("sel", "list")).splitlines() == [
            "   1 | 11/14/23 | 22:13:20 UTC | OS Critical Stop #0x50 | Run-time critical stop | Asserted",
            "   2 | 11/14/23 | 22:13:20 UTC | OEM record c1 | 0002a2 | 010203040506",
            "   3 | Linux kernel panic: Fatal excep",
        ]

    with_served(a_bmc_that_crashed(), story)


def test_freeipmi_reads_the_log(tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        free = FreeIpmi(tmp_path, host, port, "17")
        info = await free.run("ipmi-sel", "--info")
        for line in (
            "Number of log entries                  : 3",
            "Recent addition timestamp              : 11/14/2023 - 22:13:20",
            "Reserve SEL Command                    : supported",
            "Events dropped due to lack of space    : No",
        ):
            assert f"{line}\n" in info.text
        words = ("--ignore-sdr-cache", "--output-event-state", "--output-manufacturer-id", "--no-header-output", "-vv")
        log = await free.run("ipmi-sel", *words)
        stop, oem, panic = ([word.strip() for word in line.split("|")] for line in log.text.splitlines())
        assert stop[:3] == ["1", "Nov-14-2023", "22:13:20"]
        assert stop[4:7] == ["OS Critical Stop", "Critical", "Assertion Event"]
        assert stop[3] == "Sensor #80 (Generator ID 21h)"
        assert stop[7].startswith("Run-time Critical Stop")
        assert oem[:3] == ["2", "Nov-14-2023", "22:13:20"]
        assert "Manufacturer ID = Dell Inc. (2A2h)" in oem[-1]
        assert "01h 02h 03h 04h 05h 06h" in oem[-1]
        assert panic[0] == "3"

    with_served(a_bmc_that_crashed(), story)


def test_ipmitool_adds_and_clears() -> None:
    bmc = a_bmc_that_crashed()

    async def story(host: str, port: int) -> None:
        ipmitool = ipmitool_for(host, port)
        assert (await ipmitool("raw", *PANIC_WORDS)).split() == ["04", "00"]
        assert len((await ipmitool("sel", "list")).splitlines()) == 4
        await ipmitool("sel", "clear")
        assert "SEL has no entries" in await ipmitool("sel", "list")
        assert re.fullmatch(r"01/02/24 03:04:\d\d UTC", (await ipmitool("sel", "time", "set", "01/02/24 03:04:05")).strip())

    with_served(bmc, story)
    assert bmc.log.entries == []


def test_freeipmi_clears(tmp_path: Path) -> None:
    bmc = a_bmc_that_crashed()

    async def story(host: str, port: int) -> None:
        assert (await FreeIpmi(tmp_path, host, port, "17").run("ipmi-sel", "--clear")).code == 0

    with_served(bmc, story)
    assert bmc.log.entries == []


def test_a_diagnostic_interrupt_has_the_server_dump_and_start_again() -> None:
    bmc = a_bmc()
    bmc.faults.host.dump_time = 0.05

    async def story(host: str, port: int) -> None:
        ipmitool = ipmitool_for(host, port)
        assert await ipmitool("power", "diag") == "Chassis Power Control: Diag\n"
        assert "OS Critical Stop #0x50 | Run-time critical stop" in await ipmitool("sel", "list")
        with trio.fail_after(TIME_LIMIT):
            while not bmc.host.is_up(trio.current_time()):
                await trio.sleep(0.01)

    with_served(bmc, story)
    assert [action for _, action in bmc.power_commands] == [Control.DIAGNOSTIC_INTERRUPT]
    assert [dump.is_whole for dump in bmc.dumps(bmc.chassis.resets[0])] == [True]
    assert (len(bmc.chassis.resets), bmc.chassis.trace) == (1, [])


def test_both_read_the_lan_settings(tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        printed = await ipmitool_for(host, port)("lan", "print", "1")
        for name, value in (("IP Address", LAN.ip), ("MAC Address", LAN.ethernet.hex(":")), ("Subnet Mask", LAN.netmask)):
            assert f"{name:<24}: {value}\n" in printed
        checked = await FreeIpmi(tmp_path, host, port, "17").checkout("Lan_Conf")
        assert checked["MAC_Address"] == LAN.ethernet.hex(":").upper()
        assert (checked["IP_Address"], checked["Default_Gateway_IP_Address"]) == (LAN.ip, LAN.gateway)

    with_served(a_bmc(), story)


def test_both_read_who_may_do_what(tmp_path: Path) -> None:
    async def story(host: str, port: int) -> None:
        listed = (await ipmitool_for(host, port)("user", "list", "1")).splitlines()
        assert listed[1].split() == ["1", "admin", "true", "false", "true", "ADMINISTRATOR"]
        assert listed[2].split() == ["2", "viewer", "true", "false", "true", "USER"]
        free = FreeIpmi(tmp_path, host, port, "17")
        user, channel = await free.checkout("User2"), await free.checkout("Lan_Channel")
        assert (user["Username"], user["Enable_User"], user["Lan_Privilege_Limit"]) == ("viewer", "Yes", "User")
        assert (channel["Volatile_Access_Mode"], channel["Volatile_Enable_Per_Message_Auth"]) == ("Always_Available", "Yes")
        assert channel["Volatile_Channel_Privilege_Limit"] == "Administrator"

    with_served(a_bmc(), story)


@pytest.mark.parametrize("guid", [bytes(16), b"\xff" * 16])
def test_a_guid_that_names_nobody(guid: bytes) -> None:
    async def story(host: str, port: int) -> None:
        words = ["-I", "lanplus", "-C", "17", "-H", host, "-p", str(port), "-U", "admin", "-P", PASSWORD, "mc", "guid"]
        assert guid.hex() in (await run_program("ipmitool", words)).text.lower().replace("-", "")

    with_served(SimulatedBmc("peer", USERS, guid, os.urandom), story)
