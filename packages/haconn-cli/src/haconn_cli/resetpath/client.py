"""The reset path for programs on trio: `async with open_requester(...) as path: result = await path.reset("PSERVER2")`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import trio

from haconn_cli.config.model import KeyRing
from haconn_cli.resetpath.outcomes import Accepted, EventSeen, Failed, Finished, Outcome, PathStatus, Progress, Welcomed
from haconn_cli.resetpath.requester import PATIENCE, Requester
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import USUAL_BUDGET, Action, ResetResult, Role, Standing

MOST_EVENTS = 256
"""Events kept for a reader that is slow; later ones are lost, as on the way."""
_LARGEST_UDP = 65535
_AFTER_ERROR = 0.01   # seconds; a refused port must not turn the loop into a busy wait

OnProgress = Callable[[Accepted | Progress], None]


class NotAnswered(Exception):  # noqa: N818 - errors here are named for the fact
    """The connector gave no answer that can be used. Of a reset: take it for not done."""

    def __init__(self, failed: Failed) -> None:
        self.why = failed.why
        self.code = failed.code
        super().__init__(failed.why.value if failed.code is None else f"{failed.why.value} ({failed.code})")


class NoSocket(Exception):  # noqa: N818
    """The way to the connector could not be opened; the text says why."""


class Path:
    """One requester on its socket; made by `open_requester`."""

    def __init__(self, requester: Requester, socket: trio.socket.SocketType) -> None:
        self._requester = requester
        self._socket = socket
        self._changed = trio.Event()
        self._waiting: dict[bytes, trio.MemorySendChannel[Outcome]] = {}
        self._events, self.events = trio.open_memory_channel[EventSeen](MOST_EVENTS)
        """`events`: what the connector tells unasked, each once."""

    async def hello(self, patience: float = PATIENCE) -> Welcomed:
        """Make oneself known. Raises `NotAnswered`."""
        outcome = await self._outcome(self._requester.say_hello(trio.current_time(), patience))
        assert isinstance(outcome, Welcomed)
        return outcome

    async def check(self, patience: float = PATIENCE) -> PathStatus:
        """What the connector sees now. Raises `NotAnswered`."""
        outcome = await self._outcome(self._requester.check_path(trio.current_time(), patience))
        assert isinstance(outcome, PathStatus)
        return outcome

    async def reset(
        self,
        target: str,
        action: Action = Action.CYCLE,
        budget: float = USUAL_BUDGET,
        *,
        reason: str = "",
        force: bool = False,
        on_progress: OnProgress | None = None,
    ) -> ResetResult:
        """Reset a server and wait for the end, at most `budget` and a second; refusals are results too.

        Raises `NotAnswered`: then nothing is known; `BadValue` for a target that no server may be named. Only
        `result.code.is_success` is success.
        """
        now = trio.current_time()
        request = self._requester.request_reset(target, action, budget, now, reason=reason, force=force)
        outcome = await self._outcome(request, on_progress)
        assert isinstance(outcome, Finished)
        return outcome.result

    async def _outcome(self, request: bytes, on_progress: OnProgress | None = None) -> Outcome:
        """The last outcome of a request. Raises `NotAnswered`."""
        send, receive = trio.open_memory_channel[Outcome](float("inf"))   # bounded by the request's end
        self._waiting[request] = send
        self._changed.set()
        try:
            async for outcome in receive:
                if isinstance(outcome, Failed):
                    raise NotAnswered(outcome)
                if not isinstance(outcome, Accepted | Progress):
                    return outcome
                if on_progress is not None:
                    on_progress(outcome)
        finally:
            del self._waiting[request]
            self._requester.forget(request)
        raise AssertionError("a request always ends with an outcome")

    async def run(self) -> None:
        """Move datagrams until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive)
            nursery.start_soon(self._send)

    async def _receive(self) -> None:
        while True:
            try:
                data = await self._socket.recv(_LARGEST_UDP)
            except OSError:   # an ICMP error: anyone can send one, so it says nothing
                await trio.sleep(_AFTER_ERROR)
                continue
            self._requester.receive_datagram_untrusted(data, trio.current_time())
            self._changed.set()

    async def _send(self) -> None:
        while True:
            self._changed = trio.Event()
            self._requester.handle_deadline(trio.current_time())
            for datagram in self._requester.datagrams_to_send(trio.current_time()):
                with suppress(OSError):   # lost, as on the way
                    await self._socket.send(datagram)
            self._hand_out()
            deadline = self._requester.next_deadline()
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._changed.wait()

    def _hand_out(self) -> None:
        while (outcome := self._requester.next_event()) is not None:
            if isinstance(outcome, EventSeen):
                with suppress(trio.WouldBlock, trio.BrokenResourceError):
                    self._events.send_nowait(outcome)
            elif outcome.request in self._waiting:
                self._waiting[outcome.request].send_nowait(outcome)


async def _bind(socket: trio.socket.SocketType, address: str) -> None:
    """Raises `NoSocket`."""
    try:
        await socket.bind((address, 0))
    except OSError as error:
        raise NoSocket(f"{address} is no address to send from on this machine: {error.strerror}") from None


@asynccontextmanager
async def open_requester(
    keys: KeyRing,
    role: Role,
    name: str,
    connector: Address,
    *,
    digest: bytes,
    standing: Standing = Standing.ELSEWHERE,
    version: str = "",
    bind: str | None = None,
) -> AsyncIterator[Path]:
    """A requester of that role and name at one connector; `bind`: the local address to send from.

    Raises `NoSocket`, and `BadValue` for a name that no server may have.
    """
    requester = Requester(keys, role, name, connector, secrets.token_bytes, digest, standing=standing, version=version)
    family = trio.socket.AF_INET6 if ip_address(connector[0]).version == 6 else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as socket:
        if bind is not None:
            await _bind(socket, bind)
        try:
            await socket.connect(connector)
        except OSError as error:
            raise NoSocket(f"{connector[0]} port {connector[1]} cannot be reached: {error.strerror}") from None
        path = Path(requester, socket)
        failure: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(path.run)
            try:
                yield path
            except (Exception, KeyboardInterrupt) as error:   # leaves as itself, not in the nursery's group
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
