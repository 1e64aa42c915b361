"""The faults that the interop table names are the whole cause: with the same mistake on our side, it works."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ipmi_lan.crypto.rakp import Login, SessionKeys, session_keys
from ipmi_lan.crypto.suites import Authentication
from tests.peers.interop import CASES, KG_20, PASSWORD_20, STRAIGHT_15, Case, suite
from tests.peers.interop_clients import CLIENTS
from tests.peers.interop_run import our_client_against, our_simulator_for, run_column
from tests.peers.interop_servers import SERVERS
from tests.peers.interop_table import CLIENT_CELLS, SERVER_CELLS

pytestmark = pytest.mark.peer
Mistake = Callable[[Login], SessionKeys]
HASHES = {Authentication.HMAC_MD5: "md5", Authentication.HMAC_SHA256: "sha256"}
KEPT = 19   # octets


def keys_from(octets: int, login: Login) -> SessionKeys:
    """The keys of one who makes K1 and K2 from so many octets of 01h and 02h."""
    sik = session_keys(login).sik
    name = HASHES[login.suite.authentication]
    return SessionKeys(sik, hmac.digest(sik, b"\x01" * octets, name), hmac.digest(sik, b"\x02" * octets, name))


def openipmi(login: Login) -> SessionKeys:
    return replace(keys_from(16, login), k1=session_keys(login).sik)


def ipmi_sim(login: Login) -> SessionKeys:
    return replace(keys_from(16, login), k1=login.password)


def python_ipmi(login: Login) -> SessionKeys:
    return keys_from(32, login)


CLIENT_MISTAKES = [
    *(("openipmicmd", number, openipmi) for number in (7, 8, 12)),
    *(("ipmish", number, openipmi) for number in (7, 8, 12)),
    *(("python-ipmi", number, python_ipmi) for number in (16, 17)),
]


@pytest.mark.parametrize(("name", "number", "mistake"), CLIENT_MISTAKES, ids=[f"{name}-{n}" for name, n, _ in CLIENT_MISTAKES])
def test_a_client_and_its_mistake(name: str, number: int, mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CLIENT_CELLS[name][suite(number)].reason
    monkeypatch.setattr("ipmi_lan.simulator.login.session_keys", mistake)
    seen = run_column([CASES[suite(number)]], our_simulator_for(CLIENTS[name]))[suite(number)]
    assert seen.passed, seen.text


@pytest.mark.parametrize("number", [7, 8, 12])
def test_ipmi_sim_and_its_mistake(number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert SERVER_CELLS["ipmi_sim"][suite(number)].reason
    monkeypatch.setattr("ipmi_lan.session.attempt.session_keys", ipmi_sim)
    seen = run_column([CASES[suite(number)]], our_client_against(SERVERS["ipmi_sim"], tmp_path))[suite(number)]
    assert seen.passed, seen.text


@pytest.mark.parametrize("row", [KG_20, PASSWORD_20])
def test_what_ipmi_sim_keeps(row: str, tmp_path: Path) -> None:
    """It is told 20 octets, and we log in with 19."""

    def cut(case: Case) -> Case:
        return replace(case, password=case.password[:KEPT], kg=case.kg[:KEPT])

    seen = run_column([CASES[row]], our_client_against(SERVERS["ipmi_sim"], tmp_path, cut))[row]
    assert seen.passed, seen.text


def test_ipmipower_with_a_password_that_fills_its_buffer() -> None:
    case = replace(CASES[STRAIGHT_15], password="sixteen-octets-1")
    seen = run_column([case], our_simulator_for(CLIENTS["ipmipower"]))[STRAIGHT_15]
    assert seen.passed, seen.text
