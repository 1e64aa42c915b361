from __future__ import annotations

import fcntl
import json
import os
import resource
import tarfile
from pathlib import Path

import pytest

from haconn_cli.config.paths import Paths
from haconn_cli.reports import HistoryEntry, StatusReport, build_history, build_report
from haconn_cli.verbs.dump import LARGEST_FILE, read_end
from haconn_cli.verbs.dump_facts import Missing
from tests.haconn_cli.conftest import Setup
from tests.haconn_cli.control_server import control_server

PASSWORDS = ("canary-of-default", "canary-of-2")


def canaries(paths: Paths) -> list[bytes]:
    """Every secret, in each shape in which it could get out."""
    secrets = [line.split('"')[1] for line in paths.conf_key.read_text().splitlines() if line.startswith("secret")]
    raw = [bytes.fromhex(secret) for secret in secrets]
    return [*(word.encode() for word in (*PASSWORDS, *secrets)), *raw, *(secret[:16].encode() for secret in secrets)]


@pytest.fixture
def installed(haconnsetup: Setup, paths: Paths) -> Setup:
    haconnsetup("resetpath", "addr=192.168.0.1/24", "port=30000")
    haconnsetup("default", "account=hitachi", stdin=f"{PASSWORDS[0]}\n")
    haconnsetup("pserver", "add", "PSERVER1", "addr=192.168.0.51")
    haconnsetup("pserver", "add", "PSERVER2", "addr=192.168.0.52", "account=other", stdin=f"{PASSWORDS[1]}\n")
    haconnsetup("key", "new")
    haconnsetup("key", "new")
    return haconnsetup


def archive(paths: Paths) -> Path:
    (found,) = paths.log.glob("HaConnectorDump*")
    return found


def unpacked(paths: Paths) -> dict[str, bytes]:
    """By name without the folder."""
    with tarfile.open(archive(paths)) as file:
        members = {member.name.partition("/")[2]: file.extractfile(member) for member in file.getmembers()}
        return {name: member.read() for name, member in members.items() if member is not None}


def reply(question: bytes) -> bytes:
    return build_report(StatusReport("7", "A", ())) if b"status" in question else build_history([HistoryEntry("ab", "A", "OFF")])


@pytest.mark.shows("C11")
def test_everything_is_in_it(installed: Setup, paths: Paths) -> None:
    (paths.log / "eventlog").write_text("now\n")
    (paths.log / "eventlog.1").write_text("before\n")
    (paths.log / "eventlog.bak").write_text("not ours\n")
    paths.state.mkdir(parents=True)
    (paths.state / "record").write_text("{}\n")
    with control_server(paths, reply):
        outcome = installed("dump")
    assert outcome.code == 0
    assert outcome.out[-1].startswith(f"{archive(paths)}: ")
    files = unpacked(paths)
    assert (files["log/eventlog"], files["log/eventlog.1"], files["state/record"]) == (b"now\n", b"before\n", b"{}\n")
    assert "log/eventlogcui" in files
    assert not any("bak" in name for name in files)
    assert json.loads(files["status.json"])["version"] == "7"
    assert json.loads(files["history.json"])["entries"][0]["target"] == "A"
    servers = json.loads(files["settings/conf_pserver.json"])
    assert servers["default_account"] == "hitachi"
    assert [(server["name"], server["account"]) for server in servers["servers"]] == [("PSERVER1", None), ("PSERVER2", "other")]
    assert [key["is_sent"] for key in json.loads(files["settings/conf_key.json"])] == [True, False]
    assert json.loads(files["settings/conf_haconn.json"])["resetpath"]["port"] == 30000
    assert "trio" in json.loads(files["versions.json"])["packages"]
    assert "lo" in json.loads(files["interfaces.json"])
    assert b"127.0.0.1" in files["system/proc/net/fib_trie"]
    assert archive(paths).stat().st_mode & 0o777 == 0o600
    for name in ("log/initlog", "state/pins"):
        assert f"{name}: is not there" in outcome.err


