"""Whether what another connector broadcasts is new: the proof of its present life, its clock, its sequence numbers. Sans-IO.

A broadcast cannot answer a challenge. So a connector that hears an unknown life of another asks it alone (PROVE), under a random
id that nobody could have known before; the PROOF names that id, the life and, as everything between connectors does, the sender's
clock. From then on a broadcast is believed if it is of that life, of the last `STAMP_LIFE` seconds, and came never before. What
comes before the proof waits for it. Only differences of one and the same clock count; no two clocks are compared.
"""

from __future__ import annotations

import struct
from collections import deque
from enum import Enum

from haconn_cli.resetpath.seal import ReplayWindow
from haconn_cli.resetpath.wire.frame import Frame

STAMP_LIFE = 2.0
"""Seconds after its making in which a broadcast counts: longer than any queue, shorter than what a reset takes."""
PROOF_LIFE = 2.0
"""Seconds that a PROVE waits for its answer."""
PROVE_GAP = 0.05
"""Seconds between two PROVE to one connector: whoever repeats old broadcasts gets 20 a second out of us, and a new life of that
connector waits no longer than this. Far below the wait of arbitration."""
RENEW_AFTER = 60.0
"""Seconds after which a proof is renewed: clocks that differ by 1 in 1000 are 0.06 s apart then."""
MOST_LEAD = 0.5
"""Seconds by which a stamp may be younger than the proof allows: clocks that part. One that is younger still says that our own
clock stood still (this host slept), and what was held back meanwhile must not look new."""
_MOST_WAITING = 8
_STAMP = struct.Struct(">8xQ")


def stamp(now: float) -> bytes:
    """The 16 bytes that stand in the place of the challenge between connectors: the sender's clock, in milliseconds."""
    return _STAMP.pack(round(now * 1000))


def _clock(frame: Frame) -> float:
    (milliseconds,) = _STAMP.unpack(frame.challenge)
    return float(milliseconds) / 1000


class Verdict(Enum):
    """What is to become of a genuine datagram."""

    NEW = "new"
    OLD = "replay"
    UNPROVEN = "unproven"
    """It waits; PROVE decides."""


class Freshness:
    """Of one other connector."""

    def __init__(self) -> None:
        self._epoch: bytes | None = None
        self._window = ReplayWindow()
        self._ahead = 0.0
        """Seconds that its clock is ahead of ours, at most."""
        self._proven = float("-inf")
        self._asked: dict[bytes, float] = {}
        self._last_asked = float("-inf")
        self._waiting: deque[Frame] = deque(maxlen=_MOST_WAITING)

    def judge(self, frame: Frame, now: float) -> Verdict:
        """Of a genuine datagram that arrived now. One that is `UNPROVEN` is kept and may come out of `take_proof`."""
        if frame.epoch == self._epoch:
            if not self._window.is_new(frame.sequence):
                return Verdict.OLD
            if self._is_of_now(frame, now):
                self._window.accept(frame.sequence)
                return Verdict.NEW
        self._waiting.append(frame)
        return Verdict.UNPROVEN

    def wants_renewal(self, now: float) -> bool:
        """Whether the proof has become so old that the clocks may have parted."""
        return now - self._proven > RENEW_AFTER

    def ask(self, request: bytes, now: float) -> bool:
        """Note that PROVE goes out under the random id `request`; False: one went out a moment ago and will do."""
        if now - self._last_asked < PROVE_GAP:
            return False
        self._asked = {key: when for key, when in self._asked.items() if now - when <= PROOF_LIFE}
        self._asked[request] = self._last_asked = now
        return True

    def end_ask(self, request: bytes, now: float) -> float | None:
        """When the PROVE was sent that this answers, which counts once; None: there is none, or it was too long ago."""
        asked = self._asked.pop(request, None)
        return asked if asked is not None and now - asked <= PROOF_LIFE else None

    def take_proof(self, frame: Frame, now: float) -> tuple[bool, list[Frame]] | None:
        """Take a PROOF in: whether it is of a life not known before, and what has waited for it and is new, in order.

        None: it answers nothing.
        """
        asked = self.end_ask(frame.request, now)
        if asked is None:
            return None
        is_another = frame.epoch != self._epoch
        if is_another:
            self._epoch, self._window = frame.epoch, ReplayWindow()
        # Its clock showed this after we asked, so at any time it is at most so far ahead of ours.
        self._ahead = _clock(frame) - asked
        self._proven = now
        self._window.accept(frame.sequence)
        waited, self._waiting = self._waiting, deque(maxlen=_MOST_WAITING)
        return is_another, [one for one in waited if self._is_new(one, now)]

    def _is_new(self, frame: Frame, now: float) -> bool:
        is_ours = frame.epoch == self._epoch and self._is_of_now(frame, now)
        return is_ours and self._window.accept(frame.sequence)

    def _is_of_now(self, frame: Frame, now: float) -> bool:
        """Whether it was made a moment ago, and not before a proof that took its time."""
        return -MOST_LEAD <= now + self._ahead - _clock(frame) <= STAMP_LIFE
