from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.login import GET_SESSION_CHALLENGE, activate_session, get_session_info
from ipmi_lan.simulator import Auth15Faults, Faults
from ipmi_lan.simulator.sealing15 import EitherOrderWindow, swap
from ipmi_lan.wire.codes import AuthType
from ipmi_lan.wire.message import Request, build_request, parse_response_untrusted
from ipmi_lan.wire.packet15 import Packet15, build_packet15
from tests.ipmi_lan.simulator.console import ADDRESS
from tests.ipmi_lan.simulator.console15 import Console15, a_bmc_of_1_5, code_of

OFF = chassis_control(Control.POWER_OFF)
CODED = [AuthType.MD2, AuthType.MD5]


def answer_of(console: Console15) -> Packet15:
    """The packet with the chassis status."""
    packet = console.send(console.datagram_of(get_chassis_status()))
    assert packet is not None
    return packet


def with_fault(**faults: object) -> Console15:
    """A console that has logged in; then the fault is switched on."""
    console = Console15(a_bmc_of_1_5()).log_in()
    for name, value in faults.items():
        setattr(console.bmc.faults.auth15, name, value)
    return console


@pytest.mark.parametrize("auth_type", CODED)
def test_every_bit_flip_of_a_request_is_dropped(auth_type: AuthType) -> None:
    console = Console15(a_bmc_of_1_5(), auth_type).log_in()
    bmc, good = console.bmc, console.datagram_of(OFF)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert bmc.receive_datagram_untrusted(bytes(bad), ADDRESS, 1.0) == [], bit
    assert bmc.power_commands == []
    assert console.send(good) is not None
    assert len(bmc.power_commands) == 1


@pytest.mark.parametrize("auth_type", [*CODED, AuthType.STRAIGHT])
def test_without_a_code_or_with_another_types_nothing_is_done(auth_type: AuthType) -> None:
    console = Console15(a_bmc_of_1_5(), auth_type).log_in()
    for other in (AuthType.NONE, AuthType.MD2, AuthType.MD5, AuthType.STRAIGHT):
        if other is not auth_type:
            assert console.send(console.datagram_of(OFF, other)) is None
    assert console.bmc.power_commands == []


def test_replays_and_numbers_from_afar_are_dropped() -> None:
    console = Console15(a_bmc_of_1_5()).log_in()
    good = console.datagram_of(OFF)
    assert console.send(good) is not None
    assert console.send(good) is None
    at = console.sequence - 1
    for number, is_answered in [(at + 8, True), (at + 1, True), (at - 1, False), (at + 17, False), (0, False)]:
        console.sequence = number
        assert (console.send(console.datagram_of(get_chassis_status())) is not None) == is_answered, number


def test_without_per_message_authentication_everything_goes_without_a_code() -> None:
    console = Console15(a_bmc_of_1_5(per_message_auth=False)).log_in()
    assert console.travels_as is AuthType.NONE
    console.run(OFF)
    packet = console.send(console.datagram_of(get_chassis_status(), AuthType.MD5))
    assert packet is not None
    assert (packet.auth_type, packet.code) == (AuthType.NONE, b"")


def test_without_user_level_authentication_a_users_commands_may_come_so() -> None:
    console = Console15(a_bmc_of_1_5(user_level_auth=False)).log_in()
    assert console.travels_as is AuthType.MD5
    packet = console.send(console.datagram_of(get_chassis_status(), AuthType.NONE))
    assert packet is not None
    assert (packet.auth_type, parse_response_untrusted(packet.payload).completion_code) == (AuthType.NONE, 0)
    packet = console.send(console.datagram_of(OFF, AuthType.NONE))
    assert packet is not None
    assert parse_response_untrusted(packet.payload).completion_code == 0xD4
    assert console.bmc.power_commands == []


def test_replies_with_id_zero() -> None:
    packet = answer_of(with_fault(zero_id=True))
    assert packet.session_id == 0


def test_codes_though_off() -> None:
    console = Console15(a_bmc_of_1_5(per_message_auth=False, faults=Faults(auth15=Auth15Faults(codes_though_off=True))))
    answer = console.activate()
    assert answer is not None
    session = console.take(answer[1])
    assert session.auth_type == AuthType.NONE
    console.session_id, console.sequence = session.session_id, session.initial_sequence
    packet = answer_of(console)
    assert packet.code == code_of(AuthType.MD5, console.key, packet.session_id, packet.sequence, packet.payload)


