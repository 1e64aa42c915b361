"""Ask a BMC what it offers, before any login and beside it: the trio shell of `ipmi_lan.session.probing`."""

from __future__ import annotations

import os
from contextlib import suppress

import trio

from ipmi_lan.account import IPMI_PORT
from ipmi_lan.errors import BadArgument, NoAnswer
from ipmi_lan.session.probing import PROBE_TIMEOUT, Offer, Probe
from ipmi_lan.transport.udp import Address, look_up

_LARGEST_PORT, _MOST_DATAGRAM = 65535, 65535
_AFTER_AN_ERROR = 0.05   # seconds; an error that stays must not keep the processor busy


async def probe_bmc(host: str, port: int = IPMI_PORT, timeout: float = PROBE_TIMEOUT) -> Offer:
    """What the BMC at `host` says of itself, within `timeout` seconds; an empty offer where it says nothing.

    Nothing of it is proven, so a login does not wait for it and does not need it. Raises `BadArgument` for a host that is neither
    an address nor a name and for a port that there is not, `NoAnswer` where the host cannot be looked up or is out of reach.
    """
    if not host or "\0" in host:
        raise BadArgument(f"host '{host!r}': neither an address nor a name")
    if not 1 <= port <= _LARGEST_PORT:
        raise BadArgument(f"port {port}: must be 1 to {_LARGEST_PORT}")
    deadline = trio.current_time() + timeout
    with await _connect(host, port, timeout) as socket:
        now = trio.current_time()
        return await _run(Probe(os.urandom, now, deadline - now), socket)


async def _connect(host: str, port: int, timeout: float) -> trio.socket.SocketType:
    """A socket of its own, connected: the kernel passes only what comes from there, and reports refusals."""
    try:
        with trio.move_on_after(timeout):
            family, address = await look_up(host, port)
            return await _connected(family, address)
    except UnicodeError:
        raise BadArgument(f"host '{host}': neither an address nor a name") from None
    except OSError as error:
        raise NoAnswer(f"connecting a socket to {host} port {port} ({error})", 0.0) from None
    raise NoAnswer(f"looking up {host}", timeout)


async def _connected(family: int, address: Address) -> trio.socket.SocketType:
    socket = trio.socket.socket(family, trio.socket.SOCK_DGRAM)
    try:
        await socket.connect(address)
    except BaseException:
        socket.close()
        raise
    return socket


async def _run(probe: Probe, socket: trio.socket.SocketType) -> Offer:
    while (deadline := probe.next_deadline()) is not None:
        for datagram in probe.datagrams_to_send():
            await _send(probe, socket, datagram)
        with trio.move_on_at(deadline):
            await _receive(probe, socket)
        probe.handle_deadline(trio.current_time())
    return probe.offer


async def _send(probe: Probe, socket: trio.socket.SocketType, datagram: bytes) -> None:
    """The kernel may report here how an earlier datagram fared; that must not cost this one. What cannot leave is lost."""
    with suppress(OSError):
        try:
            await socket.send(datagram)
        except ConnectionRefusedError:
            probe.peer_refused(trio.current_time())
            await socket.send(datagram)


async def _receive(probe: Probe, socket: trio.socket.SocketType) -> None:
    try:
        probe.receive_datagram_untrusted(await socket.recv(_MOST_DATAGRAM), trio.current_time())
    except ConnectionRefusedError:
        probe.peer_refused(trio.current_time())
    except OSError:
        await trio.sleep(_AFTER_AN_ERROR)
