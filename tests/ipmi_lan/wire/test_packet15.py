from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.errors import Malformed
from ipmi_lan.wire.packet15 import build_sessionless, parse_sessionless_untrusted
from tests.ipmi_lan.wire.octets import hostile
from tests.vectors.load import Frame, frames

RECORDED = [frame for name in ("lab-capabilities-15", "lab-capabilities-15-user") for frame in frames(name)]
VALID = RECORDED[0].datagram


@pytest.mark.parametrize("frame", RECORDED)
def test_a_recorded_packet_is_rebuilt_octet_for_octet(frame: Frame) -> None:
    assert build_sessionless(parse_sessionless_untrusted(frame.datagram)) == frame.datagram


@given(st.binary(max_size=255))
def test_a_message_comes_back(message: bytes) -> None:
    assert parse_sessionless_untrusted(build_sessionless(message)) == message


@given(st.binary(max_size=40), st.binary(max_size=8))
def test_octets_behind_the_message_are_ignored(message: bytes, more: bytes) -> None:
    assert parse_sessionless_untrusted(build_sessionless(message) + more) == message


def test_reserved_octet_and_sequence_of_rmcp_are_not_read() -> None:
    assert parse_sessionless_untrusted(VALID[:1] + b"\x55\x00" + VALID[3:]) == VALID[14:]


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(VALID[:9] + b"\x01" + VALID[10:], id="in a session"),
        pytest.param(VALID[:4] + b"\x02" + VALID[5:], id="authenticated with MD5"),
        pytest.param(VALID[:-1], id="shorter than it says"),
        pytest.param(VALID[:13], id="no length"),
        pytest.param(VALID[:3] + b"\x06" + VALID[4:], id="class ASF"),
    ],
)
def test_what_is_no_sessionless_packet_is_refused(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        parse_sessionless_untrusted(datagram)


@given(hostile(st.sampled_from([frame.datagram for frame in RECORDED])))
def test_the_door_raises_malformed_only(datagram: bytes) -> None:
    with suppress(Malformed):
        parse_sessionless_untrusted(datagram)
