from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from haconn_cli.config.load import load_keys
from haconn_cli.config.paths import Paths
from haconn_cli.reports import KeyReport, StatusReport, build_report
from tests.haconn_cli.conftest import Outcome, Setup
from tests.haconn_cli.control_server import control_server


def ids(paths: Paths) -> list[int]:
    return [key.id for key in load_keys(paths.conf_key).keys]


def running(*keys: KeyReport) -> bytes:
    return build_report(StatusReport("1", None, (), keys=keys))


def test_new(haconnsetup: Setup, paths: Paths) -> None:
    outcome = haconnsetup("key", "new")
    assert (outcome.code, outcome.err) == (0, [])
    ring = load_keys(paths.conf_key)
    assert ids(paths) == [1]
    assert ring.keys[0].secret.hex() not in "".join(outcome.out)
    paths.conf_key.unlink()
    haconnsetup("key", "new")
    again = load_keys(paths.conf_key)
    assert again.cluster != ring.cluster
    assert again.keys[0].secret != ring.keys[0].secret


def test_a_rotation(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    first = load_keys(paths.conf_key)
    outcome = haconnsetup("key", "new")
    assert "key 2 is accepted, and not sent with yet" in outcome.out[0]
    assert outcome.out[0].endswith("then: haconnsetup key send 2")
    assert ids(paths) == [1, 2]
    assert "once HA Monitor has started anew everywhere: haconnsetup key drop 1" in haconnsetup("key", "send", "2").out[0]
    assert ids(paths) == [2, 1]
    assert haconnsetup("key", "drop", "1").code == 0
    ring = load_keys(paths.conf_key)
    assert ids(paths) == [2]
    assert ring.cluster == first.cluster
    assert ring.keys[0].secret != first.keys[0].secret
    assert paths.conf_key.stat().st_mode & 0o777 == 0o600


def test_no_more_than_three_and_never_a_number_twice(haconnsetup: Setup, paths: Paths) -> None:
    for _ in range(3):
        assert haconnsetup("key", "new").code == 0
    outcome = haconnsetup("key", "new")
    assert outcome.code == 1
    assert "there are 3 keys already; first drop one" in outcome.complaint
    haconnsetup("key", "drop", "2")
    haconnsetup("key", "new")
    assert ids(paths) == [1, 3, 4]


def test_numbers_start_over_at_their_end(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    paths.conf_key.write_text(paths.conf_key.read_text().replace("id = 1\n", "id = 255\n"))
    haconnsetup("key", "new")
    assert ids(paths) == [255, 1]


@pytest.mark.parametrize(
    ("words", "keys", "why"),
    [
        (["send", "2"], (KeyReport(1, True),), "does not accept key 2 yet; first: haconnsetup reload"),
        (["drop", "1"], (KeyReport(2, True), KeyReport(1, False)), "key 1 is the one that is sent with"),
        (["drop", "2"], (KeyReport(2, True), KeyReport(1, False)), "still sends with key 2; first: haconnsetup reload"),
        (["drop", "2"], (KeyReport(1, True), KeyReport(2, False, {"monitor A": 7.0, "b": 99.0})), "monitor A used key 2 7 s"),
    ],
)
def test_a_step_out_of_its_order(
    haconnsetup: Setup, paths: Paths, words: list[str], keys: tuple[KeyReport, ...], why: str
) -> None:
    haconnsetup("key", "new")
    haconnsetup("key", "new")
    before = paths.conf_key.read_bytes()
    with control_server(paths, running(*keys)):
        outcome = haconnsetup("key", *words)
    assert outcome.code == 1
    assert why in outcome.complaint
    assert outcome.complaint.endswith("; nothing was changed")
    assert paths.conf_key.read_bytes() == before


def test_a_key_that_nobody_uses_any_more_is_dropped(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    haconnsetup("key", "new")
    with control_server(paths, running(KeyReport(1, True), KeyReport(2, False, {"monitor A": 121.0}))):
        assert haconnsetup("key", "drop", "2").code == 0
    assert ids(paths) == [1]


def test_list(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    haconnsetup("key", "new")
    secret = load_keys(paths.conf_key).keys[0].secret
    plain = haconnsetup("key", "list")
    assert plain.out[:2] == [" key fingerprint use", f" 1   {hashlib.sha256(secret).hexdigest()[:8]}    sent with"]
    assert plain.out[2].endswith("accepted")
    assert len(plain.out) == 4
    assert plain.err == []
    with control_server(paths, running(KeyReport(1, True, {"monitor B": 30.0, "monitor A": 2.4}))):
        told = haconnsetup("key", "list")
    assert told.out[4:] == [
        "the connector on this server sends with 1 and accepts 1",
        " key 1 was used by monitor A 2 s ago",
        " key 1 was used by monitor B 30 s ago",
    ]
    assert told.err == ["note: the connector has not read this file yet: haconnsetup reload"]
    everything = "".join(plain.out + told.out)
    assert not any(key.secret.hex()[:8] in everything for key in load_keys(paths.conf_key).keys)


def test_without_a_file(haconnsetup: Setup) -> None:
    for words in (["list"], ["send", "1"], ["drop", "1"]):
        outcome = haconnsetup("key", *words)
        assert (outcome.code, outcome.out) == (3, [])
        assert "is missing; made by: haconnsetup key new" in outcome.complaint


def test_a_comment_is_not_lost_unasked(haconnsetup: Setup, paths: Paths) -> None:
    haconnsetup("key", "new")
    with paths.conf_key.open("a") as file:
        file.write("# mine\n")
    assert haconnsetup("key", "new").code == 2
    assert ids(paths) == [1]
    assert haconnsetup("key", "new", "--drop-comments").code == 0
    assert ids(paths) == [1, 2]


def test_a_link_is_not_followed(haconnsetup: Setup, paths: Paths, tmp_path: Path) -> None:
    paths.config.mkdir(parents=True)
    paths.conf_key.symlink_to(tmp_path / "elsewhere")
    assert haconnsetup("key", "new").code == 3
    assert not (tmp_path / "elsewhere").exists()


_RIGHT = "right is: haconnsetup key new | send ID | drop ID | list"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], f"key: a word is missing; {_RIGHT}"),
        (["nwe"], "key: unknown word 'nwe' (did you mean new?); must be one of: new, send, drop, list"),
        (["new", "2"], "'2' is one word too many; right is: haconnsetup key new"),
        (["send"], "key send: ID is missing or no number; right is: haconnsetup key send ID, where ID is a number that"),
        (["drop", "x"], "key drop: ID is missing or no number"),
        (["drop", "1", "2"], "'2' is one word too many"),
        (["send", "7"], "key 7: there is none; there are: 1"),
    ],
)
def test_wrong_words(haconnsetup: Setup, words: list[str], complaint: str) -> None:
    haconnsetup("key", "new")
    outcome = haconnsetup("key", *words)
    assert (outcome.code, outcome.out) == (2, [])
    assert outcome.complaint.startswith(f"haconnsetup: {complaint}")


def test_help(haconnsetup: Setup) -> None:
    outcome = haconnsetup("key", "--help")
    assert outcome == Outcome(0, outcome.out, [])
    assert len(outcome.out) <= 24
    assert "'new', 'send', 'drop'" in "\n".join(outcome.out)
