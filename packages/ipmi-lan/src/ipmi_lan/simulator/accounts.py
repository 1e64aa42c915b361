"""Who may log in to a simulated BMC, and who may not any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ipmi_lan.simulator.faults import Faults
from ipmi_lan.wire.codes import Privilege


@dataclass(frozen=True, slots=True)
class Account:
    """One user."""

    name: bytes
    password: bytes = field(repr=False)
    limit: int
    """The highest privilege the user may have."""
    is_disabled: bool = False


class Accounts:
    """The users by name, and a lockout for each of them (`LoginFaults.locks_after`)."""

    def __init__(self, users: Mapping[str, tuple[str, Privilege]], faults: Faults) -> None:
        self.users = users
        self._faults = faults
        self._failures: Counter[bytes] = Counter()
        self._locked_until: dict[bytes, float] = {}

    def find(self, name: bytes, now: float) -> Account | None:
        """The user, or None where there is none of this name or it is locked out."""
        if now < self._locked_until.get(name, now):
            return None
        faults = self._faults.login
        for known, (password, limit) in self.users.items():
            if known.encode() == name:
                kept = password.encode()[: faults.cuts_password_at]
                return Account(name, kept, limit, known in faults.disabled_users)
        return None

    def number_of(self, name: bytes) -> int:
        """The user's id, from 1; 0 for nobody."""
        names = [known.encode() for known in self.users]
        return names.index(name) + 1 if name in names else 0

    def failed(self, name: bytes, now: float) -> None:
        """The password was wrong: one step nearer to the lockout."""
        faults = self._faults.login
        self._failures[name] += 1
        if faults.locks_after and self._failures[name] >= faults.locks_after:
            self._failures[name] = 0
            self._locked_until[name] = now + faults.locks_for

    def succeeded(self, name: bytes) -> None:
        """The password was right."""
        del self._failures[name]
