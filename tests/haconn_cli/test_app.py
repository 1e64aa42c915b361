from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from haconn_cli import __version__, app, screen
from haconn_cli.config.paths import ROOT_VARIABLE, Paths
from haconn_cli.exits import Exit
from tests.haconn_cli.conftest import Outcome, Setup


def test_help_and_no_words(haconnsetup: Setup, paths: Paths) -> None:
    asked, bare = haconnsetup("--help"), haconnsetup()
    assert (asked.code, asked.err, asked.out[0]) == (0, [], "usage: haconnsetup resetpath [addr=IP/MASK] [port=PORT]")
    assert (bare.code, bare.out, bare.err) == (2, [], asked.out)
    assert not paths.root.exists()


def test_help_of_a_verb_with_a_text_of_its_own(haconnsetup: Setup, paths: Paths) -> None:
    everything, reset = haconnsetup("--help"), haconnsetup("reset", "--help")
    assert haconnsetup("help") == everything
    assert haconnsetup("help", "reset") == haconnsetup("reset", "PSERVER1", "-h") == reset
    assert (reset.code, reset.err) == (0, [])
    assert reset.out[0] == "usage: haconnsetup reset NAME [action=off|cycle|reset|dump_cycle] [budget=SECONDS] [force]"
    for word in ("cycle", "ALREADY_OFF", "1 to 600, usually 60", "force"):
        assert word in "\n".join(reset.out)
    assert not paths.root.exists()


@pytest.mark.parametrize("verb", app._VERBS)
def test_every_verb_has_a_help_of_one_screen(haconnsetup: Setup, paths: Paths, verb: str) -> None:
    outcome = haconnsetup(verb, "--help")
    assert (outcome.code, outcome.err) == (0, [])
    assert outcome.out[0].startswith(f"usage: haconnsetup {verb}")
    assert len(outcome.out) <= 24
    assert max(map(len, outcome.out)) <= 130
    assert verb in " ".join(haconnsetup("--help").out)
    assert haconnsetup("help", verb) == outcome
    assert not paths.root.exists()


@pytest.mark.parametrize("words", [["--password=hunter2"], ["show", "--password=hunter2"], ["pserver", "add", "A", "-phunter2"]])
def test_what_may_be_a_password_is_not_repeated(haconnsetup: Setup, words: list[str]) -> None:
    outcome = haconnsetup(*words)
    assert (outcome.code, outcome.out) == (2, [])
    assert "hunter2" not in outcome.complaint


def test_version(haconnsetup: Setup) -> None:
    assert haconnsetup("--version") == Outcome(0, [f"haconnsetup {__version__}"], [])


def test_unknown_verb(haconnsetup: Setup) -> None:
    outcome = haconnsetup("--json", "shwo")
    assert outcome.code == 2
    assert outcome.complaint.startswith("haconnsetup: unknown word 'shwo' (did you mean show?); must be one of: resetpath")
    assert haconnsetup("--jsn").complaint.startswith("haconnsetup: unknown word '--jsn'")


def test_only_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert app.main(["show"]) == Exit.NOT_ROOT
    assert capsys.readouterr() == ("", "haconnsetup: only root may run this; become root, or put sudo before it\n")


def test_moved_nobody_needs_to_be_root(haconnsetup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert haconnsetup("show", "version").code == 0


def test_a_wrong_file_is_one_line(cluster: Setup, paths: Paths) -> None:
    paths.conf_pserver.chmod(0o644)
    outcome = cluster("show")
    assert (outcome.code, outcome.out) == (3, [])
    assert outcome.complaint == f"haconnsetup: {paths.conf_pserver}: can be read or written by others (mode 644); do: chmod 600"
    assert cluster("pserver", "del", "PSERVER1").code == 3
    assert cluster("show", "status").code == 5


def test_interrupted_at_the_prompt(cluster: Setup, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    before = paths.conf_pserver.read_bytes()
    monkeypatch.setattr(screen, "ask_secret", interrupt)
    assert cluster("default", "account=other").code == 130
    assert paths.conf_pserver.read_bytes() == before


@pytest.fixture
def environment(cluster: Setup, paths: Paths) -> dict[str, str]:
    return {**os.environ, ROOT_VARIABLE: str(paths.root)}


def run(environment: dict[str, str], stdout: IO[str] | int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from haconn_cli.app import main; sys.exit(main())", "show", "setting"]
    return subprocess.run(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_output_that_cannot_be_written(environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        outcome = run(environment, full)
    assert (outcome.returncode, outcome.stderr) == (1, "haconnsetup: the output could not be written: No space left on device\n")


def test_a_reader_that_has_gone(environment: dict[str, str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    outcome = run(environment, theirs)
    os.close(theirs)
    assert (outcome.returncode, outcome.stderr) == (1, "")


def test_a_terminal_that_cannot_show_a_character(environment: dict[str, str], cluster: Setup) -> None:
    cluster("default", "account=ü", stdin="x\n")
    environment["PYTHONIOENCODING"] = "ascii"
    outcome = run(environment, subprocess.PIPE)
    assert outcome.returncode == 0
    assert " 1 PSERVER1  192.168.0.51 \\xfc\n" in outcome.stdout
