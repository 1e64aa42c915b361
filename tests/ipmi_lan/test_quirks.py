from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.rakp import Login, Variation, rakp_2_code, rakp_3_code, rakp_4_code, session_keys
from ipmi_lan.crypto.suites import SUITES, Authentication, Integrity
from ipmi_lan.errors import BadArgument, SuiteUnavailable
from ipmi_lan.quirks import (
    JUNK_AFTER_REQUEST,
    JUNK_BEFORE_LOGIN,
    NO_RELAXATIONS,
    Quirk,
    Relaxations,
    explain_code,
    parse_quirks,
    relaxations_of,
    variation_of,
)
from ipmi_lan.wire.fields import checksum
from ipmi_lan.wire.rmcp import VERSION_1

FREEIPMI = (
    "authcap idzero forcepermsg unexpectedauth endianseq noauthcodecheck nochecksumcheck intel20 supermicro20 sun20 opensesspriv "
    "integritycheckvalue"
)
IPMITOOL = "intelplus i82571spt icts supermicro quanta intelwv2 kontron ibm"
WITHOUT_EFFECT = {Quirk.OPENSESSPRIV, Quirk.KONTRON, Quirk.IBM}
LOGIN = Login(
    SUITES[3], b"admin", b"a password of 20 oct", b"", 0x14, 0xA0A2A3A4, 0x01020304, bytes(range(16)), bytes(range(16, 32)),
    b"\xaa" * 16,
)  # fmt: skip

every_quirk = pytest.mark.parametrize("quirk", Quirk)
every_proven_suite = pytest.mark.parametrize(
    "number", [number for number, suite in SUITES.items() if suite.authentication is not Authentication.NONE]
)
some_quirks = st.sets(st.sampled_from(Quirk))


def names_of(relaxations: Relaxations) -> set[str]:
    """The switches that are on, those of the digests included."""
    on = {one.name for one in fields(Relaxations) if one.name != "variation" and getattr(relaxations, one.name)}
    return on | {one.name for one in fields(Variation) if getattr(relaxations.variation, one.name)}


# ── the list ─────────────────────────────────────────────────────────────────


def test_the_list_is_freeipmi_s_and_ipmitool_s() -> None:
    assert " ".join(Quirk) == f"{FREEIPMI} {IPMITOOL}"


@every_quirk
def test_each_says_what_it_relaxes_and_where_it_was_seen(quirk: Quirk) -> None:
    assert quirk.relaxes
    assert quirk.seen_on
    assert set(quirk.versions) <= {"1.5", "2.0"}


@every_quirk
def test_only_three_do_nothing(quirk: Quirk) -> None:
    assert bool(names_of(relaxations_of([quirk]))) is (quirk not in WITHOUT_EFFECT)


def test_those_that_give_something_up_say_so() -> None:
    assert {quirk for quirk in Quirk if quirk.weakens} == {
        Quirk.IDZERO, Quirk.NOAUTHCODECHECK, Quirk.NOCHECKSUMCHECK, Quirk.INTEL20, Quirk.SUPERMICRO, Quirk.QUANTA,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("authcap", "trusts_no_capabilities"),
        ("idzero", "takes_zero_id"),
        ("forcepermsg", "forces_per_message"),
        ("unexpectedauth", "takes_unexpected_codes"),
        ("endianseq", "swaps_sequence"),
        ("noauthcodecheck", "skips_codes_15"),
        ("nochecksumcheck", "skips_checksums"),
        ("intel20", "pads_name_field pads_name bare_role_3 cuts_md5_password checks_by_integrity"),
        ("supermicro20", "trims_rakp_2"),
        ("sun20", "trims_rakp_2"),
        ("integritycheckvalue", "ignores_check_of_suite_0"),
        ("intelplus", "bare_role_3 checks_by_integrity"),
        ("i82571spt", "pads_name_field skips_set_privilege bare_role_2 bare_role_3"),
        ("icts", "pads_short"),
        ("supermicro", "uses_oem_type_15 mixes_challenge_15"),
        ("quanta", "uses_oem_type_15"),
        ("intelwv2", "sends_junk_first"),
    ],
)
def test_each_switches_exactly_this(name: str, switches: str) -> None:
    assert names_of(relaxations_of(parse_quirks(name))) == set(switches.split())


def test_no_quirks_relax_nothing() -> None:
    assert relaxations_of([]) == NO_RELAXATIONS == Relaxations()
    assert names_of(NO_RELAXATIONS) == set()


