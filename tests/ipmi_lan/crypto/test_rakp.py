from __future__ import annotations

import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto import rakp as module
from ipmi_lan.crypto.rakp import (
    Login,
    SessionKeys,
    Variation,
    digest,
    rakp_2_code,
    rakp_3_code,
    rakp_4_code,
    session_keys,
    verify_code,
)
from ipmi_lan.crypto.suites import SUITE_17, SUITES, Authentication, CipherSuite
from ipmi_lan.errors import NotAuthentic, SuiteUnavailable
from tests.vectors.load import Derivation, Handshake, derivations, handshakes

every_login = pytest.mark.parametrize("known", handshakes(), ids=lambda known: known.id)
every_whole_login = pytest.mark.parametrize("known", [known for known in handshakes() if known.sik], ids=lambda known: known.id)
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: f"suite {suite.id}")
HASHES = {Authentication.HMAC_SHA1: "sha1", Authentication.HMAC_MD5: "md5", Authentication.HMAC_SHA256: "sha256"}

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


def test_every_hash_a_kg_and_a_long_password_are_among_the_vectors() -> None:
    logins = [known.login for known in handshakes() if known.sik]
    assert {login.suite.authentication for login in logins} == set(HASHES)
    assert any(login.kg for login in logins)
    assert any(len(login.password) > 16 for login in logins)


def by_hand(login: Login) -> tuple[bytes, bytes, bytes, SessionKeys]:
    """RAKP 2, 3 and 4 and the keys, from the text of 13.31 and 13.32 and the standard library."""
    name = HASHES[login.suite.authentication]

    def mac(key: bytes, *covered: bytes) -> bytes:
        return hmac.digest(key, b"".join(covered), name)

    console, bmc = (number.to_bytes(4, "little") for number in (login.console_id, login.bmc_id))
    role_and_name = bytes((login.role, len(login.user))) + login.user
    sik = mac(login.kg or login.password, login.console_random, login.bmc_random, role_and_name)
    keys = SessionKeys(sik, mac(sik, b"\x01" * 20), mac(sik, b"\x02" * 20))
    code_2 = mac(login.password, console, bmc, login.console_random, login.bmc_random, login.guid, role_and_name)
    code_3 = mac(login.password, login.bmc_random, console, role_and_name)
    code_4 = mac(sik, login.console_random, bmc, login.guid)[: {"sha1": 12, "md5": 16, "sha256": 16}[name]]
    return code_2, code_3, code_4, keys


def computed(login: Login) -> tuple[bytes, bytes, bytes, SessionKeys]:
    keys = session_keys(login)
    return rakp_2_code(login), rakp_3_code(login), rakp_4_code(login, keys), keys


@every_whole_login
def test_the_standard_library_agrees_on_known_logins(known: Handshake) -> None:
    assert by_hand(known.login) == computed(known.login)


sixteen = st.binary(min_size=16, max_size=16)
words = st.integers(0, 0xFFFFFFFF)
# An empty key, too, is 20 zeros: HMAC makes the same of both.
any_logins = st.builds(
    Login,
    suite=st.sampled_from([suite for suite in SUITES.values() if suite.id]),
    user=st.binary(max_size=16),
    password=st.binary(max_size=20),
    kg=st.binary(max_size=20),
    role=st.integers(0, 255),
    console_id=words,
    bmc_id=words,
    console_random=sixteen,
    bmc_random=sixteen,
    guid=sixteen,
)


@given(any_logins)
def test_the_standard_library_agrees_on_any_login(login: Login) -> None:
    assert by_hand(login) == computed(login)


@every_suite
def test_codes_have_the_sizes_that_the_suite_names(suite: CipherSuite) -> None:
    login = replace(LOGIN, suite=suite)
    assert len(rakp_2_code(login)) == len(rakp_3_code(login)) == suite.digest_size
    assert len(rakp_4_code(login, session_keys(login))) == suite.check_size


@given(any_logins)
def test_suite_0_has_no_codes_and_no_keys_and_nothing_of_it_verifies(login: Login) -> None:
    code_2, code_3, code_4, keys = computed(replace(login, suite=SUITES[0]))
    assert (code_2, code_3, code_4, keys) == (b"", b"", b"", SessionKeys(b"", b"", b""))
    for received in (b"", bytes(20), code_2):
        with pytest.raises(NotAuthentic):
            verify_code(received, code_2)


