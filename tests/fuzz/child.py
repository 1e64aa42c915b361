"""One target under Atheris, in a process of its own: `python -m tests.fuzz.child NAME guided|blind [what libFuzzer takes]`.

Guided, every branch of our code is watched, and an input that reaches something new is kept and changed further; blind, the
inputs kept so far are changed, several times as fast. With files instead of folders it plays just them. Ends with 77 where
something was raised, 70 where nothing came back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

OURS = ["ipmi_lan", "haconn_cli", "haconn_daemon"]
LONGEST = 1.0
"""Seconds of processor time that one input may take."""


def timed(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """`run`, which must come back soon. What seems slow is tried again by processor time, for others use the machine as well."""

    def timed_run(data: bytes) -> None:
        started = perf_counter()
        run(data)
        if perf_counter() - started > LONGEST:
            _expect_soon(run, data)

    return timed_run


def _expect_soon(run: Callable[[bytes], None], data: bytes) -> None:
    started = process_time()
    run(data)
    took = process_time() - started
    if took > LONGEST:
        raise TimeoutError(f"{took:.1f} s for one input")


def main(arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    atheris: Any = import_module("atheris")   # only .venv-fuzz has it
    name, way, *others = arguments
    with atheris.instrument_imports(include=OURS) if way == "guided" else nullcontext():
        targets = import_module("tests.fuzz.targets").TARGETS
    atheris.Setup([name, *others], timed(targets[name].run))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
