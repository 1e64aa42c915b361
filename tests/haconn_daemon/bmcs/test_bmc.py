from __future__ import annotations

import pytest
import trio

from haconn_cli.config.identity import Identity
from haconn_cli.sighting import Sighting
from haconn_daemon.bmcs.bmc import Bmc, NotReady, WrongIdentity
from ipmi_lan import SUITE_3, CommandRefused, IpmiError, NoAnswer, Privilege, SessionLost
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.simulator.board import DEVICE_ID
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.lan import Lan
from tests.haconn_daemon.managed import ACCOUNT, GUID, HOST, a_board, a_board_with_mac, the_way

OTHER, NONE, ONES = bytes(range(2, 18)), bytes(16), b"\xff" * 16
MAC = bytes.fromhex("0a1b2c3d4e5f")


async def shown_by(way: Bmc) -> bytes:
    async with way.open(5.0) as client:
        return client.peer.guid


@pytest.mark.parametrize(
    ("shown", "last_is_wrong"),
    [
        ([GUID, GUID], False),
        ([GUID, OTHER], True),
        ([GUID, NONE], True),
        ([GUID, ONES], True),
        ([NONE, NONE], False),
        ([ONES, NONE], False),
        ([NONE, GUID, GUID], False),
        ([NONE, GUID, OTHER], True),
    ],
)
def test_the_guid_is_pinned_at_the_first_login_that_shows_one(lan: Lan, shown: list[bytes], last_is_wrong: bool) -> None:
    way = the_way()

    async def main() -> None:
        for guid in shown[:-1]:
            lan.put(a_board_with_mac(0xC1, guid=guid), HOST)
            assert await shown_by(way) == guid
        lan.put(a_board_with_mac(0xC1, guid=shown[-1]), HOST)
        if last_is_wrong:
            with pytest.raises(WrongIdentity, match=f"first seen there was guid {GUID.hex()}") as caught:
                await shown_by(way)
            assert caught.value.pinned == Identity("guid", GUID)
            assert caught.value.seen == Sighting.of(shown[-1])
        else:
            await shown_by(way)

    run_in_virtual_time(main)
    assert lan.open_connections == 0


def test_the_session_of_a_wrong_bmc_is_closed(lan: Lan) -> None:
    board = a_board(guid=OTHER)
    lan.put(board, HOST)

    async def main() -> None:
        with pytest.raises(WrongIdentity, match=f"guid {OTHER.hex()}, mac .*, written in conf_pserver is guid {GUID.hex()}"):
            await shown_by(the_way(identity=Identity("guid", GUID)))
        assert board.open_sessions(trio.current_time()) == 0

    run_in_virtual_time(main)


@pytest.mark.parametrize("told", [MAC, 0xC1, 0xCC, bytes(6), b"\xff" * 6, b"\x0a", None])
def test_a_bmc_with_a_guid_need_not_tell_its_mac_address(lan: Lan, told: bytes | int | None) -> None:
    """It is asked once, in case that another one shows the same GUID."""
    board = a_board_with_mac(told)
    lan.put(board, HOST)
    way = the_way()

    async def main() -> None:
        await shown_by(way)
        asked = board.times_asked
        assert asked >= 1
        await shown_by(way)
        assert board.times_asked == asked

    run_in_virtual_time(main)


@pytest.mark.parametrize("guid", [NONE, ONES])
def test_without_a_guid_the_mac_address_is_pinned(lan: Lan, guid: bytes) -> None:
    way = the_way()
    refused: tuple[bytes | int, ...] = (bytes(6), 0xC1, MAC[::-1])

    async def main() -> None:
        for _ in range(2):
            lan.put(a_board_with_mac(MAC, guid=guid), HOST)
            await shown_by(way)
        for told in refused:
            lan.put(a_board_with_mac(told, guid=guid), HOST)
            with pytest.raises(WrongIdentity, match="first seen there was mac 0a:1b"):
                await shown_by(way)

    run_in_virtual_time(main)


@pytest.mark.parametrize(("told", "error"), [(0xC0, CommandRefused), (0xD2, CommandRefused), (None, NoAnswer)])
def test_a_mac_address_that_is_needed_and_not_told_now_is_no_other_bmc(
    lan: Lan, told: int | None, error: type[IpmiError]
) -> None:
    lan.put(a_board_with_mac(told, guid=NONE), HOST)

    async def main() -> None:
        with pytest.raises(error):
            await shown_by(the_way(identity=Identity("mac", MAC)))

    run_in_virtual_time(main)


def test_as_an_operator_and_no_more(lan: Lan) -> None:
    board = a_board(users={ACCOUNT.name: (ACCOUNT.password, Privilege.ADMINISTRATOR)})
    lan.put(board, HOST)

    async def main() -> None:
        async with the_way().open(5.0) as client:
            (session,) = board._board.sessions.open(trio.current_time())
            assert session.privilege == Privilege.OPERATOR
            assert (await client.run(get_chassis_status())).power_is_on

    run_in_virtual_time(main)


def test_nobody_there(lan: Lan) -> None:
    async def main() -> None:
        with pytest.raises(NoAnswer):
            async with the_way().open(3.0):
                raise AssertionError("never handed out")
        assert trio.current_time() == pytest.approx(3.0)

    run_in_virtual_time(main)
    assert issubclass(WrongIdentity, IpmiError)


def test_a_bmc_that_says_it_is_starting_is_not_asked_for_the_power(lan: Lan) -> None:
    board = a_board(device_id=DEVICE_ID._replace(is_starting_or_updating=True))
    lan.put(board, HOST)

    async def main() -> None:
        with pytest.raises(NotReady):
            async with the_way().open(3.0):
                raise AssertionError("never handed out")
        assert board.open_sessions(trio.current_time()) == 0

    run_in_virtual_time(main)


def test_a_session_that_is_lost_stays_lost(lan: Lan) -> None:
    """Nothing is asked of a BMC that has not shown anew who it is and whether it is ready."""
    board = a_board()
    lan.put(board, HOST)

    async def main() -> None:
        async with the_way().open(5.0) as client:
            board.restart(trio.current_time())
            with pytest.raises(SessionLost):
                await client.run(get_chassis_status(), 30.0)
            assert trio.current_time() < 6.0
            with pytest.raises(SessionLost):
                await client.run(get_chassis_status(), 30.0)

    run_in_virtual_time(main)
    assert board.handshakes == 1


def test_what_one_has_learnt_of_its_bmc_is_its_own(lan: Lan) -> None:
    lan.put(a_board(suites=(SUITE_3,)), HOST)
    first, second = the_way(), the_way()
    datagrams = 0

    def count(direction: str, datagram: bytes) -> bool:
        nonlocal datagrams
        datagrams += direction == "in"
        return False

    async def datagrams_of_a_login(way: Bmc) -> int:
        before = datagrams
        async with way.open(5.0):
            return datagrams - before

    async def main() -> None:
        lan.is_lost = count
        learning = await datagrams_of_a_login(first)
        assert await datagrams_of_a_login(first) == learning - 2, "neither suite 17 nor the MAC address again"
        assert await datagrams_of_a_login(second) == learning

    run_in_virtual_time(main)
