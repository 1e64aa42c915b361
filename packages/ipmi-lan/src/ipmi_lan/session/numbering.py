"""Sequence numbers: the sessions' own (32 bits, replay window) and the messages' rqSeq (6 bits, quarantine)."""

from __future__ import annotations

from ipmi_lan.session.retry import QUARANTINE

WINDOW = 16
"""How far a received number may lie ahead of or behind the newest (6.12.13 asks for 8 in front; shared NICs skip numbers)."""
_MODULUS = 1 << 32
_RQ_SEQS = 64


def following(sequence: int) -> int:
    """The next session sequence number; 0 is not one (6.12.13)."""
    return (sequence + 1) % _MODULUS or 1


class ReplayWindow:
    """Which of the BMC's session sequence numbers were seen. A number passes once.

    Only numbers of packets whose code verified are shown to it, so nobody else can move it.
    """

    def __init__(self) -> None:
        self._newest: int | None = None
        self._seen = 0   # bit n: newest - n was seen

    def accept(self, sequence: int) -> bool:
        """Whether a packet of this number is new; if so it now counts as seen."""
        if sequence == 0:
            return False
        if self._newest is None:
            self._newest, self._seen = sequence, 1
            return True
        ahead = (sequence - self._newest) % _MODULUS
        if 0 < ahead <= WINDOW:
            self._newest, self._seen = sequence, (self._seen << ahead | 1) & (1 << WINDOW + 1) - 1
            return True
        behind = _MODULUS - ahead if ahead else 0
        if behind > WINDOW or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True


class RequestNumbers:
    """rqSeq values, handed out in turn; one whose answer may still come is left out for a while."""

    def __init__(self) -> None:
        self._next = 0
        self._taken: set[int] = set()
        self._until: dict[int, float] = {}

    def take(self, now: float) -> int | None:
        """A free number, or None when all are taken or in quarantine."""
        for _ in range(_RQ_SEQS):
            number, self._next = self._next, (self._next + 1) % _RQ_SEQS
            if number not in self._taken and self._until.get(number, now) <= now:
                self._taken.add(number)
                return number
        return None

    def give_back(self, number: int) -> None:
        """The answer came: the number is free."""
        self._taken.discard(number)

    def quarantine(self, number: int, now: float) -> None:
        """No answer came; one may still."""
        self._taken.discard(number)
        self._until[number] = now + QUARANTINE
