"""One datagram lost, at each place of an operation in turn; for our children and for the harness. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tools.bench.measure import Figures
from tools.bench.steering import Steering

UNDISTURBED = 3
"""So many operations without loss come first, for comparison."""


def places(steering: Steering) -> Iterator[str]:
    """Prepare one loss after the other: for each place yielded, the caller does the operation once."""
    for _ in range(UNDISTURBED):
        steering.tell("reset")
        yield "nothing"
    requests = steering.checked()["received"]
    for kind in ("request", "answer"):
        for place in range(1, requests + 1):
            steering.tell("reset", f"drop-{kind} {place}")
            yield f"{kind} {place}"
            if steering.checked()["lost"] != 1:
                raise AssertionError(f"{kind} {place}: not lost")
    steering.tell("reset")


def extra(seconds: Sequence[float]) -> Figures:
    """What the losses cost beyond an undisturbed operation; the first `UNDISTURBED` of `seconds` were those."""
    plain = median(seconds[:UNDISTURBED])
    lost = [max(0.0, second - plain) for second in seconds[UNDISTURBED:]]
    return {"extra_s": median(lost), "worst_s": max(lost), "places": len(lost)}
