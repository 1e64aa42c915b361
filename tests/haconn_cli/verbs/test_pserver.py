from __future__ import annotations

import pytest

from haconn_cli import screen
from haconn_cli.config.load import load_servers
from haconn_cli.config.model import Account, BmcAddress, ManagedServer
from haconn_cli.config.paths import Paths
from tests.haconn_cli.conftest import Outcome, Setup

ADD = "haconnsetup pserver add NAME addr=BMC [account=ACCOUNT] [--check]"
MOD = "haconnsetup pserver mod NAME [name=NEW] [addr=BMC] [account=ACCOUNT], or haconnsetup pserver mod NAME repin"
DEL = "haconnsetup pserver del NAME"
BMC = "must be IP or IP:PORT, like 192.168.0.51, 192.168.0.51:623, fd00::51 or [fd00::51]:623"
TO_CHANGE = "to change it: haconnsetup pserver mod PSERVER1 ..."
PROMPT = "password :"


def stored(paths: Paths) -> tuple[ManagedServer, ...]:
    return load_servers(paths.conf_pserver).servers


@pytest.mark.shows("C3")
def test_add_with_an_account(haconnsetup: Setup, paths: Paths) -> None:
    outcome = haconnsetup("pserver", "add", "PSERVER1", "addr=192.168.0.51:6230", "account=admin", stdin=" p w \n")
    assert outcome == Outcome(0, [], [PROMPT])
    assert stored(paths) == (ManagedServer("PSERVER1", BmcAddress("192.168.0.51", 6230), Account("admin", " p w ")),)


def test_add_without_any_account(haconnsetup: Setup, paths: Paths) -> None:
    outcome = haconnsetup("pserver", "add", "PSERVER1", "addr=192.168.0.51")
    assert outcome.code == 2
    assert outcome.complaint == (
        "haconnsetup: server PSERVER1: has no account; set account=, or once 'haconnsetup default account=NAME'"
    )
    assert not paths.conf_pserver.exists()


@pytest.mark.shows("C4")
def test_del(cluster: Setup, paths: Paths) -> None:
    assert cluster("pserver", "del", "PSERVER2") == Outcome(0, [], [])
    assert [server.name for server in stored(paths)] == ["PSERVER1", "PSERVER3", "PSERVER4"]


@pytest.mark.shows("C5")
def test_mod(cluster: Setup, paths: Paths) -> None:
    assert cluster("pserver", "mod", "PSERVER2", "name=B", "addr=[fd00::2]:6230") == Outcome(0, [], [])
    assert stored(paths)[1] == ManagedServer("B", BmcAddress("fd00::2", 6230))
    assert cluster("pserver", "mod", "B", "account=root", stdin="x\n") == Outcome(0, [], [PROMPT])
    assert stored(paths)[1] == ManagedServer("B", BmcAddress("fd00::2", 6230), Account("root", "x"))
    assert cluster("pserver", "mod", "B", "addr=10.0.0.2") == Outcome(0, [], [])
    assert stored(paths)[1] == ManagedServer("B", BmcAddress("10.0.0.2"), Account("root", "x"))
    assert cluster("pserver", "mod", "B", "name=B") == Outcome(0, [], [])


