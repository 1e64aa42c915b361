from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.command import Definition
from ipmi_lan.commands.login import (
    CLOSE_SESSION,
    GET_CHANNEL_AUTHENTICATION_CAPABILITIES,
    GET_SESSION_INFO,
    SET_SESSION_PRIVILEGE_LEVEL,
    AuthenticationCapabilities,
    AuthenticationCapabilitiesRequest,
    SessionInfo,
    SessionPrivilege,
    SessionQuery,
    SessionToClose,
    close_session,
    get_channel_authentication_capabilities,
    get_session_info,
    set_session_privilege_level,
)
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import Privilege
from ipmi_lan.wire.message import Request, parse_request_untrusted, parse_response_untrusted
from ipmi_lan.wire.packet15 import parse_sessionless_untrusted
from tests.ipmi_lan.commands.recorded import exchange, is_asked_by
from tests.vectors.load import frames

CAPABILITIES = GET_CHANNEL_AUTHENTICATION_CAPABILITIES
FLAGS = {
    (1, 7): "is_extended",
    (1, 5): "oem",
    (1, 4): "straight_password",
    (1, 2): "md5",
    (1, 1): "md2",
    (1, 0): "none",
    (2, 5): "kg_is_set",
    (2, 4): "per_message_authentication_is_off",
    (2, 3): "user_level_authentication_is_off",
    (2, 2): "named_users",
    (2, 1): "null_users",
    (2, 0): "anonymous",
    (3, 1): "ipmi_2",
    (3, 0): "ipmi_1_5",
}
NUMBERS = {"channel", "oem_id"}


def asked(name: str) -> Request:
    return parse_request_untrusted(parse_sessionless_untrusted(frames(name)[0].datagram))


def answered(name: str) -> AuthenticationCapabilities:
    reply = parse_response_untrusted(parse_sessionless_untrusted(frames(name)[1].datagram))
    return CAPABILITIES.reply.parse_untrusted(reply.data)


def test_capabilities_are_asked_with_ipmitool_s_octets() -> None:
    assert is_asked_by(get_channel_authentication_capabilities(Privilege.ADMINISTRATOR), asked("lab-suite3"))


@pytest.mark.parametrize(
    ("name", "privilege", "wants_ipmi_2"),
    [
        ("lab-capabilities-15", Privilege.ADMINISTRATOR, False),
        ("lab-capabilities-15-user", Privilege.USER, False),
        ("lab-suite17", Privilege.USER, True),
        ("handshake-suite17-gigabyte-framing", Privilege.ADMINISTRATOR, True),
    ],
)
def test_a_recorded_question_for_capabilities_is_read_and_rebuilt(name: str, privilege: Privilege, wants_ipmi_2: bool) -> None:
    request = CAPABILITIES.request.parse_untrusted(asked(name).data)
    assert request == AuthenticationCapabilitiesRequest(privilege, wants_ipmi_2=wants_ipmi_2)
    assert CAPABILITIES.request.build(request) == asked(name).data


def test_the_answer_of_a_gigabyte_board_is_read() -> None:
    assert answered("handshake-suite17-gigabyte-framing") == AuthenticationCapabilities(
        channel=1,
        is_extended=True,
        md5=True,
        per_message_authentication_is_off=True,
        named_users=True,
        ipmi_2=True,
        ipmi_1_5=True,
    )


def test_the_answer_of_ipmi_sim_without_the_ipmi_2_bit_is_read() -> None:
    capabilities = answered("lab-capabilities-15")
    assert not capabilities.is_extended
    assert not capabilities.ipmi_2
    assert (capabilities.straight_password, capabilities.md5, capabilities.md2, capabilities.none) == (True, True, True, True)


@pytest.mark.parametrize(("place", "name"), FLAGS.items(), ids=FLAGS.values())
def test_each_bit_sets_its_flag_and_no_other(place: tuple[int, int], name: str) -> None:
    octets = bytearray(8)
    octets[place[0]] = 1 << place[1]
    capabilities = CAPABILITIES.reply.parse_untrusted(bytes(octets))
    set_ones = {name for name in capabilities._fields if getattr(capabilities, name)}
    assert set_ones == {name}
    assert CAPABILITIES.reply.build(capabilities) == bytes(octets)


def test_reserved_bits_are_not_read() -> None:
    capabilities = CAPABILITIES.reply.parse_untrusted(bytes((0, 0x48, 0xC0, 0xFC, 0, 0, 0, 0xFF)))
    assert not any(capabilities)


