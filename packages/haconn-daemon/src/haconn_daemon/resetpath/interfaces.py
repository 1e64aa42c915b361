"""Which interface has the reset-path address: asked of the kernel by rtnetlink, for IPv4 and IPv6 alike, without privileges."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

Interface = IPv4Interface | IPv6Interface

_NEW_ADDRESS, _GET_ADDRESS, _DONE, _ERROR = 20, 22, 3, 2
_REQUEST_DUMP = 0x301
_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_LARGEST_REPLY = 65536


@dataclass(frozen=True, slots=True)
class Held:
    """One address of this host."""

    index: int
    """Of the interface that has it."""
    address: IPv4Address | IPv6Address
    prefix: int

    @property
    def name(self) -> str:
        """Of the interface; its number where it has gone meanwhile."""
        try:
            return socket.if_indextoname(self.index)
        except OSError:
            return f"interface {self.index}"


def held_addresses() -> list[Held]:
    """All addresses of this host. Raises `OSError` where the kernel does not tell."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(1.0)
        kernel.send(_HEADER.pack(_HEADER.size + _ADDRESS.size, _GET_ADDRESS, _REQUEST_DUMP, 1, 0) + _ADDRESS.pack(0, 0, 0, 0, 0))
        found: list[Held] = []
        while True:
            for kind, body in _messages(kernel.recv(_LARGEST_REPLY)):
                if kind in (_DONE, _ERROR):
                    return found
                if kind == _NEW_ADDRESS:
                    found += _held(body)


def _messages(reply: bytes) -> Iterator[tuple[int, bytes]]:
    while len(reply) >= _HEADER.size:
        size, kind, *_ = _HEADER.unpack_from(reply)
        yield kind, reply[_HEADER.size : size]
        reply = reply[size + -size % 4 :]


def _held(body: bytes) -> list[Held]:
    family, prefix, _, _, index = _ADDRESS.unpack_from(body)
    attributes: dict[int, bytes] = {}
    rest = body[_ADDRESS.size :]
    while len(rest) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(rest)
        attributes[kind] = rest[_ATTRIBUTE.size : size]
        rest = rest[size + -size % 4 :]
    packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    is_ip = family in (socket.AF_INET, socket.AF_INET6) and packed is not None
    return [Held(index, ip_address(packed), prefix)] if is_ip and packed is not None else []


def index_of(wanted: Interface, held: list[Held]) -> int | None:
    """The interface with the reset-path address; None: there is none. Any address of a loopback network is on the loopback."""
    exact = [one.index for one in held if one.address == wanted.ip]
    if not exact and wanted.ip.is_loopback:
        exact = [one.index for one in held if one.address.is_loopback and one.address.version == wanted.version]
    return exact[0] if exact else None


def complaints(wanted: Interface, held: list[Held]) -> tuple[str, ...]:
    """What is wrong with the reset path's address and segment on this host, a line each (manual O5)."""
    if wanted.ip.is_loopback:
        return ()
    ours = [one for one in held if one.address == wanted.ip]
    if not ours:
        return (f"reset-path address {wanted.ip} is on no interface of this server; set the address, or 'haconnsetup resetpath'",)
    told = []
    if all(one.prefix != wanted.network.prefixlen for one in ours):
        masks = f"/{wanted.network.prefixlen} in conf_haconn, /{ours[0].prefix} on {ours[0].name}"
        told.append(f"reset-path address {wanted.ip} has mask {masks}")
    others = {one.name for one in held if one.address in wanted.network and one.index != ours[0].index}
    if others:
        where = f"on {ours[0].name} and on {', '.join(sorted(others))} too"
        told.append(f"reset-path segment {wanted.network} is {where}; it should be on one interface")
    return tuple(told)
