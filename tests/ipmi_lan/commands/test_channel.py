from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.channel import (
    GET_CHANNEL_ACCESS,
    GET_CHANNEL_CIPHER_SUITES,
    GET_CHANNEL_INFO,
    AccessMode,
    ChannelAccess,
    ChannelInfo,
    CipherSuites,
    CipherSuitesRequest,
    SuiteRecord,
    get_channel_access,
    get_channel_cipher_suites,
    get_channel_info,
    parse_suite_records_untrusted,
)
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import Privilege
from ipmi_lan.wire.message import parse_request_untrusted, parse_response_untrusted
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.ipmi_lan.commands.recorded import is_asked_by
from tests.vectors.load import frames

QUESTION, ANSWER = (
    parse_packet_untrusted(frame.datagram).payload for frame in frames("handshake-suite17-gigabyte-framing")[2:4]
)


def test_cipher_suites_are_asked_with_ipmitool_s_octets() -> None:
    request = parse_request_untrusted(QUESTION)
    assert is_asked_by(get_channel_cipher_suites(0), request)
    assert GET_CHANNEL_CIPHER_SUITES.request.parse_untrusted(request.data) == CipherSuitesRequest(0)


def test_the_suites_of_a_gigabyte_board_are_read() -> None:
    suites = GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(parse_response_untrusted(ANSWER).data)
    assert suites == CipherSuites(channel=1, records=bytes.fromhex("c003014181c011034481"))


@given(st.integers(0, 63), st.integers(0, 15), st.integers(0, 63), st.booleans())
def test_a_request_for_suites_comes_back(index: int, channel: int, payload_type: int, lists_suites: bool) -> None:
    request = CipherSuitesRequest(index, channel, payload_type, lists_suites)
    octets = GET_CHANNEL_CIPHER_SUITES.request.build(request)
    assert octets == bytes((channel, payload_type, lists_suites << 7 | index))
    assert GET_CHANNEL_CIPHER_SUITES.request.parse_untrusted(octets) == request


def test_an_answer_without_records_has_none_and_one_without_a_channel_is_malformed() -> None:
    assert GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(b"\x01") == CipherSuites(1, b"")
    with pytest.raises(Malformed):
        GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(b"")


def test_this_channel_is_asked_about_as_0eh() -> None:
    assert get_channel_info().data == b"\x0e"
    assert get_channel_info(3).data == b"\x03"


def test_the_octets_of_a_channel_s_info() -> None:
    octets = bytes.fromhex("01 04 01 82 f2 1b 00 00 00")
    info = ChannelInfo(channel=1, medium=4, protocol=1, session_support=2, active_sessions=2, vendor=7154)
    assert GET_CHANNEL_INFO.reply.parse_untrusted(octets) == info
    assert GET_CHANNEL_INFO.reply.build(info) == octets


def test_reserved_bits_of_a_channel_s_info_are_not_read() -> None:
    info = GET_CHANNEL_INFO.reply.parse_untrusted(bytes.fromhex("f1 84 e1 82 f2 1b 00 aa bb"))
    assert info == ChannelInfo(1, 4, 1, 2, 2)


@pytest.mark.parametrize("size", range(9))
def test_a_short_channel_info_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_CHANNEL_INFO.reply.parse_untrusted(bytes(size))


def test_the_octets_of_a_channel_s_access() -> None:
    assert (get_channel_access().data, get_channel_access(1).data) == (b"\x0e\x80", b"\x01\x80")
    access = GET_CHANNEL_ACCESS.reply.parse_untrusted(b"\x12\x04")
    assert access == ChannelAccess(False, True, False, AccessMode.ALWAYS, Privilege.ADMINISTRATOR)
    assert GET_CHANNEL_ACCESS.reply.parse_untrusted(b"\xe9\xf3") == (True, False, True, AccessMode.BEFORE_BOOT_ONLY, 3)
    assert GET_CHANNEL_ACCESS.reply.build(access) == b"\x12\x04"
    for size in range(2):
        with pytest.raises(Malformed):
            GET_CHANNEL_ACCESS.reply.parse_untrusted(bytes(size))


# ── cipher suite records ─────────────────────────────────────────────────────

SUITE_3, SUITE_17 = SuiteRecord(3, 1, 1, 1), SuiteRecord(17, 3, 4, 1)


