from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, SUITES, CipherSuite
from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator.board import DEVICE_ID
from ipmi_lan.wire.codes import AuthType, PayloadType, Privilege
from ipmi_lan.wire.packet import Packet, build_packet
from ipmi_lan.wire.packet15 import Packet15, build_packet15
from ipmi_lan.wire.rmcp import IPMI_HEADER
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc
from tests.ipmi_lan.simulator.console15 import a_bmc_of_1_5

OFF = chassis_control(Control.POWER_OFF)
ALL = tuple(SUITES.values())
SEALED = tuple(suite for suite in ALL if suite.is_authenticated)
_HEADERS = st.sampled_from(
    [b"", IPMI_HEADER, IPMI_HEADER + b"\x06", IPMI_HEADER + b"\0" * 9, IPMI_HEADER + b"\x02", b"\x06\0\xff\x06\0\0\x11\xbe\x80"]
)
_PAYLOAD_TYPES = st.sampled_from([0x00, 0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x3F])


@given(_HEADERS, st.binary(max_size=120))
def test_arbitrary_datagrams_neither_raise_nor_switch_power(header: bytes, rest: bytes) -> None:
    bmc = a_bmc_of_1_5(suites=ALL)
    bmc.receive_datagram_untrusted(header + rest, ADDRESS, 1.0)
    assert (bmc.chassis.power_is_on(99.0), bmc.power_commands, bmc.open_sessions(1.0)) == (True, [], 0)


@given(_PAYLOAD_TYPES, st.binary(max_size=60), st.booleans())
def test_arbitrary_payloads_neither_raise_nor_switch_power(payload_type: int, payload: bytes, half_open: bool) -> None:
    bmc = a_bmc()
    if half_open:
        payload = payload[:4] + Console(bmc).open_session().bmc_id.to_bytes(4, "little") + payload[8:]
    bmc.receive_datagram_untrusted(build_packet(Packet(payload_type, payload)), ADDRESS, 1.0)
    assert (bmc.chassis.power_is_on(99.0), bmc.power_commands, bmc.open_sessions(1.0)) == (True, [], 0)


@given(_PAYLOAD_TYPES, st.binary(max_size=60), st.sampled_from(ALL))
def test_arbitrary_payloads_in_a_session_do_not_raise(payload_type: int, payload: bytes, suite: CipherSuite) -> None:
    bmc = a_bmc(suites=ALL, satellites={(0, 0x82): DEVICE_ID})
    console = Console(bmc, suite=suite).log_in()
    bmc.receive_datagram_untrusted(console._sealing().seal(9, payload, bytes, payload_type), ADDRESS, 1.0)
    assert bmc.open_sessions(1.0) == 1


@given(st.sampled_from([0x00, 0x06]), st.integers(0, 0xFF), st.binary(max_size=40))
def test_arbitrary_commands_in_a_session_are_answered(netfn: int, command: int, data: bytes) -> None:
    Console(a_bmc(satellites={(0, 0x82): DEVICE_ID})).log_in().ask(netfn, command, data, now=1.0)


@pytest.mark.parametrize("suite", SEALED, ids=lambda suite: str(suite.id))
def test_every_bit_flip_of_a_request_is_dropped(suite: CipherSuite) -> None:
    bmc = a_bmc(suites=ALL)
    console = Console(bmc, suite=suite).log_in()
    good = console.datagram_of(OFF)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert bmc.receive_datagram_untrusted(bytes(bad), ADDRESS, 1.0) == [], bit
    assert (bmc.power_commands, bmc.chassis.power_is_on(1.0)) == ([], True)
    assert console.send(good, now=1.0) is not None
    assert not bmc.chassis.power_is_on(1.0)


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17, SUITES[11]])
def test_cut_or_lengthened_requests_are_dropped(suite: CipherSuite) -> None:
    bmc = a_bmc(suites=ALL)
    console = Console(bmc, suite=suite).log_in()
    good = console.datagram_of(OFF)
    for datagram in [good[:size] for size in range(len(good))] + [good + b"\0", good + good]:
        assert bmc.receive_datagram_untrusted(datagram, ADDRESS, 1.0) == []
    assert bmc.power_commands == []


def test_unsealed_commands_with_a_sessions_id_are_dropped() -> None:
    bmc = a_bmc()
    console = Console(bmc).log_in()
    message = bytes.fromhex("2000000081040200")
    for flags in [{}, {"encrypted": True}, {"authenticated": True}]:
        packet = Packet(PayloadType.IPMI, message, console.bmc_id, 7, **flags)
        assert bmc.receive_datagram_untrusted(build_packet(packet), ADDRESS, 1.0) == []
    in_1_5 = build_packet15(Packet15(AuthType.NONE, 7, console.bmc_id, b"", message))
    assert bmc.receive_datagram_untrusted(in_1_5, ADDRESS, 1.0) == []
    assert bmc.power_commands == []
    assert bmc.counters["NotAuthentic"] == 4


def test_packets_that_say_they_are_sealed_and_are_of_no_session_are_dropped() -> None:
    bmc = a_bmc()
    guid = bytes.fromhex("2018c8 810437 44")
    assert len(bmc.receive_datagram_untrusted(build_packet(Packet(PayloadType.IPMI, guid)), ADDRESS, 1.0)) == 1
    for flags in [{"encrypted": True}, {"authenticated": True}]:
        assert bmc.receive_datagram_untrusted(build_packet(Packet(PayloadType.IPMI, guid, **flags)), ADDRESS, 1.0) == []
    with_code = build_packet15(Packet15(AuthType.MD5, 0, 0, bytes(16), guid))
    assert bmc.receive_datagram_untrusted(with_code, ADDRESS, 1.0) == []
    assert bmc.counters == {"NotAuthentic": 3}


def test_sealed_under_the_keys_of_another_session() -> None:
    bmc = a_bmc()
    first, second = Console(bmc, console_id=1).log_in(), Console(bmc, console_id=2).log_in()
    first.keys = second.keys
    assert bmc.receive_datagram_untrusted(first.datagram_of(OFF), ADDRESS, 1.0) == []
    assert bmc.power_commands == []


def test_presence_ping_is_answered() -> None:
    ping = bytes.fromhex("0600ff06 000011be 80 2a 00 00")
    pong = a_bmc().receive_datagram_untrusted(ping, ADDRESS, 0.0)
    assert pong == [bytes.fromhex("0600ff06 000011be 40 2a 00 10 000011be 00000000 81 00 000000000000")]


def test_the_wire_is_kept_when_asked_for() -> None:
    bmc = a_bmc(keeps_wire=True)
    console = Console(bmc).log_in(raise_to=0)
    question = console.datagram_of(get_chassis_status())
    answer = bmc.receive_datagram_untrusted(question, ADDRESS, 1.0)
    assert bmc.wire[-2:] == [("in", question), ("out", answer[0])]
    assert [direction for direction, _ in bmc.wire] == ["in", "out"] * 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"guid": bytes(15)},
        {"kg": bytes(21)},
        {"users": {"n" * 17: ("", Privilege.USER)}},
        {"users": {"n": ("p" * 21, Privilege.USER)}},
    ],
)
def test_what_rmcp_plus_cannot_carry(wrong: dict[str, object]) -> None:
    with pytest.raises(BadArgument):
        a_bmc(**wrong)