@pytest.mark.shows("C3")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "pserver: a word is missing; must be one of: add, del, mod"),
        (["ad", "X"], "pserver: unknown word 'ad' (did you mean add?); must be one of: add, del, mod"),
        (["add"], f"pserver add: NAME is missing; right is: {ADD}"),
        (["add", "addr=10.0.0.1"], f"pserver add: NAME is missing; right is: {ADD}"),
        (["add", "a-b", "addr=10.0.0.1"], "name 'a-b': must be 1 to 31 letters and digits, like PSERVER1"),
        (["add", "x" * 32, "addr=10.0.0.1"], f"name '{'x' * 32}': must be 1 to 31 letters and digits, like PSERVER1"),
        (["add", "X"], f"pserver add: addr= is missing; right is: {ADD}"),
        (["add", "X", "adr=10.0.0.1"], f"'adr=' is not known here (did you mean addr?); right is: {ADD}"),
        (["add", "X", "addr="], f"'addr=' has no value; right is: {ADD}"),
        (["add", "X", "addr=10.0.0.1", "addr=10.0.0.1"], "'addr=' stands twice; give it once"),
        (["add", "X", "addr=bmc1"], f"addr 'bmc1': {BMC}"),
        (["add", "X", "addr=192.168.0.53"], "server X: BMC address 192.168.0.53 is already that of PSERVER3"),
        (["add", "PSERVER1", "addr=10.0.0.1"], f"pserver add: PSERVER1 is there already; {TO_CHANGE}"),
        (["add", "pserver1", "addr=10.0.0.1"], "name 'pserver1': differs from PSERVER1 in case only; it must differ in more"),
        (["mod", "PSERVER2", "name=pserver1"], "name 'pserver1': differs from PSERVER1 in case only; it must differ in more"),
        (["add", "X", "addr=10.0.0.1", "password=x"],
         "'password' is not taken from the command line, where others could read it; account=NAME asks for it"),
        (["add", "X", "addr=10.0.0.1", f"account={'é' * 9}"], "account: 18 bytes are more than IPMI carries; at most 16"),
        (["del"], f"pserver del: NAME is missing; right is: {DEL}"),
        (["del", "PSERVER1", "PSERVER2"], f"'PSERVER2' is one word too many; right is: {DEL}"),
        (["del", "pserver1"], "no server pserver1 (did you mean PSERVER1?); there are: PSERVER1, PSERVER2, PSERVER3, PSERVER4"),
        (["mod", "PSERVER1"], f"pserver mod: nothing to change; right is: {MOD}"),
        (["mod", "Q", "name=R"], "no server Q; there are: PSERVER1, PSERVER2, PSERVER3, PSERVER4"),
        (["mod", "PSERVER1", "name=PSERVER2"], "server PSERVER2: name PSERVER2 is already that of PSERVER2"),
        (["mod", "Q", "repin"], "no server Q; there are: PSERVER1, PSERVER2, PSERVER3, PSERVER4"),
        (["mod", "PSERVER1", "repin", "name=X"], f"'repin': '=' is missing; right is: {MOD}"),
        (["mod", "PSERVER1", "addr=10.0.0.1", "--check"],
         "pserver mod: --check goes with add; to look at BMCs: haconnsetup check [NAME...]"),
        (["mod", "PSERVER1", "name=a b"], "name 'a b': must be 1 to 31 letters and digits, like PSERVER1"),
        (["mod", "Q", "account=x"], "no server Q; there are: PSERVER1, PSERVER2, PSERVER3, PSERVER4"),
    ],
)  # fmt: skip
def test_wrong_words_are_one_line_and_no_prompt(cluster: Setup, paths: Paths, words: list[str], complaint: str) -> None:
    before = paths.conf_pserver.read_bytes()
    outcome = cluster("pserver", *words, stdin="unread\n")
    assert (outcome.code, outcome.out, outcome.complaint) == (2, [], f"haconnsetup: {complaint}")
    assert paths.conf_pserver.read_bytes() == before


@pytest.mark.shows("C5")
@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("", "no password was given; nothing was changed"),
        ("\n", "no password was given; nothing was changed"),
        ("x" * 21 + "\n", "password: 21 bytes are more than IPMI carries; at most 20"),
        ("é" * 11, "password: 22 bytes are more than IPMI carries; at most 20"),
        ("\udcff\n", "password: is not UTF-8 text"),
    ],
)
def test_wrong_passwords(cluster: Setup, paths: Paths, password: str, complaint: str) -> None:
    before = paths.conf_pserver.read_bytes()
    outcome = cluster("pserver", "mod", "PSERVER1", "account=a", stdin=password)
    assert outcome == Outcome(2, [], [PROMPT, f"haconnsetup: {complaint}"])
    assert paths.conf_pserver.read_bytes() == before