def test_the_oem_id_is_little_endian() -> None:
    assert CAPABILITIES.reply.parse_untrusted(bytes((1, 0, 0, 0, 0x57, 0x01, 0x00, 0))).oem_id == 343


@pytest.mark.parametrize("size", range(8))
def test_short_capabilities_are_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        CAPABILITIES.reply.parse_untrusted(bytes(size))


def test_the_privilege_is_raised_with_ipmitool_s_octets() -> None:
    request, reply = exchange("set-session-privilege")
    assert is_asked_by(set_session_privilege_level(Privilege.ADMINISTRATOR), request)
    assert SET_SESSION_PRIVILEGE_LEVEL.reply.parse_untrusted(reply.data).privilege is Privilege.ADMINISTRATOR


@pytest.mark.parametrize("octet", range(256))
def test_a_privilege_is_the_low_half_and_an_unknown_one_stays_an_int(octet: int) -> None:
    privilege = SET_SESSION_PRIVILEGE_LEVEL.reply.parse_untrusted(bytes((octet,))).privilege
    assert privilege == octet & 0x0F
    assert isinstance(privilege, Privilege) == (octet & 0x0F in list(Privilege))


def test_a_privilege_reply_without_data_is_malformed() -> None:
    with pytest.raises(Malformed):
        SET_SESSION_PRIVILEGE_LEVEL.reply.parse_untrusted(b"")


def test_a_session_is_closed_with_ipmitool_s_octets() -> None:
    request, reply = exchange("close-session")
    assert is_asked_by(close_session(0x00000582), request)
    assert reply.data == b""
    assert CLOSE_SESSION.request.parse_untrusted(request.data) == SessionToClose(0x00000582)


@pytest.mark.parametrize("size", range(4))
def test_a_short_request_to_close_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        CLOSE_SESSION.request.parse_untrusted(bytes(size))


def test_this_session_is_asked_for_with_ipmitool_s_octets_and_read_as_it_printed_it() -> None:
    request, reply = exchange("session-info")
    assert is_asked_by(get_session_info(), request)
    info = get_session_info().reply.parse_untrusted(reply.data)
    assert (info.handle, info.slots, info.active) == (1, 63, 1)
    assert info.details == bytes((2, Privilege.ADMINISTRATOR, 0x11))
    assert (info.user_id, info.privilege) == (2, Privilege.ADMINISTRATOR)


def test_without_such_a_session_three_octets_are_the_whole_answer() -> None:
    assert GET_SESSION_INFO.reply.parse_untrusted(b"\x00\x04\x01") == SessionInfo(0, 4, 1)
    assert (SessionInfo(0, 4, 1).user_id, SessionInfo(1, 4, 1, b"\xc2").privilege) == (None, None)


def test_counts_of_sessions_are_six_bits() -> None:
    assert GET_SESSION_INFO.reply.parse_untrusted(b"\x01\xc4\xc1") == SessionInfo(1, 4, 1)


@pytest.mark.parametrize("size", range(3))
def test_a_short_session_info_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        GET_SESSION_INFO.reply.parse_untrusted(bytes(size))


@given(st.builds(SessionInfo, st.integers(0, 255), st.integers(0, 63), st.integers(0, 63), st.binary(max_size=20)))
def test_a_session_info_comes_back(info: SessionInfo) -> None:
    assert GET_SESSION_INFO.reply.parse_untrusted(GET_SESSION_INFO.reply.build(info)) == info


@given(
    st.builds(
        AuthenticationCapabilities,
        channel=st.integers(0, 255),
        oem_id=st.integers(0, 0xFFFFFF),
        **{name: st.booleans() for name in FLAGS.values()},
    )
)
def test_capabilities_come_back(capabilities: AuthenticationCapabilities) -> None:
    assert CAPABILITIES.reply.parse_untrusted(CAPABILITIES.reply.build(capabilities)) == capabilities
    assert set(capabilities._fields) == NUMBERS | set(FLAGS.values())


@given(st.integers(0, 0xFFFFFFFF), st.sampled_from(Privilege), st.integers(0, 255))
def test_requests_come_back(session_id: int, privilege: Privilege, index: int) -> None:
    cases: tuple[tuple[Definition[Any, Any], object], ...] = (
        (CLOSE_SESSION, SessionToClose(session_id)),
        (SET_SESSION_PRIVILEGE_LEVEL, SessionPrivilege(privilege)),
        (GET_SESSION_INFO, SessionQuery(index)),
    )
    for definition, value in cases:
        assert definition.request.parse_untrusted(definition.request.build(value)) == value