@given(some_quirks, some_quirks)
def test_quirks_together_do_what_each_does(some: Collection[Quirk], others: Collection[Quirk]) -> None:
    together = relaxations_of({*some, *others})
    assert names_of(together) == names_of(relaxations_of(some)) | names_of(relaxations_of(others))
    assert together.variation == variation_of({*some, *others})


def test_the_junk_is_no_rmcp_and_ends_like_a_request_for_the_device_id() -> None:
    message = JUNK_BEFORE_LOGIN[9:]
    assert JUNK_BEFORE_LOGIN[0] != VERSION_1
    assert JUNK_AFTER_REQUEST[0] != VERSION_1
    assert (len(JUNK_BEFORE_LOGIN), len(JUNK_AFTER_REQUEST)) == (16, 10)
    assert JUNK_BEFORE_LOGIN[8] == len(message)
    assert (message[0], message[1], message[5]) == (0x20, 0x06 << 2, 0x01)
    assert message[2] == checksum(message[:2])
    assert message[6] == checksum(message[3:6])


# ── names that a person writes ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "quirks"),
    [
        ("", ()),
        ("none", ()),
        ("intel20", (Quirk.INTEL20,)),
        ("nochecksumcheck,intel20", (Quirk.NOCHECKSUMCHECK, Quirk.INTEL20)),
        (" Sun20 , ,ICTS,sun20", (Quirk.SUN20, Quirk.ICTS)),
    ],
)
def test_a_list_of_names_is_read(text: str, quirks: tuple[Quirk, ...]) -> None:
    assert parse_quirks(text) == quirks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intel2", "'intel2'.*none of this name.*'intel20'"),
        ("sun20,supermicr020", "'supermicr020'.*'supermicro20'"),
        ("xyz", "'xyz': there is none of this name$"),
        ("none,sun20", "'none'"),
        ("kontron", "'kontron': there is nothing to relax in a session"),
        ("sun20,ibm", "'ibm': there is nothing to relax in a session"),
    ],
)
def test_a_name_that_means_nothing_here_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        parse_quirks(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        quirks = parse_quirks(text)
    except BadArgument:
        return
    assert all(quirk.versions for quirk in quirks)


# ── the digests, computed here a second time, by hand ───────────────────────


def hashed(number: int, key: bytes, data: bytes) -> bytes:
    name = {1: "sha1", 2: "md5", 3: "sha256"}[SUITES[number].authentication]
    return hmac.new(key.ljust(20, b"\0"), data, name).digest()


def ids(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


@every_proven_suite
def test_the_digests_of_intel20(number: int) -> None:
    login = replace(LOGIN, suite=SUITES[number], variation=variation_of([Quirk.INTEL20]))
    password = login.password[:16] if SUITES[number].authentication is Authentication.HMAC_MD5 else login.password
    randoms, name = login.console_random + login.bmc_random, b"\x14\x10admin".ljust(18, b"\0")
    assert rakp_2_code(login) == hashed(number, password, ids(login.console_id, login.bmc_id) + randoms + login.guid + name)
    assert rakp_3_code(login) == hashed(number, password, login.bmc_random + ids(login.console_id) + b"\x04\x05admin")
    assert session_keys(login).sik == hashed(number, password, randoms + name)


@every_proven_suite
def test_the_digests_of_i82571spt(number: int) -> None:
    login = replace(LOGIN, suite=SUITES[number], variation=variation_of([Quirk.I82571SPT]))
    randoms = login.console_random + login.bmc_random
    covered = ids(login.console_id, login.bmc_id) + randoms + login.guid + b"\x04\x05admin"
    assert rakp_2_code(login) == hashed(number, login.password, covered)
    assert rakp_3_code(login) == hashed(number, login.password, login.bmc_random + ids(login.console_id) + b"\x04\x05admin")
    assert session_keys(login).sik == hashed(number, login.password, randoms + b"\x04\x05admin")


def test_the_digests_of_intelplus() -> None:
    login = replace(LOGIN, variation=variation_of([Quirk.INTELPLUS]))
    keys = session_keys(LOGIN)
    assert rakp_2_code(login) == rakp_2_code(LOGIN)
    assert session_keys(login) == keys
    assert rakp_3_code(login) == hashed(3, LOGIN.password, LOGIN.bmc_random + ids(LOGIN.console_id) + b"\x04\x05admin")
    covered = LOGIN.console_random + ids(LOGIN.bmc_id) + LOGIN.guid
    assert rakp_4_code(login, keys) == hmac.new(keys.sik, covered, hashlib.sha1).digest()[:12]


# ── what would have explained a login that failed ────────────────────────────


def bmc_of(login: Login, quirk: Quirk | None) -> Login:
    """How a BMC that deviates so sees the same login."""
    return login if quirk is None else replace(login, variation=variation_of([quirk]))


@every_proven_suite
@pytest.mark.parametrize("quirk", [Quirk.INTEL20, Quirk.I82571SPT])
def test_a_rakp_2_code_that_a_quirk_explains(number: int, quirk: Quirk) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    assert explain_code(rakp_2_code(bmc_of(login, quirk)), login, "rakp 2", None) is quirk


@every_proven_suite
def test_a_rakp_2_code_that_is_one_octet_long(number: int) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    right = rakp_2_code(login)
    for extra in (b"\0", b"\xff"):
        assert explain_code(right + extra, login, "rakp 2", None) is Quirk.SUPERMICRO20
    wrong = bytes((right[0] ^ 1,)) + right[1:]
    for code in (wrong + b"\0", right + b"\0\0", right[:-1], b""):
        assert explain_code(code, login, "rakp 2", None) is None


def test_suite_0_has_no_rakp_2_code_and_may_have_one_octet_of_none() -> None:
    login = replace(LOGIN, suite=SUITES[0])
    assert explain_code(b"\0", login, "rakp 2", None) is Quirk.SUPERMICRO20
    assert explain_code(b"\0\0", login, "rakp 2", None) is None
    assert explain_code(bytes(12), login, "rakp 4", session_keys(login)) is Quirk.INTEGRITYCHECKVALUE
    assert explain_code(b"", login, "rakp 4", session_keys(login)) is None


@every_proven_suite
def test_a_wrong_password_is_explained_by_no_quirk(number: int) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    other = replace(login, password=b"another")
    for quirk in Quirk:
        bmc = bmc_of(other, quirk)
        assert explain_code(rakp_2_code(bmc), login, "rakp 2", None) is None
        code = code_of_rakp_4(bmc)
        if code:
            assert explain_code(code, login, "rakp 4", session_keys(login)) is None


def code_of_rakp_4(login: Login) -> bytes:
    try:
        return rakp_4_code(login, session_keys(login))
    except SuiteUnavailable:
        return b""


@every_proven_suite
@pytest.mark.parametrize("known_keys", [True, False])
@pytest.mark.parametrize("quirk", [Quirk.INTEL20, Quirk.I82571SPT])
def test_a_rakp_4_code_that_a_quirk_explains(number: int, quirk: Quirk, known_keys: bool) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    code = code_of_rakp_4(bmc_of(login, quirk))
    keys = session_keys(login) if known_keys else None
    expected = quirk if code else None
    if not code and SUITES[number].integrity is Integrity.NONE:
        expected = Quirk.INTELPLUS   # no code at all: one quirk is as likely as the other
    assert explain_code(code, login, "rakp 4", keys) is expected


@pytest.mark.parametrize("number", [1, 6, 15])
def test_no_code_in_rakp_4_where_only_the_packets_go_without(number: int) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    assert explain_code(b"", login, "rakp 4", session_keys(login)) is Quirk.INTELPLUS


def test_a_rakp_4_code_by_another_hash_is_explained_where_the_suite_has_two() -> None:
    suite = replace(SUITES[3], integrity=Integrity.HMAC_MD5_128)   # no suite of the specification, but the rule is general
    login = replace(LOGIN, suite=suite)
    keys = session_keys(login)
    code = rakp_4_code(bmc_of(login, Quirk.INTELPLUS), keys)
    assert len(code) == 16
    assert explain_code(code, login, "rakp 4", keys) is Quirk.INTELPLUS


def test_the_quirk_that_was_tried_does_not_explain_its_own_failure_but_another_may() -> None:
    tried = replace(LOGIN, variation=variation_of([Quirk.INTEL20]))
    assert explain_code(b"\x55" * 20, tried, "rakp 2", None) is None
    assert explain_code(rakp_2_code(bmc_of(LOGIN, Quirk.I82571SPT)), tried, "rakp 2", None) is Quirk.I82571SPT


@given(st.sampled_from(sorted(SUITES)), st.binary(max_size=40))
def test_random_codes_explain_nothing_but_emptiness(number: int, code: bytes) -> None:
    login = replace(LOGIN, suite=SUITES[number])
    explained = {explain_code(code, login, "rakp 2", None), explain_code(code, login, "rakp 4", session_keys(login))}
    if number and code:
        assert explained == {None}


def test_a_code_of_zeros_is_never_explained() -> None:
    for number in range(1, 20):
        login = replace(LOGIN, suite=SUITES[number])
        for size in range(1, 34):
            assert explain_code(bytes(size), login, "rakp 2", None) is None
            assert explain_code(bytes(size), login, "rakp 4", session_keys(login)) is None
