from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import BadArgument, Malformed
from ipmi_lan.wire.fields import checksum
from ipmi_lan.wire.message import (
    Request,
    Response,
    build_request,
    build_response,
    parse_request_untrusted,
    parse_response_untrusted,
)
from tests.ipmi_lan.wire.octets import hostile, octet
from tests.vectors.load import Exchange, exchanges, traces

netfns = st.integers(0, 0x1F).map(lambda half: half * 2)
sequences = st.integers(0, 63)
requests = st.builds(Request, netfns, octet, sequences, st.binary(max_size=60), st.integers(0, 3), octet, octet)
responses = st.builds(Response, netfns, octet, sequences, octet, st.binary(max_size=60))

SEALED = [sealed for trace in traces() for sealed in trace.sealed]
REQUESTS = [sealed.message for sealed in SEALED if sealed.is_from_console]
REPLIES = [sealed.message for sealed in SEALED if not sealed.is_from_console]


@given(requests)
def test_a_request_comes_back(request: Request) -> None:
    assert parse_request_untrusted(build_request(request)) == request


@given(responses)
def test_a_response_comes_back(response: Response) -> None:
    assert parse_response_untrusted(build_response(response)) == response


def test_a_request_is_laid_out_as_13_8_has_it() -> None:
    assert build_request(Request(netfn=0x06, command=0x3B, sequence=1, data=b"\x04")).hex() == "2018c881043b043c"


def test_a_response_is_laid_out_as_13_8_has_it() -> None:
    response = Response(netfn=0x06, command=0x3B, sequence=1, completion_code=0, data=b"\x04")
    assert build_response(response).hex() == "811c6320043b00049d"


def test_a_request_names_lun_and_addresses() -> None:
    request = Request(0x04, 0x2D, 5, b"\x30", lun=2, to=0xC0, sender=0x20)
    assert build_request(request).hex() == "c012" + "2e" + "20" + "14" + "2d" + "30" + "6f"


@pytest.mark.parametrize(
    "request_",
    [
        Request(0x40, 1, 1),
        Request(0x06, 256, 1),
        Request(0x06, 1, 64),
        Request(0x06, 1, 1, lun=4),
        Request(0x06, 1, 1, lun=-1),
        Request(0x06, 1, 1, to=256),
        Request(0x06, 1, 1, sender=-1),
    ],
)
def test_a_request_that_does_not_fit_is_refused(request_: Request) -> None:
    with pytest.raises(BadArgument):
        build_request(request_)


@pytest.mark.parametrize(
    "response", [Response(0x06, 1, 1, 256), Response(0x06, 1, 1, -1), Response(0x06, 1, 64, 0), Response(0x06, -1, 1, 0)]
)
def test_a_response_that_does_not_fit_is_refused(response: Response) -> None:
    with pytest.raises(BadArgument):
        build_response(response)


@given(responses, octet, octet)
def test_checksums_are_not_looked_at_where_they_are_known_to_be_wrong(response: Response, first: int, second: int) -> None:
    message = bytearray(build_response(response))
    message[2], message[-1] = first, second
    assert parse_response_untrusted(bytes(message), checks=False) == response


@given(hostile(responses.map(build_response)))
def test_without_checksums_the_door_raises_malformed_only(message: bytes) -> None:
    with suppress(Malformed):
        parse_response_untrusted(message, checks=False)


@pytest.mark.parametrize("message", REQUESTS, ids=bytes.hex)
def test_every_recorded_request_is_rebuilt_octet_for_octet(message: bytes) -> None:
    assert build_request(parse_request_untrusted(message)) == message


@pytest.mark.parametrize("exchange", exchanges(), ids=lambda exchange: exchange.id)
def test_every_recorded_reply_of_ipmi_sim_is_rebuilt_octet_for_octet(exchange: Exchange) -> None:
    assert build_request(parse_request_untrusted(exchange.request)) == exchange.request
    assert build_response(parse_response_untrusted(exchange.reply)) == exchange.reply


@pytest.mark.parametrize("message", REPLIES, ids=bytes.hex)
def test_every_recorded_reply_is_understood(message: bytes) -> None:
    reply = parse_response_untrusted(message)
    assert (reply.netfn, reply.command, reply.sequence) == (message[1] >> 2 & ~1, message[5], message[4] >> 2)
    assert bytes((reply.completion_code,)) + reply.data == message[6:-1]


def test_a_reply_with_the_addresses_mixed_up_is_taken() -> None:
    assert parse_response_untrusted(bytes.fromhex("201cc420043b00049d")) == Response(0x06, 0x3B, 1, 0, b"\x04")


def test_the_two_kinds_are_told_apart() -> None:
    with pytest.raises(Malformed):
        parse_request_untrusted(build_response(Response(0x06, 1, 1, 0)))
    with pytest.raises(Malformed):
        parse_response_untrusted(build_request(Request(0x06, 1, 1, b"\0")))


def test_a_response_without_completion_code_is_refused() -> None:
    message = bytes.fromhex("811c6320043b")
    with pytest.raises(Malformed):
        parse_response_untrusted(message + bytes((checksum(message[3:]),)))


@given(requests | responses, st.data())
def test_any_other_value_of_one_octet_is_seen_by_a_checksum(message: Request | Response, data: st.DataObject) -> None:
    valid = build_request(message) if isinstance(message, Request) else build_response(message)
    parse = parse_request_untrusted if isinstance(message, Request) else parse_response_untrusted
    damaged = bytearray(valid)
    damaged[data.draw(st.integers(0, len(valid) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        parse(bytes(damaged))


@given(requests.map(build_request) | responses.map(build_response), st.data())
def test_a_cut_message_is_refused_or_is_no_response(valid: bytes, data: st.DataObject) -> None:
    cut = valid[: data.draw(st.integers(0, 6))]
    with pytest.raises(Malformed):
        parse_request_untrusted(cut)
    with pytest.raises(Malformed):
        parse_response_untrusted(cut)


@given(hostile(st.sampled_from(REQUESTS + REPLIES)))
def test_the_doors_raise_malformed_only(message: bytes) -> None:
    with suppress(Malformed):
        parse_request_untrusted(message)
    with suppress(Malformed):
        parse_response_untrusted(message)
