from __future__ import annotations

from contextlib import suppress
from hashlib import md5

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto import xrc4 as module
from ipmi_lan.crypto.xrc4 import IV_SIZE, KEY_SIZE_40, KEY_SIZE_128, MOST_OFFSET, Xrc4, keystream, lack_of_rc4
from ipmi_lan.errors import Malformed
from tests.ipmi_lan.crypto.randomness import counting
from tests.ipmi_lan.wire.octets import hostile

K2 = bytes(range(20))
IV, OTHER_IV = bytes(range(100, 116)), bytes(range(200, 216))
every_size = pytest.mark.parametrize("size", [KEY_SIZE_40, KEY_SIZE_128])

RFC_6229 = [
    ("0102030405", 0, "b2396305f03dc027ccc3524a0a1118a8"),
    ("0102030405", 16, "6982944f18fc82d589c403a47a0d0919"),
    ("0102030405", 240, "28cb1132c96ce286421dcaadb8b69eae"),
    ("0102030405", 256, "1cfcf62b03eddb641d77dfcf7f8d8c93"),
    ("ebb46227c6cc8b37641910833222772a", 0, "720c94b63edf44e131d950ca211a5a30"),
    ("ebb46227c6cc8b37641910833222772a", 16, "c366fdeacf9ca80436be7c358424d20b"),
    ("ebb46227c6cc8b37641910833222772a", 240, "b3394a40aabf75cba42282ef25a0059f"),
    ("ebb46227c6cc8b37641910833222772a", 496, "08128c469f275342adda202b2b58da95"),
    ("ebb46227c6cc8b37641910833222772a", 1536, "1175da6ee756de46a53e2b075660b770"),
]


def rc4_by_hand(key: bytes, size: int) -> bytes:
    """The keystream, as the cipher is described."""
    state = list(range(256))
    place = 0
    for turn in range(256):
        place = (place + state[turn] + key[turn % len(key)]) % 256
        state[turn], state[place] = state[place], state[turn]
    octets, place = bytearray(), 0
    for turn in range(1, size + 1):
        here = turn % 256
        place = (place + state[here]) % 256
        state[here], state[place] = state[place], state[here]
        octets.append(state[(state[here] + state[place]) % 256])
    return bytes(octets)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def encrypted_by_hand(iv: bytes, size: int, payloads: list[bytes]) -> list[bytes]:
    """As a sender goes on that begins only once: the first packet with the vector, the others with their offset."""
    stream = rc4_by_hand(md5(K2[:16] + iv).digest()[:size], sum(map(len, payloads)))
    packets, offset = [], 0
    for payload in payloads:
        head = offset.to_bytes(4, "little") + (b"" if offset else iv)
        packets.append(head + xor(payload, stream[offset : offset + len(payload)]))
        offset += len(payload)
    return packets


@pytest.mark.parametrize(("key", "offset", "expected"), RFC_6229)
def test_the_keystream_is_that_of_rfc_6229(key: str, offset: int, expected: str) -> None:
    assert keystream(bytes.fromhex(key), offset, bytes(16)).hex() == expected


@every_size
@given(payload=st.binary(max_size=80))
def test_a_packet_begins_anew_with_a_vector_of_its_own(size: int, payload: bytes) -> None:
    randomness = counting()
    sender = Xrc4(K2, size)
    first, second = sender.encrypt(payload, randomness), sender.encrypt(payload, randomness)
    assert first[:4] == second[:4] == bytes(4)
    assert first[4:20] != second[4:20]
    assert [first, second] == [encrypted_by_hand(packet[4:20], size, [payload])[0] for packet in (first, second)]


def test_forty_bits_are_the_first_of_the_same_hash() -> None:
    whole = md5(K2[:16] + IV).digest()
    assert Xrc4(K2, KEY_SIZE_40).encrypt(bytes(8), lambda _: IV)[20:] == rc4_by_hand(whole[:5], 8)
    assert Xrc4(K2, KEY_SIZE_128).encrypt(bytes(8), lambda _: IV)[20:] == rc4_by_hand(whole, 8)


@every_size
@given(payloads=st.lists(st.binary(max_size=60), max_size=10))
def test_payloads_come_back(size: int, payloads: list[bytes]) -> None:
    sender, receiver, randomness = Xrc4(K2, size), Xrc4(K2, size), counting()
    for number, payload in enumerate(payloads, 1):
        assert receiver.decrypt_untrusted(sender.encrypt(payload, randomness), number) == payload


