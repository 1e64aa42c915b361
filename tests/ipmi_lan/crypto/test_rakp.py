from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.rakp import (
    Login,
    NotAuthentic,
    SessionKeys,
    digest,
    rakp_2_code,
    rakp_3_code,
    rakp_4_code,
    session_keys,
    verify_code,
)
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, CipherSuite
from tests.vectors.load import Derivation, Handshake, derivations, handshakes

every_login = pytest.mark.parametrize("known", handshakes(), ids=lambda known: known.id)
every_whole_login = pytest.mark.parametrize(
    "known", [known for known in handshakes() if known.sik], ids=lambda known: known.id
)
every_suite = pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda suite: f"suite {suite.id}")

LOGIN = Login(
    SUITE_17, b"admin", b"secret-pw", b"", 0x14, 0xA0A2A3A4, 0x01020304, bytes(range(16)), bytes(range(16, 32)), b"\xaa" * 16
)


@every_login
def test_the_known_rakp_2_code_is_computed(known: Handshake) -> None:
    assert rakp_2_code(known.login) == known.rakp_2_code


@every_whole_login
def test_the_known_rakp_3_code_is_computed(known: Handshake) -> None:
    assert rakp_3_code(known.login) == known.rakp_3_code


@every_whole_login
def test_the_known_keys_are_derived(known: Handshake) -> None:
    assert session_keys(known.login) == SessionKeys(known.sik, known.k1, known.k2)


@every_whole_login
def test_the_known_rakp_4_code_is_computed(known: Handshake) -> None:
    assert rakp_4_code(known.login, known.keys) == known.rakp_4_code


@pytest.mark.parametrize("known", derivations(), ids=lambda known: known.id)
def test_k1_and_k2_come_of_20_octets_for_every_hash(known: Derivation) -> None:
    assert digest(known.suite, known.sik, b"\x01" * 20) == known.k1
    assert digest(known.suite, known.sik, b"\x02" * 20) == known.k2


def test_both_hashes_and_a_kg_are_among_the_vectors() -> None:
    assert {known.login.suite for known in handshakes() if known.sik} == {SUITE_3, SUITE_17}
    assert any(known.login.kg for known in handshakes())


@every_suite
def test_codes_have_the_sizes_that_the_suite_names(suite: CipherSuite) -> None:
    login = replace(LOGIN, suite=suite)
    assert len(rakp_2_code(login)) == len(rakp_3_code(login)) == suite.digest_size
    assert len(rakp_4_code(login, session_keys(login))) == suite.check_size


CHANGES: dict[str, Any] = {
    "user": b"admim",
    "password": b"secret-pv",
    "role": 0x13,
    "console_id": 0xA0A2A3A5,
    "bmc_id": 0x01020305,
    "console_random": bytes(16),
    "bmc_random": bytes(16),
    "guid": b"\xab" * 16,
}
IN_RAKP_3 = {"user", "password", "role", "console_id", "bmc_random"}
IN_SIK = {"user", "password", "role", "console_random", "bmc_random"}
IN_RAKP_4 = IN_SIK | {"bmc_id", "guid"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_code_covers_what_13_31_lists_and_nothing_else(name: str) -> None:
    changed = replace(LOGIN, **{name: CHANGES[name]})
    keys, changed_keys = session_keys(LOGIN), session_keys(changed)
    assert rakp_2_code(changed) != rakp_2_code(LOGIN)
    assert (rakp_3_code(changed) != rakp_3_code(LOGIN)) == (name in IN_RAKP_3)
    assert (changed_keys != keys) == (name in IN_SIK)
    assert (rakp_4_code(changed, changed_keys) != rakp_4_code(LOGIN, keys)) == (name in IN_RAKP_4)


def test_kg_changes_the_keys_and_not_the_proof_of_the_password() -> None:
    with_kg = replace(LOGIN, kg=b"another key")
    assert rakp_2_code(with_kg) == rakp_2_code(LOGIN)
    assert rakp_3_code(with_kg) == rakp_3_code(LOGIN)
    assert session_keys(with_kg) != session_keys(LOGIN)


def test_an_empty_kg_is_the_password() -> None:
    assert session_keys(replace(LOGIN, kg=LOGIN.password)) == session_keys(LOGIN)


def test_no_secret_shows_in_a_repr() -> None:
    keys = session_keys(LOGIN)
    shown = repr(replace(LOGIN, kg=b"a Kg to hide")) + repr(keys)
    assert "secret-pw" not in shown
    assert "a Kg to hide" not in shown
    assert repr(keys.sik) not in shown


@given(st.binary(min_size=1, max_size=40).filter(any))
def test_the_same_code_verifies(code: bytes) -> None:
    verify_code(code, bytes(code))


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xaa" * 19, id="cut"),
        pytest.param(b"\xaa" * 21, id="long"),
        pytest.param(b"\xaa" * 40, id="twice"),
        pytest.param(bytes(20), id="all zero"),
        pytest.param(b"\xaa" * 19 + b"\xab", id="last bit"),
        pytest.param(b"\x2a" + b"\xaa" * 19, id="first bit"),
    ],
)
def test_another_code_does_not_verify(received: bytes) -> None:
    with pytest.raises(NotAuthentic):
        verify_code(received, b"\xaa" * 20)


@pytest.mark.parametrize("expected", [b"", bytes(12), bytes(32)])
def test_nothing_verifies_against_an_expectation_that_is_empty_or_zero(expected: bytes) -> None:
    for received in (b"", bytes(12), bytes(32), b"\xaa" * 12):
        with pytest.raises(NotAuthentic):
            verify_code(received, expected)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_only_equal_codes_verify(received: bytes, expected: bytes) -> None:
    if received == expected and any(expected):
        verify_code(received, expected)
    else:
        with pytest.raises(NotAuthentic):
            verify_code(received, expected)
