from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import close_session
from ipmi_lan.simulator import (
    Auth15Faults,
    Chassis,
    Faults,
    HostFaults,
    LoginFaults,
    ProbeFaults,
    SelFaults,
    SessionFaults,
)
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc

GROUPS = [Faults, ProbeFaults, LoginFaults, SessionFaults, Auth15Faults, SelFaults, HostFaults]
OFF = chassis_control(Control.POWER_OFF)


def test_ignores_power_commands() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.ignores_power_commands = True
    console.run(OFF, now=1.0)
    assert console.run(get_chassis_status(), now=50.0).power_is_on
    assert (bmc.power_commands, bmc.chassis.trace) == ([(1.0, Control.POWER_OFF)], [])


def test_lag_adds_up() -> None:
    bmc = a_bmc(chassis=Chassis(lag=2.0))
    console = Console(bmc).log_in()
    bmc.faults.lag = 3.0
    console.run(OFF, now=1.0)
    assert console.run(get_chassis_status(), now=5.9).power_is_on
    assert not console.run(get_chassis_status(), now=6.0).power_is_on


def test_silent_until_switched_back() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.silent = True
    assert console.send(console.datagram_of(OFF), now=1.0) is None
    bmc.faults.silent = False
    assert console.run(get_chassis_status(), now=2.0).power_is_on
    assert bmc.counters["silent"] == 1


def test_silent_after_off_obeys_and_says_nothing_any_more() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.silent_after_off = True
    assert console.send(console.datagram_of(OFF), now=1.0) is None
    assert console.send(console.datagram_of(get_chassis_status()), now=2.0) is None
    assert not bmc.chassis.power_is_on(2.0)


def test_flaps() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.flaps = 2
    console.run(OFF, now=1.0)
    seen = [console.run(get_chassis_status(), now=now).power_is_on for now in (1.1, 1.4, 1.7, 9.0)]
    assert seen == [False, True, False, False]


def test_refuses_control() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.refuses_control = 0xC0
    assert console.refusal(OFF, now=1.0) == 0xC0
    assert (bmc.power_commands, bmc.chassis.trace) == ([(1.0, Control.POWER_OFF)], [])


def test_loses_the_reply_and_acts() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.loses_control_reply = True
    assert console.send(console.datagram_of(OFF), now=1.0) is None
    assert not console.run(get_chassis_status(), now=1.1).power_is_on


def test_close_is_ignored_and_the_slot_leaks_until_the_idle_time_out() -> None:
    bmc = a_bmc(slots=1)
    console = Console(bmc).log_in()
    bmc.faults.close_is_ignored = True
    console.run(close_session(console.bmc_id), now=1.0)
    assert Console(bmc).open_session(now=60.9).status == 0x01
    Console(bmc).log_in(now=61.0)


def test_restart_forgets_sessions_and_leaves_the_server_alone() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.restart(now=10.0, silence=5.0)
    assert console.send(console.datagram_of(get_chassis_status()), now=14.9) is None
    assert console.send(console.datagram_of(get_chassis_status()), now=15.0) is None
    assert (bmc.counters["silent"], bmc.counters["NotAuthentic"]) == (1, 1)
    again = Console(bmc).log_in(now=15.0)
    assert again.run(get_chassis_status(), now=15.0).power_is_on
    assert bmc.chassis.trace == []


def test_an_answer_waits_for_the_next_datagram() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    bmc.faults.waits_for_junk = True
    asked = console.datagram_of(get_chassis_status())
    assert bmc.receive_datagram_untrusted(asked, ADDRESS, 1.0) == []
    assert bmc.receive_datagram_untrusted(b"thump", ("127.0.0.1", 40001), 1.0) == []
    (answer,) = bmc.receive_datagram_untrusted(b"thump", ADDRESS, 1.0)
    assert console.unseal(answer).sequence == 2
    assert bmc.receive_datagram_untrusted(b"thump", ADDRESS, 1.0) == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_switch_is_in_the_table_of_the_page(group: type[Any]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    for field in fields(group):
        if field.name not in {"probe", "login", "session", "auth15", "sel", "host"}:
            assert f"| `{field.name}` |" in page, field.name


def test_a_typing_error_is_no_switch() -> None:
    faults = Faults()
    for group in (faults, faults.probe, faults.login, faults.session, faults.auth15, faults.sel, faults.host):
        with pytest.raises(AttributeError):
            setattr(group, "slient", True)   # noqa: B010 - a type checker sees it without running
