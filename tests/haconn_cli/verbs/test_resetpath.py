from __future__ import annotations

import pytest

from haconn_cli.config.load import load_haconn
from haconn_cli.config.model import ResetPath
from haconn_cli.config.paths import Paths
from haconn_cli.reports import StatusReport, build_report
from tests.haconn_cli.conftest import Setup
from tests.haconn_cli.control_server import control_server

RIGHT = "haconnsetup resetpath [addr=IP/MASK] [port=PORT]"
ADDR = "must be IP/MASK, like 192.168.0.1/24 or 192.168.0.1/255.255.255.0"
FIRST = "haconnsetup resetpath addr=IP/MASK port=PORT, like addr=192.168.0.1/24 port=30000"


def stored(paths: Paths) -> tuple[str, int]:
    reset_path, _ = load_haconn(paths.conf_haconn)
    assert isinstance(reset_path, ResetPath)
    return str(reset_path.interface), reset_path.port


@pytest.mark.shows("C1", "C2")
def test_set_and_change(haconnsetup: Setup, paths: Paths) -> None:
    assert haconnsetup("resetpath", "port=30000", "addr=192.168.0.1/255.255.255.0").err == []
    assert stored(paths) == ("192.168.0.1/24", 30000)
    haconnsetup("resetpath", "port=5001")
    assert stored(paths) == ("192.168.0.1/24", 5001)
    haconnsetup("resetpath", "addr=10.0.0.1/8")
    assert stored(paths) == ("10.0.0.1/8", 5001)
    haconnsetup("resetpath", "addr=fd00::1/64", "port=65535")
    assert stored(paths) == ("fd00::1/64", 65535)


@pytest.mark.shows("C1")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], f"resetpath: nothing to set; right is: {RIGHT}"),
        (["port=30000"], f"resetpath: is not set yet, so addr= is needed too; right is: {FIRST}"),
        (["addr=10.0.0.1/8"], f"resetpath: is not set yet, so port= is needed too; right is: {FIRST}"),
        (["port=5000", "addr=10.0.0.1/8"], "port 5000: must be 5001 to 65535, the same on every server"),
        (["port=30000", "addr=10.0.0.1"], f"addr '10.0.0.1': the mask is missing; {ADDR}"),
        (["port=abc", "addr=10.0.0.1/8"], "port 'abc': must be a number from 5001 to 65535"),
        (["port=1", "port=2"], "'port=' stands twice; give it once"),
        (["prt=1"], f"'prt=' is not known here (did you mean port?); right is: {RIGHT}"),
    ],
)  # fmt: skip
def test_wrong_words(haconnsetup: Setup, paths: Paths, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("resetpath", *words)
    assert (outcome.code, outcome.out, outcome.complaint) == (2, [], f"haconnsetup: {complaint}")
    assert not paths.conf_haconn.exists()


def test_the_service_table_stays(cluster: Setup, paths: Paths) -> None:
    with paths.conf_haconn.open("a") as file:
        file.write("\n[service]\npatience = 5\n")
    assert cluster("resetpath", "port=30001").code == 0
    assert load_haconn(paths.conf_haconn)[1].patience == 5


def test_comments(cluster: Setup, paths: Paths) -> None:
    with paths.conf_haconn.open("a") as file:
        file.write("# mine\n")
    outcome = cluster("resetpath", "port=30001")
    assert outcome.code == 2
    assert outcome.complaint == (
        f"haconnsetup: {paths.conf_haconn}: the comment on line 7 would be lost, nothing was changed; to lose it, add:"
        " --drop-comments"
    )
    assert cluster("resetpath", "port=30001", "--drop-comments").code == 0
    assert stored(paths)[1] == 30001


def test_a_running_daemon_must_be_restarted(cluster: Setup, paths: Paths) -> None:
    note = "note: the connector is still running with the old settings: haconnsetup reload, or for another reset path a restart"
    with control_server(paths, build_report(StatusReport("0.1.0", None, ()))):
        outcome = cluster("resetpath", "port=30001")
    assert (outcome.code, outcome.complaint) == (0, note)
    with control_server(paths, b"nonsense\n"):
        assert cluster("resetpath", "port=30002").complaint == note
