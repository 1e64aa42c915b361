"""Every datagram of the recorded sessions, parsed and, where nothing in it is the peer's own way, rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ipmi_lan.crypto.suites import SUITE_3, SUITE_17
from ipmi_lan.wire import handshake as wire
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.message import build_request, parse_request_untrusted, parse_response_untrusted
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from tests.vectors.load import Frame, Trace, entry, frames, traces

BOTH_WAYS: dict[int, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    PayloadType.OPEN_SESSION_REQUEST: (wire.parse_open_session_request_untrusted, wire.build_open_session_request),
    PayloadType.OPEN_SESSION_RESPONSE: (wire.parse_open_session_response_untrusted, wire.build_open_session_response),
    PayloadType.RAKP_1: (wire.parse_rakp_1_untrusted, wire.build_rakp_1),
    PayloadType.RAKP_2: (wire.parse_rakp_2_untrusted, wire.build_rakp_2),
    PayloadType.RAKP_3: (wire.parse_rakp_3_untrusted, wire.build_rakp_3),
    PayloadType.RAKP_4: (wire.parse_rakp_4_untrusted, wire.build_rakp_4),
}
every_trace = pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace.id)
GIGABYTE = "handshake-suite17-gigabyte-framing"


def plain(frame: Frame) -> bytes:
    """The message of a datagram outside any session, in either framing."""
    if frame.datagram[4]:
        return parse_packet_untrusted(frame.datagram).payload
    message = parse_sessionless_untrusted(frame.datagram)
    assert build_sessionless(message) == frame.datagram
    return message


def login_message(frame: Frame) -> Any:
    """A message of the login, after it was rebuilt to the very same datagram."""
    packet = parse_packet_untrusted(frame.datagram)
    parse, build = BOTH_WAYS[packet.payload_type]
    message = parse(packet.payload)
    assert build_packet(Packet(packet.payload_type, build(message))) == frame.datagram
    return message


def logins(trace: Trace) -> list[Any]:
    return [login_message(frame) for frame in trace.frames if frame.datagram[4] == 6 and frame.datagram[5] in BOTH_WAYS]


@every_trace
def test_every_datagram_is_of_a_kind_we_read(trace: Trace) -> None:
    kinds = [(frame.datagram[4], frame.datagram[5] if frame.datagram[4] else 0) for frame in trace.frames]
    suite = trace.handshake.login.suite
    sealed = [(6, 0x80 * suite.is_encrypted | 0x40 * suite.is_authenticated)] * len(trace.sealed)
    assert kinds == [(0, 0)] * 2 + [(6, kind) for kind in BOTH_WAYS] + sealed


@every_trace
def test_the_question_before_the_login_is_rebuilt(trace: Trace) -> None:
    question, answer = (plain(frame) for frame in trace.frames[:2])
    assert build_request(parse_request_untrusted(question)) == question
    assert parse_response_untrusted(answer).command == parse_request_untrusted(question).command == 0x38


@every_trace
def test_the_login_is_rebuilt_octet_for_octet_and_says_what_was_recorded(trace: Trace) -> None:
    opening, opened, rakp_1, rakp_2, rakp_3, rakp_4 = logins(trace)
    login = trace.handshake.login
    assert opening.algorithms == opened.algorithms == login.suite.algorithms
    assert {opening.console_id, opened.console_id, rakp_2.console_id, rakp_4.console_id} == {login.console_id}
    assert {opened.bmc_id, rakp_1.bmc_id, rakp_3.bmc_id} == {login.bmc_id}
    assert (rakp_1.console_random, rakp_1.role, rakp_1.name) == (login.console_random, login.role, login.user)
    assert (rakp_2.bmc_random, rakp_2.guid) == (login.bmc_random, login.guid)
    assert rakp_2.code == trace.handshake.rakp_2_code
    assert rakp_3.code == trace.handshake.rakp_3_code
    assert rakp_4.code == trace.handshake.rakp_4_code


@every_trace
def test_every_datagram_of_the_session_has_its_id_and_number(trace: Trace) -> None:
    login = trace.handshake.login
    for frame, sealed in trace.in_session:
        packet = parse_packet_untrusted(frame.datagram)
        assert (packet.authenticated, packet.encrypted) == (login.suite.is_authenticated, login.suite.is_encrypted)
        assert (packet.payload_type, packet.sequence) == (PayloadType.IPMI, sealed.sequence)
        assert packet.session_id == (login.bmc_id if frame.is_from_console else login.console_id)


def test_the_idrac_6_opening_is_rebuilt() -> None:
    recorded = entry("rakp-suite3-idrac6")["frames"]
    request = bytes.fromhex(recorded["open_session_request_payload"])
    assert wire.build_open_session_request(wire.parse_open_session_request_untrusted(request)) == request
    response = login_message(Frame(False, bytes.fromhex(recorded["open_session_response_datagram"])))
    assert (response.bmc_id, response.algorithms) == (0x02002600, SUITE_3.algorithms)


def test_gigabyte_s_questions_before_the_login_come_in_both_framings() -> None:
    messages = [plain(frame) for frame in frames(GIGABYTE)[:4]]
    assert [parse_request_untrusted(message).command for message in messages[::2]] == [0x38, 0x54]
    assert [parse_response_untrusted(message).completion_code for message in messages[1::2]] == [0, 0]


def test_gigabyte_s_login_is_read_although_it_writes_04_where_nothing_belongs() -> None:
    payloads = [parse_packet_untrusted(frame.datagram).payload for frame in frames(GIGABYTE)[4:]]
    opened = wire.parse_open_session_response_untrusted(payloads[1])
    rakp_1, rakp_3 = wire.parse_rakp_1_untrusted(payloads[2]), wire.parse_rakp_3_untrusted(payloads[4])
    rakp_2, rakp_4 = wire.parse_rakp_2_untrusted(payloads[3]), wire.parse_rakp_4_untrusted(payloads[5])
    assert payloads[3][2] == payloads[5][2] == 0x04
    assert opened.algorithms == SUITE_17.algorithms
    assert opened.bmc_id == rakp_1.bmc_id == rakp_3.bmc_id == entry(GIGABYTE)["expected"]["bmc_session_id"]
    assert rakp_2.console_id == rakp_4.console_id == opened.console_id
    assert (rakp_2.status, rakp_4.status) == (0, 0)
    assert (len(rakp_2.code), len(rakp_3.code), len(rakp_4.code)) == (32, 32, 16)
    assert rakp_1.name == b"pyipmitest"
