"""What callers with trio use: log in, run commands, and always close."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

import trio

from ipmi_lan.account import COMMAND_TIMEOUT, IPMI_PORT, LOGIN_TIMEOUT, Account, account_of
from ipmi_lan.command import Command
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, NoAnswer, SessionLost
from ipmi_lan.quirks import Quirk
from ipmi_lan.session.events import Answered, Closed, Event, Failed, OpeningFailed, Peer
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from ipmi_lan.session.session import Session
from ipmi_lan.transport.endpoint import Endpoint, Line, open_endpoint
from ipmi_lan.transport.udp import Address, address_of, look_up
from ipmi_lan.wire.codes import AuthType, Privilege

KNOWN = KnownBmcs()
"""Which cipher suite each BMC took last, for the whole process."""

_NEVER = float("inf")
_LOGIN, _CLOSE = -1, -2   # beside the tokens of commands, which are positive

Reply = TypeVar("Reply")


class Client:
    """A session with a BMC. Use `open_client`. Several tasks may run commands at once; each gets its own answer."""

    __slots__ = ("_is_over", "_line", "_outcomes", "_session", "_waiting")

    def __init__(self, session: Session, endpoint: Endpoint, family: int, address: Address) -> None:
        self._session = session
        self._waiting: dict[int, trio.lowlevel.Task | None] = {_LOGIN: None}
        self._outcomes: dict[int, Event] = {}
        self._is_over = False
        self._line: Line = endpoint.attach(family, address, self)
        self._pump()

    @property
    def peer(self) -> Peer:
        """The BMC as the newest login proved it: GUID, cipher suite, session id, privilege."""
        assert self._session.peer is not None, "a client is handed out when its session is open"
        return self._session.peer

    @property
    def dropped(self) -> Counter[str]:
        """Datagrams that were ignored, by reason."""
        return self._session.dropped

    async def run(self, command: Command[Reply], timeout: float = COMMAND_TIMEOUT) -> Reply:
        """Send `command` and return its reply; done or failed within `timeout` seconds, waiting for its turn included.

        Raises `CommandRefused` (the BMC said no), `NoAnswer` (silence; of a power command it does not tell whether it was
        done), `SessionLost` (and logging in again did not help), `Malformed` (an authentic reply too short to read).
        """
        session, now = self._session, trio.current_time()
        token = session.request(command, now, now + timeout)
        self._waiting[token] = None
        self._pump()
        try:
            outcome = await self._outcome_of(token)
        except BaseException:
            session.abandon(token, trio.current_time())
            self._pump()
            raise
        if isinstance(outcome, Failed):
            raise outcome.error
        value: Reply = outcome.value
        return value

    # ── what the endpoint calls ───────────────────────────────────────────────

    def receive_datagram_untrusted(self, datagram: bytes) -> None:
        """Something came from the BMC's address."""
        self._session.receive_datagram_untrusted(datagram, trio.current_time())
        self._pump()

    def peer_refused(self) -> None:
        """The BMC's host says that nothing listens."""
        self._session.peer_refused(trio.current_time())
        self._pump()

    def handle_deadline(self) -> None:
        """Time has passed."""
        self._session.handle_deadline(trio.current_time())
        self._pump()

    def line_lost(self) -> None:
        """The endpoint has ended first: nothing can be sent or heard any more."""
        self._end()
        self._tell(_LOGIN, OpeningFailed(SessionLost("its endpoint was closed")))
        self._tell(_CLOSE, Closed())

    # ── inside ────────────────────────────────────────────────────────────────

    def _pump(self) -> None:
        """Out with what the session has to say, to the BMC and to the tasks that wait."""
        session, line = self._session, self._line
        for datagram in session.datagrams_to_send():
            line.send(datagram)
        while (event := session.next_event()) is not None:
            if isinstance(event, Answered | Failed):
                self._tell(event.token, event)
            else:
                self._tell(_CLOSE if isinstance(event, Closed) else _LOGIN, event)
        if not self._is_over:
            deadline = session.next_deadline()
            line.wake_at(_NEVER if deadline is None else deadline)

    def _tell(self, key: int, event: Event) -> None:
        """The outcome of a command, the login or the close, to whoever waits for it or will."""
        if key in self._waiting and key not in self._outcomes:
            self._outcomes[key] = event
            if (task := self._waiting[key]) is not None:
                trio.lowlevel.reschedule(task)

    async def _outcome_of(self, key: int) -> Any:
        """Wait for it. Called once for each."""
        try:
            if key in self._outcomes:
                await trio.lowlevel.checkpoint()
            else:
                self._waiting[key] = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(partial(self._let_go, key))
            return self._outcomes[key]
        finally:
            del self._waiting[key]
            self._outcomes.pop(key, None)

    def _let_go(self, key: int, cancel: Any) -> trio.lowlevel.Abort:
        """Whoever waits may be cancelled at any time; an outcome that comes before he notices must not wake him a second time."""
        self._waiting[key] = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _log_in(self) -> None:
        outcome = await self._outcome_of(_LOGIN)
        if isinstance(outcome, OpeningFailed):
            raise outcome.error

    async def _close(self) -> None:
        """Give the slot back; bounded, and also when the caller is being cancelled."""
        try:
            if not self._is_over:
                await self._give_back()
        finally:
            self._end()
            self._line.close()

    async def _give_back(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT + 0.5):
            self._waiting[_CLOSE] = None
            self._session.close(trio.current_time())
            self._pump()
            await self._outcome_of(_CLOSE)

    def _end(self) -> None:
        self._is_over = True
        self._session.end(trio.current_time())
        self._pump()


