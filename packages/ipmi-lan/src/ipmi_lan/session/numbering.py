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

    Only numbers of packets whose code verified are shown to it, so nobody else can move it. In IPMI 1.5 the keys outlive the
    session, so there it is anchored at the number that the console chose: what an earlier session said lies outside of it.
    """

    __slots__ = ("_newest", "_seen")

    def __init__(self, first: int | None = None) -> None:
        """`first` is the number that the BMC was told to begin with; None: any may be the first."""
        self._newest = None if first is None else (first - 1) % _MODULUS
        self._seen = 0 if first is None else (1 << WINDOW + 1) - 1   # bit n: newest - n was seen, or was never to come

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

    __slots__ = ("_next", "_taken", "_until")

    def __init__(self) -> None:
        self._next = 0
        self._taken = 0     # bit n: number n is
        self._until: dict[int, float] = {}

    def take(self, now: float) -> int | None:
        """A free number, or None when all are taken or in quarantine."""
        for _ in range(_RQ_SEQS):
            number = self._next
            self._next = (number + 1) % _RQ_SEQS
            if not self._taken >> number & 1 and (not self._until or self._until.get(number, now) <= now):
                self._taken |= 1 << number
                return number
        return None

    def give_back(self, number: int) -> None:
        """The answer came: the number is free."""
        self._taken &= ~(1 << number)

    def quarantine(self, number: int, now: float) -> None:
        """No answer came, or not the last one; one may still."""
        self.give_back(number)
        self._until[number] = now + QUARANTINE

    def next_free_at(self) -> float:
        """When the first number in quarantine comes free; infinity where none is."""
        return min((until for number, until in self._until.items() if not self._taken >> number & 1), default=float("inf"))
