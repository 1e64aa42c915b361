"""Commands on their way: which answer belongs to which, when to ask again, and when nobody will answer any more.

An answer is matched on NetFn, command and rqSeq, never on addresses: BMCs mix those up. A command that may not be repeated is
sent once; of any other, each sending keeps its rqSeq, and that number rests afterwards, for a second answer may come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ipmi_lan.command import Command
from ipmi_lan.commands.bridging import SEND_MESSAGE, MessageToSend
from ipmi_lan.errors import CommandRefused, IpmiError, Malformed, NoAnswer
from ipmi_lan.session import retry
from ipmi_lan.session.events import Answered, Failed
from ipmi_lan.session.numbering import RequestNumbers
from ipmi_lan.wire.codes import CompletionCode, meaning_of
from ipmi_lan.wire.message import BMC_ADDRESS, Request, Response, build_request, parse_response_untrusted

_OK, _MOST_LAYERS = 0, 2
_NEVER = float("inf")
_BUSY_CODES = frozenset((0xC0, 0xC3, 0xD0, 0xD1, 0xD2))
"""Node busy, time-out, SDR or firmware updating, starting up."""


class Waiting:
    """A command that waits for its answer, or for a place to be sent."""

    __slots__ = ("command", "deadline", "is_last_try", "number", "refusal", "sends", "sent_first", "started", "token", "wants")

    def __init__(self, token: int, command: Command[Any], now: float, deadline: float) -> None:
        self.token, self.command, self.started, self.deadline = token, command, now, deadline
        self.number = -1
        self.sent_first = now
        """When it was sent first, in this session."""
        self.sends = 0
        self.wants = _NEVER
        """When it is to be sent again."""
        self.refusal: CommandRefused | None = None
        """The BMC was too busy; that is the outcome unless it finds the time before the deadline."""
        self.is_last_try = False
        """It has been in a session that was lost already."""


class Exchange:
    """The commands of one session. `send` takes a LAN message and the time; `tell` an outcome and the time."""

    __slots__ = ("_first_wait", "_numbers", "_outstanding", "_queue", "_send", "_skips_checksums", "_tell", "_window", "dropped")

    def __init__(
        self,
        window: int,
        skips_checksums: bool,
        send: Callable[[bytes, float], None],
        tell: Callable[[Answered | Failed, float], None],
        dropped: Counter[str],
    ) -> None:
        """At most `window` commands are on their way at a time."""
        self._window, self._skips_checksums = window, skips_checksums
        self._send, self._tell, self.dropped = send, tell, dropped
        self._numbers = RequestNumbers()
        self._outstanding: dict[int, Waiting] = {}   # by rqSeq
        self._queue: list[Waiting] = []
        self._first_wait = retry.COMMAND_WAITS[0]

    @property
    def is_idle(self) -> bool:
        """Whether no command waits for anything."""
        return not self._outstanding and not self._queue

    def waiting(self) -> list[Waiting]:
        """Every command that has no outcome yet, in the order asked."""
        return [*self._outstanding.values(), *self._queue]

    def begin_anew(self) -> None:
        """Nothing is on its way under the keys from now on, or nobody cares for it: every rqSeq is free."""
        self._numbers = RequestNumbers()

    def add(self, waiting: Waiting, now: float, is_open: bool) -> None:
        """Send it, if the session is open and there is a place; else it queues."""
        has_place = is_open and not self._queue and len(self._outstanding) < self._window
        if not (has_place and self.send_at_once(waiting, now)):
            self._queue.append(waiting)

    def fill(self, now: float) -> None:
        """Send what queues, as far as there are places."""
        while self._queue and len(self._outstanding) < self._window and self.send_at_once(self._queue[0], now):
            del self._queue[0]

    def send_at_once(self, waiting: Waiting, now: float) -> bool:
        """Send past the queue; False where no rqSeq is free."""
        number = self._numbers.take(now)
        if number is None:
            return False
        waiting.number, waiting.sent_first = number, now
        self._outstanding[number] = waiting
        self.transmit(waiting, now)
        return True

    def transmit(self, waiting: Waiting, now: float) -> None:
        """Send, or send again."""
        sends = waiting.sends = waiting.sends + 1
        command = waiting.command
        if not command.is_repeatable:
            waiting.wants = _NEVER
        elif sends == 1:
            waiting.wants = now + self._first_wait
        else:
            waiting.wants = now + max(self._first_wait, retry.wait_of(retry.COMMAND_WAITS, sends))
        self._send(_message(command, waiting.number), now)

    def next_deadline(self, is_open: bool) -> float:
        """When `overdue` has something, or `fill` in a session that is open; or infinity."""
        due = _NEVER
        for waiting in self._outstanding.values():
            if waiting.wants < due:
                due = waiting.wants
            if waiting.deadline < due:
                due = waiting.deadline
        if self._queue:
            due = min(due, *(waiting.deadline for waiting in self._queue))
            if is_open and len(self._outstanding) < self._window:
                due = min(due, self._numbers.next_free_at())
        return due

    def overdue(self, now: float) -> list[Waiting]:
        """Those whose time to be sent again has come, after those whose deadline has passed got their outcome."""
        for waiting in self.waiting():
            if now >= waiting.deadline and self._has(waiting):     # one outcome may bring that of others with it
                silence = NoAnswer(waiting.command.name, now - waiting.started, waiting.sends > 0)
                self.finish(waiting, waiting.refusal or silence, now)
        return [waiting for waiting in self._outstanding.values() if now >= waiting.wants]

    def abandon(self, token: int, now: float) -> None:
        """Nobody waits for this command any more."""
        for waiting in self.waiting():
            if waiting.token == token:
                self._forget(waiting, now)

    def finish(self, waiting: Waiting, error: IpmiError, now: float) -> None:
        """Its outcome is `error`."""
        self._forget(waiting, now)
        self._tell(Failed(waiting.token, error), now)

    def suspend(self, now: float, may_return: bool, knows_peer: bool) -> list[Waiting]:
        """The session is gone: what was sent queues again, in its order. Returned are those for which there is no other try."""
        again = [waiting for waiting in self.waiting() if may_return and _may_be_sent_again(waiting, knows_peer)]
        lost = [waiting for waiting in self.waiting() if waiting not in again]
        for waiting in again:
            self._forget(waiting, now)
            waiting.is_last_try = waiting.is_last_try or waiting.sends > 0
            waiting.number, waiting.sends, waiting.wants = -1, 0, _NEVER
        self._queue = again
        return lost

    def receive_untrusted(self, message: bytes, now: float, layers: int = _MOST_LAYERS) -> bool:
        """The content of an authentic packet; whether it answered a command. At most `layers` more are taken out of it.

        Never raises.
        """
        try:
            response = parse_response_untrusted(message, not self._skips_checksums)
        except Malformed:
            self.dropped["malformed message"] += 1
            return False
        waiting = self._outstanding.get(response.sequence)
        if waiting is None:
            self.dropped["answer to nothing asked"] += 1
            return False
        return self._take(waiting, response, now, layers)

    # ── inside ────────────────────────────────────────────────────────────────

    def _has(self, waiting: Waiting) -> bool:
        return waiting in self._queue or self._outstanding.get(waiting.number) is waiting

    def _take(self, waiting: Waiting, response: Response, now: float, layers: int) -> bool:
        command = waiting.command
        code = response.completion_code
        if response.command != command.code or response.netfn != command.netfn:
            return self._take_bridged_untrusted(waiting, response, now, layers)
        if code != _OK and self._is_no_outcome(waiting, code, now):
            return False
        self._settle(waiting, now)
        self._tell(_outcome(waiting, response), now)
        return True

    def _take_bridged_untrusted(self, waiting: Waiting, response: Response, now: float, layers: int) -> bool:
        """The answer to Send Message: the BMC has passed the command on, or could not, or brings the answer in its data."""
        is_carrier = (response.netfn, response.command) == (SEND_MESSAGE.netfn, SEND_MESSAGE.code)
        if not is_carrier or not waiting.command.via or not layers:
            self.dropped["answer to nothing asked"] += 1
            return False
        if response.completion_code == _OK:
            return bool(response.data) and self.receive_untrusted(response.data, now, layers - 1)
        if not self._is_no_outcome(waiting, response.completion_code, now):
            self.finish(waiting, _refusal(SEND_MESSAGE.name, response.completion_code), now)
        return False

    def _is_no_outcome(self, waiting: Waiting, code: int, now: float) -> bool:
        """Whether this refusal means that the answer is still to come, or to be asked for again."""
        if code == CompletionCode.DUPLICATED_REQUEST:
            self.dropped["duplicate of ours noticed"] += 1
            return True
        if code in _BUSY_CODES and waiting.command.is_repeatable:
            waiting.refusal = _refusal(waiting.command.name, code)
            waiting.wants = now + retry.BUSY_WAIT
            return True
        return False

    def _settle(self, waiting: Waiting, now: float) -> None:
        """The answer is there. The first wait grows where answers come late, and shrinks again."""
        del self._outstanding[waiting.number]
        if waiting.sends == 1:
            self._numbers.give_back(waiting.number)
            if self._first_wait > retry.COMMAND_WAITS[0]:
                self._first_wait = max(retry.COMMAND_WAITS[0], 0.8 * self._first_wait)
        else:
            self._numbers.quarantine(waiting.number, now)
            if waiting.refusal is None:
                self._first_wait = min(retry.MOST_FIRST_WAIT, 2 * self._first_wait)

    def _forget(self, waiting: Waiting, now: float) -> None:
        if self._outstanding.pop(waiting.number, None) is not None:
            self._numbers.quarantine(waiting.number, now)
        elif waiting in self._queue:
            self._queue.remove(waiting)


def _may_be_sent_again(waiting: Waiting, knows_peer: bool) -> bool:
    """What may not be repeated goes along only if it never left, and only to a BMC that is known to be the same."""
    if waiting.command.is_repeatable:
        return waiting.sends == 0 or not waiting.is_last_try
    return waiting.sends == 0 and knows_peer


def _message(command: Command[Any], number: int) -> bytes:
    """The LAN message of `command`, wrapped in a Send Message for each hop."""
    hops = command.via
    if not hops:
        return build_request(Request(command.netfn, command.code, number, command.data))
    targets = (BMC_ADDRESS, *(hop.address for hop in hops))
    message = build_request(
        Request(command.netfn, command.code, number, command.data, to=targets[-1], sender=targets[-2])
    )
    for depth in reversed(range(len(hops))):
        carrier = SEND_MESSAGE(MessageToSend(hops[depth].channel, message))
        ends = {"to": targets[depth], "sender": targets[depth - 1]} if depth else {}
        message = build_request(Request(carrier.netfn, carrier.code, number, carrier.data, **ends))
    return message


def _outcome(waiting: Waiting, response: Response) -> Answered | Failed:
    if response.completion_code != _OK:
        return Failed(waiting.token, _refusal(waiting.command.name, response.completion_code))
    try:
        return Answered(waiting.token, waiting.command.reply.parse_untrusted(response.data))
    except Malformed as error:
        return Failed(waiting.token, error)


def _refusal(name: str, code: int) -> CommandRefused:
    return CommandRefused(name, code, meaning_of(code, CompletionCode))
