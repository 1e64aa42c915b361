"""What docs/operating.md prints is so: its configuration files are valid, and it lists every result and exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haconn_cli.config.comments import below_head
from haconn_cli.config.load import load_haconn, load_servers
from haconn_cli.config.model import Service
from haconn_cli.config.paths import Paths
from haconn_cli.exits import Exit
from haconn_cli.resetpath.vocabulary import ResultCode
from tests.haconn_cli.conftest import Setup
from tests.haconn_cli.manual import NOT_RUNNING, STATUS

PAGE = (Path(__file__).resolve().parents[2] / "docs/operating.md").read_text(encoding="utf-8")
HACONN, PSERVER, KEY = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_files_are_valid(paths: Paths) -> None:
    paths.config.mkdir(parents=True)
    for file, text in ((paths.conf_haconn, HACONN), (paths.conf_pserver, PSERVER)):
        file.write_text(text)
        file.chmod(0o600)
    reset_path, service = load_haconn(paths.conf_haconn)
    assert reset_path is not None
    assert (str(reset_path.interface), service) == ("192.168.0.1/24", Service(own_server="PSERVER1"))
    assert [server.name for server in load_servers(paths.conf_pserver).servers] == ["PSERVER1", "PSERVER2"]


@pytest.mark.parametrize("text", [HACONN, PSERVER, KEY])
def test_a_command_would_keep_every_comment_in_them(text: str) -> None:
    assert below_head(text) == ()


@pytest.mark.parametrize("code", ResultCode)
def test_every_result_is_listed_with_its_exit_code(code: ResultCode) -> None:
    row = re.search(rf"^\| `{code.name}` \| .* \| (\d) \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert int(row[1]) == (Exit.OK if code.is_success else Exit.FAILED)


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_is_listed(code: Exit) -> None:
    section = PAGE[PAGE.index("## Exit codes of `haconnsetup`") :]
    assert re.search(rf"^\| {code.value} \| ", section, re.MULTILINE)


def test_it_prints_what_the_manual_prints() -> None:
    assert "```\n" + "\n".join(STATUS) + "\n```" in PAGE
    assert NOT_RUNNING[0] in PAGE


@pytest.mark.shows("O4")
def test_it_names_the_ports_that_a_firewall_must_let_through() -> None:
    (sentence,) = re.findall(r"A firewall [^.]*\.", PAGE)
    assert "the reset path's UDP port" in " ".join(sentence.split())
    assert "UDP 623" in " ".join(sentence.split())


def test_every_command_of_the_help_is_described(haconnsetup: Setup) -> None:
    usage = [line.removeprefix("usage:").split()[1:] for line in haconnsetup("--help").out if "haconnsetup " in line]
    verbs = {f"haconnsetup {words[0]}" for words in usage if words[0].isalpha()}
    parts = {" ".join(words[:2]) for words in usage if words[1:] and words[1].isalpha() and words[1].islower()}
    assert len(verbs) >= 7
    assert len(parts) >= 3
    assert [words for words in sorted(verbs | parts) if words not in PAGE] == []
