"""The words after a verb: `key=value` settings and bare ones. Every wrong one is a `WrongWords` with what would be right."""

from __future__ import annotations

from collections.abc import Sequence

from haconn_cli.config.wording import suggestion

DROP_COMMENTS = "--drop-comments"
_PASSWORDS = ("password", "passwd", "passphrase", "pass", "pwd", "pw")


class WrongWords(Exception):  # noqa: N818 - errors here are named for the fact
    """The command line is wrong; the text says what, and what would be right."""


def split_flag(words: Sequence[str], flag: str) -> tuple[bool, list[str]]:
    """Whether the flag is among the words, and the words without it."""
    return flag in words, [word for word in words if word != flag]


def settings(words: Sequence[str], known: Sequence[str], right: str) -> dict[str, str]:
    """The `key=value` words as a dictionary. `right` is how the whole command looks. Raises `WrongWords`."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        _refuse_password(word)
        if word.startswith("-"):
            raise WrongWords(f"option {_quoted(word)} is not known here; right is: {right}")
        if not equals:
            raise WrongWords(f"'{word}': '=' is missing{suggestion(key, known)}; right is: {right}")
        if key not in known:
            raise WrongWords(f"'{key}=' is not known here{suggestion(key, known)}; right is: {right}")
        if key in found:
            raise WrongWords(f"'{key}=' stands twice; give it once")
        if not value:
            raise WrongWords(f"'{key}=' has no value; right is: {right}")
        found[key] = value
    return found


def _quoted(word: str) -> str:
    """The word for an error, but never what may be a secret: of `KEY=VALUE` the key, of an option with one dash its letter."""
    key, equals, _ = word.partition("=")
    if key[:1] == "-" != key[1:2] and len(key) > len("-p"):
        return f"'{key[:2]}...'"
    return f"'{key}=...'" if equals else f"'{key}'"


def _refuse_password(word: str) -> None:
    key = word.partition("=")[0]
    if key == "-p" or key.lstrip("-").lower() in _PASSWORDS:
        raise WrongWords(f"'{key}' is not taken from the command line, where others could read it; account=NAME asks for it")


def choose(word: str, known: Sequence[str], after: str = "") -> str:
    """The word if it is one of the known. `after` is the word before it. Raises `WrongWords`."""
    if word not in known:
        _refuse_password(word)
        place = f"{after}: " if after else ""
        raise WrongWords(f"{place}unknown word {_quoted(word)}{suggestion(word, known)}; must be one of: {', '.join(known)}")
    return word


def no_more(words: Sequence[str], right: str) -> None:
    """Refuse words that are too many. Raises `WrongWords`."""
    for word in words:
        _refuse_password(word)
        raise WrongWords(f"{_quoted(word)} is one word too many; right is: {right}")
