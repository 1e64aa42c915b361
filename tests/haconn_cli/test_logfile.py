"""The log file of its owner alone: its modes from the first moment, its generations, and that no obstacle stops anybody."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haconn_cli.logfile import PrivateLogFile


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "a" / "log" / "eventlog"


@pytest.fixture
def say(place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Write a line; at the end, nothing was printed about it."""
    handler = PrivateLogFile(place, 100, 2)

    def write(text: str) -> None:
        handler.handle(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))

    yield write
    handler.close()
    assert capsys.readouterr() == ("", "")


def test_nothing_is_made_before_the_first_line(place: Path, say: Callable[[str], None]) -> None:
    assert not place.parent.exists()
    before = os.umask(0)
    try:
        say("one")
    finally:
        os.umask(before)
    assert place.read_text() == "one\n"
    assert (mode(place), mode(place.parent)) == (0o600, 0o700)


def test_a_file_that_others_could_read_becomes_private(place: Path, say: Callable[[str], None]) -> None:
    place.parent.mkdir(parents=True)
    place.write_text("old\n")
    place.chmod(0o644)
    say("new")
    assert (place.read_text(), mode(place)) == ("old\nnew\n", 0o600)


def test_generations(place: Path, say: Callable[[str], None]) -> None:
    for number in range(30):
        say(f"this is line {number:2}")
    assert sorted(each.name for each in place.parent.iterdir()) == ["eventlog", "eventlog.1", "eventlog.2"]
    assert {mode(each) for each in place.parent.iterdir()} == {0o600}
    assert place.read_text().endswith("this is line 29\n")


def test_a_link_is_not_followed(place: Path, say: Callable[[str], None], tmp_path: Path) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "elsewhere")
    say("lost")
    assert not (tmp_path / "elsewhere").exists()
    place.unlink()
    say("kept")
    assert place.read_text() == "kept\n"


def test_a_directory_that_cannot_be_made_is_made_later(place: Path, say: Callable[[str], None]) -> None:
    place.parent.parent.write_text("in the way")
    say("lost")
    place.parent.parent.unlink()
    say("kept")
    assert place.read_text() == "kept\n"


def test_after_a_fault_the_file_is_opened_anew(
    place: Path, say: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to("/dev/full")
    monkeypatch.setattr(os, "O_NOFOLLOW", 0)
    say("lost")
    place.unlink()
    say("kept")
    assert place.read_text() == "kept\n"


def test_a_pipe_in_its_place_does_not_hang(place: Path, say: Callable[[str], None]) -> None:
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    say("lost")


def test_text_that_is_not_unicode_is_escaped(place: Path, say: Callable[[str], None]) -> None:
    say("a\udcffb")
    assert place.read_text() == "a\\udcffb\n"
