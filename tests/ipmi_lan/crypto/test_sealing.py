from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.rakp import NotAuthentic, SessionKeys, digest
from ipmi_lan.crypto.sealing import BLOCK, decrypt_untrusted, encrypt, seal, unseal_untrusted
from ipmi_lan.crypto.suites import DEFAULT_SUITES, SUITE_3, SUITE_17, CipherSuite
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from tests.ipmi_lan.wire.octets import hostile, word
from tests.vectors.load import AesCase, Trace, aes_cases, entry, traces

VALID = [case for case in aes_cases() if case.is_valid]
INVALID = [case for case in aes_cases() if not case.is_valid]
OUR_PAD = [case for case in VALID if case.pad < BLOCK]
KEYS = SessionKeys(b"\x11" * 32, b"\x22" * 32, b"\x33" * 32)
IV = bytes(range(BLOCK))
SESSION = 0xA0A2A3A4
SEALED = {suite: seal(suite, KEYS, Packet(0, b"a message", SESSION, 7), IV) for suite in DEFAULT_SUITES}

every_trace = pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace.id)
every_suite = pytest.mark.parametrize("suite", DEFAULT_SUITES, ids=lambda suite: f"suite {suite.id}")
keys_of_16 = st.binary(min_size=BLOCK, max_size=BLOCK)


def with_code(suite: CipherSuite, datagram: bytes) -> bytes:
    return datagram + digest(suite, KEYS.k1, datagram[4:])[: suite.check_size]


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.id)
def test_a_known_payload_is_decrypted(case: AesCase) -> None:
    assert decrypt_untrusted(case.key, case.iv + case.ciphertext) == case.plain


@pytest.mark.parametrize("case", OUR_PAD, ids=lambda case: case.id)
def test_a_known_payload_is_encrypted(case: AesCase) -> None:
    assert encrypt(case.key, case.iv, case.plain) == case.iv + case.ciphertext


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.id)
def test_a_wrong_pad_is_refused(case: AesCase) -> None:
    with pytest.raises(Malformed):
        decrypt_untrusted(case.key, case.iv + case.ciphertext)


def test_the_vectors_hold_both_kinds() -> None:
    assert len(VALID) == 6
    assert len(INVALID) == 1
    assert len(OUR_PAD) == 5


@given(keys_of_16, keys_of_16, st.binary(max_size=100))
def test_a_payload_comes_back(key: bytes, iv: bytes, payload: bytes) -> None:
    encrypted = encrypt(key, iv, payload)
    assert decrypt_untrusted(key, encrypted) == payload
    assert len(encrypted) % BLOCK == 0
    assert len(encrypted) <= BLOCK + len(payload) + BLOCK


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33])
def test_what_is_not_an_iv_and_whole_blocks_is_refused(size: int) -> None:
    with pytest.raises(Malformed):
        decrypt_untrusted(bytes(16), bytes(size))


@given(keys_of_16, hostile(st.sampled_from([case.iv + case.ciphertext for case in aes_cases()])))
def test_decryption_raises_malformed_only(key: bytes, payload: bytes) -> None:
    with suppress(Malformed):
        decrypt_untrusted(key, payload)


@every_trace
def test_every_recorded_packet_is_unsealed(trace: Trace) -> None:
    login = trace.handshake.login
    for frame, sealed in trace.in_session:
        session_id = login.bmc_id if frame.is_from_console else login.console_id
        packet = unseal_untrusted(login.suite, trace.handshake.keys, session_id, frame.datagram)
        assert (packet.payload, packet.sequence) == (sealed.message, sealed.sequence)


@every_trace
def test_every_recorded_packet_is_sealed_again_octet_for_octet(trace: Trace) -> None:
    login = trace.handshake.login
    for frame, sealed in trace.in_session:
        session_id = login.bmc_id if frame.is_from_console else login.console_id
        iv = parse_packet_untrusted(frame.datagram).payload[:BLOCK]
        packet = Packet(0, sealed.message, session_id, sealed.sequence)
        assert seal(login.suite, trace.handshake.keys, packet, iv) == frame.datagram


def test_the_packet_whose_message_fills_its_block_is_taken_and_made() -> None:
    known = entry("packet-sha1-aes-ipmi-rs")
    facts = known["expected"]
    keys = SessionKeys(*(bytes.fromhex(octets) for octets in (known["inputs"]["sik"], facts["k1"], facts["k2"])))
    datagram = b"\x06\x00\xff\x07" + bytes.fromhex(known["inputs"]["packet_after_rmcp_header"])
    packet = unseal_untrusted(SUITE_3, keys, facts["session_id"], datagram)
    assert packet.payload == bytes.fromhex(facts["payload"])
    assert (packet.payload_type, packet.sequence) == (facts["payload_type"], facts["session_sequence"])
    assert seal(SUITE_3, keys, replace(packet, encrypted=False, authenticated=False), datagram[16 : 16 + BLOCK]) == datagram


