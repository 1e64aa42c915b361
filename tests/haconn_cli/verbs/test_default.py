from __future__ import annotations

import pytest

from haconn_cli.config.load import load_servers
from haconn_cli.config.model import Account
from haconn_cli.config.paths import Paths
from tests.haconn_cli.conftest import Outcome, Setup


def test_default_account(haconnsetup: Setup, paths: Paths) -> None:
    assert haconnsetup("default", "account=hitachi", stdin="pw\n") == Outcome(0, [], ["password :"])
    assert load_servers(paths.conf_pserver).default_account == Account("hitachi", "pw")
    assert haconnsetup("default", "account=other", stdin="pw2") == Outcome(0, [], ["password :"])
    assert load_servers(paths.conf_pserver).default_account == Account("other", "pw2")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "default: account= is missing; right is: haconnsetup default account=ACCOUNT"),
        (["hitachi"], "'hitachi': '=' is missing; right is: haconnsetup default account=ACCOUNT"),
        (["acount=x"], "'acount=' is not known here (did you mean account?); right is: haconnsetup default account=ACCOUNT"),
        (["account=a", "password=b"],
         "'password' is not taken from the command line, where others could read it; account=NAME asks for it"),
    ],
)  # fmt: skip
def test_wrong_words(haconnsetup: Setup, paths: Paths, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("default", *words, stdin="pw\n")
    assert (outcome.code, outcome.complaint) == (2, f"haconnsetup: {complaint}")
    assert not paths.config.exists()
