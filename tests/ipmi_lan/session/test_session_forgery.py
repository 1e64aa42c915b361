"""Once keys exist: what is not authenticated, encrypted, of this session and new is dropped, and the honest exchange goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from ipmi_lan.command import Command
from ipmi_lan.commands.chassis import Control, chassis_control, get_chassis_status, get_system_restart_cause
from ipmi_lan.commands.device import get_device_id, get_system_guid
from ipmi_lan.commands.login import close_session, get_session_info, set_session_privilege_level
from ipmi_lan.crypto.rakp import digest
from ipmi_lan.crypto.suites import SUITE_3, SUITE_17, CipherSuite
from ipmi_lan.session.events import Answered, Failed
from ipmi_lan.session.numbering import WINDOW
from ipmi_lan.simulator.sessions import Session as BmcSession
from ipmi_lan.wire.codes import PayloadType, Privilege
from ipmi_lan.wire.message import Response, build_response
from ipmi_lan.wire.packet import Packet, build_packet, parse_packet_untrusted
from ipmi_lan.wire.packet15 import build_sessionless
from tests.fakes.bmc import open_session_of, sealed
from tests.fakes.network import flip
from tests.ipmi_lan.session.pair import Pair
from tests.ipmi_lan.session.test_session import requests_of

COMMANDS: list[Command[Any]] = [
    get_chassis_status(),
    chassis_control(Control.POWER_ON),
    get_system_restart_cause(),
    get_device_id(),
    get_system_guid(),
    get_session_info(),
    set_session_privilege_level(Privilege.USER),
    close_session(0),
]
LIE = bytes(40)
"""Data that every command would read: power is off, and so on."""
suites = pytest.mark.parametrize("suite", [SUITE_3, SUITE_17], ids=lambda suite: f"suite {suite.id}")
commands = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def plain(session: BmcSession, message: bytes, **changes: Any) -> bytes:
    """The message without any protection, as whoever has no keys can send it."""
    packet = Packet(PayloadType.IPMI, message, session.console_id, 1)
    return build_packet(replace(packet, **changes)) + b"\0" * 16 * bool(changes.get("authenticated"))


def signed(session: BmcSession, datagram: bytes) -> bytes:
    """The datagram with the right code in place of its own: only the BMC can make it, and it still breaks the agreement."""
    assert session.keys is not None
    size = session.suite.check_size
    return datagram[:-size] + digest(session.suite, session.keys.k1, datagram[4:-size])[:size]


def unprotected(session: BmcSession, message: bytes) -> dict[str, bytes]:
    authentic = sealed(session, message, 1)
    cleared = authentic[:5] + bytes((authentic[5] & ~0x40,)) + authentic[6:]
    decrypted = authentic[:5] + bytes((authentic[5] & ~0x80,)) + authentic[6:]
    return {
        "both bits clear": plain(session, message),
        "authenticated bit clear": plain(session, message, encrypted=True),
        "encrypted bit clear": plain(session, message, authenticated=True),
        "authenticated bit cleared of a good one": cleared,
        "encrypted bit cleared of a good one": decrypted,
        "both bits cleared of a good one": cleared[:5] + b"\0" + cleared[6:],
        "authenticated bit clear, and the code right": signed(session, cleared),
        "encrypted bit clear, and the code right": signed(session, decrypted),
        "1.5 header": build_sessionless(message),
        "1.5 header with the session's id": bytes.fromhex("0600ff0700 01000000")
        + session.console_id.to_bytes(4, "little")
        + bytes((len(message),))
        + message,
        "no session": plain(session, message, session_id=0),
        "id of the BMC": plain(session, message, session_id=session.bmc_id),
        "sealed for the BMC's id": sealed(replace(session, console_id=session.bmc_id), message, 1),
        "sealed for id zero": sealed(replace(session, console_id=0), message, 1),
        "sealed for another id": sealed(replace(session, console_id=session.console_id ^ 1), message, 1),
        "sealed, number zero": sealed(session, message, 0),
        "login payload": build_packet(Packet(PayloadType.RAKP_4, message)),
        "sealed twice": sealed(session, authentic, 1)[:4] + authentic,
        "empty": b"",
        "oversized": authentic + bytes(2049),
    }


@commands
@suites
def test_downgrade_matrix(command: Command[Any], suite: CipherSuite) -> None:
    pair = Pair(suites=[suite]).log_in()
    session = open_session_of(pair.simulated)
    token = pair.ask(command)
    datagrams = pair.out()
    (request,) = requests_of(pair, datagrams)
    message = bytes((0x81, (request.netfn + 1) << 2, -(0x81 + ((request.netfn + 1) << 2)) & 0xFF))
    body = bytes((0x20, request.sequence << 2, request.command, 0)) + LIE
    message += body + bytes((-sum(body) & 0xFF,))
    forged = unprotected(session, message)
    for count, (name, datagram) in enumerate(forged.items(), 1):
        assert pair.take(datagram) == [], name
        assert sum(pair.session.dropped.values()) == count, name
    pair.exchange()
    honest = pair.take(*pair.answers(datagrams))
    assert [event.token for event in honest if isinstance(event, Answered | Failed)] == [token]
    assert sum(pair.session.dropped.values()) == len(forged)


@suites
def test_every_flipped_bit_is_dropped(suite: CipherSuite) -> None:
    pair = Pair(suites=[suite]).log_in()
    pair.ask(get_chassis_status())
    (answer,) = pair.answers(pair.out())
    unread = [1, 2]   # RMCP reserved and sequence: no code covers them, and they mean nothing
    flipped = [flip(answer, bit) for bit in range(8 * len(answer)) if bit // 8 not in unread]
    assert pair.take(*flipped) == []
    assert sum(pair.session.dropped.values()) == len(flipped)
    (event,) = pair.take(answer)
    assert isinstance(event, Answered)


@suites
def test_cut_and_lengthened_answers_are_dropped(suite: CipherSuite) -> None:
    pair = Pair(suites=[suite]).log_in()
    pair.ask(get_chassis_status())
    (answer,) = pair.answers(pair.out())
    others = [answer[:size] for size in range(len(answer))] + [answer + b"\0", answer + answer]
    assert pair.take(*others) == []
    assert sum(pair.session.dropped.values()) == len(others)
    assert len(pair.take(answer)) == 1


def test_everything_captured_and_sent_again_is_dropped() -> None:
    pair = Pair().log_in()
    heard: list[bytes] = []
    for _ in range(3):
        for command in COMMANDS[:-1]:
            pair.ask(command)
            heard += pair.answers(pair.out())
            pair.take(heard[-1])
    events = len(pair.events)
    pair.ask(get_chassis_status())
    assert pair.take(*heard, *(datagram for _, datagram in pair.sent)) == []
    assert pair.session.dropped["replayed or too old"] == len(heard)
    assert len(pair.events) == events
    pair.exchange()
    assert isinstance(pair.events[-1], Answered)


def test_packets_of_an_earlier_session_are_dropped() -> None:
    bmc = Pair().simulated
    earlier, later = Pair(bmc, seed=1).log_in(), Pair(bmc, seed=2)
    later.log_in()
    for pair in (earlier, later):
        pair.ask(get_chassis_status())
    (answer,) = earlier.answers(earlier.out())
    assert later.take(answer) == []
    assert later.session.dropped == {"not authentic": 1}


@pytest.mark.parametrize(
    ("jump", "passes"),
    [(-WINDOW - 1, False), (-WINDOW, True), (-1, True), (0, False), (1, True), (WINDOW, True), (WINDOW + 1, False)],
)
def test_numbers_outside_the_window(jump: int, passes: bool) -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    session.numbers_used = 999
    pair.value(get_device_id())
    pair.ask(get_chassis_status())
    datagrams = pair.out()
    session.numbers_used = 1000 + jump - 1
    assert len(pair.take(*pair.answers(datagrams))) == passes
    assert pair.session.dropped["replayed or too old"] == (not passes)


def _other_payloads() -> Iterable[int]:
    return [payload_type for payload_type in range(64) if payload_type != PayloadType.IPMI]


def test_authentic_packets_of_other_payload_types() -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    for number, payload_type in enumerate(_other_payloads(), 1):
        assert pair.take(sealed(session, b"\x81\x04\x7b\x20\x00\x01" + LIE, number, payload_type)) == []
    assert pair.session.dropped == {"other payload type": 63}


ODD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda message: b"",
    "cut": lambda message: message[:6],
    "wrong header checksum": lambda message: flip(message, 16),
    "wrong checksum": lambda message: flip(message, 8 * len(message) - 1),
    "a request": lambda message: bytes.fromhex("2018c8 810001 7e"),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_authentic_packets_with_a_broken_message(change: Callable[[bytes], bytes]) -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    datagrams = pair.out()
    assert pair.take(sealed(session, change(bytes.fromhex("8104 7b 200001 00 00000000 df")), 20)) == []
    assert pair.session.dropped == {"malformed message": 1}
    session.numbers_used = 20
    (event,) = pair.take(*pair.answers(datagrams))
    assert isinstance(event, Answered)


def test_an_authentic_packet_with_a_broken_pad_does_not_use_up_its_number() -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    honest = pair.answers(pair.out())
    number = parse_packet_untrusted(honest[0]).sequence
    broken = build_packet(Packet(PayloadType.IPMI, bytes(32), session.console_id, number, encrypted=True, authenticated=True))
    assert pair.take(signed(session, broken + bytes(session.suite.check_size))) == []
    assert pair.session.dropped == {"malformed": 1}
    assert len(pair.take(*honest)) == 1


def test_addresses_of_an_answer_may_be_mixed_up() -> None:
    pair = Pair().log_in()
    session = open_session_of(pair.simulated)
    pair.ask(get_chassis_status())
    (request,) = requests_of(pair, pair.out())
    message = bytearray(build_response(Response(request.netfn, request.command, request.sequence, 0, b"\x01\0\0")))
    message[0], message[2], message[3], message[-1] = 0x20, (message[2] + 0x61) & 0xFF, 0x81, (message[-1] - 0x61) & 0xFF
    (event,) = pair.take(sealed(session, bytes(message), 1))
    assert isinstance(event, Answered)
    assert event.value.power_is_on
