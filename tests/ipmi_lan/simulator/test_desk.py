from __future__ import annotations

import pytest

from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.errors import Malformed, NotAuthentic
from ipmi_lan.simulator import Faults, Framing, ProbeFaults, SessionFaults
from ipmi_lan.wire.codes import PayloadType
from ipmi_lan.wire.message import Request, Response, build_request
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from ipmi_lan.wire.rmcp import build_ping, parse_pong_untrusted
from tests.ipmi_lan.simulator.console import ADDRESS, Console, a_bmc
from tests.ipmi_lan.simulator.console15 import Console15, a_bmc_of_1_5

STATUS = get_chassis_status()
MESSAGE = build_request(Request(6, 0x37, 1))
IN_1_5, IN_RMCP_PLUS = build_sessionless(MESSAGE), build_packet(Packet(PayloadType.IPMI, MESSAGE))


def with_faults(**faults: object) -> Console:
    """A console that has logged in; then the faults are switched on."""
    console = Console(a_bmc()).log_in()
    for name, value in faults.items():
        setattr(console.bmc.faults.session, name, value)
    return console


@pytest.mark.parametrize(
    ("framing", "to_1_5", "to_rmcp_plus"),
    [
        (Framing.AS_ASKED, "1.5", "2.0"),
        (Framing.ONLY_1_5, "1.5", None),
        (Framing.ONLY_RMCP_PLUS, None, "2.0"),
        (Framing.THE_OTHER, "2.0", "1.5"),
    ],
)
def test_framings(framing: Framing, to_1_5: str | None, to_rmcp_plus: str | None) -> None:
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(framing=framing)))
    for datagram, expected in [(IN_1_5, to_1_5), (IN_RMCP_PLUS, to_rmcp_plus)]:
        replies = bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0)
        assert len(replies) == (expected is not None)
        if replies:
            parse = parse_sessionless_untrusted if expected == "1.5" else parse_packet_untrusted
            assert parse(replies[0])


def test_octets_behind_a_datagram() -> None:
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(trailer=b"\0\0")))
    for datagram in (IN_1_5, IN_RMCP_PLUS):
        (longer,) = bmc.receive_datagram_untrusted(datagram, ADDRESS, 0.0)
        (plain,) = a_bmc().receive_datagram_untrusted(datagram, ADDRESS, 0.0)
        assert longer == plain + b"\0\0"


def test_pongs() -> None:
    bmc = a_bmc(faults=Faults(probe=ProbeFaults(pong_is_little_endian=True)))
    (pong,) = bmc.receive_datagram_untrusted(build_ping(7), ADDRESS, 0.0)
    assert pong == bytes.fromhex("0600ff06 be110000 40 07 00 10 be110000 00000000 81 00 000000000000")
    assert parse_pong_untrusted(pong).supports_ipmi
    bmc.faults.probe.no_pong = True
    assert bmc.receive_datagram_untrusted(build_ping(7), ADDRESS, 0.0) == []


def test_a_bmc_of_1_5_alone_hears_no_rmcp_plus() -> None:
    bmc = a_bmc_of_1_5(suites=())
    assert bmc.receive_datagram_untrusted(IN_RMCP_PLUS, ADDRESS, 0.0) == []
    assert len(bmc.receive_datagram_untrusted(IN_1_5, ADDRESS, 0.0)) == 1
    Console15(bmc).log_in()


def test_a_session_is_tied_to_its_port() -> None:
    console = with_faults(ties_to_port=True)
    datagram = console.datagram_of(STATUS)
    for address in [("127.0.0.1", 40001), ("127.0.0.2", 40000)]:
        assert console.bmc.receive_datagram_untrusted(datagram, address, 0.0) == []
    assert console.bmc.counters == {"from another port": 2}
    assert console.send(datagram) is not None


def test_a_session_of_1_5_is_tied_to_its_port_too() -> None:
    console = Console15(a_bmc_of_1_5(faults=Faults(session=SessionFaults(ties_to_port=True)))).log_in()
    assert console.bmc.receive_datagram_untrusted(console.datagram_of(STATUS), ("127.0.0.1", 40001), 0.0) == []


def test_the_first_packet_is_lost_and_may_come_again() -> None:
    console = Console(a_bmc(faults=Faults(session=SessionFaults(loses_first_packet=True)))).log_in(raise_to=0)
    first = console.datagram_of(STATUS)
    assert console.send(first) is None
    assert console.send(first) is not None
    assert console.send(first) is None


def test_garbage_and_silence_after_a_while() -> None:
    console = with_faults(garbage_after=3)
    whole = console.bmc.receive_datagram_untrusted(console.datagram_of(STATUS), ADDRESS, 0.0)
    assert len(console.bmc.receive_datagram_untrusted(console.datagram_of(STATUS), ADDRESS, 0.0)[0]) == len(whole[0])
    (garbage,) = console.bmc.receive_datagram_untrusted(console.datagram_of(STATUS), ADDRESS, 0.0)
    assert len(garbage) == len(whole[0])
    with pytest.raises((Malformed, NotAuthentic)):
        console.unseal(garbage)
    console.bmc.faults.session.silent_after = 4
    assert console.send(console.datagram_of(STATUS)) is None


def test_older_answers_come_again_under_new_numbers() -> None:
    console = with_faults(repeats_older_answers=True)
    (first,) = console.send_for_all(console.datagram_of(STATUS))
    again, second = console.send_for_all(console.datagram_of(get_device_id()))
    assert (again, second.command) == (first, 0x01)
    again, _ = console.send_for_all(console.datagram_of(STATUS))
    assert again == second


def test_numbers_begin_and_step_as_told() -> None:
    console = Console(a_bmc(faults=Faults(session=SessionFaults(first_sequence=0xFFFFFFFC, sequence_step=2)))).log_in()
    numbers = []
    for _ in range(3):
        (reply,) = console.bmc.receive_datagram_untrusted(console.datagram_of(STATUS), ADDRESS, 0.0)
        numbers.append(parse_packet_untrusted(reply).sequence)
    assert numbers == [0xFFFFFFFE, 1, 3]


def test_answers_that_are_late() -> None:
    console = with_faults(answer_delay=0.5)
    bmc = console.bmc
    assert console.send(console.datagram_of(chassis_control(Control.POWER_OFF)), now=1.0) is None
    bmc.faults.session.answer_delay = 0.1
    assert console.send(console.datagram_of(STATUS), now=1.2) is None
    assert not bmc.chassis.power_is_on(1.0)
    assert bmc.next_due() == pytest.approx(1.3)
    assert bmc.due_replies(1.25) == []
    ((status, address),) = bmc.due_replies(1.3)
    ((control, _),) = bmc.due_replies(1.5)
    assert address == ADDRESS
    assert [console.unseal(datagram).sequence for datagram in (control, status)] == [2, 3]
    assert bmc.next_due() is None


def test_late_answers_die_with_the_bmc() -> None:
    console = with_faults(answer_delay=0.5)
    console.send(console.datagram_of(STATUS), now=1.0)
    console.send(console.datagram_of(STATUS), now=1.1)
    console.bmc.faults.silent = True
    assert console.bmc.due_replies(1.5) == []
    console.bmc.restart(1.55)
    assert console.bmc.next_due() is None


def test_a_payload_type_that_it_does_not_have() -> None:
    console = with_faults()
    sealed = console._sealing().seal(9, b"keys", bytes, PayloadType.SOL)
    assert console.bmc.receive_datagram_untrusted(sealed, ADDRESS, 0.0) == []
    assert console.bmc.counters == {"Malformed": 1}
    assert isinstance(console.send(console.datagram_of(STATUS)), Response)
