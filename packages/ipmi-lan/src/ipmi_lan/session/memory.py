"""What is remembered of BMCs between two logins. It only changes what is tried first, never what is allowed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from ipmi_lan.crypto.suites import CipherSuite

if TYPE_CHECKING:
    from ipmi_lan.session.probing import Offer

_MOST_ENTRIES = 10_000
_LASTS = 3600.0   # seconds; a BMC may have learnt a better suite since

Kept = TypeVar("Kept")


class _Shelf(Generic[Kept]):
    """Values by address. Forgets each after an hour, and of ten thousand the oldest."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[Kept, float]] = {}   # the oldest first

    def put(self, address: Hashable, value: Kept, now: float) -> None:
        self._entries.pop(address, None)
        self._entries[address] = (value, now)
        if len(self._entries) > _MOST_ENTRIES:
            with suppress(RuntimeError):       # another thread changes it at this moment, and does the same
                self._entries.pop(next(iter(self._entries)), None)

    def get(self, address: Hashable, now: float) -> Kept | None:
        entry = self._entries.get(address)
        if entry is not None and now - entry[1] > _LASTS:
            self._entries.pop(address, None)   # unless another thread has done so meanwhile
            return None
        return None if entry is None else entry[0]

    def drop(self, address: Hashable) -> None:
        self._entries.pop(address, None)


class KnownBmcs:
    """The cipher suite that each BMC took last, and what it offered when it was probed, by address.

    Forgets after an hour, and the oldest of ten thousand. A suite is remembered after a login that proved itself; an offer is
    hearsay, and never changes the order of suites by itself: whoever wants that asks it for its `candidates`.
    """

    def __init__(self) -> None:
        self._winners: _Shelf[int] = _Shelf()
        self._offers: _Shelf[Offer] = _Shelf()

    def order(self, address: Hashable, suites: Sequence[CipherSuite], now: float) -> tuple[CipherSuite, ...]:
        """`suites`, the winner first if it is one of them and has integrity; the rest as it was."""
        winner = self._winners.get(address, now)
        return tuple(sorted(suites, key=lambda suite: suite.id != winner or not suite.is_authenticated))

    def remember(self, address: Hashable, suite: CipherSuite | None, now: float) -> None:
        """The BMC took `suite`; None, of IPMI 1.5, is not remembered."""
        if suite is None:
            self._winners.drop(address)
        elif self._winners.get(address, now) != suite.id:     # else it has its hour: then a better one gets its turn
            self._winners.put(address, suite.id, now)

    def keep_offer(self, address: Hashable, offer: Offer, now: float) -> None:
        """What a probe of this BMC heard."""
        self._offers.put(address, offer, now)

    def offer(self, address: Hashable, now: float) -> Offer | None:
        """What the last probe of this BMC heard; None: there was none within the hour."""
        return self._offers.get(address, now)

    def forget(self, address: Hashable) -> None:
        """Begin anew with this one."""
        self._winners.drop(address)
        self._offers.drop(address)
