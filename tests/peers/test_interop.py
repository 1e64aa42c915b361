"""Every cell of the interop table, run: our client against foreign servers, foreign clients against our simulator."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.peers.interop import CASES, Cell, Seen, Verdict, differs
from tests.peers.interop_clients import CLIENTS
from tests.peers.interop_page import Columns, render
from tests.peers.interop_run import our_client_against, our_simulator_for, run_column
from tests.peers.interop_servers import SERVERS
from tests.peers.interop_table import CLIENT_CELLS, PAGE, SERVER_CELLS
from tests.peers.programs import expect_installed, package_of, version

pytestmark = pytest.mark.peer

SERVER_ROWS = [(name, row) for name in SERVERS for row in CASES]
CLIENT_ROWS = [(name, row) for name in CLIENTS for row in CASES]


@cache
def seen_of_server(name: str) -> dict[str, Seen]:
    expect_installed(SERVERS[name].program)
    with TemporaryDirectory() as folder:
        rows = [case for row, case in CASES.items() if SERVER_CELLS[name][row].is_run]
        return run_column(rows, our_client_against(SERVERS[name], Path(folder)), SERVER_CELLS[name])


@cache
def seen_of_client(name: str) -> dict[str, Seen]:
    expect_installed(CLIENTS[name].program)
    rows = [case for row, case in CASES.items() if CLIENT_CELLS[name][row].is_run]
    return run_column(rows, our_simulator_for(CLIENTS[name]), CLIENT_CELLS[name])


@pytest.mark.parametrize(("name", "row"), SERVER_ROWS, ids=[" - ".join(row) for row in SERVER_ROWS])
def test_our_client_against(name: str, row: str) -> None:
    cell = SERVER_CELLS[name][row]
    if cell.is_run:
        assert not differs(cell, seen_of_server(name)[row])


@pytest.mark.parametrize(("name", "row"), CLIENT_ROWS, ids=[" - ".join(row) for row in CLIENT_ROWS])
def test_our_simulator_for(name: str, row: str) -> None:
    cell = CLIENT_CELLS[name][row]
    if cell.is_run:
        assert not differs(cell, seen_of_client(name)[row])


def as_seen(cells: dict[str, Cell], seen: dict[str, Seen]) -> dict[str, Cell]:
    """The cells of a column as this run found them."""
    return {row: _as_seen(cell, seen.get(row)) for row, cell in cells.items()}


def _as_seen(cell: Cell, seen: Seen | None) -> Cell:
    if seen is None or not (difference := differs(cell, seen)):
        return cell
    words = " ".join(difference.split())
    return Cell(Verdict.PASS if seen.passed else Verdict.FAILS, f"NOT AS EXPECTED: {words[:60]} ... {words[-300:]}")


def test_the_page() -> None:
    """With the variable INTEROP_PAGE set, write the page as this run found it; without, it must be there already."""
    servers: Columns = {name: as_seen(cells, seen_of_server(name)) for name, cells in SERVER_CELLS.items()}
    clients: Columns = {name: as_seen(cells, seen_of_client(name)) for name, cells in CLIENT_CELLS.items()}
    programs = [*(server.program for server in SERVERS.values()), *(client.program for client in CLIENTS.values())]
    page = render(servers, clients, {package_of(name): version(name) for name in programs})
    if os.environ.get("INTEROP_PAGE"):
        PAGE.write_text(page, encoding="utf-8")
    assert all("NOT AS EXPECTED" not in line for line in page.splitlines())
