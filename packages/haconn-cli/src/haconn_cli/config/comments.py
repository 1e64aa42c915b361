"""Where the comments of a TOML text are: writing it anew keeps those at its head and no others."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # a multi-line string may end with quotes of its own
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|(?P<comment>\#[^\n]*)",
    re.DOTALL,
)
_HEAD = re.compile(r"(?:[ \t]*(?:\#[^\n]*)?\n)*")


def head(text: str) -> str:
    """The comment and blank lines before the first key of a valid TOML text, with Unix line ends; empty without a comment."""
    text = text.replace("\r\n", "\n")
    match = _HEAD.match(text)
    assert match is not None, "matches the empty text too"
    found = match[0]
    rest = text[len(found) :]
    if rest.lstrip(" \t").startswith("#"):  # a file of comments only, the last without a line end
        found += rest + "\n"
    return found if "#" in found else ""


def below_head(text: str) -> tuple[int, ...]:
    """The numbers, from 1, of the lines with a comment after the head of a valid TOML text."""
    text = text.replace("\r\n", "\n")
    start = len(head(text))
    places = (match.start() for match in _TOKEN.finditer(text) if match["comment"] is not None)
    return tuple(text.count("\n", 0, place) + 1 for place in places if place >= start)