@given(
    st.sampled_from(DEFAULT_SUITES), st.integers(0, 0x3F), st.binary(max_size=80), word, word, keys_of_16
)
def test_a_packet_comes_back(suite: CipherSuite, kind: int, payload: bytes, session: int, sequence: int, iv: bytes) -> None:
    packet = Packet(kind, payload, session, sequence, encrypted=True, authenticated=True)
    assert unseal_untrusted(suite, KEYS, session, seal(suite, KEYS, packet, iv)) == packet


@every_suite
def test_every_single_bit_flip_of_a_sealed_packet_is_refused(suite: CipherSuite) -> None:
    """All of the datagram but octets 1 and 2 (RMCP's reserved octet and sequence number), which IPMI's code does not cover."""
    sealed = SEALED[suite]
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        if bit // 8 in (1, 2):
            assert unseal_untrusted(suite, KEYS, SESSION, bytes(flipped)) == unseal_untrusted(suite, KEYS, SESSION, sealed)
            continue
        with pytest.raises((NotAuthentic, Malformed)):
            unseal_untrusted(suite, KEYS, SESSION, bytes(flipped))


@every_suite
def test_every_cut_and_every_longer_packet_is_refused(suite: CipherSuite) -> None:
    sealed = SEALED[suite]
    for wrong in [sealed[:size] for size in range(len(sealed))] + [sealed + b"\0", sealed + sealed]:
        with pytest.raises((NotAuthentic, Malformed)):
            unseal_untrusted(suite, KEYS, SESSION, wrong)


@every_suite
@pytest.mark.parametrize("code", [b"", b"\0", bytes(12), bytes(16), b"\xff" * 12, b"\xff" * 16])
def test_a_code_that_is_missing_or_made_up_is_refused(suite: CipherSuite, code: bytes) -> None:
    with pytest.raises((NotAuthentic, Malformed)):
        unseal_untrusted(suite, KEYS, SESSION, SEALED[suite][: -suite.check_size] + code)


@every_suite
@pytest.mark.parametrize(("encrypted", "authenticated"), [(False, True), (True, False), (False, False)])
def test_a_packet_with_either_bit_clear_is_refused_even_with_a_right_code(
    suite: CipherSuite, encrypted: bool, authenticated: bool
) -> None:
    payload = encrypt(KEYS.k2[:BLOCK], IV, b"a message") if encrypted else b"a message"
    datagram = build_packet(Packet(0, payload, SESSION, 7, encrypted=encrypted, authenticated=authenticated))
    with pytest.raises(NotAuthentic):
        unseal_untrusted(suite, KEYS, SESSION, with_code(suite, datagram))


@every_suite
def test_a_right_packet_of_another_session_is_refused(suite: CipherSuite) -> None:
    with pytest.raises(NotAuthentic):
        unseal_untrusted(suite, KEYS, SESSION ^ 1, SEALED[suite])


@every_suite
@pytest.mark.parametrize("keys", [replace(KEYS, k1=b"\x23" + b"\x22" * 31), SessionKeys(b"", b"\0" * 32, b"\0" * 32)])
def test_other_keys_do_not_open_a_packet(suite: CipherSuite, keys: SessionKeys) -> None:
    with pytest.raises(NotAuthentic):
        unseal_untrusted(suite, keys, SESSION, SEALED[suite])


def test_a_packet_of_one_suite_is_none_of_the_other() -> None:
    for wrong, suite in ((SUITE_3, SUITE_17), (SUITE_17, SUITE_3)):
        with pytest.raises((NotAuthentic, Malformed)):
            unseal_untrusted(wrong, KEYS, SESSION, SEALED[suite])


@every_suite
def test_an_authentic_packet_with_a_wrong_pad_is_malformed(suite: CipherSuite) -> None:
    payload = encrypt(KEYS.k2[:BLOCK], IV, bytes(15))[:-BLOCK] + bytes(BLOCK)
    datagram = build_packet(Packet(0, payload, SESSION, 7, encrypted=True, authenticated=True))
    with pytest.raises(Malformed):
        unseal_untrusted(suite, KEYS, SESSION, with_code(suite, datagram))


@given(st.sampled_from(DEFAULT_SUITES), hostile(st.sampled_from(list(SEALED.values()))))
def test_unsealing_raises_the_two_errors_only(suite: CipherSuite, datagram: bytes) -> None:
    with suppress(NotAuthentic, Malformed):
        packet = unseal_untrusted(suite, KEYS, SESSION, datagram)
        assert packet.payload == b"a message", "only what was sealed comes out"
