from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from haconn_cli.check.look import Look, look_at, look_at_one
from haconn_cli.sighting import Sighting
from ipmi_lan import SUITE_3, SUITES, CommandRefused, NoAnswer, Privilege, PrivilegeTooHigh, SuiteRefused, WrongPassword
from ipmi_lan.commands.chassis import RestorePolicy
from ipmi_lan.simulator import Faults
from tests.fakes.lan import Lan
from tests.haconn_cli.check.boards import ACCOUNT, GUIDS, a_board, a_server, host_of, mac_of

APP, CHASSIS, TRANSPORT = 0x06, 0x00, 0x0C


def test_all_that_is_told(lan: Lan) -> None:
    board = a_board(1)
    lan.put(board, host_of(1))
    (look,) = look_at([(a_server(1), ACCOUNT)])
    assert look.error is None
    assert look.seen == Sighting(GUIDS[1], mac_of(1))
    assert (look.suite, look.may_be_administrator) == (17, False)
    assert look.device is not None
    assert look.sessions is not None
    assert (look.sessions.slots, look.sessions.active) == (8, 1)
    assert look.status is not None
    assert look.status.power_is_on
    assert board.open_sessions(100.0) == 0
    assert board.power_commands == []
    assert lan.open_connections == 0


def test_an_administrator_is_found_out(lan: Lan) -> None:
    lan.put(a_board(1, users={ACCOUNT.name: (ACCOUNT.password, Privilege.ADMINISTRATOR)}), host_of(1))
    assert look_at([(a_server(1), ACCOUNT)])[0].may_be_administrator is True


@pytest.mark.parametrize("command", [(TRANSPORT, 0x02), (APP, 0x01), (APP, 0x3D), (APP, 0x44)])
@pytest.mark.parametrize("code", [0xC1, 0xC0, 0xD4])
def test_what_is_refused_is_not_told(lan: Lan, command: tuple[int, int], code: int) -> None:
    lan.put(a_board(1, faults=Faults(codes={command: code})), host_of(1))
    (look,) = look_at([(a_server(1), ACCOUNT)])
    assert look.error is None
    assert look.status is not None
    untold = {
        (TRANSPORT, 0x02): look.seen and look.seen.ethernet,
        (APP, 0x01): look.device,
        (APP, 0x3D): look.sessions,
        (APP, 0x44): look.may_be_administrator,
    }
    assert untold[command] is None


def test_without_the_power_state_a_connector_is_blind(lan: Lan) -> None:
    lan.put(a_board(1, faults=Faults(codes={(CHASSIS, 0x01): 0xC1})), host_of(1))
    (look,) = look_at([(a_server(1), ACCOUNT)])
    assert isinstance(look.error, CommandRefused)
    assert look.seen is not None


def test_logins_that_fail(lan: Lan) -> None:
    lan.put(a_board(1), host_of(1))
    lan.put(a_board(2, users={ACCOUNT.name: (ACCOUNT.password, Privilege.USER)}), host_of(2))
    lan.put(a_board(3, suites=(SUITES[1],)), host_of(3))
    wrong = replace(ACCOUNT, password="another")
    looks = look_at([(a_server(1), wrong), *((a_server(number), ACCOUNT) for number in (2, 3, 4))])
    kinds: list[type[Exception]] = [WrongPassword, PrivilegeTooHigh, SuiteRefused, NoAnswer]
    assert [type(look.error) for look in looks] == kinds
    assert [look.seen for look in looks] == [None] * 4


def test_an_older_suite(lan: Lan) -> None:
    lan.put(a_board(1, suites=(SUITE_3,)), host_of(1))
    assert look_at([(a_server(1), ACCOUNT)])[0].suite == 3


def test_they_are_looked_at_together_and_told_in_order(lan: Lan) -> None:
    for number in (1, 2, 4):
        lan.put(a_board(number), host_of(number))
    waiting: list[list[str]] = []
    looks = look_at([(a_server(number), ACCOUNT) for number in (3, 1, 5, 2)], waiting.append)
    assert [look.server.name for look in looks] == ["PSERVER3", "PSERVER1", "PSERVER5", "PSERVER2"]
    assert waiting
    assert all(names == ["PSERVER3", "PSERVER5"] for names in waiting)
    assert max(look.seconds for look in looks) < 15.0, "one after another it would have been longer"


def test_a_bmc_that_falls_silent_after_the_login_holds_nobody_up_for_long(lan: Lan) -> None:
    board = a_board(1)
    lan.put(board, host_of(1))
    board.faults.session.silent_after = 1

    async def main() -> Look:
        return await look_at_one(a_server(1), ACCOUNT)

    look: Look = trio.run(main)
    assert look.error is not None
    assert look.seconds < 60.0


def test_a_policy_is_read(lan: Lan) -> None:
    lan.put(a_board(1), host_of(1))
    status = look_at([(a_server(1), ACCOUNT)])[0].status
    assert status is not None
    assert status.restore_policy in tuple(RestorePolicy)
