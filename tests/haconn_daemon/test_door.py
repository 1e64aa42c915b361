"""The reset path's door, with an endpoint whose address comes and goes as the test says."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_daemon.door import PATIENCE, Door
from haconn_daemon.logs.journal import Journal
from tests.fakes.clock import run_in_virtual_time

ADDRESS = ("192.0.2.1", 30000)


class Endpoint:
    """Fails with each of these errors first."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.opened_at: float | None = None

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise OSError(self.errors.pop(0), "the address, and why not")
        self.opened_at = trio.current_time()
        task_status.started()
        await trio.sleep_forever()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, "/nonexistent/syslog") as journal:
        yield journal


def opened(journal: Journal, endpoint: Endpoint, seconds: float) -> tuple[Door, float | None]:
    """The door after so many seconds, and when it reported started."""
    door = Door(endpoint, ADDRESS, journal)  # type: ignore[arg-type]
    started: list[float] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(seconds):
                await nursery.start(door.run)
                started.append(trio.current_time())
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
    return door, started[0] if started else None


def test_at_once(journal: Journal) -> None:
    endpoint: Any = Endpoint()
    assert opened(journal, endpoint, 1.0)[1] == 0.0
    assert endpoint.opened_at == 0.0


def test_an_address_that_comes_later_is_waited_for_and_the_start_does_not_wait(journal: Journal, tmp_path: Path) -> None:
    endpoint = Endpoint(*[errno.EADDRNOTAVAIL] * 100)
    door, started = opened(journal, endpoint, 200.0)
    assert (started, endpoint.opened_at, door.why_closed) == (0.0, 100.0, "")
    journal.__exit__(None, None, None)
    events = (tmp_path / "eventlog").read_text()
    assert (events.count("ERROR reset_path_waits"), events.count("reset_path_back")) == (1, 1)


def test_while_it_is_not_there_it_says_so(journal: Journal) -> None:
    door, _ = opened(journal, Endpoint(*[errno.EADDRNOTAVAIL] * 100), 50.0)
    assert door.why_closed == "the address, and why not"


def test_a_port_that_gets_free_soon(journal: Journal) -> None:
    endpoint = Endpoint(errno.EADDRINUSE, errno.EADDRINUSE)
    assert opened(journal, endpoint, 10.0)[1] == endpoint.opened_at == 2.0


@pytest.mark.parametrize(("error", "after"), [(errno.EADDRINUSE, PATIENCE), (errno.EACCES, 0.0)])
def test_what_waiting_does_not_mend_fails(journal: Journal, error: int, after: float) -> None:
    endpoint, door = Endpoint(*[error] * 100), None

    async def main() -> float:
        nonlocal door
        door = Door(endpoint, ADDRESS, journal)  # type: ignore[arg-type]
        with pytest.raises(BaseExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                await nursery.start(door.run)
        assert caught.group_contains(OSError)
        return trio.current_time()

    assert run_in_virtual_time(main) == after