@pytest.mark.parametrize(
    ("octets", "suites"),
    [
        pytest.param("c003014181 c011034481", [SUITE_3, SUITE_17], id="by the book"),
        pytest.param("c000004080 c003014181", [SuiteRecord(0), SUITE_3], id="suite 0 in full"),
        pytest.param("c000 c00101 c0020141 c003014181", [SuiteRecord(0), SuiteRecord(1, 1), SuiteRecord(2, 1, 1), SUITE_3],
                     id="none has no octet"),
        pytest.param("c0034181 c0118144", [SuiteRecord(3, 0, 1, 1), SuiteRecord(17, 0, 4, 1)], id="in another order, or lacking"),
        pytest.param("03014181 11034481", [SUITE_3, SUITE_17], id="no start octets"),
        pytest.param("c003014181 11034481", [SUITE_3, SUITE_17], id="one start octet is missing"),
        pytest.param("c180570100 014181 c011034481", [SuiteRecord(128, 1, 1, 1, oem=343), SUITE_17], id="a suite of a vendor"),
        pytest.param("c1c0c0c1c0 c011034481", [SuiteRecord(0xC0, oem=0xC0C1C0), SUITE_17], id="numbers that look like starts"),
        pytest.param("c080 0141428182 c003014181", [SuiteRecord(128, 1, 1, 1), SUITE_3], id="several of a kind"),
        pytest.param("c003010101 c011030401", [SUITE_3, SUITE_17], id="all tagged as authentication"),
        pytest.param("c0030101", [SuiteRecord(3, 1), SuiteRecord(1)], id="cut, all tagged as authentication"),
        pytest.param("0101 0602 c011034481", [SuiteRecord(1, 1), SuiteRecord(6, 2), SUITE_17], id="short, no start octets"),
        pytest.param("c0 c011034481", [SUITE_17], id="no id"),
        pytest.param("414181 c011034481", [SUITE_17], id="begins in the middle"),
        pytest.param("c011034481 c0", [SUITE_17], id="cut after the start"),
        pytest.param("c011034481 c003", [SUITE_17, SuiteRecord(3)], id="cut after the id"),
        pytest.param("c011034481 c1805701", [SUITE_17], id="cut in the enterprise number"),
        pytest.param("ff fe c011034481 c5", [SUITE_17], id="starts that there are not"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_records_of_all_kinds(octets: str, suites: list[SuiteRecord]) -> None:
    assert parse_suite_records_untrusted(bytes.fromhex(octets)) == suites


def test_the_records_of_a_gigabyte_board_are_two_suites() -> None:
    records = GET_CHANNEL_CIPHER_SUITES.reply.parse_untrusted(parse_response_untrusted(ANSWER).data).records
    assert parse_suite_records_untrusted(records) == [SUITE_3, SUITE_17]


@given(st.binary(max_size=1024))
def test_any_octets_are_read_without_an_error(records: bytes) -> None:
    suites = parse_suite_records_untrusted(records)
    assert len(suites) <= len(records)
    assert all(suite.authentication < 64 and suite.integrity < 64 and suite.confidentiality < 64 for suite in suites)


algorithm = st.integers(0, 63)
vendor = st.none() | st.integers(0, 0xFFFFFF)
whole_records = st.lists(
    st.builds(SuiteRecord, st.integers(0, 0xBF), algorithm, algorithm, algorithm, vendor), max_size=20
)


@given(whole_records, st.booleans())
def test_what_is_written_by_the_book_is_read_whole_and_short(suites: list[SuiteRecord], is_short: bool) -> None:
    assert parse_suite_records_untrusted(b"".join(octets_of(suite, is_short) for suite in suites)) == suites


def octets_of(suite: SuiteRecord, is_short: bool) -> bytes:
    head = bytes((0xC0, suite.id)) if suite.oem is None else bytes((0xC1, suite.id)) + suite.oem.to_bytes(3, "little")
    algorithms = ((0x00, suite.authentication), (0x40, suite.integrity), (0x80, suite.confidentiality))
    return head + bytes(tag | number for tag, number in algorithms if number or not is_short)


@given(whole_records, st.binary(max_size=8))
def test_rubbish_at_the_end_costs_none_of_the_suites_before_it(suites: list[SuiteRecord], rubbish: bytes) -> None:
    records = b"".join(octets_of(suite, is_short=False) for suite in suites)
    found = parse_suite_records_untrusted(records + rubbish)
    assert found[: len(suites)] == suites
