"""Child processes of the benchmark, with what they took: wall clock, processor, peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.bench.measure import Figures, Order

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / ".venv/bin/python"
THEIRS = ROOT / ".venv-peers/bin/python"
_LONGEST = 240.0   # seconds
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Python programs may keep what they compile, as an installed one does: else each run of ours would compile our sources anew."""


class ChildFailed(Exception):  # noqa: N818 - errors here are named for the fact
    """A program that was to be measured did not do its job."""


@dataclass(frozen=True)
class Done:
    """A child that ended."""

    output: str
    errors: str
    code: int
    wall: float
    """Seconds from before it was started until its end was seen."""
    cpu: float
    """Seconds of processor, user and system."""
    peak_mib: float
    """The kernel counts what the starting process held, too: this tells something only where it is more than ours."""

    @property
    def figures(self) -> Figures:
        return {"wall_s": self.wall, "cpu_s": self.cpu, "peak_mib": self.peak_mib}


@contextmanager
def pinned(cpu: int | None) -> Iterator[None]:
    """Children started meanwhile run on processor `cpu`; None leaves them all processors."""
    before = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(words: Sequence[object], cpu: int | None, may_fail: bool = False) -> Done:
    """Run a program to its end, on one processor. Raises `ChildFailed`."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        with pinned(cpu):
            command = [str(word) for word in words]
            child = subprocess.Popen(command, cwd=ROOT, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        watchdog = threading.Timer(_LONGEST, child.kill)
        watchdog.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        watchdog.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0), errors.seek(0)
        done = Done(
            output.read(), errors.read(), child.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        )
    if done.code and not may_fail:
        raise ChildFailed(f"{' '.join(map(str, words))[:200]}\nends with {done.code}: {done.errors[-2000:]}")
    return done


def measured(python: Path, module: str, case: str, order: Order, cpu: int | None) -> Figures:
    """Run a case of one of our child modules; its figures, and those of its whole process. Raises `ChildFailed`."""
    done = run([python, "-m", f"tools.bench.{module}", case, json.dumps(asdict(order))], cpu)
    return {**done.figures, **json.loads(done.output.splitlines()[-1])}
