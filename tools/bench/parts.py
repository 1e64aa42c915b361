"""docs/benchmarks.md has several makers: each writes its own part, between two markers, and keeps the others'."""

from __future__ import annotations

import re


def with_part(page: str, name: str, text: str) -> str:
    """The page with this part in the place of the one before, or at the end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    part = f"{begin}\n{text.strip()}\n{end}"
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: part, page)
    return f"{page.rstrip()}\n\n{part}\n" if page.strip() else f"{part}\n"


def parts(page: str) -> list[str]:
    """All that other makers wrote, markers included."""
    return [match.group() for match in re.finditer(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", page, re.DOTALL)]


def keeping_parts(before: str, after: str) -> str:
    """`after`, made anew without the parts, with those that the page had before."""
    return "\n\n".join([after.rstrip(), *parts(before)]) + "\n"
