from __future__ import annotations

from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17
from ipmi_lan.wire.handshake import Algorithms
from tests.vectors.load import entry


def test_the_stronger_suite_is_tried_first() -> None:
    assert DEFAULT_SUITES == (SUITE_17, SUITE_3)


def test_every_suite_authenticates_protects_and_encrypts() -> None:
    for suite in DEFAULT_SUITES:
        assert suite.algorithms.authentication
        assert suite.algorithms.integrity
        assert suite.algorithms.confidentiality == 1


def test_a_real_bmc_names_the_same_algorithms() -> None:
    records = entry("handshake-suite17-gigabyte-framing")["expected"]["cipher_suite_records"]
    assert {suite.id: suite.algorithms for suite in DEFAULT_SUITES} == {number: Algorithms(*rest) for number, *rest in records}


def test_sizes_are_those_of_tables_13_17_and_13_18() -> None:
    assert [(suite.digest_size, suite.check_size) for suite in (SUITE_3, SUITE_17)] == [(20, 12), (32, 16)]
