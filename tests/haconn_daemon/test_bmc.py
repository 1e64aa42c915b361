from __future__ import annotations

import pytest
import trio

from haconn_daemon.bmc import Bmc, NotReady, WrongIdentity
from ipmi_lan import SUITE_3, IpmiError, NoAnswer, Privilege, SessionLost
from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.simulator.board import DEVICE_ID
from tests.fakes.clock import run_in_virtual_time
from tests.fakes.lan import Lan
from tests.haconn_daemon.managed import ACCOUNT, GUID, HOST, a_board, the_way

OTHER, NONE = bytes(range(2, 18)), bytes(16)


@pytest.mark.parametrize(
    ("shown", "last_is_wrong"),
    [
        ([GUID, GUID], False),
        ([GUID, OTHER], True),
        ([GUID, NONE], True),
        ([NONE, NONE], False),
        ([NONE, GUID, GUID], False),
        ([NONE, GUID, OTHER], True),
    ],
)
def test_the_guid_is_pinned_at_the_first_login_that_shows_one(lan: Lan, shown: list[bytes], last_is_wrong: bool) -> None:
    way = the_way()

    async def log_in(guid: bytes) -> None:
        lan.put(a_board(guid=guid), HOST)
        async with way.open(5.0) as client:
            assert client.peer.guid == guid

    async def main() -> None:
        for guid in shown[:-1]:
            await log_in(guid)
        if last_is_wrong:
            with pytest.raises(WrongIdentity, match=shown[-1].hex()) as caught:
                await log_in(shown[-1])
            assert (caught.value.pinned, caught.value.seen) == (way.pinned_guid, shown[-1])
        else:
            await log_in(shown[-1])

    run_in_virtual_time(main)
    assert way.pinned_guid == next((guid for guid in shown if guid != NONE), None)
    assert lan.open_connections == 0


def test_the_session_of_a_wrong_bmc_is_closed(lan: Lan) -> None:
    board = a_board(guid=OTHER)
    lan.put(board, HOST)
    way = the_way()
    way.pinned_guid = GUID

    async def main() -> None:
        with pytest.raises(WrongIdentity):
            async with way.open(5.0):
                raise AssertionError("never handed out")
        assert board.open_sessions(trio.current_time()) == 0

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
        assert await datagrams_of_a_login(first) == learning - 1, "suite 17 is not tried again"
        assert await datagrams_of_a_login(second) == learning

    run_in_virtual_time(main)
