from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from haconn_cli.config.identity import Identity
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import Pin, load_pins
from haconn_daemon.bmcs.pinning import PinKeeper
from tests.fakes.clock import run_in_virtual_time, without_threads

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
    assert PinKeeper(Paths(tmp_path), log).load() == load_pins(Paths(tmp_path))  # type: ignore[arg-type]
    assert log.events == []


def test_damaged_pins_are_said_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_threads(monkeypatch)
    paths, log = Paths(tmp_path), Log()
    paths.state.mkdir(parents=True)
    paths.pins.write_text("{")
    keep(paths, log)
    assert paths.pins.read_text() == "{"
    assert [(name, fields["server"]) for name, fields in log.events] == [("pin_not_kept", "A"), ("pin_not_kept", "B")]
    assert "is not JSON" in str(PinKeeper(paths, log).load())  # type: ignore[arg-type]


def test_a_pin_that_is_not_on_the_disk_is_not_forgotten_by_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that waits for the disk, nor one that comes while the file is read; whoever forgets one pins the next BMC."""
    without_threads(monkeypatch)
    keeper = PinKeeper(Paths(tmp_path), Log())  # type: ignore[arg-type]

    async def main() -> None:
        keeper.keep("A", "10.0.0.1", ONE)
        assert await keeper.load_again() == {"A": Pin("10.0.0.1", ONE)}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            await trio.sleep(1.0)
            assert load_pins(Paths(tmp_path)) == await keeper.load_again() == {"A": Pin("10.0.0.1", ONE)}
            load = keeper.load

            def slow_load() -> Any:
                pins = load()
                keeper.keep("B", "10.0.0.2", ONE)
                return pins

            monkeypatch.setattr(keeper, "load", slow_load)
            assert set(await keeper.load_again()) == {"A", "B"}
            nursery.cancel_scope.cancel()

    run_in_virtual_time(main)
