"""The client for callers without an event loop: the same session, driven by a plain socket. Imports no trio.

A client belongs to one thread at a time; any number of threads may have one each. Nobody keeps the session alive between two
commands: one that the BMC has dropped meanwhile is opened anew by the next command.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TypeVar

from ipmi_lan.account import COMMAND_TIMEOUT, IPMI_PORT, LOGIN_TIMEOUT, account_of
from ipmi_lan.command import Command
from ipmi_lan.crypto.suites import DEFAULT_SUITES, CipherSuite
from ipmi_lan.errors import BadArgument, NoAnswer
from ipmi_lan.quirks import Quirk
from ipmi_lan.session.events import Answered, Closed, Event, Failed, Opened, OpeningFailed, Peer
from ipmi_lan.session.memory import KnownBmcs
from ipmi_lan.session.retry import CLOSE_TIMEOUT
from ipmi_lan.session.session import Session
from ipmi_lan.wire.codes import AuthType, Privilege

KNOWN = KnownBmcs()
"""Which cipher suite each BMC took last, for the whole process."""

_MOST_DATAGRAM = 65535
_SHORTEST_WAIT = 0.0001   # seconds; 0 would make the socket non-blocking
_LONGEST_WAIT = 1.0       # seconds; then it looks anew whether there is something to do
_AFTER_AN_ERROR = 0.05    # seconds; an error that stays must not keep the processor busy

Reply = TypeVar("Reply")


class BlockingClient:
    """A session with a BMC. Use `open_client`."""

    __slots__ = ("_session", "_socket")

    def __init__(self, session: Session, sock: socket.socket) -> None:
        self._session, self._socket = session, sock

    @property
    def peer(self) -> Peer:
        """The BMC as the newest login proved it: GUID, cipher suite, session id, privilege."""
        assert self._session.peer is not None, "a client is handed out when its session is open"
        return self._session.peer

    @property
    def dropped(self) -> Counter[str]:
        """Datagrams that were ignored, by reason."""
        return self._session.dropped

    def run(self, command: Command[Reply], timeout: float = COMMAND_TIMEOUT) -> Reply:
        """Send `command` and return its reply; done or failed within `timeout` seconds. Raises as `ipmi_lan.Client.run`."""
        now = monotonic()
        token = self._session.request(command, now, now + timeout)
        try:
            while True:
                event = self._next_event()
                if isinstance(event, Answered | Failed) and event.token == token:
                    break
        except BaseException:
            self._session.abandon(token, monotonic())
            raise
        if isinstance(event, Failed):
            raise event.error
        value: Reply = event.value
        return value

    # ── inside ────────────────────────────────────────────────────────────────

    def _log_in(self) -> None:
        while not isinstance(event := self._next_event(), Opened):
            if isinstance(event, OpeningFailed):
                raise event.error

    def _close(self) -> None:
        end = monotonic() + CLOSE_TIMEOUT + 0.5
        self._session.close(monotonic())
        while monotonic() < end and not isinstance(self._turn(), Closed):
            pass

    def _next_event(self) -> Event:
        """Move the session until it has something to tell."""
        while (event := self._turn()) is None:
            pass
        return event

    def _turn(self) -> Event | None:
        """Out with what is to be sent; then an event that is there, or one wait."""
        session = self._session
        for datagram in session.datagrams_to_send():
            self._send(datagram)
        event = session.next_event()
        if event is None:
            self._wait(session.next_deadline())
        return event

    def _wait(self, deadline: float | None) -> None:
        """One datagram in, or the time gone by; and both, where datagrams come without end."""
        due = float("inf") if deadline is None else deadline
        self._socket.settimeout(min(max(_SHORTEST_WAIT, due - monotonic()), _LONGEST_WAIT))
        datagram = None
        try:
            datagram = self._socket.recv(_MOST_DATAGRAM)
        except TimeoutError:
            pass
        except ConnectionRefusedError:
            self._session.peer_refused(monotonic())
        except OSError:
            sleep(_AFTER_AN_ERROR)    # a host that does not answer ARP: a datagram lost and no more
        now = monotonic()
        if datagram is not None:
            self._session.receive_datagram_untrusted(datagram, now)
        if now >= due:
            self._session.handle_deadline(now)

    def _send(self, datagram: bytes) -> None:
        """An error is no worse than a lost datagram, but one left behind by an earlier datagram must not cost this one."""
        with suppress(OSError):
            try:
                self._socket.send(datagram)
            except TimeoutError:
                raise
            except OSError:
                self._socket.send(datagram)


@contextmanager
def open_client(
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
    known: KnownBmcs = KNOWN,
) -> Iterator[BlockingClient]:
    """Log in to the BMC at `host`, hand out a `BlockingClient`, and close the session at the end, whatever the end is.

    Arguments and errors are those of `ipmi_lan.client.open_client`. Looking up a name takes as long as the resolver likes.
    """
    account = account_of(
        host, port, user, password, kg, privilege, lowest_privilege, by_name_only, suites, auth15, quirks, window,
        logs_in_again, accepts_forgeable_answers, keeps_alive=False,
    )  # fmt: skip
    deadline = monotonic() + timeout
    sock, address = _connect(host, port)
    with sock:
        now = monotonic()
        order = known.order(address, account.terms.suites, now)
        client = BlockingClient(Session(account.credentials, os.urandom, now, deadline, account.terms, order), sock)
        try:
            client._log_in()
            known.remember(address, client.peer.suite, monotonic())
            yield client
        finally:
            client._close()


def _connect(host: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
    """A socket connected to the BMC: the kernel passes only what comes from there, and reports refusals."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind, protocol)
    except UnicodeError:
        raise BadArgument(f"host '{host}': neither an address nor a name") from None
    except OSError as error:
        raise NoAnswer(f"looking up {host} ({error})", 0.0) from None
    try:
        sock.connect(address)
    except OSError as error:
        sock.close()
        raise NoAnswer(f"connecting a socket to {host} port {port} ({error})", 0.0) from None
    return sock, (str(address[0]), int(address[1]))
