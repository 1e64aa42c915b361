"""What earlier lives left, on disks that give it at once, late, or never; in virtual time."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from haconn_daemon.past import PATIENCE, Past
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.disk import SlowDisk


class House:
    """Everybody who is told of the past."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.pins: list[Any] = []
        self.restored: list[Any] = []
        self.loaded: list[float] = []
        everybody: Any = self
        record: Any = SimpleNamespace(open=self.open)
        pins: Any = SimpleNamespace(load=self.load_pins)
        standing: Any = SimpleNamespace(load=self.load_standing)
        self.past = Past(record, pins, standing, everybody, everybody, everybody)

    def open(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return ["a reset"]

    async def load_pins(self) -> dict[str, str]:
        return await trio.to_thread.run_sync(lambda: {"A": "a pin"}, abandon_on_cancel=True)

    async def load_standing(self) -> None:
        await trio.to_thread.run_sync(lambda: None, abandon_on_cancel=True)
        self.loaded.append(trio.current_time())

    def event(self, name: str, level: int = 0, /, **fields: Any) -> None:
        self.events.append((name, fields))

    def replace_pins(self, pins: Any) -> None:
        self.pins.append(pins)

    def restore(self, past: list[Any]) -> None:
        self.restored += past

    def live(self, seconds: float) -> tuple[float, list[str]]:
        """When the start went on, and what was to be noted then."""
        started: list[tuple[float, list[str]]] = []

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                with trio.move_on_after(seconds):
                    await nursery.start(self.past.run)
                    started.append((trio.current_time(), self.past.notes()))
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()

        run_in_virtual_time(main)
        return started[0]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


def test_a_disk_that_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)
    house = House()
    assert house.live(10.0) == (0.0, [])
    assert (house.restored, house.pins, house.loaded) == (["a reset"], [{"A": "a pin"}], [0.0])
    assert house.events == []


def test_a_disk_that_hangs_costs_the_past_and_not_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    SlowDisk(monkeypatch, 1e6)
    house = House()
    started, notes = house.live(600.0)
    assert started == PATIENCE
    assert sorted(house.names) == ["own_server_not_read", "record_unavailable"]
    (pins,) = house.pins
    assert "longer than" in pins, "which BMC is whose is not known: none is taken for the right one unseen"
    assert len(notes) == 2, "the lost pins have a note of their own"


def test_what_comes_late_is_taken_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    SlowDisk(monkeypatch, 100.0)
    house = House()
    assert house.live(200.0)[0] == PATIENCE
    assert (house.restored, house.pins[-1], house.loaded) == (["a reset"], {"A": "a pin"}, [100.0])
    assert house.past.notes() == []
    assert house.names[-1] == "record_available"


def test_a_disk_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)
    house = House()
    house.error = OSError(errno.EIO, "Input/output error")
    assert house.live(10.0)[0] == 0.0
    assert house.names == ["record_unavailable"]


@pytest.mark.parametrize("seconds", [0.1, 100.0])
def test_another_connector_ends_this_one_whenever_that_is_found(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    SlowDisk(monkeypatch, seconds)
    house = House()
    house.error = BlockingIOError(errno.EWOULDBLOCK, "another connector runs here")
    with pytest.raises(BaseExceptionGroup) as caught:
        house.live(1000.0)
    assert caught.group_contains(BlockingIOError)
