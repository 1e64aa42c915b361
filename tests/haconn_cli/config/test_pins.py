from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config import pins as module
from haconn_cli.config.identity import Identity
from haconn_cli.config.paths import Paths
from haconn_cli.config.pins import DamagedPins, Pin, forget_pin, keep_pin, load_pins, parse_pins_untrusted

ONE, TWO = Identity("guid", bytes(range(16))), Identity("mac", bytes(range(6)))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path)


def test_kept_and_forgotten(paths: Paths) -> None:
    assert load_pins(paths) == {}
    assert not forget_pin(paths, "A")
    keep_pin(paths, "A", "10.0.0.1", ONE)
    keep_pin(paths, "B", "[fd00::1]:6230", TWO)
    assert load_pins(paths) == {"A": Pin("10.0.0.1", ONE), "B": Pin("[fd00::1]:6230", TWO)}
    keep_pin(paths, "A", "10.0.0.2", TWO)
    assert forget_pin(paths, "B")
    assert not forget_pin(paths, "B")
    assert load_pins(paths) == {"A": Pin("10.0.0.2", TWO)}
    assert paths.pins.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in paths.state.iterdir()) == [".pins.lock", "pins"]


def test_an_address_has_one_pin(paths: Paths) -> None:
    """It belongs to the address: a server that was renamed takes it over."""
    keep_pin(paths, "A", "10.0.0.1", ONE)
    keep_pin(paths, "B", "10.0.0.2", ONE)
    keep_pin(paths, "Z", "10.0.0.1", TWO)
    assert load_pins(paths) == {"B": Pin("10.0.0.2", ONE), "Z": Pin("10.0.0.1", TWO)}
    assert forget_pin(paths, "new name", "10.0.0.2")
    assert not forget_pin(paths, "new name", "10.0.0.2")
    assert list(load_pins(paths)) == ["Z"]


DAMAGED = [
    b"", b"\0" * 64, b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"A": null}', b'{"A": {}}', b'{"A": {"bmc": "10.0.0.1"}}',
    b'{"A": {"bmc": 1, "identity": "mac 00:01:02:03:04:05"}}', b'{"A": {"bmc": "10.0.0.1", "identity": "mac 00"}}',
    b'{"A": {"bmc": "10.0.0.1", "identity": "guid 00000000000000000000000000000000"}}', b"[" * 100_000, b"9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_neither_empty_nor_written_over(paths: Paths, content: bytes) -> None:
    paths.state.mkdir(parents=True)
    paths.pins.write_bytes(content)
    paths.pins.chmod(0o600)
    for attempt in (
        lambda: load_pins(paths),
        lambda: keep_pin(paths, "A", "10.0.0.1", ONE),
        lambda: forget_pin(paths, "A"),
    ):
        with pytest.raises(DamagedPins, match="pins"):
            attempt()
    assert paths.pins.read_bytes() == content


def test_one_wrong_entry_damages_all(paths: Paths) -> None:
    keep_pin(paths, "A", "10.0.0.1", ONE)
    values = json.loads(paths.pins.read_text())
    paths.pins.write_text(json.dumps(values | {"B": {}}))
    with pytest.raises(DamagedPins):
        load_pins(paths)


def test_every_shortened_file_is_damaged(paths: Paths) -> None:
    keep_pin(paths, "A", "10.0.0.1", ONE)
    keep_pin(paths, "B", "10.0.0.2", TWO)
    whole = paths.pins.read_bytes().rstrip()
    for size in range(len(whole)):
        with pytest.raises(DamagedPins):
            parse_pins_untrusted(whole[:size])


@pytest.mark.parametrize("kind", ["directory", "link", "others may write"])
def test_a_file_that_somebody_else_can_have_made_is_damaged(paths: Paths, kind: str) -> None:
    keep_pin(paths, "A", "10.0.0.1", ONE)
    if kind == "others may write":
        paths.pins.chmod(0o666)
    else:
        paths.pins.rename(paths.state / "elsewhere")
        paths.pins.mkdir() if kind == "directory" else paths.pins.symlink_to("elsewhere")
    with pytest.raises(DamagedPins):
        load_pins(paths)


def test_a_directory_that_cannot_be_there_holds_no_pins(paths: Paths) -> None:
    paths.state.parent.mkdir(parents=True)
    paths.state.write_text("a file where the directory should be")
    assert load_pins(paths) == {}
    with pytest.raises(OSError, match="File exists"):
        keep_pin(paths, "A", "10.0.0.1", ONE)


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), lambda deeper: st.dictionaries(st.text(), deeper)).map(
    lambda values: json.dumps(values).encode()
))
def test_any_content_is_pins_or_damaged(content: bytes) -> None:
    try:
        found = parse_pins_untrusted(content)
    except DamagedPins:
        return
    assert all(isinstance(pin, Pin) for pin in found.values())


def test_two_writers_lose_nothing(paths: Paths) -> None:
    """The connector pins while an administrator has pins forgotten."""
    names = [f"S{number}" for number in range(16)]
    threads = [threading.Thread(target=keep_pin, args=(paths, name, f"bmc of {name}", ONE)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load_pins(paths)) == sorted(names)


def test_a_writer_that_was_killed_leaves_the_old_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_pin(paths, "A", "10.0.0.1", ONE)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keep_pin(paths, "B", "10.0.0.2", TWO)
    monkeypatch.undo()
    assert load_pins(paths) == {"A": Pin("10.0.0.1", ONE)}
    keep_pin(paths, "B", "10.0.0.2", TWO)
    assert sorted(load_pins(paths)) == ["A", "B"]


def test_a_lock_that_is_never_given_back(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_pin(paths, "A", "10.0.0.1", ONE)
    monkeypatch.setattr(module, "_LOCK_PATIENCE", 0.0)
    with module._sole_writer(paths.state / ".pins.lock"), pytest.raises(TimeoutError, match=r"\.pins\.lock"):
        keep_pin(paths, "B", "10.0.0.2", TWO)
