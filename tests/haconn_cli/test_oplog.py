from __future__ import annotations

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconn_cli import oplog
from haconn_cli.config.paths import Paths
from tests.haconn_cli.conftest import Setup


def logged(paths: Paths) -> list[str]:
    return (paths.log / "eventlogcui").read_text().splitlines()


@pytest.mark.shows("L10")
def test_one_line_a_command(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("resetpath", "addr=192.168.0.1/24", "port=30000")
    haconnsetup("show", "status")
    haconnsetup("--help")
    first, second = logged(paths)
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
    assert re.fullmatch(rf"{when} uid={os.getuid()} exit=0 haconnsetup resetpath addr=192\.168\.0\.1/24 port=30000", first)
    assert second.endswith("exit=5 haconnsetup show status")
    assert (paths.log / "eventlogcui").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["default", "password=hunter2"], "default password=..."),
        (["pserver", "add", "P1", "addr=1.2.3.4", "account=a", "hunter2"], "pserver add ... addr=1.2.3.4 account=a ..."),
        (["pserver", "hunter2"], "pserver ..."),
        (["default", "pwd=hunter2", "=hunter2"], "default pwd=... =..."),
        (["hunter2"], "..."),
        (["--json", "pserver", "mod", "--drop-comments", "name=A"], "--json pserver mod --drop-comments name=A"),
    ],
)
def test_no_password_in_a_wrong_place_is_logged(haconnsetup: Setup, paths: Paths, words: list[str], shown: str) -> None:
    assert haconnsetup(*words).code == 2
    assert logged(paths)[-1].endswith(f" exit=2 haconnsetup {shown}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text()), st.integers(0, 5))
def test_any_words_are_one_line(paths: Paths, words: list[str], code: int) -> None:
    before = len(logged(paths)) if paths.log.exists() else 0
    oplog.record(paths, words, code)
    assert len(logged(paths)) == before + 1


@pytest.mark.shows("L10")
def test_generations(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oplog, "_LARGEST", 200)
    for number in range(20):
        oplog.record(paths, ["show", str(number)], 0)
    assert sorted(each.name for each in paths.log.iterdir()) == ["eventlogcui", *(f"eventlogcui.{n}" for n in (1, 2, 3))]
    assert {each.stat().st_mode & 0o777 for each in paths.log.iterdir()} == {0o600}
    assert logged(paths)[-1].endswith("show 19")


@pytest.mark.parametrize("obstacle", ["a file", "a link", "a directory", "a full disk"])
def test_a_failure_changes_nothing(haconnsetup: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch, obstacle: str) -> None:
    place = paths.log / "eventlogcui"
    paths.log.parent.mkdir(parents=True)
    if obstacle == "a file":
        paths.log.write_text("")
    elif obstacle == "a link":
        paths.log.mkdir()
        place.symlink_to(paths.log.parent / "elsewhere")
    elif obstacle == "a directory":
        place.mkdir(parents=True)
    else:
        paths.log.mkdir()
        place.symlink_to("/dev/full")
        monkeypatch.setattr(os, "O_NOFOLLOW", 0)
    outcome = haconnsetup("show", "version")
    assert (outcome.code, outcome.err) == (0, [])
    assert not (paths.log.parent / "elsewhere").exists()
