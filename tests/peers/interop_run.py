"""Every cell of a column, run: as many at the same time as the processors like."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import trio

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from ipmi_lan.wire.codes import Privilege
from ipmi_lan.wire.handshake import NAME_ONLY_LOOKUP
from tests.peers.interop import Case, Seen
from tests.peers.interop_clients import ForeignClient
from tests.peers.interop_servers import ForeignServer, log_in
from tests.peers.programs import run_for

AT_ONCE = 4
MOST = 6.0
"""Seconds for one run of a foreign client; whoever waits longer is told to stop."""
TO_ARRIVE = 1.0   # seconds for a last datagram
_RAKP_1, _ROLE_AT = bytes.fromhex("0600ff070612"), 16 + 24

RunCell = Callable[[Case], Awaitable[Seen]]


def run_column(cases: Iterable[Case], run_cell: RunCell) -> dict[str, Seen]:
    """What each row gave, by its name."""
    seen: dict[str, Seen] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def run_one(case: Case) -> None:
        async with limiter:
            seen[case.name] = await run_cell(case)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for case in cases:
                nursery.start_soon(run_one, case)

    trio.run(main)
    return seen


def our_client_against(server: ForeignServer, folder: Path, for_us: Callable[[Case], Case] = lambda case: case) -> RunCell:
    """Lets our client log in to a fresh process of `server`; with other words than it was told, where `for_us` changes them."""

    async def run(case: Case) -> Seen:
        async with server.running(folder / "".join(letter for letter in case.name if letter.isalnum()), case) as (host, port):
            return await log_in(for_us(case), host, port)

    return run


def our_simulator_for(client: ForeignClient) -> RunCell:
    """Lets `client` log in to a fresh simulated BMC that offers nothing but what the row says."""

    async def run(case: Case) -> Seen:
        bmc = a_bmc(case)
        async with trio.open_nursery() as nursery:
            host, port = await nursery.start(serve_bmc, bmc)
            outcome = await run_for(client.words(case, host, port), MOST)
            left = await _left_open(bmc)
            nursery.cancel_scope.cancel()
        passed = bool(client.success.search(outcome.text)) and _as_the_row_says(bmc, case) and not left
        dropped = ", ".join(sorted(bmc.counters)) or "nothing"
        return Seen(passed, f"{outcome.text}[BMC: {bmc.handshakes} logins, {left} left open, dropped: {dropped}]")

    return run


async def _left_open(bmc: SimulatedBmc) -> int:
    """How many sessions the client, which has ended, left open. Its Close Session may still be in the BMC's socket."""
    with trio.move_on_after(TO_ARRIVE):
        while bmc.open_sessions(trio.current_time()):
            await trio.sleep(0.01)
    return bmc.open_sessions(trio.current_time())


def a_bmc(case: Case) -> SimulatedBmc:
    """One that takes the row's user and nothing but the row's way of logging in."""
    users = {case.user: (case.password, Privilege.ADMINISTRATOR)}
    suites, auth15 = ((SUITES[case.suite],), ()) if case.auth15 is None else ((), (case.auth15,))
    return SimulatedBmc(
        "peer", users, bytes(range(16)), os.urandom, suites, case.kg.encode(), auth15=auth15, keeps_wire=True
    )


def _as_the_row_says(bmc: SimulatedBmc, case: Case) -> bool:
    """Whether the BMC saw it too: one login, by the lookup of the row, and nothing that it had to drop."""
    roles = [data[_ROLE_AT] for way, data in bmc.wire if way == "in" and data.startswith(_RAKP_1)]
    lookup_fits = all(bool(role & NAME_ONLY_LOOKUP) == case.by_name_only for role in roles)
    return bmc.handshakes == 1 and not bmc.counters and lookup_fits
