from __future__ import annotations

import pytest

from ipmi_lan.simulator import Faults, LoginFaults
from ipmi_lan.wire.codes import RakpStatus
from tests.ipmi_lan.simulator.console import USERS, Console, a_bmc
from tests.ipmi_lan.simulator.console15 import Console15, a_bmc_of_1_5


def _fails(console: Console, now: float) -> None:
    assert console.send_rakp_1(console.open_session(now).bmc_id, now).status == 0
    rakp_4 = console.send_rakp_3(now)
    assert rakp_4 is not None
    assert rakp_4.status == RakpStatus.INVALID_INTEGRITY_CHECK_VALUE


def _is_known(console: Console, now: float) -> bool:
    return console.send_rakp_1(console.open_session(now).bmc_id, now).status == 0


def test_lockout_after_failed_logins_for_a_time() -> None:
    bmc = a_bmc(faults=Faults(login=LoginFaults(locks_after=3, locks_for=30.0)))
    for now in (1.0, 2.0, 3.0):
        _fails(Console(bmc, password="wrong"), now)
    assert not _is_known(Console(bmc), 32.9)
    Console(bmc, "operator", privilege=3).log_in(32.9)
    Console(bmc).log_in(33.0)


def test_a_login_that_succeeds_begins_the_count_anew() -> None:
    bmc = a_bmc(faults=Faults(login=LoginFaults(locks_after=2)))
    for now in (1.0, 2.0, 3.0):
        _fails(Console(bmc, password="wrong"), now)
        Console(bmc).log_in(now)


def test_lockout_counts_logins_of_1_5_too() -> None:
    bmc = a_bmc_of_1_5(faults=Faults(login=LoginFaults(locks_after=2)))
    for _ in range(2):
        assert Console15(bmc, password="wrong").activate(now=1.0) is None
    assert Console15(bmc).challenge(now=2.0).completion_code == 0x81
    assert not _is_known(Console(bmc), 2.0)
    assert Console15(bmc).challenge(now=61.0).completion_code == 0


@pytest.mark.parametrize(("given", "is_right"), [("0123456789abcdefghi", True), ("0123456789abcdefghij", False)])
def test_a_password_that_is_cut(given: str, is_right: bool) -> None:
    users = {"admin": ("0123456789abcdefghij", USERS["admin"][1])}
    bmc = a_bmc(users=users, faults=Faults(login=LoginFaults(cuts_password_at=19)))
    console = Console(bmc, password=given)
    if is_right:
        console.log_in()
    else:
        _fails(console, 0.0)


def test_a_disabled_user() -> None:
    bmc = a_bmc(faults=Faults(login=LoginFaults(disabled_users=frozenset({"admin"}))))
    console = Console(bmc)
    assert console.send_rakp_1(console.open_session().bmc_id).status == RakpStatus.INVALID_ROLE
    Console(bmc, "operator", privilege=3).log_in()
