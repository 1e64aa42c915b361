"""Our client reads and writes ipmi_sim's event log, LAN settings and users, and ipmitool sees the same there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from ipmi_lan.client import Client, open_client
from ipmi_lan.commands.channel import AccessMode, get_channel_access
from ipmi_lan.commands.lan import get_ip_address, get_mac_address
from ipmi_lan.commands.login import get_session_info
from ipmi_lan.commands.sel import (
    FIRST_RECORD,
    LAST_RECORD,
    SENSOR_OS_STOP,
    OsStop,
    add_sel_entry,
    clear_sel,
    get_sel_entry,
    get_sel_info,
    get_sel_time,
    parse_event_untrusted,
    parse_oem_untrusted,
    reserve_sel,
    set_sel_time,
)
from ipmi_lan.commands.users import get_user_access, get_user_name
from ipmi_lan.errors import CommandRefused
from ipmi_lan.wire.codes import CompletionCode, Privilege
from tests.peers.ipmi_sim import PASSWORD, USER, IpmiSim, running_ipmi_sims
from tests.peers.programs import run_program
from tests.peers.test_client_ipmi_sim import LIMIT, free_port
from tests.peers.test_ipmitool_log import NOVEMBER, OEM_WITH_TIME, PANIC_WORDS

pytestmark = pytest.mark.peer

HOST = "127.0.0.64"
MAC = "0a:1b:2c:3d:4e:5f"
Ipmitool = Callable[..., Awaitable[str]]


def tell(folder: Path, story: Callable[[Client, Ipmitool], Awaitable[None]]) -> None:
    """Run `story` with a client of ours and ipmitool, both for one ipmi_sim."""

    async def main() -> None:
        with trio.fail_after(LIMIT):
            async with (
                running_ipmi_sims(folder, [HOST], free_port()) as (sim,),
                open_client(sim.host, USER, PASSWORD, port=sim.port, timeout=LIMIT) as client,
            ):
                await story(client, lambda *words: ask(sim, *words))

    trio.run(main)


async def ask(sim: IpmiSim, *words: str) -> str:
    options = ["-I", "lanplus", "-C", "3", "-H", sim.host, "-p", str(sim.port), "-U", USER, "-P", PASSWORD]
    return (await run_program("ipmitool", [*options, *words])).text


def test_what_ipmitool_adds_we_read(tmp_path: Path) -> None:
    async def story(client: Client, ipmitool: Ipmitool) -> None:
        assert (await client.run(get_sel_info())).entries == 0
        assert (await ipmitool("raw", *PANIC_WORDS)).split() == ["01", "00"]
        info = await client.run(get_sel_info())
        assert (info.version, info.entries, info.free_bytes, info.is_overflowed) == (0x51, 1, 99 * 16, False)
        assert (info.takes_deletion, info.takes_reservation) == (True, True)
        for record_id in (FIRST_RECORD, 1, LAST_RECORD):
            entry = await client.run(get_sel_entry(record_id))
            event = parse_event_untrusted(entry.record)
            assert event is not None
            assert entry.next_id == LAST_RECORD
            assert (event.record_id, event.sensor_type, event.offset) == (1, SENSOR_OS_STOP, OsStop.AT_RUN_TIME)
            assert (event.sensor_number, event.is_assertion, event.data, event.generator) == (0x50, True, b"\xa1ab", 0x21)
            assert event.timestamp == info.last_added

    tell(tmp_path, story)


def test_what_we_add_ipmitool_reads(tmp_path: Path) -> None:
    async def story(client: Client, ipmitool: Ipmitool) -> None:
        await client.run(set_sel_time(NOVEMBER))
        assert NOVEMBER <= (await client.run(get_sel_time())).timestamp <= NOVEMBER + LIMIT
        assert (await client.run(add_sel_entry(OEM_WITH_TIME))).record_id == 1
        line = await ipmitool("sel", "list")
        assert line.startswith("   1 | 11/14/23 | 22:13:")
        assert "OEM record c1 | 0002a2 | 010203040506" in line
        oem = parse_oem_untrusted((await client.run(get_sel_entry(1))).record)
        assert oem is not None
        assert (oem.record_id, oem.manufacturer, oem.data) == (1, 0x2A2, bytes(range(1, 7)))

    tell(tmp_path, story)


def test_we_clear_under_a_reservation(tmp_path: Path) -> None:
    async def story(client: Client, ipmitool: Ipmitool) -> None:
        await client.run(add_sel_entry(OEM_WITH_TIME))
        reservation = (await client.run(reserve_sel())).reservation
        assert (await client.run(clear_sel(reservation))).is_done
        assert "SEL has no entries" in await ipmitool("sel", "list")
        with pytest.raises(CommandRefused) as caught:
            await client.run(get_sel_entry(FIRST_RECORD))
        assert caught.value.code == CompletionCode.NOT_PRESENT

    tell(tmp_path, story)


def test_addresses_users_and_the_channel(tmp_path: Path) -> None:
    async def story(client: Client, ipmitool: Ipmitool) -> None:
        await ipmitool("raw", "0x0c", "1", "1", "5", *(f"0x{octet}" for octet in MAC.split(":")))
        await ipmitool("raw", "0x0c", "1", "1", "3", "192", "0", "2", "7")
        ethernet, address = await client.run(get_mac_address()), await client.run(get_ip_address(1))
        assert (str(ethernet), str(address)) == (MAC, "192.0.2.7")
        access = await client.run(get_user_access(2))
        assert (access.limit, access.ipmi_messaging, access.most_users) == (Privilege.ADMINISTRATOR, True, 63)
        name = await client.run(get_user_name(2))
        assert str(name) == USER
        channel = await client.run(get_channel_access())
        assert (channel.mode, channel.limit) == (AccessMode.ALWAYS, Privilege.ADMINISTRATOR)
        session = await client.run(get_session_info())
        assert (session.user_id, session.privilege) == (2, Privilege.ADMINISTRATOR)

    tell(tmp_path, story)
