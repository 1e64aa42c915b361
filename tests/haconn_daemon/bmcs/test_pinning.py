from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.identity import Identity
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import Pin, load_pins
from haconn_daemon.bmcs.pinning import WRITE_PATIENCE, PinKeeper
from tests.fakes.clock import run_in_virtual_time, without_threads
from tests.fakes.disk import SlowDisk

ONE = Identity("guid", bytes(range(16)))


class Log:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, level: int = 0, /, **fields: Any) -> None:
        self.events.append((name, fields))


def keep(paths: Paths, log: Any) -> None:
    keeper = PinKeeper(paths, log)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            keeper.keep("A", "10.0.0.1", ONE)
            await trio.sleep(1.0)
            keeper.keep("B", "10.0.0.2", ONE)
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)


def test_what_was_pinned_last_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)
    log = Log()
    keep(Paths(tmp_path), log)
    assert load_pins(Paths(tmp_path)) == {"A": Pin("10.0.0.1", ONE), "B": Pin("10.0.0.2", ONE)}
    assert trio.run(PinKeeper(Paths(tmp_path), log).load) == load_pins(Paths(tmp_path))  # type: ignore[arg-type]
    assert log.events == []


def test_damaged_pins_are_said_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)
    paths, log = Paths(tmp_path), Log()
    paths.state.mkdir(parents=True)
    paths.pins.write_text("{")
    keep(paths, log)
    assert paths.pins.read_text() == "{"
    assert [(name, fields["server"]) for name, fields in log.events] == [("pin_not_kept", "A"), ("pin_not_kept", "B")]
    assert "is not JSON" in str(trio.run(PinKeeper(paths, log).load))  # type: ignore[arg-type]


def test_a_pin_that_is_not_on_the_disk_is_not_forgotten_by_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that waits for the disk, nor one that comes while the file is read; whoever forgets one pins the next BMC."""
    without_threads(monkeypatch)
    keeper = PinKeeper(Paths(tmp_path), Log())  # type: ignore[arg-type]

    async def main() -> None:
        keeper.keep("A", "10.0.0.1", ONE)
        assert await keeper.load() == {"A": Pin("10.0.0.1", ONE)}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            await trio.sleep(1.0)
            assert load_pins(Paths(tmp_path)) == await keeper.load() == {"A": Pin("10.0.0.1", ONE)}
            read = keeper._read

            def slow_read() -> Any:
                pins = read()
                keeper.keep("B", "10.0.0.2", ONE)
                return pins

            monkeypatch.setattr(keeper, "_read", slow_read)
            assert set(await keeper.load()) == {"A", "B"}
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)


def ends_in(keeper: PinKeeper, *names: str, after: float) -> float:
    """Seconds that its end takes, when so many are to be written and it was at work for `after` seconds."""

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            for number, name in enumerate(names):
                keeper.keep(name, f"10.0.0.{number}", Identity("guid", bytes([number + 1]) * 16))
            await trio.sleep(after)
            began = trio.current_time()
            nursery.cancel_scope.cancel()
        return trio.current_time() - began

    return run_in_virtual_time(main)


@pytest.mark.parametrize("after", [0.0, 0.5, 2.5, 100.0])
def test_a_disk_that_hangs_holds_up_the_end_once_and_not_for_each_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    disk, log = SlowDisk(monkeypatch, 10_000.0), Log()
    assert ends_in(PinKeeper(Paths(tmp_path), log), *"ABCDEF", after=after) <= WRITE_PATIENCE  # type: ignore[arg-type]
    assert {fields["server"] for name, fields in log.events if name == "pin_not_kept"} == set("ABCDEF")
    assert len(log.events) == 6, "each is said once"
    assert disk.most_at_work == 1, "whoever waits for the disk does not take up threads"


@pytest.mark.parametrize("after", [0.0, 0.05, 0.15])
def test_the_end_waits_for_a_disk_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float) -> None:
    SlowDisk(monkeypatch, 0.1)
    paths, log = Paths(tmp_path), Log()
    ends_in(PinKeeper(paths, log), *"ABCD", after=after)  # type: ignore[arg-type]
    assert (set(load_pins(paths)), log.events) == (set("ABCD"), [])
