"""What callers use: log in, run commands, and always close."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import trio

from ipmi_lan.command import Command
from ipmi_lan.commands.device import get_device_id
from ipmi_lan.commands.login import close_session, set_session_privilege_level
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, CommandRefused, IpmiError, NoAnswer, PrivilegeTooHigh, SessionLost
from ipmi_lan.session.events import Answered, Credentials, Failed, Opened, OpeningFailed, Peer
from ipmi_lan.session.session import Session
from ipmi_lan.transport.udp import PeerRefused, Transport, UdpTransport
from ipmi_lan.wire.codes import CompletionCode, Privilege

IPMI_PORT = 623
_LARGEST_PORT = 65535
LOGIN_TIMEOUT = 10.0
"""Seconds for a whole login, waiting for a free slot included."""
COMMAND_TIMEOUT = 6.0
"""Seconds for one command, its repeats included."""
CLOSE_TIMEOUT = 1.0
"""Seconds for Close Session; some BMCs never answer it."""
KEEP_ALIVE = 25.0
"""Seconds of silence before a keep-alive: BMCs drop a session that was idle for 60 ± 3 s (6.12.15)."""

_LAST_DATAGRAM = 0.1
"""Seconds for a last datagram to enter the socket."""
_PRIVILEGE_CODES = (0x80, 0x81, CompletionCode.INSUFFICIENT_PRIVILEGE)

Reply = TypeVar("Reply")


class Client:
    """A session with a BMC. Use `open_client`. Several tasks may run commands at once; each gets its own answer."""

    def __init__(self, transport: Transport, credentials: Credentials, suites: Sequence[CipherSuite], deadline: float) -> None:
        now = trio.current_time()
        self._transport = transport
        self._session = Session(credentials, os.urandom, now, deadline, suites)
        self._login_deadline = deadline
        self._opened = trio.Event()
        self._opening_error: IpmiError | None = None
        self._waiting: dict[int, trio.Event] = {}
        self._outcomes: dict[int, Answered | Failed] = {}
        self._driving = trio.CancelScope(shield=True)
        self._keeping = trio.CancelScope(shield=True)
        self._nap = trio.CancelScope()
        self._has_news = False
        self._is_over = False
        self._last_sent = now

    @property
    def peer(self) -> Peer:
        """The BMC as the login proved it: GUID, cipher suite, session id."""
        assert self._session.peer is not None, "a client is handed out when its session is open"
        return self._session.peer

    @property
    def dropped(self) -> Counter[str]:
        """Datagrams that were ignored, by reason."""
        return self._session.dropped

    async def run(self, command: Command[Reply], timeout: float = COMMAND_TIMEOUT) -> Reply:
        """Send `command` and return its reply; done or failed within `timeout` seconds.

        Raises `CommandRefused` (the BMC said no), `NoAnswer` (silence; of a power command it does not tell whether it was
        done), `SessionLost` (log in again), `Malformed` (an authentic reply too short to read).
        """
        now = trio.current_time()
        token = self._session.request(command, now, now + timeout)
        done = self._waiting[token] = trio.Event()
        self._wake()
        try:
            await done.wait()
            outcome = self._outcomes.pop(token)
        finally:
            self._waiting.pop(token, None)
            self._outcomes.pop(token, None)
            self._session.abandon(token, trio.current_time())
        if isinstance(outcome, Failed):
            raise outcome.error
        value: Reply = outcome.value
        return value

    # ── what open_client does ─────────────────────────────────────────────────

    async def _drive(self) -> None:
        """The only task that touches the socket: out with what is due, in with what comes, until `_close` ends it.

        Shielded from the caller's cancellation, for Close Session still has to travel then.
        """
        try:
            with self._driving:
                while True:
                    await self._turn()
        finally:
            self._is_over = True
            self._session.end(trio.current_time())
            with trio.move_on_after(_LAST_DATAGRAM, shield=True):
                for datagram in self._session.datagrams_to_send():
                    await self._transport.send(datagram)
            self._tell()

    async def _turn(self) -> None:
        session = self._session
        self._has_news = False
        session.handle_deadline(trio.current_time())
        for datagram in session.datagrams_to_send():
            self._last_sent = trio.current_time()
            await self._transport.send(datagram)
        self._tell()
        if self._has_news:
            return
        deadline = session.next_deadline()
        with trio.CancelScope(deadline=float("inf") if deadline is None else deadline) as self._nap:
            try:
                session.receive_datagram_untrusted(await self._transport.receive(), trio.current_time())
            except PeerRefused:
                session.peer_refused(trio.current_time())

    def _wake(self) -> None:
        self._has_news = True
        self._nap.cancel()
        if self._is_over:
            self._tell()

    def _tell(self) -> None:
        while (event := self._session.next_event()) is not None:
            match event:
                case Opened():
                    self._opened.set()
                case OpeningFailed(error):
                    self._opening_error = error
                    self._opened.set()
                case Answered(token) | Failed(token):
                    if (done := self._waiting.get(token)) is not None:
                        self._outcomes[token] = event
                        done.set()

    async def _log_in(self, credentials: Credentials) -> None:
        await self._opened.wait()
        if self._opening_error is not None:
            raise self._opening_error
        try:
            left = self._login_deadline - trio.current_time()
            await self.run(set_session_privilege_level(credentials.privilege), min(COMMAND_TIMEOUT, max(0.0, left)))
        except CommandRefused as refusal:
            if refusal.code not in _PRIVILEGE_CODES:
                raise
            user = credentials.user.decode(errors="replace")
            raise PrivilegeTooHigh(user, credentials.privilege.word, f"code {refusal.code:02X}h") from None

    async def _keep_alive(self) -> None:
        """Ends in `_close`, shielded like the driver: a task that is cancelled would hide the caller's exception by its own."""
        with self._keeping:
            while True:
                quiet_until = self._last_sent + KEEP_ALIVE
                if trio.current_time() < quiet_until:
                    await trio.sleep_until(quiet_until)
                    continue
                try:
                    await self.run(get_device_id())
                except SessionLost:
                    return      # the next command of the caller meets the same fault and tells it
                except IpmiError:
                    continue    # one that is busy or silent for a while still has the session

    async def _close(self) -> None:
        """Ask the BMC to free the slot, then end the driver; bounded, and also when the caller is being cancelled."""
        self._keeping.cancel()
        try:
            if self._session.peer is not None:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT + 0.5), suppress(IpmiError):
                    await self.run(close_session(self.peer.session_id), CLOSE_TIMEOUT)
        finally:
            self._driving.cancel()


