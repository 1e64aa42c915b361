from __future__ import annotations

import random
from pathlib import Path

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3, SUITES
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator import PROFILES, Faults, SimulatedBmc
from ipmi_lan.wire.codes import AuthType
from tests.ipmi_lan.simulator.console import GUID, Console
from tests.ipmi_lan.simulator.console15 import SHORT_USERS, Console15


def of_profile(name: str, **changes: object) -> SimulatedBmc:
    return SimulatedBmc.of_profile(name, "bmc", SHORT_USERS, GUID, random.Random(1).randbytes, **changes)


@pytest.mark.parametrize("name", PROFILES)
def test_each_bmc_has_faults_and_a_chassis_of_its_own(name: str) -> None:
    one, other = of_profile(name), of_profile(name)
    assert one.faults == other.faults
    assert one.faults is not other.faults
    assert one.chassis is not other.chassis
    assert PROFILES[name].shows


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.suites])
def test_every_suite_of_a_family_opens_but_for_what_its_faults_say(name: str) -> None:
    for suite in PROFILES[name].suites:
        console = Console(of_profile(name), suite=suite)
        assert console.open_session().status == 0


@pytest.mark.parametrize("name", ["ilo", "idrac", "ami", "intel"])
def test_families_that_a_plain_console_gets_on_with(name: str) -> None:
    console = Console(of_profile(name), password=SHORT_USERS["admin"][0], suite=PROFILES[name].suites[0]).log_in()
    assert console.run(get_chassis_status(), now=1.0).power_is_on


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.auth15 and name != "supermicro-x9"])
def test_families_that_take_1_5(name: str) -> None:
    assert Console15(of_profile(name)).log_in().run(get_chassis_status()).power_is_on


def test_changes_go_before_the_profile() -> None:
    bmc = of_profile("openbmc", suites=(SUITE_3,), faults=Faults(), slots=1, auth15=(AuthType.MD5,))
    Console(bmc, password=SHORT_USERS["admin"][0], suite=SUITE_3).log_in()
    assert Console(bmc, suite=SUITE_3).open_session().status == 1


def test_intel_refuses_other_suites_with_01h() -> None:
    assert Console(of_profile("intel"), suite=SUITES[3]).open_session().status == 0x01


def test_every_profile_is_in_the_table_of_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    assert all(f"| `{name}` |" in page for name in PROFILES)


def test_there_is_no_such_profile() -> None:
    with pytest.raises(BadArgument, match="openbmc"):
        of_profile("no such family")
