from __future__ import annotations

import pytest

from haconn_cli.config.load import load_keys
from haconn_cli.config.paths import Paths
from tests.haconn_cli.conftest import Setup


def test_new(haconnsetup: Setup, paths: Paths) -> None:
    outcome = haconnsetup("key", "new")
    assert (outcome.code, outcome.err) == (0, [])
    ring = load_keys(paths.conf_key)
    assert [key.id for key in ring.keys] == [1]
    assert ring.keys[0].secret.hex() not in "".join(outcome.out)
    paths.conf_key.unlink()
    haconnsetup("key", "new")
    again = load_keys(paths.conf_key)
    assert again.cluster != ring.cluster
    assert again.keys[0].secret != ring.keys[0].secret


def test_an_existing_key_stays(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    before = paths.conf_key.read_bytes()
    outcome = haconnsetup("key", "new")
    assert outcome.code == 1
    assert f"{paths.conf_key} exists, and key rotation is not there yet; to start over: stop the connector" in outcome.complaint
    assert paths.conf_key.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "key: a word is missing; right is: haconnsetup key new"),
        (["nwe"], "key: unknown word 'nwe' (did you mean new?); must be one of: new"),
        (["new", "2"], "'2' is one word too many; right is: haconnsetup key new"),
    ],
)
def test_wrong_words(haconnsetup: Setup, words: list[str], complaint: str) -> None:
    outcome = haconnsetup("key", *words)
    assert (outcome.code, outcome.complaint) == (2, f"haconnsetup: {complaint}")
