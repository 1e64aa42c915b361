from __future__ import annotations

from contextlib import suppress
from os import urandom

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.aes import BLOCK, Aes
from ipmi_lan.crypto.suites import SUITE_3
from ipmi_lan.errors import Malformed
from tests.ipmi_lan.crypto.randomness import counting, leading_to
from tests.ipmi_lan.wire.octets import hostile
from tests.vectors.load import AesCase, aes_cases

VALID = [case for case in aes_cases() if case.is_valid]
INVALID = [case for case in aes_cases() if not case.is_valid]
OUR_PAD = [case for case in VALID if case.pad < BLOCK]
KEY = bytes(range(100, 116))
keys_of_16 = st.binary(min_size=BLOCK, max_size=BLOCK)


def encrypt_afresh(key: bytes, iv: bytes, payload: bytes, pad: int | None = None) -> bytes:
    """The usual way: a context for each payload, finalized."""
    pad = -(len(payload) + 1) % BLOCK if pad is None else pad
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    plain = payload + bytes(range(1, pad + 1)) + bytes((pad,))
    return iv + encryptor.update(plain) + encryptor.finalize()


def decrypt_afresh(key: bytes, encrypted: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(encrypted[:BLOCK])).decryptor()
    plain = decryptor.update(encrypted[BLOCK:]) + decryptor.finalize()
    pad = plain[-1]
    assert plain[-1 - pad : -1] == bytes(range(1, pad + 1))
    return plain[: -1 - pad]


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.id)
def test_a_known_payload_is_decrypted(case: AesCase) -> None:
    assert Aes(case.key).decrypt_untrusted(case.iv + case.ciphertext) == case.plain


@pytest.mark.parametrize("case", OUR_PAD, ids=lambda case: case.id)
def test_a_known_payload_is_encrypted(case: AesCase) -> None:
    assert Aes(case.key).encrypt(case.plain, leading_to(case.iv, SUITE_3, case.key)) == case.iv + case.ciphertext


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.id)
def test_a_wrong_pad_is_refused(case: AesCase) -> None:
    with pytest.raises(Malformed):
        Aes(case.key).decrypt_untrusted(case.iv + case.ciphertext)


def test_the_vectors_hold_both_kinds() -> None:
    assert (len(VALID), len(INVALID), len(OUR_PAD)) == (6, 1, 5)


def test_all_known_payloads_of_a_key_are_decrypted_by_one_context_whatever_came_between() -> None:
    for case in VALID:
        kept = Aes(case.key)
        for _ in range(3):
            with suppress(Malformed):
                kept.decrypt_untrusted(urandom(3 * BLOCK))
            assert kept.decrypt_untrusted(case.iv + case.ciphertext) == case.plain


@given(keys_of_16, st.lists(st.binary(max_size=100), min_size=1, max_size=20))
def test_fresh_contexts_agree_with_the_kept_one_that_encrypts(key: bytes, payloads: list[bytes]) -> None:
    kept = Aes(key)
    randomness = counting()
    for payload in payloads:
        encrypted = kept.encrypt(payload, randomness)
        assert encrypted == encrypt_afresh(key, encrypted[:BLOCK], payload)
        assert decrypt_afresh(key, encrypted) == payload
        assert len(encrypted) % BLOCK == 0
        assert len(encrypted) <= BLOCK + len(payload) + BLOCK


messages = st.tuples(st.binary(max_size=60), st.booleans())


@given(keys_of_16, st.lists(st.one_of(messages, hostile(st.just(bytes(range(64))))), min_size=1, max_size=20))
def test_fresh_contexts_agree_with_the_kept_one_that_decrypts(key: bytes, arrivals: list[tuple[bytes, bool] | bytes]) -> None:
    """Forged payloads between the honest ones change nothing, whether they have whole blocks or not."""
    kept = Aes(key)
    randomness = counting()
    for arrival in arrivals:
        if isinstance(arrival, bytes):
            with suppress(Malformed):
                kept.decrypt_untrusted(arrival)
            continue
        payload, pads_whole_block = arrival
        pad = BLOCK if pads_whole_block and (len(payload) + 1) % BLOCK == 0 else None
        assert kept.decrypt_untrusted(encrypt_afresh(key, randomness(BLOCK), payload, pad)) == payload


def test_an_initialization_vector_is_what_the_cipher_makes_of_a_random_block() -> None:
    """So it is never the random block itself, and the same random block gives another vector each time."""
    kept = Aes(KEY)
    vectors = {kept.encrypt(b"the same", bytes)[:BLOCK] for _ in range(100)}
    assert len(vectors) == 100
    assert bytes(BLOCK) not in vectors


def test_randomness_is_asked_for_one_block_a_payload() -> None:
    asked: list[int] = []

    def randomness(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    kept = Aes(KEY)
    for size in range(40):
        kept.encrypt(bytes(size), randomness)
    assert asked == [BLOCK] * 40


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33])
def test_what_is_not_an_iv_and_whole_blocks_is_refused(size: int) -> None:
    with pytest.raises(Malformed):
        Aes(KEY).decrypt_untrusted(bytes(size))


@pytest.mark.parametrize("pad", range(BLOCK + 1))
def test_every_pad_up_to_16_is_taken_and_any_wrong_octet_in_it_is_refused(pad: int) -> None:
    payload = b"x" * (2 * BLOCK - 1 - pad)
    assert Aes(KEY).decrypt_untrusted(encrypt_afresh(KEY, bytes(BLOCK), payload, pad)) == payload
    for place in range(pad):
        octets = bytearray(payload + bytes(range(1, pad + 1)) + bytes((pad,)))
        octets[len(payload) + place] ^= 0x80
        encryptor = Cipher(AES(KEY), CBC(bytes(BLOCK))).encryptor()
        with pytest.raises(Malformed):
            Aes(KEY).decrypt_untrusted(bytes(BLOCK) + encryptor.update(bytes(octets)) + encryptor.finalize())


@pytest.mark.parametrize("pad", [BLOCK, BLOCK + 1, 0x80, 0xFF])
def test_a_pad_longer_than_what_was_encrypted_is_refused(pad: int) -> None:
    encryptor = Cipher(AES(KEY), CBC(bytes(BLOCK))).encryptor()
    encrypted = encryptor.update(bytes(range(2, BLOCK + 1)) + bytes((pad,))) + encryptor.finalize()
    for first in range(256):   # whatever octet the vector's own place holds
        kept = Aes(KEY)
        kept._decrypt(bytes((first,)) * BLOCK)
        with pytest.raises(Malformed):
            kept.decrypt_untrusted(bytes(BLOCK) + encrypted)


@given(keys_of_16, hostile(st.sampled_from([case.iv + case.ciphertext for case in aes_cases()])))
def test_decryption_raises_malformed_only(key: bytes, payload: bytes) -> None:
    with suppress(Malformed):
        Aes(key).decrypt_untrusted(payload)
