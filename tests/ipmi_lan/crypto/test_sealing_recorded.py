"""Sessions of foreign programs, unsealed and sealed again."""

from __future__ import annotations

import pytest

from ipmi_lan.crypto.rakp import SessionKeys
from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.crypto.suites import SUITE_3, Confidentiality
from ipmi_lan.wire.packet import parse_packet_untrusted
from tests.ipmi_lan.crypto.randomness import BLOCK, counting, leading_to
from tests.vectors.load import Trace, entry, traces

every_trace = pytest.mark.parametrize("trace", traces(), ids=lambda trace: trace.id)


def console_of(trace: Trace) -> Sealing:
    known = trace.handshake
    return Sealing(known.login.suite, known.keys, known.login.password, known.login.bmc_id, known.login.console_id)


def bmc_of(trace: Trace) -> Sealing:
    known = trace.handshake
    return Sealing(known.login.suite, known.keys, known.login.password, known.login.console_id, known.login.bmc_id)


@every_trace
def test_every_recorded_packet_is_unsealed_by_the_end_that_received_it(trace: Trace) -> None:
    console, bmc = console_of(trace), bmc_of(trace)
    assert trace.in_session
    for frame, sealed in trace.in_session:
        packet = (bmc if frame.is_from_console else console).unseal_untrusted(frame.datagram)
        assert (packet.payload, packet.sequence) == (sealed.message, sealed.sequence)
        assert packet.authenticated == trace.handshake.login.suite.is_authenticated


@every_trace
def test_every_recorded_packet_is_sealed_again_octet_for_octet(trace: Trace) -> None:
    suite = trace.handshake.login.suite
    for frame, sealed in trace.in_session:
        end = console_of(trace) if frame.is_from_console else bmc_of(trace)
        iv = parse_packet_untrusted(frame.datagram).payload[:BLOCK]
        datagram = end.seal(sealed.sequence, sealed.message, leading_to(iv, suite, trace.handshake.keys.k2))
        assert datagram == frame.datagram


@every_trace
def test_what_we_seal_for_a_recorded_session_is_what_its_other_end_would_unseal(trace: Trace) -> None:
    """The two ends of one session, ours both, over its recorded keys."""
    console, bmc, randomness = console_of(trace), bmc_of(trace), counting()
    for number, (_, sealed) in enumerate(trace.in_session, 1):
        assert bmc.unseal_untrusted(console.seal(number, sealed.message, randomness)).payload == sealed.message


def test_every_kind_of_protection_but_xrc4_is_among_the_recorded_sessions() -> None:
    suites = [trace.handshake.login.suite for trace in traces()]
    assert {suite.integrity.name for suite in suites} == {"NONE", "HMAC_SHA1_96", "HMAC_MD5_128", "MD5_128", "HMAC_SHA256_128"}
    assert {suite.confidentiality for suite in suites} == {Confidentiality.NONE, Confidentiality.AES_CBC_128}


def test_the_packet_whose_message_fills_its_block_is_taken_and_made() -> None:
    known = entry("packet-sha1-aes-ipmi-rs")
    facts = known["expected"]
    keys = SessionKeys(*(bytes.fromhex(octets) for octets in (known["inputs"]["sik"], facts["k1"], facts["k2"])))
    datagram = b"\x06\x00\xff\x07" + bytes.fromhex(known["inputs"]["packet_after_rmcp_header"])
    sealing = Sealing(SUITE_3, keys, b"", facts["session_id"], facts["session_id"])
    packet = sealing.unseal_untrusted(datagram)
    assert packet.payload == bytes.fromhex(facts["payload"])
    assert (packet.payload_type, packet.sequence) == (facts["payload_type"], facts["session_sequence"])
    randomness = leading_to(datagram[16 : 16 + BLOCK], SUITE_3, keys.k2)
    assert sealing.seal(packet.sequence, packet.payload, randomness) == datagram
