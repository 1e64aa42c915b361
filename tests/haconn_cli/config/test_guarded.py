from __future__ import annotations

import os
from pathlib import Path

import pytest

from haconn_cli.config.guarded import Unreadable, read_guarded


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "conf"
    path.write_bytes(b"content")
    return path


@pytest.mark.parametrize("mode", [mode for mode in range(0o1000) if mode & 0o400])   # readable for its owner
def test_modes(file: Path, mode: int) -> None:
    file.chmod(mode)
    for private, forbidden in ((True, 0o077), (False, 0o022)):
        if mode & forbidden:
            with pytest.raises(Unreadable, match=rf"by others \(mode {mode:03o}\); do: chmod 600"):
                read_guarded(file, private=private)
        else:
            assert read_guarded(file, private=private) == b"content"


def test_of_another_user(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(Unreadable, match=r"belongs to user .*; must belong to root"):
        read_guarded(file, private=False)


def test_symbolic_link(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    with pytest.raises(Unreadable, match="is a symbolic link"):
        read_guarded(link, private=False)


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is a directory; must be a file"):
        read_guarded(tmp_path, private=True)


def test_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(Unreadable, match="not a regular file"):
        read_guarded(tmp_path / "fifo", private=True)


def test_below_a_file(file: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be opened: Not a directory"):
        read_guarded(file / "conf", private=True)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_guarded(tmp_path / "none", private=True)
