from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.integrity import code_maker
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.suites import SUITES, CipherSuite, Integrity
from ipmi_lan.errors import BadArgument
from tests.vectors.load import Trace, traces

KEYS = SessionKeys(b"\x11" * 32, b"\x22" * 32, b"\x33" * 32)
PASSWORD = b"sixteen and more"
WITH_CODES = [trace for trace in traces() if trace.handshake.login.suite.is_authenticated]
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: f"suite {suite.id}")


def md5_by_hand(data: bytes) -> bytes:
    key = PASSWORD.ljust(20, b"\0")
    return hashlib.md5(key + data + key).digest()


BY_HAND: dict[Integrity, Callable[[bytes], bytes]] = {
    Integrity.NONE: lambda data: b"",
    Integrity.HMAC_SHA1_96: lambda data: hmac.digest(KEYS.k1, data, "sha1")[:12],
    Integrity.HMAC_MD5_128: lambda data: hmac.digest(KEYS.k1, data, "md5"),
    Integrity.MD5_128: md5_by_hand,
    Integrity.HMAC_SHA256_128: lambda data: hmac.digest(KEYS.k1, data, "sha256")[:16],
}


@every_suite
@given(data=st.lists(st.binary(max_size=100), max_size=5))
def test_codes_are_those_of_hashlib_and_hmac_one_after_the_other(suite: CipherSuite, data: list[bytes]) -> None:
    code = code_maker(suite, KEYS, PASSWORD)
    assert [code(each) for each in data] == [BY_HAND[suite.integrity](each) for each in data]


@every_suite
def test_a_code_has_the_size_that_the_suite_names(suite: CipherSuite) -> None:
    assert len(code_maker(suite, KEYS, PASSWORD)(b"covered")) == suite.code_size


@pytest.mark.parametrize("trace", WITH_CODES, ids=lambda trace: trace.id)
def test_recorded_codes_are_computed(trace: Trace) -> None:
    login = trace.handshake.login
    code, size = code_maker(login.suite, trace.handshake.keys, login.password), login.suite.code_size
    for frame, _ in trace.in_session:
        assert code(frame.datagram[4:-size]) == frame.datagram[-size:]


def test_the_password_is_the_key_of_md5_128_alone() -> None:
    for suite in SUITES.values():
        same = code_maker(suite, KEYS, b"another")(b"covered") == code_maker(suite, KEYS, PASSWORD)(b"covered")
        assert same == (suite.integrity is not Integrity.MD5_128)


def test_a_password_too_long_is_never_cut() -> None:
    assert len(code_maker(SUITES[11], KEYS, bytes(20))(b"")) == 16
    with pytest.raises(BadArgument):
        code_maker(SUITES[11], KEYS, bytes(21))