@asynccontextmanager
async def open_client(
    host: str,
    user: str | bytes,
    password: str | bytes,
    *,
    port: int = IPMI_PORT,
    kg: str | bytes = b"",
    privilege: Privilege = Privilege.ADMINISTRATOR,
    lowest_privilege: Privilege | None = None,
    by_name_only: bool = True,
    suites: Sequence[CipherSuite] = DEFAULT_SUITES,
    auth15: AuthType | None = None,
    quirks: Collection[Quirk] = (),
    window: int = 1,
    logs_in_again: bool = True,
    accepts_forgeable_answers: bool = False,
    timeout: float = LOGIN_TIMEOUT,
    endpoint: Endpoint | None = None,
    known: KnownBmcs = KNOWN,
) -> AsyncIterator[Client]:
    """Log in to the BMC at `host`, hand out a `Client`, and close the session at the end, whatever the end is.

    The login ends within `timeout` seconds; where the BMC lets us in and falls silent then, closing takes one more. Text is sent
    as UTF-8. `endpoint` (see `open_endpoint`) shares sockets with other clients; without, the client has one of its own.

    - `suites` are tried in order, without asking which the BMC has; the one that `known` remembers comes first. A suite
      without integrity needs `accepts_forgeable_answers=True`, which says what it gives up.
    - `privilege` is asked for; where the BMC refuses, lower ones down to `lowest_privilege`. User is enough to read, and saves a
      round trip.
    - `by_name_only` False has the BMC look for name and privilege together.
    - `auth15` logs in by IPMI 1.5 instead, with this authentication type.
    - `quirks` are deviations of this BMC that are put up with; see `ipmi_lan.quirks`.
    - `window` is how many commands are on their way at once; more wait for their turn.
    - `logs_in_again`: a session that is lost is opened anew, to the same BMC, and what may be repeated is sent again, once.

    Raises `BadArgument`, `NoAnswer`, `PortRefused`, `NotIpmi`, `WrongPassword`, `WrongKg`, `PrivilegeTooHigh`,
    `NoFreeSession`, `SuiteRefused`, `AuthTypeRefused`, and where the BMC lets us in and no further, `SessionLost` or
    `CommandRefused`; see `ipmi_lan.errors`.
    """
    account = account_of(
        host, port, user, password, kg, privilege, lowest_privilege, by_name_only, suites, auth15, quirks, window,
        logs_in_again, accepts_forgeable_answers, keeps_alive=True,
    )  # fmt: skip
    deadline = trio.current_time() + timeout
    family, address = await _look_up(host, port, timeout)
    async with open_endpoint(1) if endpoint is None else nullcontext(endpoint) as shared:
        client = _client(account, shared, family, address, deadline, known)
        try:
            await client._log_in()
            known.remember(address, client.peer.suite, trio.current_time())
            yield client
        finally:
            await client._close()


def _client(
    account: Account, endpoint: Endpoint, family: int, address: Address, deadline: float, known: KnownBmcs
) -> Client:
    now = trio.current_time()
    order = known.order(address, account.terms.suites, now)
    session = Session(account.credentials, os.urandom, now, deadline, account.terms, order)
    try:
        return Client(session, endpoint, family, address)
    except OSError as error:
        raise NoAnswer(f"opening a socket to {address[0]} port {address[1]} ({error})", 0.0) from None


async def _look_up(host: str, port: int, timeout: float) -> tuple[int, Address]:
    """Looking up a name may take as long as it likes, but not longer than `timeout` seconds."""
    if (known := address_of(host, port)) is not None:
        return known
    try:
        with trio.move_on_after(timeout):
            return await look_up(host, port)
    except UnicodeError:
        raise BadArgument(f"host '{host}': neither an address nor a name") from None
    except OSError as error:
        raise NoAnswer(f"looking up {host} ({error})", 0.0) from None
    raise NoAnswer(f"looking up {host}", timeout)
