from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire import handshake as wire
from ipmi_lan.wire.codes import PayloadType
from tests.ipmi_lan.wire.octets import hostile, octet, word

algorithms = st.builds(wire.Algorithms, octet, octet, octet)
sixteen = st.binary(min_size=16, max_size=16)
errors = st.integers(1, 255)

open_requests = st.builds(wire.OpenSessionRequest, octet, octet, word, algorithms)
open_responses = st.builds(wire.OpenSessionResponse, octet, st.just(0), word, word, octet, algorithms)
rakp_1s = st.builds(wire.Rakp1, octet, word, sixteen, octet, st.binary(max_size=16))
rakp_2s = st.builds(wire.Rakp2, octet, st.just(0), word, sixteen, sixteen, st.binary(max_size=32))
rakp_3s = st.builds(wire.Rakp3, octet, octet, word, st.binary(max_size=32))
rakp_4s = st.builds(wire.Rakp4, octet, octet, word, st.binary(max_size=32))

Parser = Callable[[bytes], Any]
DOORS: dict[Parser, tuple[Callable[[Any], bytes], st.SearchStrategy[Any]]] = {
    wire.parse_open_session_request_untrusted: (wire.build_open_session_request, open_requests),
    wire.parse_open_session_response_untrusted: (wire.build_open_session_response, open_responses),
    wire.parse_rakp_1_untrusted: (wire.build_rakp_1, rakp_1s),
    wire.parse_rakp_2_untrusted: (wire.build_rakp_2, rakp_2s),
    wire.parse_rakp_3_untrusted: (wire.build_rakp_3, rakp_3s),
    wire.parse_rakp_4_untrusted: (wire.build_rakp_4, rakp_4s),
}
REPLIES: dict[Parser, type[Any]] = {
    wire.parse_open_session_response_untrusted: wire.OpenSessionResponse,
    wire.parse_rakp_2_untrusted: wire.Rakp2,
    wire.parse_rakp_4_untrusted: wire.Rakp4,
}
WHOLE_SIZES: dict[Parser, int] = {
    wire.parse_open_session_request_untrusted: 32,
    wire.parse_open_session_response_untrusted: 36,
    wire.parse_rakp_1_untrusted: 28,
    wire.parse_rakp_2_untrusted: 40,
    wire.parse_rakp_3_untrusted: 8,
    wire.parse_rakp_4_untrusted: 8,
}
every_door = pytest.mark.parametrize("parse", DOORS, ids=lambda parse: parse.__name__)
every_reply = pytest.mark.parametrize("parse", REPLIES, ids=lambda parse: parse.__name__)


@every_door
@given(data=st.data())
def test_a_message_comes_back(parse: Parser, data: st.DataObject) -> None:
    build, messages = DOORS[parse]
    message = data.draw(messages)
    assert parse(build(message)) == message


@every_door
@given(data=st.data())
def test_a_door_raises_malformed_only(parse: Parser, data: st.DataObject) -> None:
    build, messages = DOORS[parse]
    with suppress(Malformed):
        parse(data.draw(hostile(messages.map(build))))


@every_door
def test_no_cut_of_a_message_without_an_error_passes(parse: Parser) -> None:
    """The whole fixed part is needed: what stands behind it (name, codes) is of any length."""
    zeros: dict[Parser, bytes] = {
        wire.parse_open_session_request_untrusted: wire.build_open_session_request(
            wire.OpenSessionRequest(0, 0, 0, wire.Algorithms(0, 0, 0))
        ),
        wire.parse_open_session_response_untrusted: wire.build_open_session_response(
            wire.OpenSessionResponse(0, 0, 0, 0, 0, wire.Algorithms(0, 0, 0))
        ),
    }
    whole = zeros.get(parse, bytes(WHOLE_SIZES[parse]))
    assert len(whole) == WHOLE_SIZES[parse]
    parse(whole)
    for size in range(len(whole)):
        with pytest.raises(Malformed):
            parse(whole[:size])


