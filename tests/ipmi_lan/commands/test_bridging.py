from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipmi_lan.commands.bridging import SEND_MESSAGE, MessageSent, MessageToSend, send_message
from ipmi_lan.errors import Malformed
from ipmi_lan.wire.codes import NetFn

GET_DEVICE_ID_OF_82H = bytes.fromhex("82186620 0401db")   # from 20h, rqSeq 1


def test_a_message_goes_out_tracked_on_its_channel() -> None:
    command = send_message(7, GET_DEVICE_ID_OF_82H)
    assert (command.netfn, command.code) == (NetFn.APP, 0x34)
    assert command.data == b"\x47" + GET_DEVICE_ID_OF_82H
    assert not command.is_repeatable


@given(st.integers(0, 15), st.binary(max_size=64))
def test_a_request_comes_back(channel: int, message: bytes) -> None:
    octets = SEND_MESSAGE.request.build(MessageToSend(channel, message))
    assert octets == bytes((0x40 | channel,)) + message
    assert SEND_MESSAGE.request.parse_untrusted(octets) == MessageToSend(channel, message)


@pytest.mark.parametrize("head", [0x00, 0x07, 0x80, 0xC0])
def test_a_message_that_is_not_tracked_is_none_of_ours(head: int) -> None:
    with pytest.raises(Malformed):
        SEND_MESSAGE.request.parse_untrusted(bytes((head,)) + GET_DEVICE_ID_OF_82H)


def test_bits_for_encryption_and_authentication_on_the_way_are_not_read() -> None:
    assert SEND_MESSAGE.request.parse_untrusted(b"\x70") == MessageToSend(0, b"")


def test_no_channel_is_malformed() -> None:
    with pytest.raises(Malformed):
        SEND_MESSAGE.request.parse_untrusted(b"")


@given(st.binary(max_size=64))
def test_whatever_the_reply_brings_is_the_answer(data: bytes) -> None:
    assert SEND_MESSAGE.reply.parse_untrusted(data) == MessageSent(data)
    assert SEND_MESSAGE.reply.build(MessageSent(data)) == data
