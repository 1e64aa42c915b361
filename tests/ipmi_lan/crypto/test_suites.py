from __future__ import annotations

import pytest

from ipmi_lan.crypto import suites as module
from ipmi_lan.crypto.suites import (
    DEFAULT_SUITES,
    SUITE_3,
    SUITE_17,
    SUITES,
    Authentication,
    CipherSuite,
    Confidentiality,
    Integrity,
    expect_available,
)
from ipmi_lan.errors import BadArgument, SuiteUnavailable
from ipmi_lan.wire.handshake import Algorithms
from tests.vectors.load import Trace, entry, traces

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: f"suite {suite.id}")
WITH_XRC4 = {4, 5, 9, 10, 13, 14, 18, 19}


def test_the_stronger_suite_is_tried_first() -> None:
    assert DEFAULT_SUITES == (SUITE_17, SUITE_3)


def test_every_default_suite_authenticates_protects_and_encrypts() -> None:
    for suite in DEFAULT_SUITES:
        assert suite.authentication is not Authentication.NONE
        assert suite.is_authenticated
        assert suite.confidentiality is Confidentiality.AES_CBC_128


def test_a_real_bmc_names_the_same_algorithms() -> None:
    records = entry("handshake-suite17-gigabyte-framing")["expected"]["cipher_suite_records"]
    assert {suite.id: suite.algorithms for suite in DEFAULT_SUITES} == {number: Algorithms(*rest) for number, *rest in records}


def test_table_22_20_is_whole() -> None:
    """Written down a second time, by the names of the table."""
    sha1, md5, sha256 = Authentication.HMAC_SHA1, Authentication.HMAC_MD5, Authentication.HMAC_SHA256
    rows = [(Authentication.NONE, Integrity.NONE, Confidentiality.NONE)]
    for login, packet in (
        (sha1, Integrity.HMAC_SHA1_96),
        (md5, Integrity.HMAC_MD5_128),
        (md5, Integrity.MD5_128),
        (sha256, Integrity.HMAC_SHA256_128),
    ):
        if packet is not Integrity.MD5_128:
            rows.append((login, Integrity.NONE, Confidentiality.NONE))
        rows += [(login, packet, each) for each in Confidentiality]
    assert [(suite.authentication, suite.integrity, suite.confidentiality) for suite in SUITES.values()] == rows
    assert [(number, suite.id) for number, suite in SUITES.items()] == [(number, number) for number in range(20)]


def test_algorithm_numbers_are_those_of_tables_13_17_to_13_19() -> None:
    assert [(each.name, each.value) for each in Authentication] == [
        ("NONE", 0), ("HMAC_SHA1", 1), ("HMAC_MD5", 2), ("HMAC_SHA256", 3),
    ]  # fmt: skip
    assert [(each.name, each.value) for each in Integrity] == [
        ("NONE", 0), ("HMAC_SHA1_96", 1), ("HMAC_MD5_128", 2), ("MD5_128", 3), ("HMAC_SHA256_128", 4),
    ]  # fmt: skip
    assert [(each.name, each.value) for each in Confidentiality] == [
        ("NONE", 0), ("AES_CBC_128", 1), ("XRC4_128", 2), ("XRC4_40", 3),
    ]  # fmt: skip


@pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace.id)
def test_recorded_codes_have_the_sizes_that_the_suite_names(trace: Trace) -> None:
    known = trace.handshake
    suite = known.login.suite
    assert (len(known.rakp_2_code), len(known.rakp_3_code)) == (suite.digest_size, suite.digest_size)
    assert len(known.rakp_4_code) == suite.check_size


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(0, (0, 0, 0)), (1, (20, 12, 0)), (3, (20, 12, 12)), (6, (16, 16, 0)), (8, (16, 16, 16)), (12, (16, 16, 16)),
     (15, (32, 16, 0)), (17, (32, 16, 16))],
)  # fmt: skip
def test_sizes_go_by_the_algorithm_they_belong_to(number: int, sizes: tuple[int, int, int]) -> None:
    suite = SUITES[number]
    assert (suite.digest_size, suite.check_size, suite.code_size) == sizes


@every_suite
def test_every_suite_that_encrypts_also_authenticates(suite: CipherSuite) -> None:
    assert suite.is_authenticated or not suite.is_encrypted
    assert suite.is_authenticated == (suite.code_size > 0)


@every_suite
def test_every_suite_is_available_where_rc4_is(suite: CipherSuite) -> None:
    expect_available(suite)


@every_suite
def test_without_rc4_its_suites_are_refused_with_the_reason(suite: CipherSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "lack_of_rc4", lambda: "no RC4 here")
    if suite.id not in WITH_XRC4:
        expect_available(suite)
        return
    with pytest.raises(SuiteUnavailable, match=f"cipher suite {suite.id} cannot be used: no RC4 here") as refused:
        expect_available(suite)
    assert isinstance(refused.value, BadArgument)
    assert (refused.value.suite, refused.value.why) == (suite.id, "no RC4 here")
