from __future__ import annotations

import json
from dataclasses import replace

import pytest

from haconn_cli.config.identity import Identity
from haconn_cli.config.load import load_servers
from haconn_cli.config.model import Account, BmcAddress
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import Pin, keep_pin, load_pins
from haconn_cli.reports import build_outcome
from tests.fakes.lan import Lan
from tests.haconn_cli.check.boards import ACCOUNT, GUIDS, a_board, a_server, host_of, mac_of, set_up
from tests.haconn_cli.conftest import Setup
from tests.haconn_cli.control_server import control_server

RIGHT = "haconnsetup check [NAME...] [--pin] [--json]"
ONE, TWO = Identity("guid", GUIDS[1]), Identity("guid", GUIDS[2])


@pytest.fixture
def both(paths: Paths, lan: Lan) -> Paths:
    """Two servers with their BMCs."""
    own = Account("hitachi", "a good one of two")
    set_up(paths, a_server(1), a_server(2, account=own))
    lan.put(a_board(1), host_of(1))
    lan.put(a_board(2, users={own.name: (own.password, 3)}), host_of(2))
    return paths


def written(paths: Paths) -> dict[str, Identity | None]:
    return {server.name: server.identity for server in load_servers(paths.conf_pserver).servers}


def test_all_right(both: Paths, haconnsetup: Setup) -> None:
    before = both.conf_pserver.read_bytes()
    outcome = haconnsetup("check")
    assert (outcome.code, outcome.err) == (0, [])
    assert [line for line in outcome.out if not line.startswith(" ")] == ["PSERVER1  192.0.2.1", "", "PSERVER2  192.0.2.2", ""]
    assert outcome.out.count("  result    all right") == 2
    assert both.conf_pserver.read_bytes() == before
    assert not both.pins.exists()


def test_some_of_them(both: Paths, haconnsetup: Setup) -> None:
    assert [line for line in haconnsetup("check", "PSERVER2").out if line.startswith("P")] == ["PSERVER2  192.0.2.2"]


