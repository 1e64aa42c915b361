"""What arrives on the reset path and what it leads to: a reset is ordered at the desk, a hello is remembered and told."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from haconn_cli.resetpath.vocabulary import SHORTEST_BUDGET, EventKind, Evidence, ResetResult, ResultCode
from haconn_daemon.fence.desk import Admitted, Desk
from haconn_daemon.fence.operation import Order
from haconn_daemon.fence.record import Past
from haconn_daemon.logs.journal import Journal
from haconn_daemon.resetpath.arrivals import (
    Arrival,
    ConnectorSeen,
    EventHeard,
    HelloSeen,
    IntentHeard,
    OtherVersionSeen,
    RequestKey,
    ResetAsked,
    ResultAcknowledged,
    SegmentSeen,
    ServersDiffer,
    VersionsDiffer,
)
from haconn_daemon.resetpath.endpoint import Endpoint
from haconn_daemon.resetpath.responder import Responder
from haconn_daemon.standing.standing import Standing

_LATE = ResetResult(ResultCode.TIMEOUT, evidence=Evidence(detail="the reset goes on for somebody who has more time"))
_LAST_MOMENT = 0.5
"""Seconds after its budget in which the operation's own answer may still come: the disk has 0.4 s to keep it."""


class Reception:
    """Takes the arrivals one by one."""

    def __init__(
        self,
        journal: Journal,
        responder: Responder,
        endpoint: Endpoint,
        desk: Desk,
        standing: Standing,
        look_now: Callable[[str], None],
    ) -> None:
        """`look_now` has a server's BMC read at once."""
        self._journal, self._responder, self._endpoint, self._desk = journal, responder, endpoint, desk
        self._standing, self._look_now = standing, look_now

    async def run(self, arrivals: trio.MemoryReceiveChannel[Arrival]) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            async for arrival in arrivals:
                self._take(arrival, nursery)

    def _take(self, arrival: Arrival, nursery: trio.Nursery) -> None:
        match arrival:
            case ResetAsked():
                nursery.start_soon(self._admit, arrival)
            case HelloSeen():
                self._note_hello(arrival)
            case OtherVersionSeen(name, version, address):
                self._journal.event("other_protocol_version", logging.WARNING, name=name, version=version, address=address[0])
            case ResultAcknowledged(request):
                self._journal.event("result_acknowledged", request=request.request.hex())
            case SegmentSeen(complaints):
                name, level = ("segment_unclear", logging.WARNING) if complaints else ("segment_right", logging.INFO)
                self._journal.event(name, level, why="; ".join(complaints))
            case IntentHeard() | EventHeard() | ConnectorSeen() | ServersDiffer() | VersionsDiffer():
                self._take_of_connectors(arrival)

    def _take_of_connectors(self, arrival: IntentHeard | EventHeard | ConnectorSeen | ServersDiffer | VersionsDiffer) -> None:
        """What another connector says or is."""
        event = self._journal.event
        match arrival:
            case IntentHeard(sender, target, requester, priority, operation):
                # What was committed in one reset says nothing of the sender's next one.
                self._desk.heard_intent(target, requester, priority, (sender, operation), trio.current_time())
                event(
                    "intent_heard", logging.WARNING, connector=sender, target=target, requester=requester, priority=priority,
                    operation=operation.hex(),
                )   # fmt: skip
            case EventHeard(sender, kind, server):
                event("event_heard", connector=sender, kind=kind.name, server=server)
                if kind is EventKind.POWER_OFF:
                    self._look_now(server)
            case ConnectorSeen(address, own_server, version):
                event("connector_seen", connector=address[0], own_server=own_server, version=version)
            case ServersDiffer(address, differ, what):
                name, level = ("configurations_differ", logging.WARNING) if differ else ("configurations_agree", logging.INFO)
                event(name, level, connector=address[0], what=what)
            case VersionsDiffer(address, version, differ):
                name, level = ("protocols_differ", logging.WARNING) if differ else ("protocols_agree", logging.INFO)
                event(name, level, connector=address[0], version=version)

    async def _admit(self, asked: ResetAsked) -> None:
        deadline = trio.current_time() + asked.budget
        ticket = f"{asked.request.sender.hex()}:{asked.request.request.hex()}"
        order = Order(asked.target, asked.action, asked.budget, asked.requester, asked.reason, ticket, asked.force)
        self._journal.event(
            "reset_asked",
            logging.WARNING,
            target=order.target,
            action=order.action.name,
            requester=order.requester,
            budget=order.budget,
            reason=order.reason,
            force=order.force,
        )
        admission = await self._desk.admit(order)
        now = trio.current_time()
        if isinstance(admission, ResultCode):
            self._responder.refused(asked.request, admission, now)
            self._journal.event("reset_refused", logging.WARNING, target=order.target, code=admission.name)
        else:
            self._responder.accepted(asked.request, admission.operation, admission.joined, now)
            self._journal.event("reset_accepted", operation=admission.operation.hex(), joined=admission.joined)
        self._endpoint.wake()
        if isinstance(admission, Admitted):
            if not admission.joined:
                deadline += _LAST_MOMENT + max(SHORTEST_BUDGET - asked.budget, 0.0)
            await self._answer_in_time(asked, admission.operation, ticket, deadline)

    async def _answer_in_time(self, asked: ResetAsked, operation: bytes, ticket: str, deadline: float) -> None:
        """Who has less time than the operation, which is that of whoever has most, is answered in it and keeps that answer."""
        await trio.sleep_until(deadline)
        if self._responder.leave(asked.request):
            await self._desk.leave(operation, ticket)
            self._responder.finished_for(asked.request, operation, _LATE, trio.current_time())
            self._endpoint.wake()

    def _note_hello(self, hello: HelloSeen) -> None:
        self._journal.event("hello", name=hello.name, local=hello.is_local, address=hello.address[0])
        if hello.is_local:
            self._standing.heard(hello.name)
        if hello.digest_differs:
            self._journal.event("configurations_differ", logging.WARNING, name=hello.name, address=hello.address[0])

    def restore(self, past: list[Past]) -> None:
        """Take up the resets of earlier lives: their requesters still get the answer."""
        for reset in past:
            if reset.was_cut_short:
                self._journal.event("reset_interrupted", logging.ERROR, operation=reset.operation.hex(), target=reset.target)
            for ticket in reset.tickets:
                if (request := _request(ticket)) is not None:
                    result = _LATE if ticket in reset.left else reset.result
                    self._responder.restore(request, reset.operation, result, trio.current_time())


def _request(ticket: str) -> RequestKey | None:
    try:
        sender, request = (bytes.fromhex(part) for part in ticket.split(":"))
    except ValueError:
        return None
    return RequestKey(sender, request)
