"""How an error speaks to a person: on one line, and with the word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean X?)` with the nearest of the known words, or nothing where none is near."""
    words = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f" (did you mean {words[near[0]]}?)" if near else ""


def no_such_server(name: str, names: Sequence[str]) -> str:
    """That there is no server of this name; the nearest one, and all that there are."""
    return f"no server {name}{suggestion(name, names)}; there are: {', '.join(names) or 'none'}"


def one_line(text: str) -> str:
    """The text with every character that could move a terminal's cursor, line ends among them, as its escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