def test_a_problem(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    lan.put(None, host_of(2))
    outcome = haconnsetup("check")
    assert outcome.code == 1
    assert set(outcome.err) == {"waiting for the BMC of PSERVER2"}
    (problem,) = [line for line in outcome.out if "PROBLEM" in line]
    assert "no answer" in problem


def test_for_a_program(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    outcome = haconnsetup("check", "--json")
    assert outcome.code == 0
    values = json.loads("\n".join(outcome.out))
    assert (values["ok"], [server["name"] for server in values["servers"]]) == (True, ["PSERVER1", "PSERVER2"])
    lan.put(None, host_of(1))
    outcome = haconnsetup("check", "--json")
    assert (outcome.code, json.loads("\n".join(outcome.out))["ok"]) == (1, False)


def test_pin_writes_what_is_all_right_and_nothing_else(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    lan.put(None, host_of(2))
    outcome = haconnsetup("check", "--pin")
    assert outcome.code == 1
    assert outcome.err[-2:] == ["PSERVER2: its identity is not written", f"PSERVER1: {ONE} is written in {both.conf_pserver}"]
    assert written(both) == {"PSERVER1": ONE, "PSERVER2": None}
    before = both.conf_pserver.read_bytes()
    lan.put(a_board(3), host_of(1))
    outcome = haconnsetup("check", "PSERVER1", "--pin")
    assert outcome.code == 1
    assert "another BMC answers there" in "".join(outcome.out)
    assert both.conf_pserver.read_bytes() == before


def test_shared_guids_are_pinned_by_mac_address(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    lan.put(a_board(2, guid=GUIDS[1], users={"hitachi": ("a good one of two", 3)}), host_of(2))
    assert haconnsetup("check", "--pin").code == 0
    assert written(both) == {"PSERVER1": Identity("mac", mac_of(1)), "PSERVER2": Identity("mac", mac_of(2))}
    assert haconnsetup("check").code == 0


def test_one_bmc_twice(paths: Paths, haconnsetup: Setup, lan: Lan) -> None:
    set_up(paths, a_server(1), replace(a_server(2), bmc=BmcAddress(host_of(1), 6230)))
    board = a_board(1)
    lan.put(board, host_of(1))
    lan.put(board, host_of(1), 6230)
    outcome = haconnsetup("check", "--pin")
    assert outcome.code == 1
    assert len([line for line in outcome.out if "mend the address of one of them" in line]) == 2
    assert written(paths) == {"PSERVER1": None, "PSERVER2": None}


def test_comments_are_not_lost_by_a_pin(both: Paths, haconnsetup: Setup) -> None:
    with both.conf_pserver.open("a") as file:
        file.write("# mine\n")
    assert haconnsetup("check", "--pin").code == 2
    assert haconnsetup("check").code == 0
    assert haconnsetup("check", "--pin", "--drop-comments").code == 0
    assert written(both) == {"PSERVER1": ONE, "PSERVER2": TWO}


def test_damaged_pins_are_a_problem_until_all_is_written(both: Paths, haconnsetup: Setup) -> None:
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    both.pins.write_text("{")
    outcome = haconnsetup("check", "--pin")
    assert outcome.code == 1
    assert "is lost" in outcome.out[-1]
    assert written(both) == {"PSERVER1": ONE, "PSERVER2": TWO}
    both.pins.unlink()
    assert haconnsetup("check").code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["PSERVER9"], "check: no server PSERVER9 (did you mean PSERVER2?); there are: PSERVER1, PSERVER2"),
        (["--pins"], f"option '--pins' is not known here; right is: {RIGHT}"),
        (["name=PSERVER1"], f"'name=' is not known here; right is: {RIGHT}"),
    ],
)
def test_wrong_words(both: Paths, haconnsetup: Setup, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("check", *words)
    assert (outcome.code, outcome.complaint) == (2, f"haconnsetup: {complaint}")


def test_nothing_is_set_up(paths: Paths, haconnsetup: Setup) -> None:
    assert haconnsetup("check").code == 3
    set_up(paths)
    assert "no server is set up yet" in haconnsetup("check").complaint


def test_help(haconnsetup: Setup) -> None:
    assert haconnsetup("check", "--help").out[0] == f"usage: {RIGHT}"


# pserver add --check


def test_add_checks_first(paths: Paths, haconnsetup: Setup, lan: Lan) -> None:
    lan.put(a_board(1), host_of(1))
    outcome = haconnsetup(
        "pserver", "add", "PSERVER1", f"addr={host_of(1)}", f"account={ACCOUNT.name}", "--check", stdin=f"{ACCOUNT.password}\n"
    )
    assert outcome.code == 0
    assert outcome.out[0] == "PSERVER1  192.0.2.1"
    assert written(paths) == {"PSERVER1": ONE}


@pytest.mark.parametrize("password", ["wrong", ACCOUNT.password])
def test_add_refuses_what_does_not_work(both: Paths, haconnsetup: Setup, lan: Lan, password: str) -> None:
    """A wrong password; or a BMC that is another server's."""
    haconnsetup("check", "--pin")
    before = both.conf_pserver.read_bytes()
    lan.put(a_board(1), host_of(3))
    outcome = haconnsetup(
        "pserver", "add", "PSERVER3", f"addr={host_of(3)}", f"account={ACCOUNT.name}", "--check", stdin=f"{password}\n"
    )
    assert outcome.code == 1
    assert outcome.err[-1].startswith("haconnsetup: PSERVER3 was not added")
    assert len([line for line in outcome.out if "PROBLEM" in line]) == 1
    assert both.conf_pserver.read_bytes() == before


# pserver mod


def test_at_another_address_another_identity(both: Paths, haconnsetup: Setup) -> None:
    haconnsetup("check", "--pin")
    outcome = haconnsetup("pserver", "mod", "PSERVER1", f"addr={host_of(8)}")
    assert outcome.code == 0
    assert "the identity written for PSERVER1 was that of its BMC at 192.0.2.1, and is gone" in outcome.complaint
    assert written(both) == {"PSERVER1": None, "PSERVER2": TWO}
    assert haconnsetup("pserver", "mod", "PSERVER2", "name=B", f"addr={host_of(2)}").err == []
    assert written(both) == {"PSERVER1": None, "B": TWO}


def test_repin_of_what_the_connector_pinned(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    keep_pin(both, "PSERVER2", host_of(2), TWO)
    lan.put(a_board(5), host_of(1))
    assert haconnsetup("check").code == 1
    outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
    new = Identity("guid", GUIDS[5])
    assert (outcome.code, outcome.out) == (0, [f"PSERVER1: was {ONE}, is {new}"])
    assert "pins of their own" in outcome.complaint
    assert load_pins(both) == {"PSERVER1": Pin(host_of(1), new), "PSERVER2": Pin(host_of(2), TWO)}
    assert written(both) == {"PSERVER1": None, "PSERVER2": None}
    assert haconnsetup("check").code == 0


@pytest.mark.parametrize(
    ("refused", "note"),
    [("", []), ("no such thing", ["note: the connector is still running as before: no such thing"])],
)
def test_a_running_connector_reads_the_new_pin(both: Paths, haconnsetup: Setup, refused: str, note: list[str]) -> None:
    keep_pin(both, "PSERVER1", host_of(1), TWO)
    with control_server(both, build_outcome(refused)) as asked:
        outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
    assert outcome.code == 0
    assert [json.loads(line) for line in asked] == [{"ask": "reload"}]
    assert outcome.err[1:] == note


def test_repin_of_what_is_written(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    haconnsetup("check", "--pin")
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    lan.put(a_board(5), host_of(1))
    outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
    assert (outcome.code, outcome.out) == (0, [f"PSERVER1: was {ONE}, is guid {GUIDS[5].hex()}"])
    assert written(both) == {"PSERVER1": Identity("guid", GUIDS[5]), "PSERVER2": TWO}
    assert load_pins(both) == {}


def test_repin_of_a_bmc_that_is_silent(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    haconnsetup("check", "--pin")
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    lan.put(None, host_of(1))
    outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
    assert outcome.code == 0
    assert "the next BMC that answers there is taken for it" in " ".join(outcome.err)
    assert written(both) == {"PSERVER1": None, "PSERVER2": TWO}
    assert load_pins(both) == {}


def test_repin_takes_no_bmc_of_another_server_and_none_that_lets_nobody_in(both: Paths, haconnsetup: Setup, lan: Lan) -> None:
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    keep_pin(both, "PSERVER2", host_of(2), TWO)
    for board in (a_board(1, guid=GUIDS[2], users={"hitachi": (ACCOUNT.password, 3)}), a_board(5, users={"x": ("y", 3)})):
        lan.put(board, host_of(1))
        outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
        assert outcome.code == 1
        assert outcome.err[-1] == "haconnsetup: PSERVER1: nothing was changed: see its PROBLEM"
        assert load_pins(both)["PSERVER1"].identity == ONE


def test_repin_where_the_pins_are_damaged(both: Paths, haconnsetup: Setup) -> None:
    keep_pin(both, "PSERVER1", host_of(1), ONE)
    both.pins.write_text("{")
    outcome = haconnsetup("pserver", "mod", "PSERVER1", "repin")
    assert (outcome.code, outcome.out) == (0, [f"PSERVER1: was not pinned, is {ONE}"])
    assert written(both) == {"PSERVER1": ONE, "PSERVER2": None}
    assert both.pins.read_text() == "{"


def test_without_a_look_nothing_of_it_is_loaded() -> None:
    import subprocess
    import sys

    code = "import sys, haconn_cli.verbs.pserver; sys.exit('trio' in sys.modules or 'ipmi_lan.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
