from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.wording import one_line, suggestion
from haconn_cli.words import WrongWords, choose, no_more, settings, split_flag

RIGHT = "haconnsetup x addr=A port=P"
NEVER = "is not taken from the command line, where others could read it; account=NAME asks for it"


def test_settings() -> None:
    assert settings(["port=1", "addr=a=b"], ("addr", "port"), RIGHT) == {"port": "1", "addr": "a=b"}
    assert settings([], ("addr",), RIGHT) == {}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["addr=1", "addr=1"], "'addr=' stands twice; give it once"),
        (["adr=1"], f"'adr=' is not known here (did you mean addr?); right is: {RIGHT}"),
        (["xyz=1"], f"'xyz=' is not known here; right is: {RIGHT}"),
        (["=1"], f"'=' is not known here; right is: {RIGHT}"),
        (["addr"], f"'addr': '=' is missing (did you mean addr?); right is: {RIGHT}"),
        (["addr="], f"'addr=' has no value; right is: {RIGHT}"),
        (["--json"], f"option '--json' is not known here; right is: {RIGHT}"),
        (["password=x"], f"'password' {NEVER}"),
        (["--password=x"], f"'--password' {NEVER}"),
        (["-p"], f"'-p' {NEVER}"),
        (["--pasword=secret"], f"option '--pasword=...' is not known here; right is: {RIGHT}"),
        (["-psecret"], f"option '-p...' is not known here; right is: {RIGHT}"),
        (["-psecret=x"], f"option '-p...' is not known here; right is: {RIGHT}"),
        (["pasword=secret"], f"'pasword=' is not known here; right is: {RIGHT}"),
        (["Password"], f"'Password' {NEVER}"),
    ],
)
def test_wrong_settings(words: list[str], complaint: str) -> None:
    with pytest.raises(WrongWords) as raised:
        settings(words, ("addr", "port"), RIGHT)
    assert str(raised.value) == complaint


def test_choose() -> None:
    assert choose("add", ("add", "del")) == "add"
    with pytest.raises(WrongWords, match=r"^pserver: unknown word 'ad' \(did you mean add\?\); must be one of: add, del$"):
        choose("ad", ("add", "del"), "pserver")
    with pytest.raises(WrongWords, match=r"^unknown word 'zzz'; must be"):
        choose("zzz", ("add", "del"))


def test_no_more() -> None:
    no_more([], RIGHT)
    with pytest.raises(WrongWords, match="'b' is one word too many"):
        no_more(["b"], RIGHT)
    with pytest.raises(WrongWords, match="'password' is not taken"):
        no_more(["password=b"], RIGHT)


@pytest.mark.parametrize("word", ["--password=secret", "Pwd=secret", "--pasword=secret", "pasword=secret", "-psecret", "=secret"])
def test_no_value_of_an_unknown_word_is_repeated(word: str) -> None:
    for look in (
        lambda: settings([word], ("addr",), RIGHT),
        lambda: choose(word, ("add", "del")),
        lambda: no_more([word], RIGHT),
    ):
        with pytest.raises(WrongWords) as raised:
            look()
        assert "secret" not in str(raised.value)


def test_split_flag() -> None:
    assert split_flag(["a", "--f", "b", "--f"], "--f") == (True, ["a", "b"])
    assert split_flag(["a"], "--f") == (False, ["a"])


def test_suggestion_in_any_case() -> None:
    assert suggestion("pserver1", ["PSERVER1", "PSERVER2"]) == " (did you mean PSERVER1?)"
    assert suggestion("other", ["PSERVER1"]) == ""


@given(st.text())
def test_one_line(text: str) -> None:
    assert one_line(text).isprintable()
    assert one_line(text) == text or not text.isprintable()
