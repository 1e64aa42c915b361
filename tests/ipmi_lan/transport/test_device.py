from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import Malformed
from ipmi_lan.transport.device import (
    MOST_DATA,
    NATIVE,
    NATIVE_WORD,
    build_request,
    build_room,
    parse_arrival_untrusted,
    structures,
)
from tests.ipmi_lan.transport.ipmi_device import ARRIVAL, REQUEST

OCTET, INT = st.integers(0, 255), st.integers(-(2**31), 2**31 - 1)


def test_sizes_of_both_word_sizes() -> None:
    """As the compiler says of <linux/ipmi.h> with -m64 and -m32."""
    sizes = {word: (structures(word).request.sizeof(), structures(word).arrival.sizeof()) for word in (8, 4)}
    assert sizes == {8: (40, 48), 4: (20, 24)}
    assert {structures(word).address.sizeof() for word in (8, 4)} == {8}


def test_ioctl_numbers_of_both_word_sizes() -> None:
    numbers = {word: (structures(word).send, structures(word).receive, structures(word).choose_events) for word in (8, 4)}
    assert numbers == {8: (0x8028690D, 0xC030690B, 0x80046910), 4: (0x8014690D, 0xC018690B, 0x80046910)}


@given(INT, OCTET, OCTET, st.integers(0, 2**32 - 1), st.integers(0, MOST_DATA))
def test_a_request_lies_in_memory_as_the_struct_module_lays_it(number: int, netfn: int, command: int, at: int, size: int) -> None:
    octets = build_request(number, netfn, command, at, (at ^ 1, size))
    assert octets == struct.pack(REQUEST, at, 8, number, netfn, command, size, at ^ 1)


def test_the_room_for_an_arrival_says_how_large_it_is() -> None:
    assert build_room(0x1000, 0x2000) == struct.pack(ARRIVAL, 0, 0x1000, 40, 0, 0, 0, 272, 0x2000)


@given(INT, INT, OCTET, OCTET, st.integers(0, 0xFFFF), st.binary(max_size=64))
def test_an_arrival_is_read_and_never_more_than_there_is(
    kind: int, number: int, netfn: int, command: int, size: int, room: bytes
) -> None:
    octets = struct.pack(ARRIVAL, kind, 1, 8, number, netfn, command, size, 2)
    if size > len(room):
        with pytest.raises(Malformed):
            parse_arrival_untrusted(octets, room)
    else:
        assert parse_arrival_untrusted(octets, room) == (kind, number, netfn, command, room[:size])


@given(st.binary(max_size=NATIVE.arrival.sizeof() - 1))
def test_a_structure_that_is_cut_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse_arrival_untrusted(octets, b"")


def test_the_native_word_is_that_of_a_pointer() -> None:
    assert struct.calcsize("P") == NATIVE_WORD
    assert structures(NATIVE_WORD).send == NATIVE.send
