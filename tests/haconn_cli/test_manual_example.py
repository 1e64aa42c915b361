"""The manual's example with four servers (chapter 3), from the first command to every `show`, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haconn_cli import __version__
from haconn_cli.config.load import load_haconn, load_servers
from haconn_cli.config.paths import Paths
from haconn_cli.reports import ServerReport, StatusReport, build_report
from tests.haconn_cli.conftest import Outcome, Setup
from tests.haconn_cli.control_server import control_server
from tests.haconn_cli.manual import NOT_RUNNING, SETTING, STATUS, VERSION

REPORT = StatusReport(
    version=__version__,
    own_server="PSERVER2",
    servers=(
        ServerReport("PSERVER1", "OK", "monitoring", True, 0.4),
        ServerReport("PSERVER2", "OK", "(own server)", True, 0.2),
        ServerReport("PSERVER3", "OK", "poff detected", True, 0.9),
        ServerReport("PSERVER4", "--", "----", False, None),
    ),
    counters={"bad_tag": 3},
)


@pytest.mark.shows("C7")
def test_show_setting(cluster: Setup) -> None:
    assert cluster("show", "setting") == Outcome(0, SETTING, [])


@pytest.mark.shows("C8")
def test_show_status(cluster: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(REPORT)):
        assert cluster("show", "status") == Outcome(0, STATUS, [])


@pytest.mark.shows("C3")
def test_pserver_add_asks_for_a_password_only_with_an_account(cluster: Setup) -> None:
    assert cluster("pserver", "add", "PSERVER5", "addr=192.168.0.55", stdin="unread\n").err[:1] != ["password :"]
    assert cluster("pserver", "add", "PSERVER6", "addr=192.168.0.56", "account=hitachi", stdin="x\n").err[0] == "password :"


@pytest.mark.shows("C9")
def test_show_status_without_the_daemon(cluster: Setup) -> None:
    assert cluster("show", "status") == Outcome(5, NOT_RUNNING, [])


@pytest.mark.shows("C10")
def test_show_version(cluster: Setup) -> None:
    assert cluster("show", "version") == Outcome(0, VERSION, [])


@pytest.mark.shows("C10")
def test_show(cluster: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(REPORT)):
        assert cluster("show") == Outcome(0, [*SETTING, *STATUS, "", *VERSION], [])


def test_show_without_the_daemon(cluster: Setup) -> None:
    assert cluster("show") == Outcome(5, [*SETTING, *NOT_RUNNING, "", *VERSION], [])


def test_the_same_as_json(cluster: Setup, paths: Paths) -> None:
    with control_server(paths, build_report(REPORT)):
        outcome = cluster("--json", "show")
    values = json.loads("\n".join(outcome.out))
    assert (outcome.code, outcome.err) == (0, [])
    assert values["version"] == __version__
    assert values["setting"]["resetpath"] == {"addr": "192.168.0.1", "mask": "255.255.255.0", "port": 30000}
    assert values["setting"]["default_account"] == "hitachi"
    assert values["setting"]["servers"][3] == {"name": "PSERVER4", "addr": "192.168.0.54", "account": "hitachi"}
    assert values["status"]["running"] is True
    assert values["status"]["own_server"] == "PSERVER2"
    assert values["status"]["servers"][3]["proof_age"] is None
    assert values["status"]["counters"] == {"bad_tag": 3}
    assert "secret" not in "".join(outcome.out)


@pytest.mark.shows("L3", "L4")
def test_the_files(cluster: Setup, paths: Paths) -> None:
    cluster("key", "new")
    assert sorted(each.name for each in paths.config.iterdir()) == [".lock", "conf_haconn", "conf_key", "conf_pserver"]
    assert {each.stat().st_mode & 0o777 for each in paths.config.iterdir()} == {0o600}
    assert paths.config.stat().st_mode & 0o777 == 0o700
    reset_path, _ = load_haconn(paths.conf_haconn)
    assert reset_path is not None
    assert str(reset_path.interface) == "192.168.0.1/24"
    servers = load_servers(paths.conf_pserver)
    assert servers.account_of(servers.servers[0]).password == "secret"


@pytest.mark.shows("L4", "C6")
def test_the_server_file_may_be_copied(cluster: Setup, paths: Paths, tmp_path: object) -> None:
    content = paths.conf_pserver.read_bytes()
    other = Paths(paths.root.parent / "other")
    other.config.mkdir(parents=True, mode=0o700)
    other.conf_pserver.write_bytes(content)
    other.conf_pserver.chmod(0o600)
    assert load_servers(other.conf_pserver) == load_servers(paths.conf_pserver)


@pytest.mark.shows("HCME1010")
def test_the_message_about_ipmitool_is_never_sent() -> None:
    """No program of ours has its id, but where it is said to be reserved."""
    sources = [file for file in (Path(__file__).parents[2] / "packages").rglob("*.py") if "HCME1010" in file.read_text("utf-8")]
    said = [line for file in sources for line in file.read_text("utf-8").splitlines() if "HCME1010" in line]
    assert said == ['"""The manual\'s syslog messages. HCME1010 (no ipmitool) cannot occur: none is needed.']
