"""Simulated BMCs on real UDP sockets: the thin trio shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from ipaddress import AddressValueError, IPv4Address

import trio

from ipmi_lan.errors import BadArgument
from ipmi_lan.simulator.bmc import SimulatedBmc

Address = tuple[str, int]
_MOST_OCTETS = 2048   # more than any datagram of IPMI


async def serve_bmc(
    bmc: SimulatedBmc,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    second: Address | None = None,
    may_leave_loopback: bool = False,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let `bmc` answer on a UDP socket until cancelled; started with the address bound. Its clock is `trio.current_time`.

    `second` is another address that it answers on too; with `SessionFaults.answers_from_second_address` all its answers leave
    from there. Raises `BadArgument` for a host that is not an IPv4 address of 127.0.0.0/8 (unless `may_leave_loopback`),
    `OSError` where an address is taken.
    """
    with ExitStack() as stack:
        addresses = [(host, port)] if second is None else [(host, port), second]
        sockets = [stack.enter_context(await _listen(*address, may_leave_loopback)) for address in addresses]
        task_status.started(sockets[0].getsockname())
        async with trio.open_nursery() as nursery:
            for sock in sockets:
                nursery.start_soon(_serve, bmc, sock, sockets)


async def serve_bmcs(
    bmcs: Mapping[Address, SimulatedBmc],
    *,
    may_leave_loopback: bool = False,
    task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let every BMC answer on its host and port; started with the addresses bound, in the order given. Raises as `serve_bmc`."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(await _listen(host, port, may_leave_loopback)) for host, port in bmcs]
        task_status.started([sock.getsockname() for sock in sockets])
        async with trio.open_nursery() as nursery:
            for bmc, sock in zip(bmcs.values(), sockets, strict=True):
                nursery.start_soon(_serve, bmc, sock, [sock])


async def _listen(host: str, port: int, may_leave_loopback: bool) -> trio.socket.SocketType:
    _check(host, may_leave_loopback)
    sock = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    try:
        await sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _serve(bmc: SimulatedBmc, sock: trio.socket.SocketType, sockets: Sequence[trio.socket.SocketType]) -> None:
    """Hear on `sock`; answer from there, or from the last of `sockets` where the BMC does so."""
    while True:
        due = bmc.next_due()
        if due is None:
            await _answer(bmc, sock, sockets)
            continue
        with trio.move_on_at(due):
            await _answer(bmc, sock, sockets)
        for reply, address in bmc.due_replies(trio.current_time()):
            await _send(bmc, reply, address, sock, sockets)


async def _answer(bmc: SimulatedBmc, sock: trio.socket.SocketType, sockets: Sequence[trio.socket.SocketType]) -> None:
    """Answer the next datagram."""
    data, address = await sock.recvfrom(_MOST_OCTETS)
    with trio.CancelScope(shield=True):   # what was heard is answered
        for reply in bmc.receive_datagram_untrusted(data, address, trio.current_time()):
            await _send(bmc, reply, address, sock, sockets)


async def _send(
    bmc: SimulatedBmc, reply: bytes, address: Address, sock: trio.socket.SocketType, sockets: Sequence[trio.socket.SocketType]
) -> None:
    leaves_from = sockets[-1] if bmc.faults.session.answers_from_second_address else sock
    try:
        await leaves_from.sendto(reply, address)
    except OSError:
        bmc.counters["unsent"] += 1


def _check(host: str, may_leave_loopback: bool) -> None:
    try:
        address = IPv4Address(host)
    except AddressValueError:
        raise BadArgument(f"'{host}' is not an IPv4 address") from None
    if not address.is_loopback and not may_leave_loopback:
        raise BadArgument(f"{host} is not of 127.0.0.0/8: a simulated BMC answers on the loopback only, unless told")
