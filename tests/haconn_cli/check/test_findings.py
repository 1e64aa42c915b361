from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from haconn_cli.check.advice import advice_for
from haconn_cli.check.findings import Inspection
from haconn_cli.check.look import Look
from haconn_cli.check.telling import block, overall, values
from haconn_cli.config.identity import Identity
from haconn_cli.config.model import Account, ManagedServer, Servers
from haconn_cli.config.pins import Pin
from haconn_cli.sighting import Sighting
from ipmi_lan import NoAnswer
from ipmi_lan.commands.chassis import ChassisStatus, RestorePolicy
from ipmi_lan.commands.login import SessionInfo
from ipmi_lan.simulator.board import DEVICE_ID
from tests.haconn_cli.check.boards import ACCOUNT, GUIDS, a_server, host_of, mac_of

OTHER = Account("other", "another sixteen!")


def seen(number: int, **changes: Any) -> Look:
    """A look at a BMC that is as it should be."""
    status = ChassisStatus(power_is_on=True, restore_policy=RestorePolicy.STAY_OFF)
    look = Look(
        a_server(number), replace(ACCOUNT, name=f"hitachi{number}"), seen=Sighting(GUIDS[number], mac_of(number)), suite=17,
        device=DEVICE_ID, status=status, sessions=SessionInfo(1, 4, 1), may_be_administrator=False,
    )  # fmt: skip
    return replace(look, **changes)


def inspected(*looks: Look, pins: dict[str, Pin] | str | None = None, more: tuple[ManagedServer, ...] = ()) -> Inspection:
    return Inspection(looks, Servers((*(look.server for look in looks), *more), ACCOUNT), pins or {})


def problems(inspection: Inspection) -> list[str | None]:
    return [finding.server for finding in inspection.findings if finding.is_problem]


def warnings(inspection: Inspection) -> list[str]:
    return [finding.text for finding in inspection.findings if not finding.is_problem]


def test_all_right() -> None:
    inspection = inspected(seen(1), seen(2))
    assert inspection.findings == ()
    assert inspection.is_all_right
    assert inspection.identity(inspection.looks[0]) == Identity("guid", GUIDS[1])


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"may_be_administrator": True}, "may be administrator"),
        ({"suite": 3}, "suite 3"),
        ({"sessions": SessionInfo(1, 4, 3)}, "1 of 4 sessions are free"),
        ({"sessions": SessionInfo(1, 4, 9)}, "0 of 4 sessions are free"),
        ({"status": ChassisStatus(True, RestorePolicy.POWER_UP)}, "comes on by itself"),
        ({"status": ChassisStatus(True, RestorePolicy.AS_BEFORE)}, "comes on if it was on"),
        ({"account": Account("hitachi", "fifteen letters")}, "has 15 characters"),
        ({"account": Account("AdministratorAcc", "administratoracc")}, "the account's name"),
        ({"seen": Sighting()}, "nothing tells this BMC from another"),
    ],
)
def test_warnings_are_no_problems(changes: dict[str, Any], warning: str) -> None:
    inspection = inspected(seen(1, **changes), seen(2))
    assert inspection.is_all_right
    (text,) = warnings(inspection)
    assert warning in text


def test_what_was_not_told_is_no_warning() -> None:
    assert warnings(inspected(seen(1, device=None, sessions=None, may_be_administrator=None))) == []


def test_one_password_for_all() -> None:
    shared = [replace(seen(number), account=ACCOUNT) for number in (1, 2)]
    assert warnings(inspected(*shared)) == ["all these BMCs have the same account and password: whoever learns one has all"]
    assert warnings(inspected(shared[0])) == []


def test_no_login() -> None:
    inspection = inspected(Look(a_server(1), OTHER, error=NoAnswer("Open Session Request", 10.0)), seen(2))
    assert problems(inspection) == ["PSERVER1"]
    assert block(inspection, inspection.looks[0]) == [
        "PSERVER1  192.0.2.1",
        f"  PROBLEM   no answer to Open Session Request within 10.0 s; {advice_for(NoAnswer('', 0.0))}",
    ]


def test_a_bmc_that_is_starting() -> None:
    assert problems(inspected(seen(1, device=DEVICE_ID._replace(is_starting_or_updating=True)))) == ["PSERVER1"]


