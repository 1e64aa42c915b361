"""Messages for controllers behind the BMC (IPMI 2.0, 6.12 and 22.7)."""

from __future__ import annotations

from typing import NamedTuple

from construct import BitsInteger, BitStruct, Bytewise, Const, GreedyBytes, Nibble, Padding, Struct

from ipmi_lan.command import Command, Definition, Layout
from ipmi_lan.wire.codes import NetFn

_TRACKED = 0b01   # the BMC remembers who asked, and sends the answer there


class MessageToSend(NamedTuple):
    """A message that the BMC is to pass on to `channel`, and whose answer it is to bring back (table 22-8)."""

    channel: int
    """0 is the primary IPMB."""
    message: bytes
    """Whole, with addresses and both checksums."""


class MessageSent(NamedTuple):
    """The BMC passed the message on. The answer comes by itself, as another packet; some BMCs put it here instead."""

    answer: bytes = b""


SEND_MESSAGE = Definition(
    "Send Message",
    NetFn.APP,
    0x34,
    Layout(
        BitStruct(
            "tracking" / Const(_TRACKED, BitsInteger(2)), Padding(2), "channel" / Nibble, "message" / Bytewise(GreedyBytes)
        ),
        MessageToSend,
    ),
    Layout(Struct("answer" / GreedyBytes), MessageSent),
    is_repeatable=False,
)


def send_message(channel: int, message: bytes) -> Command[MessageSent]:
    """Have the BMC pass on a whole message and track the answer (22.7). Whether it may be sent twice is the message's matter."""
    return SEND_MESSAGE(MessageToSend(channel, message))
