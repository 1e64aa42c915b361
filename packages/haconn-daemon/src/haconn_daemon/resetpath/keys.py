"""Which keys are in use on the reset path, and which change of them may be made while it is.

A key is replaced in three steps (docs/operating.md): everybody accepts the new one, everybody sends with it, everybody drops the
old one. A connector sees only its own file and those who talk to it; what it can see of a wrong order it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

from haconn_cli.config.model import KeyRing

IN_USE = 120.0
"""Seconds since a key was last heard in which it must not be dropped. HA Monitor checks the path far more often."""
_MOST_USERS = 256


class KeysHeard:
    """Who used which key, and when last. Only of datagrams that are genuine and fresh."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], float] = {}

    def note(self, key: int, who: str, now: float) -> None:
        """That participant used that key."""
        if len(self._last) >= _MOST_USERS and (key, who) not in self._last:
            del self._last[min(self._last, key=self._last.__getitem__)]
        self._last[key, who] = now

    def ages(self, key: int, now: float) -> dict[str, float]:
        """Seconds since each participant used the key."""
        return {who: now - last for (used, who), last in self._last.items() if used == key}


def why_not(old: KeyRing, new: KeyRing, heard: KeysHeard, now: float) -> str:
    """Why the keys may not be changed so while running; empty: they may."""
    if new.cluster != old.cluster:
        return "has another cluster id; a connector changes its cluster at a start only"
    before, after = _secrets(old), _secrets(new)
    for key in before.keys() & after.keys():
        if before[key] != after[key]:
            return f"key {key} has another secret than before; a new secret needs a new id: haconnsetup key new"
    if new.keys[0].id not in before:
        return f"key {new.keys[0].id} would be sent with before anybody accepts it; first as a further key only"
    if old.keys[0].id not in after:
        return f"key {old.keys[0].id} was sent with until now; first with another one before it, then without it"
    for key in sorted(before.keys() - after.keys()):
        if using := {who: age for who, age in heard.ages(key, now).items() if age <= IN_USE}:
            who = min(using, key=using.__getitem__)
            return (
                f"key {key} is gone, but {who} used it {using[who]:.0f} s ago;"
                f" have it read the new file, and reload again {IN_USE:.0f} s later"
            )
    return ""


def _secrets(keys: KeyRing) -> Mapping[int, bytes]:
    return {key.id: key.secret for key in keys.keys}