@every_reply
@given(tag=octet, status=errors, console_id=word, more=st.binary(max_size=40))
def test_an_error_reply_is_understood_whatever_follows_it(
    parse: Parser, tag: int, status: int, console_id: int, more: bytes
) -> None:
    reply = parse(bytes((tag, status, 0x04, 0x55)) + console_id.to_bytes(4, "little") + more)
    assert (reply.tag, reply.status, reply.console_id) == (tag, status, console_id)
    if parse is wire.parse_rakp_2_untrusted:
        assert (reply.bmc_random, reply.guid, reply.code) == (b"", b"", b"")


@every_reply
@given(tag=octet, status=errors, more=st.binary(max_size=5))
def test_an_error_reply_may_end_before_the_id(parse: Parser, tag: int, status: int, more: bytes) -> None:
    assert parse(bytes((tag, status)) + more) == REPLIES[parse](tag=tag, status=status)


@given(errors)
def test_an_open_session_error_of_a_single_octet_is_its_status(status: int) -> None:
    assert wire.parse_open_session_response_untrusted(bytes((status,))) == wire.OpenSessionResponse(tag=0, status=status)


def test_a_single_octet_of_zero_is_no_success() -> None:
    with pytest.raises(Malformed):
        wire.parse_open_session_response_untrusted(b"\0")


@pytest.mark.parametrize("status", [0x01, 0x0D, 0x12])
def test_an_error_is_built_as_8_octets(status: int) -> None:
    expected = bytes((7, status, 0, 0)) + bytes.fromhex("a4a3a2a0")
    assert wire.build_open_session_response(wire.OpenSessionResponse(7, status, 0xA0A2A3A4)) == expected
    assert wire.build_rakp_2(wire.Rakp2(7, status, 0xA0A2A3A4)) == expected
    assert wire.build_rakp_3(wire.Rakp3(7, status, 0xA0A2A3A4)) == expected
    assert wire.build_rakp_4(wire.Rakp4(7, status, 0xA0A2A3A4)) == expected


def test_requests_have_the_only_length_that_openbmc_takes() -> None:
    assert len(wire.build_open_session_request(wire.OpenSessionRequest(0, 0, 1, wire.Algorithms(3, 4, 1)))) == 32
    assert len(wire.build_rakp_1(wire.Rakp1(0, 1, bytes(16), 0x14, b"admin"))) == 28 + 5


@pytest.mark.parametrize("offset", [8, 16, 24])
def test_algorithms_of_another_shape_are_refused(offset: int) -> None:
    message = bytearray(wire.build_open_session_request(wire.OpenSessionRequest(0, 0, 1, wire.Algorithms(3, 4, 1))))
    message[offset] = 0x7F
    with pytest.raises(Malformed):
        wire.parse_open_session_request_untrusted(bytes(message))


@pytest.mark.parametrize(("declared", "there"), [(17, 17), (255, 16), (5, 4), (1, 0)])
def test_a_name_longer_than_16_octets_or_than_the_message_is_refused(declared: int, there: int) -> None:
    with pytest.raises(Malformed):
        wire.parse_rakp_1_untrusted(bytes(27) + bytes((declared,)) + b"u" * there)


def test_octets_behind_the_name_are_ignored() -> None:
    assert wire.parse_rakp_1_untrusted(bytes(27) + b"\x02" + b"root").name == b"ro"


def test_a_random_number_of_another_length_is_not_sent() -> None:
    for size in (0, 15, 17):
        with pytest.raises(BadArgument):
            wire.build_rakp_1(wire.Rakp1(0, 1, bytes(size), 0x14, b"admin"))
        with pytest.raises(BadArgument):
            wire.build_rakp_2(wire.Rakp2(0, 0, 1, bytes(16), bytes(size)))


def test_payload_types_are_those_of_table_13_16() -> None:
    assert [int(kind) for kind in PayloadType] == [0x00, 0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15]
