"""The kernel's filter, on a machine of a few lines that runs classic BPF, and in the kernel itself."""

from __future__ import annotations

import ctypes
import socket
import struct
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.resetpath.wire.frame import LARGEST, MAGIC, SMALLEST, Malformed, parse_frame_untrusted
from haconn_daemon.resetpath.kernelfilter import filter_program

NETWORK = 0xFFF0_0000   # from here on the program reads the IP header


def run(program: bytes, payload: bytes, source: str = "192.168.0.2") -> bool:
    """Whether the datagram is queued. The machine of Documentation/networking/filter.rst, as far as the program uses it."""
    packet = bytes(8) + payload
    address = ip_address(source)
    header = bytes(12) + address.packed + bytes(4) if address.version == 4 else bytes(8) + address.packed + bytes(16)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    a = x = at = 0
    while True:
        code, if_true, if_false, k = steps[at]
        at += 1
        if code in (0x20, 0x28):
            where, offset = (header, k - NETWORK) if k >= NETWORK else (packet, k)
            size = 4 if code == 0x20 else 2
            if offset + size > len(where):
                return False
            a = int.from_bytes(where[offset : offset + size])
        elif code == 0x80:
            a = len(packet)
        elif code == 0x54:
            a &= k
        elif code == 0x04:
            a = (a + k) & 0xFFFF_FFFF
        elif code == 0x07:
            x = a
        elif code == 0x06:
            return k > 0
        else:
            holds = {0x15: a == k, 0x1D: a == x, 0x35: a >= k, 0x25: a > k}[code]
            at += if_true if holds else if_false


def datagram(size: int, version: int = 1, magic: bytes = MAGIC) -> bytes:
    return magic + bytes((version, 1, 1, 0)) + size.to_bytes(2) + bytes(size - 10)


@pytest.mark.parametrize("size", [SMALLEST, SMALLEST + 1, 500, LARGEST])
@pytest.mark.parametrize("version", [0, 1, 2, 255])
def test_what_may_be_a_datagram_of_any_version_is_queued(size: int, version: int) -> None:
    assert run(filter_program(None), datagram(size, version))


NOT_HACP = st.one_of(
    st.binary(max_size=1400),
    st.builds(lambda rest: MAGIC + rest, st.binary(max_size=1400)),
    st.builds(datagram, st.integers(SMALLEST, LARGEST), st.integers(0, 255), st.sampled_from((MAGIC, b"HAC2", b"hac1"))),
)


@given(NOT_HACP, st.integers(-2, 2))
def test_exactly_what_has_no_frame_is_dropped(data: bytes, lie: int) -> None:
    if len(data) >= 10 and lie:
        data = data[:8] + (len(data) + lie).to_bytes(2) + data[10:]
    try:
        parse_frame_untrusted(data)
    except Malformed:
        assert not run(filter_program(None), data)
    else:
        assert run(filter_program(None), data)


@given(st.integers(0, 32), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_ipv4_sources_are_those_of_the_segment(prefix: int, base: int, source: int) -> None:
    network = IPv4Network((base, prefix), strict=False)
    for each in (ip_address(source), network.network_address, network.broadcast_address):
        assert run(filter_program(network), datagram(200), str(each)) is (each in network)


@given(st.integers(0, 128), st.integers(0, 2**128 - 1), st.integers(0, 127))
def test_ipv6_sources_are_those_of_the_segment(prefix: int, base: int, bit: int) -> None:
    network = IPv6Network((base, prefix), strict=False)
    source = ip_address(base ^ 1 << bit)
    if source.version == 6:
        assert run(filter_program(network), datagram(200), str(source)) is (source in network)


@pytest.mark.parametrize(
    ("host", "network"), [("127.0.0.1", "127.0.0.0/8"), ("127.0.0.1", "10.0.0.0/8"), ("::1", "::/64"), ("::1", "fd00::/64")]
)
def test_the_kernel_runs_it_so(host: str, network: str) -> None:
    allowed = ip_network(network)
    program = filter_program(allowed)
    held = ctypes.create_string_buffer(program, len(program))
    family = socket.AF_INET if allowed.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as receiver, socket.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", len(program) // 8, ctypes.addressof(held)))
        receiver.bind((host, 0))
        receiver.setblocking(False)
        good = datagram(200)
        for data in (b"", b"x", bytes(200), good[:-1], good + b"x", MAGIC + bytes(1000), datagram(LARGEST) + b"x", good):
            sender.sendto(data, receiver.getsockname())
        got = []
        while True:
            try:
                got.append(receiver.recv(2000))
            except BlockingIOError:
                break
    assert got == ([good] if ip_address(host) in allowed else [])
