"""What a test needs of the kernel beside root: namespaces. A container may be forbidden to make any."""

from __future__ import annotations

import subprocess
from collections import Counter
from functools import cache

import pytest

not_run: Counter[str] = Counter()
"""How many tests were not run, by reason, for the summary, which says so loudly."""


def expect_namespaces(*kinds: str) -> None:
    """Go on where namespaces of these kinds (`net`, `mount`) can be made. Else the test is not run, and the summary says so."""
    why = _refused(kinds)
    if why:
        reason = f"this machine lets nobody make {' and '.join(kinds)} namespaces ({why})"
        not_run[reason] += 1
        pytest.skip(reason)


@cache
def _refused(kinds: tuple[str, ...]) -> str:
    words = ["unshare", *(f"--{kind}" for kind in kinds), "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()
