from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.crypto.auth15 import Sealing15, auth_code, oem_key
from ipmi_lan.crypto.md2 import md2
from ipmi_lan.errors import BadArgument, Malformed, NotAuthentic
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.packet import Packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15, parse_packet15_untrusted
from tests.ipmi_lan.crypto.randomness import counting
from tests.ipmi_lan.wire.octets import hostile, word
from tests.vectors.load import Code15, Trace15, codes15, traces15

SESSION, PASSWORD, MESSAGE = 0x01020304, b"secret", b"a message"
CODED = [AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT, AuthType.OEM]
TYPES = [AuthType.NONE, *CODED]
every_type = pytest.mark.parametrize("auth_type", TYPES)
every_coded_type = pytest.mark.parametrize("auth_type", CODED)
every_trace = pytest.mark.parametrize("trace", traces15(), ids=lambda trace: trace.id)
NO_RANDOMNESS = counting()


def sealed(auth_type: AuthType, per_message: bool = True) -> bytes:
    return Sealing15(auth_type, PASSWORD, SESSION, per_message).seal(7, MESSAGE, NO_RANDOMNESS)


@pytest.mark.parametrize("known", codes15(), ids=lambda known: known.id)
def test_a_published_code_is_computed(known: Code15) -> None:
    assert auth_code(AuthType.MD5, known.password, known.session_id, known.sequence, known.message) == known.code


@pytest.mark.parametrize("known", codes15(), ids=lambda known: known.id)
def test_hashlib_agrees_on_published_codes(known: Code15) -> None:
    key = known.password.ljust(16, b"\0")
    middle = known.session_id.to_bytes(4, "little") + known.message + known.sequence.to_bytes(4, "little")
    assert hashlib.md5(key + middle + key).digest() == known.code


@every_trace
def test_every_recorded_packet_is_unsealed_and_sealed_again_octet_for_octet(trace: Trace15) -> None:
    assert trace.in_session
    for frame, sealed_ in trace.in_session:
        session_id = parse_packet15_untrusted(frame.datagram).session_id
        sealing = Sealing15(trace.auth_type, trace.password, session_id)
        packet = sealing.unseal_untrusted(frame.datagram)
        assert (packet.payload, packet.sequence, packet.session_id) == (sealed_.message, sealed_.sequence, session_id)
        assert packet.authenticated == (trace.auth_type is not AuthType.NONE)
        assert sealing.seal(sealed_.sequence, sealed_.message, NO_RANDOMNESS) == frame.datagram


def test_every_type_but_the_vendors_own_is_recorded() -> None:
    assert {trace.auth_type for trace in traces15()} == set(TYPES) - {AuthType.OEM}


@given(st.binary(max_size=16), word, word, st.binary(max_size=60))
def test_both_digests_go_over_the_same(password: bytes, session_id: int, sequence: int, message: bytes) -> None:
    key = password.ljust(16, b"\0")
    covered = key + session_id.to_bytes(4, "little") + message + sequence.to_bytes(4, "little") + key
    assert auth_code(AuthType.MD5, password, session_id, sequence, message) == hashlib.md5(covered).digest()
    assert auth_code(AuthType.MD2, password, session_id, sequence, message) == md2(covered)
    assert auth_code(AuthType.STRAIGHT, password, session_id, sequence, message) == key
    assert auth_code(AuthType.NONE, password, session_id, sequence, message) == b""


@given(st.binary(max_size=16), st.binary(min_size=16, max_size=16))
def test_the_vendors_own_key_mixes_password_and_challenge(password: bytes, challenge: bytes) -> None:
    mixed = bytes(a ^ b for a, b in zip(hashlib.md5(password).digest(), challenge, strict=True))
    assert oem_key(password, challenge) == hashlib.md5(mixed).digest()
    assert auth_code(AuthType.OEM, oem_key(password, challenge), SESSION, 1, MESSAGE) == oem_key(password, challenge)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_challenge_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(BadArgument):
        oem_key(PASSWORD, bytes(size))


@every_type
def test_a_password_too_long_is_never_cut(auth_type: AuthType) -> None:
    auth_code(auth_type, bytes(16), SESSION, 1, MESSAGE)
    with pytest.raises(BadArgument):
        auth_code(auth_type, bytes(17), SESSION, 1, MESSAGE)
    with pytest.raises(BadArgument):
        Sealing15(auth_type, bytes(17), SESSION)


