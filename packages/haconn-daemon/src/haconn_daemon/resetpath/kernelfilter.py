"""A filter that the kernel runs on each datagram before it is queued, so that a flood of nonsense costs no turn of ours.

Classic BPF (the kernel's Documentation/networking/filter.rst): what has the wrong size, magic or length, or comes from outside of
the segment, is not queued. It proves nothing, for a source address is easily invented; it only saves work. Another version of the
protocol passes, because who speaks it is told so. On a UDP socket the program sees the UDP header and all after it; the IP header
lies at `_NETWORK`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from haconn_cli.resetpath.wire.frame import LARGEST, LENGTH_AT, MAGIC, SMALLEST

_UDP_HEADER = 8
_NETWORK = 0xFFF0_0000   # SKF_NET_OFF
_IPV4_SOURCE, _IPV6_SOURCE = 12, 8
_WORD, _HALF, _SIZE = 0x20, 0x28, 0x80   # BPF_LD: 4 bytes, 2 bytes, the length of the packet
_AND, _ADD, _TO_X = 0x54, 0x04, 0x07
_IF_EQUAL, _IF_EQUAL_X, _IF_AT_LEAST, _IF_GREATER = 0x15, 0x1D, 0x35, 0x25
_RETURN = 0x06
_ALL = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction; a condition that does not hold means that the datagram is dropped."""

    code: int
    value: int = 0
    is_condition: bool = False
    must_hold: bool = True


def _source(network: IPv4Network | IPv6Network) -> list[Step]:
    """The source address is one of the network's: word by word, as far as the mask reaches."""
    at = _NETWORK + (_IPV4_SOURCE if network.version == 4 else _IPV6_SOURCE)
    wanted, mask = network.network_address.packed, network.netmask.packed
    steps = []
    for start in range(0, len(mask), 4):
        bits = int.from_bytes(mask[start : start + 4])
        if bits:
            word = int.from_bytes(wanted[start : start + 4])
            steps += [Step(_WORD, at + start), Step(_AND, bits), Step(_IF_EQUAL, word, is_condition=True)]
    return steps


def filter_program(network: IPv4Network | IPv6Network | None) -> bytes:
    """The program as `struct sock_filter`s of 8 bytes; `network`: where datagrams may come from, None: anywhere."""
    steps = [
        Step(_SIZE),
        Step(_IF_AT_LEAST, _UDP_HEADER + SMALLEST, is_condition=True),
        Step(_IF_GREATER, _UDP_HEADER + LARGEST, is_condition=True, must_hold=False),
        Step(_WORD, _UDP_HEADER),
        Step(_IF_EQUAL, int.from_bytes(MAGIC), is_condition=True),
        Step(_HALF, _UDP_HEADER + LENGTH_AT),
        Step(_ADD, _UDP_HEADER),
        Step(_TO_X),
        Step(_SIZE),
        Step(_IF_EQUAL_X, is_condition=True),
        *(_source(network) if network is not None else ()),
        Step(_RETURN, _ALL),
        Step(_RETURN, 0),
    ]
    return b"".join(_instruction(step, len(steps) - 2 - place) for place, step in enumerate(steps))


def _instruction(step: Step, to_end: int) -> bytes:
    """`to_end`: how many instructions to leave out to get to the last one, which drops."""
    if_true, if_false = (0, to_end) if step.must_hold else (to_end, 0)
    return struct.pack("=HBBI", step.code, *((if_true, if_false) if step.is_condition else (0, 0)), step.value & _ALL)