def test_claims_no_codes_and_wants_them() -> None:
    console = Console15(a_bmc_of_1_5(faults=Faults(auth15=Auth15Faults(claims_no_codes=True))))
    answer = console.activate()
    assert answer is not None
    session = console.take(answer[1])
    assert session.auth_type == AuthType.NONE
    console.session_id, console.sequence = session.session_id, session.initial_sequence
    assert console.send(console.datagram_of(get_chassis_status())) is None
    console.travels_as = AuthType.MD5
    console.run(get_chassis_status())


def test_numbers_that_leave_big_endian() -> None:
    console = Console15(a_bmc_of_1_5(faults=Faults(auth15=Auth15Faults(swaps_sequence=True))), first_outbound=5)
    answer = console.activate()
    assert answer is not None
    session = console.take(answer[1])
    console.session_id, console.sequence, console.travels_as = session.session_id, session.initial_sequence, AuthType.MD5
    assert [answer[0].sequence, answer_of(console).sequence, answer_of(console).sequence] == [0x05000000, 0x06000000, 0x07000000]


@given(st.integers(1, 0xFFFFFF00), st.booleans())
def test_a_big_endian_bmc_takes_numbers_in_either_order_once(first: int, is_swapped: bool) -> None:
    window = EitherOrderWindow(8, first)
    told = swap(first)
    numbers = [swap(first + step) if is_swapped else (told + step) % 0x100000000 for step in range(6)]
    assert [window.accept(number) for number in numbers] == [number != 0 for number in numbers]
    assert not any(window.accept(number) for number in numbers)


@pytest.mark.parametrize(
    ("faults", "key"), [({"wrong_codes": True}, b""), ({"answers_with_password": "another"}, b"another")]
)
def test_codes_that_are_wrong_or_of_another_password(faults: dict[str, object], key: bytes) -> None:
    console = with_fault(**faults)
    packet = answer_of(console)
    right = code_of(AuthType.MD5, console.key, packet.session_id, packet.sequence, packet.payload)
    assert packet.code != right
    if key:
        assert packet.code == code_of(AuthType.MD5, key, packet.session_id, packet.sequence, packet.payload)


def test_number_zero_and_the_number_shared_with_the_activation() -> None:
    assert answer_of(with_fault(zero_sequence=True)).sequence == 0
    console = Console15(a_bmc_of_1_5(faults=Faults(auth15=Auth15Faults(activate_shares_number=True))))
    answer = console.activate()
    assert answer is not None
    session = console.take(answer[1])
    console.session_id, console.sequence, console.travels_as = session.session_id, session.initial_sequence, AuthType.MD5
    assert [answer_of(console).sequence for _ in range(2)] == [answer[0].sequence, answer[0].sequence + 1]


@pytest.mark.parametrize("mixes", [False, True])
def test_the_oem_type(mixes: bool) -> None:
    bmc = a_bmc_of_1_5(auth15=(AuthType.OEM,), faults=Faults(auth15=Auth15Faults(mixes_challenge=mixes)))
    console = Console15(bmc, AuthType.OEM)
    given = GET_SESSION_CHALLENGE.reply.parse_untrusted(console.challenge().data)
    digest = hashlib.md5(console.key).digest()
    key = bytes(one ^ other for one, other in zip(given.challenge, digest, strict=True))
    key = hashlib.md5(key).digest() if mixes else console.key.ljust(16, b"\0")
    command = activate_session(AuthType.OEM, console.privilege, bytes(16) if mixes else given.challenge, 1)
    message = build_request(Request(command.netfn, command.code, 1, command.data))
    packet = console.send(build_packet15(Packet15(AuthType.OEM, 0, given.temporary_id, key, message)))
    assert packet is not None
    assert (packet.code, parse_response_untrusted(packet.payload).completion_code) == (key, 0)


def test_a_session_of_1_5_is_none_of_rmcp_plus() -> None:
    console = Console15(a_bmc_of_1_5()).log_in()
    assert console.run(get_session_info()).active == 1
    rakp_1 = bytes((1, 0, 0, 0)) + console.session_id.to_bytes(4, "little") + bytes(20)
    in_rmcp_plus = bytes.fromhex("0600ff07 06 12 00000000 00000000 1c00") + rakp_1
    (reply,) = console.bmc.receive_datagram_untrusted(in_rmcp_plus, ADDRESS, 0.0)
    assert reply[17] == 0x02
    sealed = bytes.fromhex("0600ff07 06 40") + console.session_id.to_bytes(4, "little") + bytes(30)
    assert console.bmc.receive_datagram_untrusted(sealed, ADDRESS, 0.0) == []
