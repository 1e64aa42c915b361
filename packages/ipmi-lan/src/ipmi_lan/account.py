"""The arguments of `open_client`, with and without trio, as what a session is made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ipmi_lan.crypto.suites import CipherSuite
from ipmi_lan.errors import BadArgument
from ipmi_lan.quirks import Quirk, relaxations_of
from ipmi_lan.session.events import Credentials, Terms
from ipmi_lan.session.retry import KEEP_ALIVE
from ipmi_lan.wire.codes import AuthType, Privilege

IPMI_PORT = 623
_LARGEST_PORT = 65535
LOGIN_TIMEOUT = 10.0
"""Seconds for a whole login, waiting for a free slot included."""
COMMAND_TIMEOUT = 6.0
"""Seconds for one command, its repeats included."""


class Account(NamedTuple):
    """Who logs in, and on what terms."""

    credentials: Credentials
    terms: Terms


def account_of(
    host: str,
    port: int,
    user: str | bytes,
    password: str | bytes,
    kg: str | bytes,
    privilege: Privilege,
    lowest_privilege: Privilege | None,
    by_name_only: bool,
    suites: Sequence[CipherSuite],
    auth15: AuthType | None,
    quirks: Collection[Quirk],
    window: int,
    logs_in_again: bool,
    accepts_forgeable_answers: bool,
    keeps_alive: bool,
) -> Account:
    """See `ipmi_lan.client.open_client` for what each means. Raises `BadArgument`."""
    if not host or "\0" in host:
        raise BadArgument(f"host '{host!r}': neither an address nor a name")
    if not 1 <= port <= _LARGEST_PORT:
        raise BadArgument(f"port {port}: must be 1 to {_LARGEST_PORT}")
    credentials = Credentials(_octets(user), _octets(password), _octets(kg), privilege, by_name_only, lowest_privilege)
    keep_alive = KEEP_ALIVE if keeps_alive else None
    terms = _terms(tuple(suites), auth15, _known(quirks), window, keep_alive, logs_in_again, accepts_forgeable_answers)
    terms.check_password(credentials)
    return Account(credentials, terms)


@lru_cache(64)
def _terms(
    suites: tuple[CipherSuite, ...],
    auth15: AuthType | None,
    quirks: tuple[Quirk, ...],
    window: int,
    keep_alive: float | None,
    logs_in_again: bool,
    accepts_forgeable_answers: bool,
) -> Terms:
    """The same arguments mean the same terms: a fleet is logged in to on a few."""
    return Terms(suites, auth15, relaxations_of(quirks), window, keep_alive, logs_in_again, accepts_forgeable_answers)


def kg_of(text: str) -> bytes:
    """A BMC key as people write it: `0x` and 40 hexadecimal digits, or text of at most 20 octets. Raises `BadArgument`."""
    if not text.startswith("0x"):
        return _octets(text)
    try:
        key = bytes.fromhex(text[2:])
    except ValueError:
        raise BadArgument("Kg: after 0x only hexadecimal digits, two for each octet") from None
    return key


def _known(quirks: Collection[Quirk]) -> tuple[Quirk, ...]:
    """A name does as well as the value; text with several is for `parse_quirks`."""
    try:
        return tuple(Quirk(quirk) for quirk in quirks)
    except ValueError as error:
        raise BadArgument(f"quirks: {error}") from None


def _octets(text: Any) -> bytes:
    try:
        return text.encode() if isinstance(text, str) else bytes(memoryview(text))
    except UnicodeError:
        raise BadArgument("user, password or Kg: text that has no UTF-8 form; give its octets") from None