@pytest.mark.shows("C11")
def test_no_password_and_no_key_gets_out(installed: Setup, paths: Paths) -> None:
    """Not into the archive, not into a log, not onto the screen."""
    for words in (["pserver", "add", "A", f"password={PASSWORDS[0]}"], ["default", PASSWORDS[1]], [f"--{PASSWORDS[0]}"]):
        installed(*words)
    printed = [installed("show"), installed("show", "setting", "--json"), installed("key", "list"), installed("dump")]
    told = "".join("".join(one.out + one.err) for one in printed).encode()
    logs = b"".join(file.read_bytes() for file in paths.log.glob("*log*") if file.is_file())
    inside = b"".join(unpacked(paths).values())
    for place in (told, logs, inside, archive(paths).read_bytes()):
        assert not any(canary in place for canary in canaries(paths))
    assert b"hitachi" in inside, "so that it is the settings that were looked at"


@pytest.mark.shows("C11")
def test_where_nothing_is_installed(haconnsetup: Setup, paths: Paths) -> None:
    outcome = haconnsetup("dump")
    assert outcome.code == 0
    assert "settings/conf_pserver.json: is not there" in outcome.err
    assert any(line.startswith("status.json: the connector does not answer") for line in outcome.err)
    assert "versions.json" in unpacked(paths)


def test_settings_that_are_wrong_are_told_and_not_copied(installed: Setup, paths: Paths) -> None:
    paths.conf_pserver.write_text(f'format = 1\n[default]\naccount = "x"\npassword = "{PASSWORDS[0]}"\nsurprise = 1\n')
    assert installed("dump").code == 0
    wrong = json.loads(unpacked(paths)["settings/conf_pserver.json"])
    assert "unknown key" in wrong["wrong"]
    assert PASSWORDS[0] not in json.dumps(wrong)


def test_files_that_are_none(installed: Setup, paths: Paths, tmp_path: Path) -> None:
    os.mkfifo(paths.log / "eventlog")
    (paths.log / "initlog").symlink_to(paths.conf_key)
    (paths.log / "eventlogalt").mkdir()
    outcome = installed("dump")
    assert outcome.code == 0
    assert {f"log/{name}: {why}" for name, why in (
        ("eventlog", "is no regular file"), ("initlog", "cannot be read: Too many levels of symbolic links"),
        ("eventlogalt", "is no regular file"),
    )} <= set(outcome.err)  # fmt: skip
    assert not any(name.startswith("log/initlog") for name in unpacked(paths))


def test_of_a_huge_file_the_end_is_taken(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(LARGEST_FILE * 100)   # sparse
        file.seek(0, os.SEEK_END)
        file.write(b"the end")
    content = read_end(huge, 1000)
    assert content.endswith(b"the end")
    assert len(content) < 1100
    assert content.startswith(b"(the first ")
    with pytest.raises(Missing, match="is not there"):
        read_end(tmp_path / "nothing")


def test_a_disk_that_is_full(installed: Setup, paths: Paths) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        outcome = installed("dump")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome.code == 1
    assert "cannot be written: File too large; nothing is left of it" in outcome.err[-1]
    assert [file.name for file in paths.log.iterdir() if "Dump" in file.name] == []


def test_a_directory_that_cannot_be_written(haconnsetup: Setup, paths: Paths) -> None:
    paths.log.parent.mkdir(parents=True)
    paths.log.write_text("a file")
    outcome = haconnsetup("dump")
    assert outcome.code == 1
    assert "cannot be written: " in outcome.complaint


def test_two_at_once(installed: Setup, paths: Paths) -> None:
    left_behind = paths.log / ".HaConnectorDump.new"
    with left_behind.open("wb") as other:
        other.write(b"x" * 100_000)
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        outcome = installed("dump")
        assert outcome.code == 1
        assert outcome.complaint.endswith("another haconnsetup dump is at work")
    assert installed("dump").code == 0, "what a killed one left behind does not matter"
    assert not left_behind.exists()
    assert len(unpacked(paths)) > 10


def test_a_link_in_its_place_is_not_followed(installed: Setup, paths: Paths, tmp_path: Path) -> None:
    (paths.log / ".HaConnectorDump.new").symlink_to(tmp_path / "elsewhere")
    assert installed("dump").code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_wrong_words(haconnsetup: Setup) -> None:
    assert haconnsetup("dump", "all").complaint == "haconnsetup: 'all' is one word too many; right is: haconnsetup dump"


