"""Every entry of the vectors is replayed by a test of the part that it is about, or it says here why it cannot be."""

from __future__ import annotations

import pytest

from tests.vectors.load import aes_cases, codes15, derivations, document, exchanges, handshakes, traces, traces15

NOT_REPLAYED = {"sdr-full-dell-r630": "sensor records: this package does not read them"}
ONE_BY_ONE = {
    "packet-sha1-aes-ipmi-rs": "crypto/test_sealing_recorded.py",
    "handshake-suite17-gigabyte-framing": "wire/test_recorded.py: its password is unpublished, so its codes cannot be computed",
    "lab-ping": "wire/test_rmcp.py",
    "lab-capabilities-15": "wire/test_packet15.py",
    "lab-capabilities-15-user": "wire/test_packet15.py",
}
PARTS = ("published", "lab", "sessionless", "commands")


def test_every_entry_is_replayed_or_says_why_not() -> None:
    whole = [each.id for group in (handshakes(), derivations(), traces(), traces15(), codes15(), exchanges()) for each in group]
    replayed = set(whole) | {case.id.split(":")[0] for case in aes_cases()} | set(ONE_BY_ONE)
    there = {each["id"] for part in PARTS for each in document()[part]}
    assert there == replayed | set(NOT_REPLAYED)
    assert not replayed & set(NOT_REPLAYED)


@pytest.mark.parametrize("part", PARTS)
def test_no_entry_stands_twice(part: str) -> None:
    names = [each["id"] for each in document()[part]]
    assert len(names) == len(set(names))


def test_every_suite_that_two_foreign_programs_speak_is_recorded() -> None:
    """xRC4 is spoken by no two of them, and suite 0 has nothing to compute."""
    assert {trace.handshake.login.suite.id for trace in traces()} == {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17}
    assert sorted(trace.auth_type for trace in traces15()) == [0, 1, 2, 4]
