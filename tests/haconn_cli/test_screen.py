from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from haconn_cli import screen


def test_a_line_from_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(" with blanks \nsecond"))
    assert [screen.ask("name :"), screen.ask_secret("password :"), screen.ask("more :")] == [" with blanks ", "second", ""]
    assert capsys.readouterr() == ("", "name :\npassword :\nmore :\n")


def test_what_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"))
    with pytest.raises(screen.NotText):
        screen.ask("name :")


def test_closed_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert screen.ask_secret("password :") == ""


_ASKER = "from haconn_cli import screen; print('got', screen.ask_secret('password :').upper())"


@pytest.mark.parametrize("asker", ["ask", "ask_secret"])
def test_the_end_of_input_at_a_terminal_is_an_empty_answer_and_a_new_line(asker: str) -> None:
    ours, theirs = pty.openpty()
    command = f"from haconn_cli import screen; screen.complain(repr(screen.{asker}('password :')))"
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        shown = os.read(ours, 1000)
        os.write(ours, b"\x04")
        while not shown.endswith(b"''\r\n"):
            shown += os.read(ours, 1000)
        assert process.wait(30) == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert shown.replace(b"^D\b\b", b"") == b"password :\r\n''\r\n"


@pytest.mark.shows("C3")
def test_a_terminal_does_not_echo() -> None:
    ours, theirs = pty.openpty()
    try:
        asker = subprocess.Popen(
            [sys.executable, "-c", _ASKER], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        shown = os.read(ours, 1000)
        assert shown == b"password :"  # by now the echo is off
        os.write(ours, b"hidden\n")
        while b"got" not in shown or not shown.endswith(b"\n"):
            shown += os.read(ours, 1000)
        assert asker.wait(30) == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"hidden" not in shown
    assert b"got HIDDEN" in shown


def test_table() -> None:
    assert screen.table([("a", "bbb", "c "), ("aa", "b", "cc")]) == ["a  bbb c", "aa b   cc"]
    assert screen.table([]) == []