def test_rmcp_plus_is_no_type_of_ipmi_1_5() -> None:
    with pytest.raises(BadArgument):
        Sealing15(AuthType.RMCP_PLUS, PASSWORD, SESSION)


@given(st.sampled_from(TYPES), st.booleans(), word, word, st.binary(max_size=80))
def test_a_packet_comes_back(auth_type: AuthType, per_message: bool, session_id: int, sequence: int, message: bytes) -> None:
    sealing = Sealing15(auth_type, PASSWORD, session_id, per_message)
    packet = sealing.unseal_untrusted(sealing.seal(sequence, message, NO_RANDOMNESS))
    is_coded = per_message and auth_type is not AuthType.NONE
    assert packet == Packet(0, message, session_id, sequence, encrypted=False, authenticated=is_coded)


def test_no_payload_but_ipmi_is_carried() -> None:
    with pytest.raises(BadArgument):
        Sealing15(AuthType.MD5, PASSWORD, SESSION).seal(1, MESSAGE, NO_RANDOMNESS, payload_type=1)


@pytest.mark.parametrize("auth_type", [AuthType.MD2, AuthType.MD5])
def test_every_single_bit_flip_is_refused(auth_type: AuthType) -> None:
    """But of octets 1 and 2 (RMCP's), which no code covers, and of what is behind the message."""
    sealing, datagram = Sealing15(auth_type, PASSWORD, SESSION), sealed(auth_type)
    for bit in range(len(datagram) * 8):
        if bit // 8 in (1, 2):
            continue
        flipped = bytearray(datagram)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((NotAuthentic, Malformed)):
            sealing.unseal_untrusted(bytes(flipped))
    assert sealing.unseal_untrusted(datagram).authenticated


@every_coded_type
def test_every_cut_is_refused(auth_type: AuthType) -> None:
    sealing, datagram = Sealing15(auth_type, PASSWORD, SESSION), sealed(auth_type)
    for size in range(len(datagram)):
        with pytest.raises((NotAuthentic, Malformed)):
            sealing.unseal_untrusted(datagram[:size])


@every_coded_type
@pytest.mark.parametrize("code", [bytes(16), b"\xff" * 16, b"secret".ljust(16, b"\1")])
def test_a_code_that_is_made_up_is_refused(auth_type: AuthType, code: bytes) -> None:
    forged = build_packet15(Packet15(auth_type, 7, SESSION, code, MESSAGE))
    with pytest.raises(NotAuthentic):
        Sealing15(auth_type, PASSWORD, SESSION).unseal_untrusted(forged)


@every_coded_type
def test_another_password_is_refused(auth_type: AuthType) -> None:
    with pytest.raises(NotAuthentic):
        Sealing15(auth_type, b"Secret", SESSION).unseal_untrusted(sealed(auth_type))


def test_the_straight_code_of_an_empty_password_proves_nothing() -> None:
    sealing = Sealing15(AuthType.STRAIGHT, b"", SESSION)
    with pytest.raises(NotAuthentic):
        sealing.unseal_untrusted(sealing.seal(7, MESSAGE, NO_RANDOMNESS))


@every_type
def test_a_packet_of_another_type_is_refused(auth_type: AuthType) -> None:
    for other in TYPES:
        if other is not auth_type:
            with pytest.raises(NotAuthentic):
                Sealing15(auth_type, PASSWORD, SESSION).unseal_untrusted(sealed(other))


@every_coded_type
def test_a_packet_with_a_code_is_refused_where_none_is_due(auth_type: AuthType) -> None:
    with pytest.raises(NotAuthentic):
        Sealing15(auth_type, PASSWORD, SESSION, per_message=False).unseal_untrusted(sealed(auth_type))


@every_type
@pytest.mark.parametrize("session_id", [0, SESSION ^ 1, 0xFFFFFFFF])
def test_a_packet_of_another_session_is_refused(auth_type: AuthType, session_id: int) -> None:
    other = Sealing15(auth_type, PASSWORD, session_id).seal(7, MESSAGE, NO_RANDOMNESS)
    with pytest.raises(NotAuthentic):
        Sealing15(auth_type, PASSWORD, SESSION).unseal_untrusted(other)


