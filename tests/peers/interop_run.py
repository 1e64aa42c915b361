"""Every cell of a column, run: as many at the same time as the processors like.

A cell that is not as expected is run once more before it is believed, alone and with more patience: programs of somebody else
give up, or repeat themselves, where a loaded machine lets them wait. What is wrong with a program, or with us, is so each time.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import trio

from ipmi_lan.crypto.suites import SUITES
from ipmi_lan.simulator import SimulatedBmc, serve_bmc
from ipmi_lan.wire.codes import Privilege
from ipmi_lan.wire.handshake import NAME_ONLY_LOOKUP
from tests.peers.interop import PASS, Case, Cell, Seen, differs
from tests.peers.interop_clients import ForeignClient
from tests.peers.interop_servers import ForeignServer, log_in
from tests.peers.lateness import Gauge
from tests.peers.programs import run_for

AT_ONCE = 4
ALONE = 4.0
"""How much more patience a cell gets that is run once more."""
MOST = 6.0
"""Seconds for one run of a foreign client; whoever waits longer is told to stop."""
TO_ARRIVE = 1.0   # seconds for a last datagram
_RAKP_1, _ROLE_AT = bytes.fromhex("0600ff070612"), 16 + 24

RunCell = Callable[[Case, float], Awaitable[Seen]]
"""Runs a row. All its time limits are multiplied by the number."""


def run_column(cases: Iterable[Case], run_cell: RunCell, expected: Mapping[str, Cell] | None = None) -> dict[str, Seen]:
    """What each row gave, by its name. Without `expected`, all are to pass."""
    cases, cells = list(cases), expected or {}
    seen: dict[str, Seen] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def run_one(case: Case) -> None:
        async with limiter:
            seen[case.name] = await run_cell(case, 1.0)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for case in cases:
                nursery.start_soon(run_one, case)
        for case in cases:
            if differs(cells.get(case.name, PASS), seen[case.name]):
                seen[case.name] = await run_cell(case, ALONE)

    trio.run(main)
    return seen


def our_client_against(server: ForeignServer, folder: Path, for_us: Callable[[Case], Case] = lambda case: case) -> RunCell:
    """Lets our client log in to a fresh process of `server`; with other words than it was told, where `for_us` changes them."""

    async def run(case: Case, patience: float) -> Seen:
        async with server.running(folder / "".join(letter for letter in case.name if letter.isalnum()), case) as (host, port):
            return await log_in(for_us(case), host, port, patience)

    return run


def our_simulator_for(client: ForeignClient) -> RunCell:
    """Lets `client` log in to a fresh simulated BMC that offers nothing but what the row says."""

    async def run(case: Case, patience: float) -> Seen:
        bmc = a_bmc(case)
        gauge = Gauge()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gauge.watch)
            host, port = await nursery.start(serve_bmc, bmc)
            outcome = await run_for(client.words(case, host, port), MOST * patience)
            left = await _left_open(bmc, TO_ARRIVE * patience)
            nursery.cancel_scope.cancel()
        passed = bool(client.success.search(outcome.text)) and _as_the_row_says(bmc, case, gauge) and not left
        dropped = ", ".join(sorted(bmc.counters)) or "nothing"
        return Seen(passed, f"{outcome.text}[BMC: {bmc.handshakes} logins, {left} left open, dropped: {dropped}]")

    return run


async def _left_open(bmc: SimulatedBmc, to_arrive: float) -> int:
    """How many sessions the client, which has ended, left open. Its Close Session may still be in the BMC's socket."""
    with trio.move_on_after(to_arrive):
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


def _as_the_row_says(bmc: SimulatedBmc, case: Case, gauge: Gauge) -> bool:
    """Whether the BMC saw it too: one login, by the lookup of the row, and nothing that it had to drop but for lateness."""
    roles = [data[_ROLE_AT] for way, data in bmc.wire if way == "in" and data.startswith(_RAKP_1)]
    lookup_fits = all(bool(role & NAME_ONLY_LOOKUP) == case.by_name_only for role in roles)
    return bmc.handshakes == 1 and not gauge.unexplained(bmc.counters) and lookup_fits