VARIED = replace(LOGIN, user=b"admin", password=b"a password of 20 oct", role=0x14)
Changed = Callable[[Login], Login]
PADDED: Changed = lambda login: replace(login, user=login.user.ljust(16, b"\0"))  # noqa: E731
BARE: Changed = lambda login: replace(login, role=login.role & 0x0F)  # noqa: E731


def test_a_login_without_variation_is_as_the_specification_says() -> None:
    assert VARIED.variation == Variation()
    assert computed(VARIED) == by_hand(VARIED)


@every_suite
def test_pads_name_is_for_rakp_2_and_the_keys(suite: CipherSuite) -> None:
    login = replace(VARIED, suite=suite, variation=Variation(pads_name=True))
    plain = replace(VARIED, suite=suite)
    assert rakp_2_code(login) == rakp_2_code(PADDED(plain))
    assert session_keys(login) == session_keys(PADDED(plain))
    assert rakp_3_code(login) == rakp_3_code(plain)


@every_suite
def test_bare_role_3_is_for_rakp_3(suite: CipherSuite) -> None:
    login = replace(VARIED, suite=suite, variation=Variation(bare_role_3=True))
    plain = replace(VARIED, suite=suite)
    assert rakp_3_code(login) == rakp_3_code(BARE(plain))
    assert rakp_2_code(login) == rakp_2_code(plain)
    assert session_keys(login) == session_keys(plain)


@every_suite
def test_bare_role_2_is_for_rakp_2_and_the_keys(suite: CipherSuite) -> None:
    login = replace(VARIED, suite=suite, variation=Variation(bare_role_2=True))
    plain = replace(VARIED, suite=suite)
    assert rakp_2_code(login) == rakp_2_code(BARE(plain))
    assert session_keys(login) == session_keys(BARE(plain))
    assert rakp_3_code(login) == rakp_3_code(plain)


@every_suite
def test_cuts_md5_password_is_for_hmac_md5_alone(suite: CipherSuite) -> None:
    login = replace(VARIED, suite=suite, variation=Variation(cuts_md5_password=True))
    expected = replace(VARIED, suite=suite)
    if suite.authentication is Authentication.HMAC_MD5:
        expected = replace(expected, password=VARIED.password[:16])
    assert computed(login) == computed(expected)


def test_cuts_md5_password_leaves_kg_as_it_is() -> None:
    plain = replace(VARIED, suite=SUITES[8], kg=b"a key of Kg in 20 oc")
    assert session_keys(replace(plain, variation=Variation(cuts_md5_password=True))) == session_keys(plain)


@every_suite
def test_checks_by_integrity_is_for_rakp_4(suite: CipherSuite) -> None:
    login = replace(VARIED, suite=suite, variation=Variation(checks_by_integrity=True))
    keys = session_keys(login)
    assert (rakp_2_code(login), rakp_3_code(login), keys) == (*computed(replace(VARIED, suite=suite))[:2], keys)
    if suite.integrity.name == "MD5_128":
        with pytest.raises(SuiteUnavailable, match="MD5-128"):
            rakp_4_code(login, keys)
        return
    name, size = {"NONE": ("", 0), "HMAC_SHA1_96": ("sha1", 12), "HMAC_MD5_128": ("md5", 16), "HMAC_SHA256_128": ("sha256", 16)}[
        suite.integrity.name
    ]
    covered = login.console_random + login.bmc_id.to_bytes(4, "little") + login.guid
    assert rakp_4_code(login, keys) == (hmac.digest(keys.sik, covered, name)[:size] if size else b"")


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


def test_codes_of_one_length_are_compared_whole_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def bytes_eq(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "bytes_eq", bytes_eq)
    for received in (b"\xaa" * 20, b"\x2a" + b"\xaa" * 19, b"\xaa" * 19 + b"\xab"):
        with suppress(NotAuthentic):
            verify_code(received, b"\xaa" * 20)
    assert [len(one) for one, _ in compared] == [20, 20, 20]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_only_equal_codes_verify(received: bytes, expected: bytes) -> None:
    if received == expected and any(expected):
        verify_code(received, expected)
    else:
        with pytest.raises(NotAuthentic):
            verify_code(received, expected)
