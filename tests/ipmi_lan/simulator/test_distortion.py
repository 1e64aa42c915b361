from __future__ import annotations

import pytest

from ipmi_lan.commands.chassis import get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.commands.login import get_session_info
from ipmi_lan.crypto.suites import SUITES, CipherSuite, Confidentiality
from ipmi_lan.simulator import Faults, LoginFaults, SessionFaults, SimulatedBmc
from ipmi_lan.wire.codes import PayloadType, RakpStatus
from ipmi_lan.wire.handshake import Rakp1, Rakp3, build_rakp_1, build_rakp_3
from ipmi_lan.wire.message import parse_response_untrusted
from ipmi_lan.wire.packet import HEADER_SIZE, Packet, build_packet
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc, ask_outside_session

ALL = tuple(SUITES.values())
SEALED = [suite for suite in ALL if suite.is_authenticated]
OPEN_SESSION_OF_NO_SUITE = bytes.fromhex("05 04 0000 44332211 00000008 3f000000 01000008 3f000000 02000008 3f000000")


def a_bmc_that(**faults: object) -> SimulatedBmc:
    return a_bmc(faults=Faults(login=LoginFaults(**faults)))   # type: ignore[arg-type]


def refusal_of(bmc: SimulatedBmc, payload_type: PayloadType, payload: bytes) -> bytes:
    (reply,) = bmc.receive_datagram_untrusted(build_packet(Packet(payload_type, payload)), ADDRESS, 0.0)
    return reply


@pytest.mark.parametrize(
    ("size", "payload"),
    [(1, "04"), (2, "0504"), (8, "0504 0000 44332211"), (36, "0504 0000 44332211" + "00" * 28)],
)
def test_sizes_of_an_open_session_error(size: int, payload: str) -> None:
    bmc = a_bmc_that(error_size=size)
    assert ask_outside_session(bmc, PayloadType.OPEN_SESSION_REQUEST, OPEN_SESSION_OF_NO_SUITE) == bytes.fromhex(payload)


@pytest.mark.parametrize("trailer", [False, True])
def test_errors_without_tag_and_id_and_with_a_trailer(trailer: bool) -> None:
    bmc = a_bmc_that(errors_are_anonymous=True, errors_have_a_trailer=trailer)
    rakp_1 = build_rakp_1(Rakp1(9, Console(bmc).open_session().bmc_id, bytes(16), 0x14, b"nobody"))
    rakp_3 = build_rakp_3(Rakp3(9, 0, 0x55667788, bytes(32)))
    for kind, payload, status in [
        (PayloadType.OPEN_SESSION_REQUEST, OPEN_SESSION_OF_NO_SUITE, 0x04),
        (PayloadType.RAKP_1, rakp_1, 0x0D),
        (PayloadType.RAKP_3, rakp_3, 0x02),
    ]:
        reply = refusal_of(bmc, kind, payload)
        assert reply[HEADER_SIZE : HEADER_SIZE + 8] == bytes((0, status, 0, 0, 0, 0, 0, 0))
        assert len(reply) == HEADER_SIZE + 8 + (16 if trailer else 0)


def test_replies_without_an_error_are_left_alone() -> None:
    bmc = a_bmc_that(errors_are_anonymous=True, errors_have_a_trailer=True, error_size=1)
    Console(bmc).log_in()


def test_a_reserved_octet() -> None:
    bmc = a_bmc_that(reserved=0x04)
    console = Console(bmc)
    rakp_1 = build_rakp_1(Rakp1(9, console.open_session().bmc_id, bytes(16), 0x14, b"admin"))
    payload = ask_outside_session(bmc, PayloadType.RAKP_1, rakp_1)
    assert payload is not None
    assert payload[1:4] == b"\0\x04\0"
    Console(bmc).log_in()


@pytest.mark.parametrize("suite", SEALED, ids=lambda suite: str(suite.id))
def test_odd_pads_still_verify(suite: CipherSuite) -> None:
    faults = SessionFaults(pads_whole_blocks=True, pads_4_for_0=True, pad_octet=0x55)
    console = Console(a_bmc(suites=ALL, faults=Faults(session=faults)), suite=suite).log_in()
    plain = Console(a_bmc(suites=ALL), suite=suite).log_in()
    for command in (get_chassis_status(), get_device_id(), get_session_info()):
        assert console.run(command) == plain.run(command)