@asynccontextmanager
async def open_client(
    host: str,
    user: str | bytes,
    password: str | bytes,
    *,
    port: int = IPMI_PORT,
    kg: str | bytes = b"",
    privilege: Privilege = Privilege.ADMINISTRATOR,
    by_name_only: bool = True,
    suites: Sequence[CipherSuite] = DEFAULT_SUITES,
    timeout: float = LOGIN_TIMEOUT,
    transport: Transport | None = None,
) -> AsyncIterator[Client]:
    """Log in to the BMC at `host`, hand out a `Client`, and close the session at the end, whatever the end is.

    The login ends within `timeout` seconds; where the BMC lets us in and falls silent then, closing takes one more.
    `suites` are tried in order, without asking which the BMC has. Text is sent as UTF-8. `transport` replaces the UDP socket;
    it is closed at the end.

    Raises `BadArgument`, `NoAnswer`, `PortRefused`, `NotIpmi`, `WrongPassword`, `WrongKg`, `PrivilegeTooHigh`,
    `NoFreeSession`, `SuiteRefused`, and where the BMC lets us in and no further, `SessionLost` or `CommandRefused`; see
    `ipmi_lan.errors`.
    """
    credentials = Credentials(_octets(user), _octets(password), _octets(kg), privilege, by_name_only)
    if not 1 <= port <= _LARGEST_PORT:
        raise BadArgument(f"port {port}: must be 1 to {_LARGEST_PORT}")
    deadline = trio.current_time() + timeout
    if transport is None:
        transport = await _connect(host, port, timeout)
    failure: Exception | None = None
    try:
        client = Client(transport, credentials, suites, deadline)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client._drive)
            try:
                await client._log_in(credentials)
                nursery.start_soon(client._keep_alive)
                yield client
            except Exception as error:
                failure = error
            finally:
                await client._close()
    finally:
        transport.close()
    if failure is not None:
        raise failure


async def _connect(host: str, port: int, timeout: float) -> Transport:
    """A socket; looking up a name may take as long as it likes, but not longer than `timeout` seconds."""
    try:
        with trio.move_on_after(timeout):
            return await UdpTransport.connect(host, port)
    except UnicodeError:
        raise BadArgument(f"host '{host}': neither an address nor a name") from None
    except OSError as error:
        raise NoAnswer(f"connecting a socket to {host} port {port} ({error})", 0.0) from None
    raise NoAnswer(f"looking up {host}", timeout)


def _octets(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
