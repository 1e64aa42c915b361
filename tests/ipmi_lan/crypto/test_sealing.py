from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto import suites as suites_module
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, Malformed, NotAuthentic, SuiteUnavailable
from ipmi_lan.wire.packet import Packet, parse_packet_untrusted
from tests.ipmi_lan.crypto.randomness import counting
from tests.ipmi_lan.crypto.sealed import AUTHENTICATED, BMC, CONSOLE, KEYS, MESSAGE, PASSWORD, ends, name_of, sealed
from tests.ipmi_lan.wire.octets import hostile, word

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=name_of)
a_suite = st.sampled_from(list(SUITES.values()))


@given(a_suite, st.integers(0, 0x3F), st.binary(max_size=80), word)
def test_a_packet_comes_back(suite: CipherSuite, kind: int, payload: bytes, sequence: int) -> None:
    both = ends(suite)
    packet = both.bmc.unseal_untrusted(both.console.seal(sequence, payload, counting(), kind))
    assert packet == Packet(kind, payload, BMC, sequence, suite.is_encrypted, suite.is_authenticated)


@every_suite
def test_each_way_has_the_other_end_s_session_id(suite: CipherSuite) -> None:
    both, randomness = ends(suite), counting()
    assert parse_packet_untrusted(both.console.seal(1, MESSAGE, randomness)).session_id == BMC
    assert parse_packet_untrusted(both.bmc.seal(1, MESSAGE, randomness)).session_id == CONSOLE


@every_suite
def test_what_is_encrypted_cannot_be_read_and_what_is_not_can(suite: CipherSuite) -> None:
    assert (MESSAGE in sealed(suite)) != suite.is_encrypted


lots = st.lists(st.one_of(st.binary(max_size=60), st.tuples(st.integers(0, 200), st.integers(1, 255))), max_size=20)


@given(a_suite, lots)
def test_kept_contexts_agree_with_fresh_ones_whatever_was_forged_between(
    suite: CipherSuite, course: list[bytes | tuple[int, int]]
) -> None:
    """A payload is an honest packet, a pair is the last one with an octet changed on its way."""
    kept, randomness, last = ends(suite), counting(), sealed(suite)
    for number, step in enumerate(course, 1):
        if isinstance(step, tuple):
            damaged = bytearray(last)
            damaged[step[0] % len(damaged)] ^= step[1]
            with suppress(NotAuthentic, Malformed):
                kept.console.unseal_untrusted(bytes(damaged))
            continue
        last = kept.bmc.seal(number, step, randomness)
        unsealed = kept.console.unseal_untrusted(last)
        assert unsealed == ends(suite).console.unseal_untrusted(last)
        assert (unsealed.payload, unsealed.sequence) == (step, number)
        assert kept.console.unseal_untrusted(ends(suite).bmc.seal(number, step, randomness)) == unsealed


@given(st.sampled_from(AUTHENTICATED), st.binary(max_size=80), st.booleans())
def test_either_way_to_pad_is_understood_by_either_end(suite: CipherSuite, payload: bytes, pads_short: bool) -> None:
    datagram = ends(suite, pads_short=pads_short).console.seal(1, payload, counting())
    assert ends(suite, pads_short=not pads_short).bmc.unseal_untrusted(datagram).payload == payload
    behind = 2 if pads_short else 0
    assert (len(datagram) - suite.code_size - behind) % 4 == 0


@every_suite
def test_payloads_that_fill_a_datagram_are_carried(suite: CipherSuite) -> None:
    both = ends(suite)
    longest = bytes(range(256)) * 4
    assert both.bmc.unseal_untrusted(both.console.seal(1, longest, counting())).payload == longest


def test_a_payload_or_number_that_does_not_fit_is_refused() -> None:
    console = ends(SUITE_17).console
    for payload, sequence in ((bytes(0x10000), 1), (b"", -1), (b"", 1 << 32)):
        with pytest.raises(BadArgument):
            console.seal(sequence, payload, counting())


def test_a_suite_that_cannot_be_had_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites_module, "lack_of_rc4", lambda: "no RC4 here")
    with pytest.raises(SuiteUnavailable, match="no RC4 here"):
        Sealing(SUITES[4], KEYS, PASSWORD, BMC, CONSOLE)


def test_the_two_ways_of_a_session_do_not_share_their_contexts() -> None:
    both, randomness = ends(SUITE_3), counting()
    for number in range(1, 10):
        assert both.bmc.unseal_untrusted(both.console.seal(number, b"to", randomness)).payload == b"to"
        assert both.console.unseal_untrusted(both.bmc.seal(number, b"from", randomness)).payload == b"from"


@given(a_suite, hostile(st.sampled_from([sealed(suite) for suite in SUITES.values()])))
def test_unsealing_raises_the_two_errors_only(suite: CipherSuite, datagram: bytes) -> None:
    with suppress(NotAuthentic, Malformed):
        packet = ends(suite).console.unseal_untrusted(datagram)
        assert packet.payload == MESSAGE or not suite.is_authenticated, "only what was sealed comes out"


@given(st.sampled_from(AUTHENTICATED), st.binary(max_size=64))
def test_other_keys_open_nothing(suite: CipherSuite, key: bytes) -> None:
    other = ends(suite, SessionKeys(KEYS.sik, key, KEYS.k2), password=key[:20])
    with pytest.raises(NotAuthentic):
        other.console.unseal_untrusted(sealed(suite))
