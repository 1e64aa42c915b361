from __future__ import annotations

from haconn_cli.config.paths import Paths
from haconn_cli.reports import build_outcome
from tests.haconn_cli.conftest import Outcome, Setup
from tests.haconn_cli.control_server import control_server


def test_taken(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, build_outcome("")) as asked:
        assert haconnsetup("reload") == Outcome(0, ["the connector has read its settings anew and goes by them"], [])
    assert asked == [b'{"ask": "reload"}\n']


def test_refused(haconnsetup: Setup, paths: Paths) -> None:
    with control_server(paths, build_outcome("conf_key: key: key 1 is gone")):
        outcome = haconnsetup("reload")
    assert (outcome.code, outcome.out) == (1, [])
    assert outcome.complaint.endswith("goes on with its present settings: conf_key: key: key 1 is gone")


def test_nobody_answers(haconnsetup: Setup) -> None:
    assert haconnsetup("reload") == Outcome(5, [], ["HA connector service is not processing."])


def test_wrong_words(haconnsetup: Setup) -> None:
    assert haconnsetup("reload", "now").complaint == "haconnsetup: 'now' is one word too many; right is: haconnsetup reload"