def test_what_odd_pads_look_like() -> None:
    """The answer to Get Device ID has 8 + 11 octets: with AES 12 of pad; one of 15 (8 + 7) has none, or a whole block."""
    console = Console(a_bmc()).log_in()
    console.bmc.faults.session.longer_data = bytes(15 - 8 - 3)
    sizes = {}
    for is_odd in (False, True):
        console.bmc.faults.session.pads_whole_blocks = is_odd
        (reply,) = console.bmc.receive_datagram_untrusted(console.datagram_of(get_chassis_status()), ADDRESS, 0.0)
        sizes[is_odd] = int.from_bytes(reply[14:16], "little")
        assert parse_response_untrusted(console.unseal(reply).payload).completion_code == 0
    assert sizes == {False: 32, True: 48}


def test_four_octets_of_trailer_pad_where_none_is_due() -> None:
    console = Console(a_bmc(suites=ALL), suite=SUITES[16]).log_in()
    console.bmc.faults.session.longer_data = bytes(3)   # 8 + 3 + 3 octets and two: no pad
    pads = []
    for is_odd in (False, True):
        console.bmc.faults.session.pads_4_for_0 = is_odd
        (reply,) = console.bmc.receive_datagram_untrusted(console.datagram_of(get_chassis_status()), ADDRESS, 0.0)
        pads.append(reply[-16 - 2])
        console.unseal(reply)
    assert pads == [0, 4]


@pytest.mark.parametrize("suite", [suite for suite in ALL if suite.confidentiality is not Confidentiality.AES_CBC_128])
def test_pads_of_blocks_are_of_aes_only(suite: CipherSuite) -> None:
    faults = Faults(session=SessionFaults(pads_whole_blocks=True))
    console = Console(a_bmc(suites=ALL, faults=faults), suite=suite).log_in()
    console.run(get_device_id())


def test_short_pads_are_made_and_wanted() -> None:
    bmc = a_bmc(suites=ALL, faults=Faults(session=SessionFaults(pads_short=True)))
    console = Console(bmc, suite=SUITES[3]).log_in(raise_to=0)
    assert console.send(console.datagram_of(get_device_id())) is None
    assert bmc.counters == {"Malformed": 1}
    console.pads_short = True
    console.run(get_device_id())


@pytest.mark.parametrize("pads_short", [False, True])
def test_short_pads_with_odd_ones(pads_short: bool) -> None:
    bmc = a_bmc(faults=Faults(session=SessionFaults(pads_short=pads_short, pad_octet=0)))
    console = Console(bmc, pads_short=pads_short).log_in()
    console.run(get_device_id())


def test_wrong_checksums_and_addresses() -> None:
    console = Console(a_bmc()).log_in()
    console.bmc.faults.session.addresses = (0x20, 0x81)
    (reply,) = console.bmc.receive_datagram_untrusted(console.datagram_of(get_device_id()), ADDRESS, 0.0)
    message = console.unseal(reply).payload
    assert (message[0], message[3]) == (0x20, 0x81)
    assert parse_response_untrusted(message).completion_code == 0
    console.bmc.faults.session.wrong_checksums = True
    (reply,) = console.bmc.receive_datagram_untrusted(console.datagram_of(get_device_id()), ADDRESS, 0.0)
    message = console.unseal(reply).payload
    assert sum(message[:3]) & 0xFF
    assert sum(message[3:]) & 0xFF
    assert parse_response_untrusted(message, checks=False).completion_code == 0


def test_a_refusal_is_a_status() -> None:
    bmc = a_bmc_that(error_size=2)
    assert ask_outside_session(bmc, PayloadType.OPEN_SESSION_REQUEST, OPEN_SESSION_OF_NO_SUITE) == bytes(
        (5, RakpStatus.INVALID_AUTHENTICATION_ALGORITHM)
    )
