from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn_cli.config.comments import below_head, head


@pytest.mark.parametrize(
    ("text", "kept", "lost"),
    [
        ("", "", ()),
        ("a = 1\n", "", ()),
        ("\n\na = 1\n", "", ()),
        ("# one\n\n# two\na = 1\n", "# one\n\n# two\n", ()),
        ("# one\r\na = 1 # b\r\n", "# one\n", (2,)),
        ("# only", "# only\n", ()),
        ("# only\n  # more", "# only\n  # more\n", ()),
        ("a = 1\n# after\n\nb = 2 # beside\n", "", (2, 4)),
        ("# head\n[t] # beside a table\n", "# head\n", (2,)),
        ("a = '# no' # yes\n", "", (1,)),
        ('a = "\\"# no"\n', "", ()),
        ("a = 'c:\\'\n# yes\n", "", (2,)),
        ('a = """\n# no "" \\""" # no\n"""\n# yes\n', "", (4,)),
        ('a = """ ""\n# no""""" # yes\n', "", (2,)),
        ("a = '''\n# no \\''' # yes\n", "", (2,)),
        ("a = ''''quoted # no''''' # yes\n", "", (1,)),
        ('a = ""\n# yes\n', "", (2,)),
        ('a = [\n  1, # yes\n  "# no",\n]\n"b#" = 1\n', "", (2,)),
    ],
)
def test_comments(text: str, kept: str, lost: tuple[int, ...]) -> None:
    tomllib.loads(text)
    assert head(text) == kept
    assert below_head(text) == lost


_STRINGS = st.sampled_from(['"#"', "'#'", '"""#\n#"""', "'''\n#\n'''", '"\\\\"', '"\\"#"', "''", '""', "'\"'", '"\'"'])


@given(st.lists(st.tuples(_STRINGS, st.booleans())))
def test_a_comment_is_found_beside_any_string(lines: list[tuple[str, bool]]) -> None:
    text, expected, number = "", [], 0
    for key, (value, commented) in enumerate(lines):
        text += f"k{key} = {value}{' # note' if commented else ''}\n"
        number += value.count("\n") + 1
        if commented:
            expected.append(number)
    assert len(tomllib.loads(text)) == len(lines)
    assert below_head(text) == tuple(expected)


@given(st.text())
def test_the_head_is_only_comments(text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError:
        return
    kept = head(text)
    assert tomllib.loads(kept) == {}
    assert not kept or kept.endswith("\n")