def test_the_longest_password(cluster: Setup, paths: Paths) -> None:
    cluster("pserver", "mod", "PSERVER1", "account=a", stdin="x" * 20 + "\n")
    assert stored(paths)[0].account == Account("a", "x" * 20)


@pytest.mark.shows("M5")
def test_the_count_of_servers(cluster: Setup, paths: Paths) -> None:
    warning = "warning: {} set up; a cluster of physical servers has 2 to 4"
    for number in range(5, 17):
        outcome = cluster("pserver", "add", f"PSERVER{number}", f"addr=10.0.0.{number}")
        assert (outcome.code, outcome.complaint) == (0, warning.format(f"{number} servers are"))
    outcome = cluster("pserver", "add", "PSERVER17", "addr=10.0.0.17")
    assert (outcome.code, outcome.complaint) == (2, "haconnsetup: 17 servers: at most 16")
    for number in range(16, 2, -1):
        cluster("pserver", "del", f"PSERVER{number}")
    assert cluster("pserver", "del", "PSERVER2").complaint == warning.format("1 server is")
    assert cluster("show", "setting").complaint == warning.format("1 server is")


def test_a_name_may_change_its_own_case(cluster: Setup, paths: Paths) -> None:
    assert cluster("pserver", "mod", "PSERVER1", "name=pserver1") == Outcome(0, [], [])
    assert stored(paths)[0].name == "pserver1"


def test_the_own_server_stays_in_the_list(cluster: Setup, paths: Paths) -> None:
    with paths.conf_haconn.open("a") as file:
        file.write('[service]\nown_server = "PSERVER2"\n')
    complaint = (
        f"haconnsetup: PSERVER2 is own_server in {paths.conf_haconn}, so the connector would not start without it;"
        " first remove that line there, or write another name"
    )
    assert cluster("pserver", "del", "PSERVER2") == Outcome(2, [], [complaint])
    assert cluster("pserver", "mod", "PSERVER2", "name=B", "account=a", stdin="unread\n") == Outcome(2, [], [complaint])
    assert len(stored(paths)) == 4
    assert cluster("pserver", "mod", "PSERVER2", "addr=10.0.0.2") == Outcome(0, [], [])
    assert cluster("pserver", "del", "PSERVER3") == Outcome(0, [], [])


def test_an_address_that_looks_as_if_a_port_was_meant(cluster: Setup, paths: Paths) -> None:
    warning = "warning: addr 'fd00::1:623' is an address without a port; with one it would be [fd00::1]:623"
    assert cluster("pserver", "mod", "PSERVER1", "addr=fd00::1:623") == Outcome(0, [], [warning])
    assert stored(paths)[0].bmc == BmcAddress("fd00::1:623")
    assert cluster("pserver", "mod", "PSERVER1", "addr=[fd00::1]:623") == Outcome(0, [], [])


def test_a_server_added_while_the_password_is_typed_is_not_lost(
    cluster: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(prompt: str) -> str:
        monkeypatch.undo()
        monkeypatch.setenv("HACONN_ROOT", str(paths.root))
        assert cluster("pserver", "del", "PSERVER4").code == 0
        return "typed"

    monkeypatch.setattr(screen, "ask_secret", meanwhile)
    assert cluster("pserver", "mod", "PSERVER1", "account=a").code == 0
    assert [server.name for server in stored(paths)] == ["PSERVER1", "PSERVER2", "PSERVER3"]
    assert stored(paths)[0].account == Account("a", "typed")


def test_comments_are_refused_before_the_prompt(cluster: Setup, paths: Paths) -> None:
    with paths.conf_pserver.open("a") as file:
        file.write("# mine\n")
    assert "would be lost" in cluster("pserver", "mod", "PSERVER1", "account=a", stdin="x\n").complaint
    assert cluster("pserver", "--drop-comments", "mod", "PSERVER1", "account=a", stdin="x\n") == Outcome(0, [], [PROMPT])
