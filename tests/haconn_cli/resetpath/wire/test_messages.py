"""The bodies: round trips, any bytes, what is cut and how, and the sizes that keep answers short."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.vocabulary import (
    Action,
    EventKind,
    Evidence,
    Link,
    Phase,
    Reading,
    ResetResult,
    ResultCode,
    ServerStatus,
    Standing,
    Status,
)
from haconn_cli.resetpath.wire import messages as m
from haconn_cli.resetpath.wire.frame import LARGEST, SMALLEST, Malformed
from tests.haconn_cli.resetpath.strategies import messages

LONG = "é" * 300   # two bytes each


@given(messages)
def test_a_message_comes_back_as_it_was(message: m.Message) -> None:
    assert m.parse_body_untrusted(m.type_of(message), m.build_body(message)) == message


@given(messages, st.binary(max_size=50))
def test_fields_appended_later_are_left_alone(message: m.Message, more: bytes) -> None:
    assert m.parse_body_untrusted(m.type_of(message), m.build_body(message) + more) == message


@given(messages, st.data())
def test_a_body_cut_short_is_malformed(message: m.Message, data: st.DataObject) -> None:
    body = m.build_body(message)
    if body:
        with pytest.raises(Malformed):
            m.parse_body_untrusted(m.type_of(message), body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.integers(0, 255) | st.sampled_from(m.Type), st.binary(max_size=LARGEST - SMALLEST))
def test_any_bytes_give_a_message_or_malformed(kind: int, body: bytes) -> None:
    try:
        message = m.parse_body_untrusted(kind, body)
    except Malformed:
        return
    assert m.type_of(message) == kind
    m.build_body(message)


def _largest_of_each() -> list[m.Message]:
    readings = tuple(Reading(after=number / 10, power_is_on=True) for number in range(1000))
    evidence = Evidence(readings, bytes(16), 17, (LONG,) * 50, LONG)
    status = ServerStatus("P" * 31, Link.OK, Status.POFF_DETECTED, reset_capable=True, proof_age=1.0)
    return [
        m.Hello("P" * 31, Standing.LOCAL, LONG, bytes(8), bytes(16)),
        m.Welcome(bytes(16), "P" * 31, LONG, bytes(8)),
        m.PathStatus(bytes(16), bytes(8), (status,) * 16),
        m.ResetRequest("P" * 31, Action.CYCLE, 60, force=True, reason=LONG),
        m.Result(bytes(16), ResultCode.OFF_CONFIRMED, back_on=True, evidence=evidence),
        m.PathCheck(),
    ]


@pytest.mark.parametrize("message", _largest_of_each(), ids=lambda message: type(message).__name__)
def test_the_largest_of_each_fits_into_a_datagram(message: m.Message) -> None:
    body = m.build_body(message)
    assert SMALLEST + len(body) <= LARGEST
    m.parse_body_untrusted(m.type_of(message), body)


def test_a_path_check_is_as_long_as_the_longest_answer() -> None:
    longest = next(message for message in _largest_of_each() if isinstance(message, m.PathStatus))
    assert len(m.build_body(m.PathCheck())) == len(m.build_body(longest))


SHORTEST = (
    m.Hello("P", Standing.LOCAL, "", bytes(8), bytes(16)),
    m.PathCheck(),
    m.ResetRequest("P", Action.OFF, 1),
    m.ResultQuery(),
)


@pytest.mark.parametrize("request_", SHORTEST)
def test_every_request_is_at_least_as_long_as_a_challenge(request_: m.Message) -> None:
    assert SMALLEST + len(m.build_body(request_)) >= m.CHALLENGE_DATAGRAM == SMALLEST + len(m.build_body(m.Challenge(bytes(16))))


def test_a_version_answer_is_as_short_as_a_datagram_can_be() -> None:
    assert m.build_body(m.MyVersion()) == b""


def test_many_readings_are_shortened_in_the_middle() -> None:
    readings = tuple(Reading(after=number / 10, power_is_on=number < 900) for number in range(1000))
    sent = m.Result(bytes(16), 1, back_on=False, evidence=Evidence(readings))
    got = m.parse_body_untrusted(m.Type.RESET_RESULT, m.build_body(sent))
    assert isinstance(got, m.Result)
    half = m.MOST_READINGS // 2
    assert got.evidence.readings == readings[:half] + readings[-half:]


def test_text_is_cut_between_letters_and_cleaned() -> None:
    got = m.parse_body_untrusted(m.Type.RESET_REQUEST, m.build_body(m.ResetRequest("P", Action.OFF, 1, reason="a\nb" + LONG)))
    assert isinstance(got, m.ResetRequest)
    assert got.reason == "a?b" + "é" * 58


STATUS = ServerStatus("P", Link.OK, Status.MONITORING, reset_capable=True, proof_age=None)


@pytest.mark.parametrize("name", ["P" * 32, "é" * 16, "P\n", "P\udcff"])
@pytest.mark.parametrize(
    "build",
    [
        lambda name: m.Hello(name, Standing.LOCAL, "", bytes(8), bytes(16)),
        lambda name: m.Welcome(bytes(16), name, "", bytes(8)),
        lambda name: m.PathStatus(bytes(16), bytes(8), (dataclasses.replace(STATUS, name=name),)),
        lambda name: m.ResetRequest(name, Action.OFF, 1),
        lambda name: m.Event(EventKind.POWER_OFF, name),
    ],
)
def test_a_name_is_refused_and_never_cut(build: Callable[[str], m.Message], name: str) -> None:
    with pytest.raises(ValueError, match="a name is never cut"):
        m.build_body(build(name))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a\nb", "a\u202eb".encode()])
def test_text_that_is_not_printable_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        m.parse_body_untrusted(m.Type.EVENT, bytes((1, len(text))) + text)


def test_numbers_of_later_versions_are_read_as_the_worse() -> None:
    item = bytes((1,)) + b"P" + bytes((99, 99, 1)) + b"\xff" * 4
    status = m.parse_body_untrusted(m.Type.PATH_STATUS, bytes(24) + b"\x01" + item)
    assert isinstance(status, m.PathStatus)
    assert status.servers == (ServerStatus("P", Link.NG, Status.NOT_YET, reset_capable=True, proof_age=None),)
    progress = m.parse_body_untrusted(m.Type.RESET_PROGRESS, bytes(16) + b"\x63\x00\x02")
    assert isinstance(progress, m.Progress)
    assert (progress.phase, progress.reads) == (Phase.WAITING, 2)


def test_an_unknown_action_or_event_is_malformed() -> None:
    body = bytearray(m.build_body(m.ResetRequest("P", Action.OFF, 1)))
    body[16] = 99
    with pytest.raises(Malformed):
        m.parse_body_untrusted(m.Type.RESET_REQUEST, bytes(body))
    with pytest.raises(Malformed):
        m.parse_body_untrusted(m.Type.EVENT, b"\x63\x01P")


def test_an_unknown_result_code_is_no_result() -> None:
    assert m.Result(bytes(16), 99, back_on=True, evidence=Evidence()).known() is None
    result = ResetResult(ResultCode.OFF_CONFIRMED, back_on=True, evidence=Evidence(detail="x"))
    assert m.Result.of(bytes(16), result).known() == result