@every_size
@given(payloads=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=10), data=st.data())
def test_a_sender_that_goes_on_is_understood_whatever_is_lost_or_comes_late(
    size: int, payloads: list[bytes], data: st.DataObject
) -> None:
    packets = encrypted_by_hand(IV, size, payloads)
    receiver = Xrc4(K2, size)
    assert receiver.decrypt_untrusted(packets[0], 1) == payloads[0]
    for number in data.draw(st.lists(st.integers(0, len(packets) - 1), max_size=20)):
        assert receiver.decrypt_untrusted(packets[number], 1 + number) == payloads[number]


def test_a_packet_that_goes_on_where_nothing_began_is_refused() -> None:
    with pytest.raises(Malformed, match="nothing began"):
        Xrc4(K2, KEY_SIZE_128).decrypt_untrusted(encrypted_by_hand(IV, KEY_SIZE_128, [b"first", b"second"])[1], 2)


def test_an_older_packet_does_not_take_the_vector_back() -> None:
    receiver = Xrc4(K2, KEY_SIZE_128)
    first, later = encrypted_by_hand(IV, 16, [b"first", b"more"]), encrypted_by_hand(OTHER_IV, 16, [b"newer", b"and more"])
    assert receiver.decrypt_untrusted(first[0], 5) == b"first"
    assert receiver.decrypt_untrusted(later[0], 7) == b"newer"
    assert receiver.decrypt_untrusted(first[0], 5) == b"first", "it is read by its own vector"
    assert receiver.decrypt_untrusted(later[1], 8) == b"and more"


def test_the_newer_packet_is_known_past_the_wrap_of_sequence_numbers() -> None:
    receiver = Xrc4(K2, KEY_SIZE_128)
    first, later = encrypted_by_hand(IV, 16, [b"first"]), encrypted_by_hand(OTHER_IV, 16, [b"newer", b"and more"])
    receiver.decrypt_untrusted(first[0], 0xFFFFFFFF)
    receiver.decrypt_untrusted(later[0], 1)
    assert receiver.decrypt_untrusted(later[1], 2) == b"and more"


def test_an_offset_is_followed_so_far_and_no_farther() -> None:
    receiver = Xrc4(K2, KEY_SIZE_128)
    receiver.decrypt_untrusted(bytes(4) + IV, 1)
    key = md5(K2[:16] + IV).digest()
    farthest = MOST_OFFSET.to_bytes(4, "little") + keystream(key, MOST_OFFSET, b"far")
    assert receiver.decrypt_untrusted(farthest, 2) == b"far"
    for offset in (MOST_OFFSET + 1, 0xFFFFFFFF):
        with pytest.raises(Malformed, match="too far"):
            receiver.decrypt_untrusted(offset.to_bytes(4, "little") + b"far", 3)


@pytest.mark.parametrize("size", range(4 + IV_SIZE))
def test_what_is_shorter_than_its_head_is_refused(size: int) -> None:
    with pytest.raises(Malformed):
        Xrc4(K2, KEY_SIZE_128).decrypt_untrusted(bytes(size), 1)


@given(st.lists(hostile(st.sampled_from(encrypted_by_hand(IV, KEY_SIZE_128, [b"first", b"second"]))), max_size=5))
def test_decryption_raises_malformed_only(payloads: list[bytes]) -> None:
    receiver = Xrc4(K2, KEY_SIZE_128)
    for number, payload in enumerate(payloads):
        with suppress(Malformed):
            receiver.decrypt_untrusted(payload, number)


def test_rc4_is_here_or_it_is_said_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise UnsupportedAlgorithm("legacy")

    lack_of_rc4.cache_clear()
    assert lack_of_rc4() == ""
    for name, value, why in (
        ("keystream", refuse, "the cryptography package's OpenSSL carries no RC4"),
        ("ARC4", None, "the cryptography package carries no RC4"),
    ):
        monkeypatch.setattr(module, name, value)
        lack_of_rc4.cache_clear()
        assert lack_of_rc4() == why
    monkeypatch.undo()
    lack_of_rc4.cache_clear()