def test_another_bmc_than_the_one_pinned_or_written() -> None:
    pin = {"PSERVER1": Pin(host_of(1), Identity("guid", GUIDS[7]))}
    inspection = inspected(seen(1), pins=pin)
    assert problems(inspection) == ["PSERVER1"]
    assert "pinned by the connector on this server is guid 0707" in inspection.findings[0].text
    assert "haconnsetup pserver mod PSERVER1 repin" in inspection.findings[0].text
    assert inspected(seen(1), pins={"PSERVER1": Pin("192.0.2.99", Identity("guid", GUIDS[7]))}).is_all_right
    written = seen(1, server=a_server(1, identity=Identity("mac", mac_of(1))))
    assert inspected(written, pins=pin).is_all_right, "what is written counts first"


def test_swapped() -> None:
    pins = {f"PSERVER{number}": Pin(host_of(number), Identity("guid", GUIDS[3 - number])) for number in (1, 2)}
    assert set(problems(inspected(seen(1), seen(2), pins=pins))) == {"PSERVER1", "PSERVER2"}


def test_one_bmc_twice() -> None:
    twin = replace(seen(1), server=a_server(2))
    assert problems(inspected(seen(1), twin)) == ["PSERVER1", "PSERVER2"]
    silent = a_server(3, identity=Identity("guid", GUIDS[1]))
    assert problems(inspected(seen(1), more=(silent,))) == ["PSERVER1"], "which is written for another one"


def test_a_shared_guid() -> None:
    two = replace(seen(2), seen=Sighting(GUIDS[1], mac_of(2)))
    inspection = inspected(seen(1), two)
    assert inspection.is_all_right
    assert [inspection.identity(look) for look in inspection.looks] == [Identity("mac", mac_of(1)), Identity("mac", mac_of(2))]
    assert len([text for text in warnings(inspection) if "GUID is that of another" in text]) == 2


def test_damaged_pins() -> None:
    inspection = inspected(seen(1), pins="pins: is not JSON")
    assert problems(inspection) == [None]
    assert overall(inspection)[0].startswith("PROBLEM: which BMC each server was seen with first is lost: pins: is not JSON")
    assert values(inspection)["problems"]


def test_a_block_for_a_person() -> None:
    inspection = inspected(seen(1, may_be_administrator=True), pins={"PSERVER1": Pin(host_of(1), Identity("guid", GUIDS[1]))})
    assert block(inspection, inspection.looks[0]) == [
        "PSERVER1  192.0.2.1",
        f"  vendor    {DEVICE_ID.maker}",
        "  product   1 (device 32, revision 1)",
        "  firmware  1.00, IPMI 2.0",
        "  GUID      01010101010101010101010101010199",
        "  MAC       02:00:00:00:00:01",
        "  identity  guid 01010101010101010101010101010199; pinned by the connector on this server",
        "  login     hitachi1, cipher suite 17, operator, may be administrator",
        "  sessions  4, in use 1, this one included",
        "  power     on; stays off after a loss of mains",
        "  warning   the account may be administrator at the BMC; operator is enough for the connector, and less to be stolen",
        "  result    all right",
    ]


def test_a_block_of_a_bmc_that_tells_nothing() -> None:
    bare = Look(a_server(1), ACCOUNT, seen=Sighting(), suite=17, status=ChassisStatus(False, 9), seconds=0.5)
    inspection = inspected(bare)
    lines = block(inspection, bare)
    for line in ("  GUID      none of its own", "  MAC       not told", "  identity  none; not pinned yet", "  power     off"):
        assert line in lines
    assert values(inspection)["servers"][0]["restore_policy"] == "9"


def test_values_for_a_program() -> None:
    inspection = inspected(seen(1), Look(a_server(2), OTHER, error=NoAnswer("Open Session Request", 10.0)))
    found = values(inspection)
    assert (found["ok"], found["problems"], found["warnings"]) == (False, [], [])
    one, two = found["servers"]
    assert (one["name"], one["ok"], one["identity"], one["pinned"]) == ("PSERVER1", True, f"guid {GUIDS[1].hex()}", None)
    assert (one["suite"], one["sessions"], one["restore_policy"], one["power_is_on"]) == (17, 4, "stay_off", True)
    assert (two["ok"], two["guid"], two["vendor"]) == (False, None, None)
    assert one.keys() == two.keys()
    assert ACCOUNT.password not in str(found)
