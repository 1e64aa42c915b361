"""The judge of where this connector stands: who says which server is the own one, and whether they agree. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Source(Enum):
    """Who can tell, in the order in which they are named to a person."""

    HELLO = "HA Monitor on this server says that it is"
    LOCAL_BMC = "the BMC in this server is that of"
    CONFIGURED = "own_server in conf_haconn says that it is"


class OwnServer:
    """What each source claims. A server that anybody claims is the own one, as long as nobody claims another."""

    def __init__(self, names: Iterable[str], configured: str | None) -> None:
        """`names` of all servers of the settings."""
        self._claims: dict[Source, tuple[str, ...]] = {}
        self._names: frozenset[str] = frozenset()
        self.change(names, configured)

    def change(self, names: Iterable[str], configured: str | None) -> None:
        """Other settings. What was claimed stays, but of a server that is gone."""
        self._names = frozenset(names)
        self._claims[Source.CONFIGURED] = () if configured is None else (configured,)
        for source, claimed in self._claims.items():
            self._claim(source, claimed)

    def hello(self, name: str) -> bool:
        """HA Monitor on this very server is that of `name`; whether that is news. Two that say so are somebody's mistake."""
        before = self.told
        self._claim(Source.HELLO, (*before, name))
        return self.told != before

    def local_bmc(self, names: Iterable[str]) -> None:
        """The BMC in this server is that of these, at present: none where it is not known, several where settings are wrong."""
        self._claim(Source.LOCAL_BMC, sorted(names))

    @property
    def told(self) -> tuple[str, ...]:
        """What HA Monitor has said, which must outlive the process: it says hello only once."""
        return self._claims.get(Source.HELLO, ())

    @property
    def claimed(self) -> tuple[str, ...]:
        """Every server that somebody takes for the own one; none of them is reset."""
        return tuple(dict.fromkeys(name for source in Source for name in self._claims.get(source, ())))

    @property
    def decided(self) -> str | None:
        """The own server; None: nobody knows, or they do not agree."""
        claimed = self.claimed
        return claimed[0] if len(claimed) == 1 else None

    @property
    def is_disputed(self) -> bool:
        """Whether they do not agree: then a name or a BMC's address is wrong, and each claimed server may be any of them."""
        return len(self.claimed) > 1

    def contradiction(self) -> str:
        """Who says what, for a person; empty where all agree."""
        if not self.is_disputed:
            return ""
        said = [f"{source.value} {' and '.join(names)}" for source in Source if (names := self._claims.get(source, ()))]
        return f"which server is the own one is disputed: {'; '.join(said)}; none of these is reset, not by force either"

    def _claim(self, source: Source, names: Iterable[str]) -> None:
        self._claims[source] = tuple(dict.fromkeys(name for name in names if name in self._names))