@every_type
def test_zero_for_a_session_id_is_taken_where_a_quirk_says_so(auth_type: AuthType) -> None:
    sealing = Sealing15(auth_type, PASSWORD, SESSION, takes_zero_id=True)
    zero = Sealing15(auth_type, PASSWORD, 0).seal(7, MESSAGE, NO_RANDOMNESS)
    assert sealing.unseal_untrusted(zero).payload == MESSAGE
    assert sealing.unseal_untrusted(sealed(auth_type)).payload == MESSAGE
    with pytest.raises(NotAuthentic):
        sealing.unseal_untrusted(Sealing15(auth_type, PASSWORD, SESSION ^ 1).seal(7, MESSAGE, NO_RANDOMNESS))
    if auth_type is not AuthType.NONE:   # the code still has to be right
        forged = build_packet15(Packet15(auth_type, 7, 0, b"\x55" * 16, MESSAGE))
        with pytest.raises(NotAuthentic):
            sealing.unseal_untrusted(forged)


@every_coded_type
def test_numbers_received_are_turned_where_a_quirk_says_so_and_the_code_is_of_what_travels(auth_type: AuthType) -> None:
    plain = Sealing15(auth_type, PASSWORD, SESSION)
    turning = Sealing15(auth_type, PASSWORD, SESSION, swaps_sequence=True)
    packet = turning.unseal_untrusted(plain.seal(0x0A000000, MESSAGE, NO_RANDOMNESS))
    assert (packet.sequence, packet.authenticated) == (0x0A, True)
    assert turning.seal(0x0A, MESSAGE, NO_RANDOMNESS) == plain.seal(0x0A, MESSAGE, NO_RANDOMNESS)


@every_coded_type
def test_no_code_is_looked_at_where_a_quirk_says_so_and_nothing_counts_as_authenticated(auth_type: AuthType) -> None:
    sealing = Sealing15(auth_type, PASSWORD, SESSION, checks_codes=False)
    for code in (bytes(16), b"\x55" * 16, parse_packet15_untrusted(sealed(auth_type)).code):
        packet = sealing.unseal_untrusted(build_packet15(Packet15(auth_type, 7, SESSION, code, MESSAGE)))
        assert (packet.payload, packet.authenticated) == (MESSAGE, False)
    with pytest.raises(NotAuthentic):
        sealing.unseal_untrusted(sealed(AuthType.NONE))


@every_coded_type
def test_an_unexpected_code_is_taken_where_a_quirk_says_so_and_must_verify(auth_type: AuthType) -> None:
    sealing = Sealing15(auth_type, PASSWORD, SESSION, per_message=False, takes_unexpected_codes=True)
    assert sealing.unseal_untrusted(sealed(auth_type)).authenticated
    assert not sealing.unseal_untrusted(sealed(AuthType.NONE)).authenticated
    blank = build_packet15(Packet15(auth_type, 7, SESSION, bytes(16), MESSAGE))
    assert not sealing.unseal_untrusted(blank).authenticated
    for other in CODED:
        forged = build_packet15(Packet15(other, 7, SESSION, b"\x55" * 16, MESSAGE))
        with pytest.raises(NotAuthentic):
            sealing.unseal_untrusted(forged)
    assert sealing.seal(7, MESSAGE, NO_RANDOMNESS) == sealed(AuthType.NONE)


@given(
    st.sampled_from(TYPES),
    st.booleans(),
    st.fixed_dictionaries(
        {name: st.booleans() for name in ("swaps_sequence", "checks_codes", "takes_zero_id", "takes_unexpected_codes")}
    ),
    hostile(st.sampled_from([sealed(auth_type) for auth_type in TYPES])),
)
def test_unsealing_raises_the_two_errors_only(
    auth_type: AuthType, per_message: bool, deviations: dict[str, bool], datagram: bytes
) -> None:
    with suppress(NotAuthentic, Malformed):
        packet = Sealing15(auth_type, PASSWORD, SESSION, per_message, **deviations).unseal_untrusted(datagram)
        assert packet.payload == MESSAGE or not packet.authenticated or auth_type in (AuthType.STRAIGHT, AuthType.OEM)
