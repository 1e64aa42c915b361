"""The words after a verb: `key=value` settings and bare ones. Every wrong one is a `WrongWords` with what would be right."""

from __future__ import annotations

from collections.abc import Sequence

from haconn_cli.config.wording import suggestion

DROP_COMMENTS = "--drop-comments"


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
        _refuse_password(key)
        if word.startswith("-"):
            raise WrongWords(f"option '{word}' is not known here; right is: {right}")
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


def _refuse_password(key: str) -> None:
    if key.lower() in ("password", "passwd", "pass", "pw"):
        raise WrongWords(f"'{key}' is not taken from the command line, where others could read it; account=NAME asks for it")


def choose(word: str, known: Sequence[str], after: str = "") -> str:
    """The word if it is one of the known. `after` is the word before it. Raises `WrongWords`."""
    if word not in known:
        place = f"{after}: " if after else ""
        raise WrongWords(f"{place}unknown word '{word}'{suggestion(word, known)}; must be one of: {', '.join(known)}")
    return word


def no_more(words: Sequence[str], right: str) -> None:
    """Refuse words that are too many. Raises `WrongWords`."""
    for word in words:
        _refuse_password(word.partition("=")[0])
        raise WrongWords(f"'{word}' is one word too many; right is: {right}")
