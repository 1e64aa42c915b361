"""What whoever lacks the keys can make of packets that they saw: nothing that is unsealed."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

import pytest

from ipmi_lan.crypto.aes import Aes
from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite, Confidentiality
from ipmi_lan.crypto.xrc4 import KEY_SIZE_40, KEY_SIZE_128, keystream
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless
from tests.ipmi_lan.crypto.randomness import counting
from tests.ipmi_lan.crypto.sealed import (
    AUTHENTICATED,
    BMC,
    CONSOLE,
    KEYS,
    MESSAGE,
    PASSWORD,
    WITHOUT_CODES,
    ends,
    name_of,
    sealed,
    with_code,
)

every_suite = pytest.mark.parametrize("suite", AUTHENTICATED, ids=name_of)
every_codeless_suite = pytest.mark.parametrize("suite", WITHOUT_CODES, ids=name_of)
encrypting = pytest.mark.parametrize("suite", [suite for suite in AUTHENTICATED if suite.is_encrypted], ids=name_of)


@every_suite
def test_every_single_bit_flip_of_a_sealed_packet_is_refused(suite: CipherSuite) -> None:
    """All of the datagram but octets 1 and 2 (RMCP's reserved octet and sequence number), which IPMI's code does not cover."""
    console, datagram = ends(suite).console, sealed(suite)
    honest = console.unseal_untrusted(datagram)
    for bit in range(len(datagram) * 8):
        flipped = bytearray(datagram)
        flipped[bit // 8] ^= 1 << bit % 8
        if bit // 8 in (1, 2):
            assert console.unseal_untrusted(bytes(flipped)) == honest
            continue
        with pytest.raises((NotAuthentic, Malformed)):
            console.unseal_untrusted(bytes(flipped))
    assert console.unseal_untrusted(datagram) == honest


@every_suite
def test_every_cut_and_every_longer_packet_is_refused(suite: CipherSuite) -> None:
    console, datagram = ends(suite).console, sealed(suite)
    for wrong in [datagram[:size] for size in range(len(datagram))] + [datagram + b"\0", datagram + datagram]:
        with pytest.raises((NotAuthentic, Malformed)):
            console.unseal_untrusted(wrong)


@every_suite
@pytest.mark.parametrize("code", [b"", b"\0", bytes(12), bytes(16), b"\xff" * 12, b"\xff" * 16])
def test_a_code_that_is_missing_or_made_up_is_refused(suite: CipherSuite, code: bytes) -> None:
    with pytest.raises((NotAuthentic, Malformed)):
        ends(suite).console.unseal_untrusted(sealed(suite)[: -suite.code_size] + code)


@every_suite
def test_a_code_an_octet_short_or_long_is_refused(suite: CipherSuite) -> None:
    datagram = sealed(suite)
    for wrong in (datagram[:-1], datagram[: -suite.code_size] + datagram[-suite.code_size + 1 :], datagram + datagram[-1:]):
        with pytest.raises((NotAuthentic, Malformed)):
            ends(suite).console.unseal_untrusted(wrong)


@every_suite
@pytest.mark.parametrize(("encrypted", "authenticated"), [(True, True), (False, True), (True, False), (False, False)])
def test_a_packet_with_other_flags_is_refused_even_with_a_right_code(
    suite: CipherSuite, encrypted: bool, authenticated: bool
) -> None:
    if (encrypted, authenticated) == (suite.is_encrypted, suite.is_authenticated):
        return
    payload = Aes(KEYS.k2).encrypt(MESSAGE, counting()) if encrypted else MESSAGE
    datagram = build_packet(Packet(0, payload, CONSOLE, 7, encrypted, authenticated))
    for wrong in (datagram, with_code(suite, datagram)):
        with pytest.raises(NotAuthentic):
            ends(suite).console.unseal_untrusted(wrong)


@every_suite
def test_a_packet_of_another_session_or_of_the_other_end_is_refused(suite: CipherSuite) -> None:
    console = ends(suite).console
    for other_id in (CONSOLE ^ 1, 0, BMC, 0xFFFFFFFF):
        datagram = Sealing(suite, KEYS, PASSWORD, other_id, BMC).seal(7, MESSAGE, counting())
        with pytest.raises(NotAuthentic):
            console.unseal_untrusted(datagram)


@every_suite
def test_packets_of_no_session_are_refused(suite: CipherSuite) -> None:
    for datagram in (build_sessionless(MESSAGE), build_packet(Packet(0, MESSAGE)), build_packet(Packet(0x15, MESSAGE))):
        with pytest.raises((NotAuthentic, Malformed)):
            ends(suite).console.unseal_untrusted(datagram)


@every_suite
@pytest.mark.parametrize("keys", [replace(KEYS, k1=b"\x23" + b"\x22" * 31), SessionKeys(b"", b"\0" * 32, b"\0" * 32)])
def test_other_keys_do_not_open_a_packet(suite: CipherSuite, keys: SessionKeys) -> None:
    with pytest.raises(NotAuthentic):
        ends(suite, keys, password=b"another").console.unseal_untrusted(sealed(suite))


def test_a_packet_of_one_suite_is_none_of_another_that_protects_otherwise() -> None:
    for mine in AUTHENTICATED:
        for other in SUITES.values():
            protects_alike = mine.integrity == other.integrity and mine.is_encrypted == other.is_encrypted
            if protects_alike:   # only the encryption tells the two apart, if anything does
                continue
            with pytest.raises((NotAuthentic, Malformed)):
                ends(mine).console.unseal_untrusted(sealed(other))


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17], ids=name_of)
def test_an_authentic_packet_with_a_wrong_pad_is_malformed(suite: CipherSuite) -> None:
    payload = Aes(KEYS.k2).encrypt(bytes(15), counting())[:-16] + bytes(16)
    datagram = build_packet(Packet(0, payload, CONSOLE, 7, encrypted=True, authenticated=True))
    with pytest.raises(Malformed):
        ends(suite).console.unseal_untrusted(with_code(suite, datagram))


@every_suite
@pytest.mark.parametrize("trailer", [b"", b"\x07", b"\x01\x07", b"\x00\x06", b"\xff" * 5 + b"\x05\x07"])
def test_an_authentic_packet_with_a_wrong_trailer_is_malformed(suite: CipherSuite, trailer: bytes) -> None:
    plain = sealed(suite)[: -suite.code_size]
    end_of_payload = 16 + len(parse_packet_untrusted(plain).payload)
    with pytest.raises(Malformed):
        ends(suite).console.unseal_untrusted(with_code(suite, plain[:end_of_payload] + trailer))


@encrypting
def test_the_code_is_looked_at_before_anything_is_decrypted(suite: CipherSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    console = ends(suite).console

    def decrypt(payload: bytes, sequence: int) -> bytes:
        raise AssertionError("decrypted before it was verified")

    monkeypatch.setattr(console, "_decrypt", decrypt)
    wrong = sealed(suite)[:-1] + bytes((sealed(suite)[-1] ^ 1,))
    with pytest.raises(NotAuthentic):
        console.unseal_untrusted(wrong)


@pytest.mark.parametrize("number", [4, 5, 9, 10, 13, 14, 18, 19])
def test_a_forged_packet_does_not_move_the_keystream_of_xrc4(number: int) -> None:
    suite, randomness = SUITES[number], counting()
    both = ends(suite)
    first = both.bmc.seal(1, b"first", randomness)
    assert both.console.unseal_untrusted(first).payload == b"first"
    forged = bytearray(both.bmc.seal(2, b"second", randomness))
    forged[16 + 4] ^= 1   # its initialization vector
    with pytest.raises(NotAuthentic):
        both.console.unseal_untrusted(bytes(forged))
    key_size = KEY_SIZE_40 if suite.confidentiality is Confidentiality.XRC4_40 else KEY_SIZE_128
    key = md5(KEYS.k2[:16] + first[20:36]).digest()[:key_size]
    going_on = (5).to_bytes(4, "little") + keystream(key, 5, b"going on")
    packet = build_packet(Packet(0, going_on, CONSOLE, 3, encrypted=True, authenticated=True))
    assert both.console.unseal_untrusted(with_code(suite, packet)).payload == b"going on"


@every_codeless_suite
def test_without_codes_only_flags_and_session_id_are_looked_at(suite: CipherSuite) -> None:
    console, datagram = ends(suite).console, sealed(suite)
    assert console.unseal_untrusted(datagram + b"appended").payload == MESSAGE
    assert console.unseal_untrusted(datagram[:-1] + b"!").payload == MESSAGE[:-1] + b"!"
    assert not console.unseal_untrusted(datagram).authenticated
    for place in (5, 6):
        wrong = bytearray(datagram)
        wrong[place] ^= 0x40
        with pytest.raises(NotAuthentic):
            console.unseal_untrusted(bytes(wrong))
