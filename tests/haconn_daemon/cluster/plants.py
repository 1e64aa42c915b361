"""Faults to be put into the product on purpose: what the judge of a history must find."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from haconn_cli.resetpath.vocabulary import ResetResult, ResultCode
from haconn_cli.resetpath.wire.messages import Result
from haconn_daemon.bmcs.bmc import Bmc
from haconn_daemon.fence.desk import Desk
from haconn_daemon.fence.plan import Plan
from haconn_daemon.fence.record import Record
from haconn_daemon.monitor.health import Change, Judge
from haconn_daemon.resetpath.answers import Answers
from haconn_daemon.resetpath.responder import Responder
from tests.haconn_daemon.cluster.history import ATTACKS, LIARS, RESETS, SILENCES, SPOILT, STEPS, Table

Plant = Callable[[Any], None]


def believes_an_acceptance(patch: Any) -> None:
    """The BMC took the command, so the server is off."""
    patch.setattr(Plan, "switch_accepted", lambda plan, *_: plan._finish(ResultCode.OFF_CONFIRMED, "accepted"))


def believes_one_reading(patch: Any) -> None:
    """Also of a BMC that was silent just now."""
    saw_power = Plan.saw_power

    def credulous(plan: Plan, is_on: bool, asked: float, now: float) -> None:
        saw_power(plan, is_on, asked, now)
        if not is_on:
            plan._finish(ResultCode.OFF_CONFIRMED, "seen off")

    patch.setattr(Plan, "saw_power", credulous)


def takes_silence_for_off(patch: Any) -> None:
    """Who does not answer has no power."""
    patch.setattr(Plan, "heard_nothing", lambda plan, *_: plan._finish(ResultCode.OFF_CONFIRMED, "silent"))


def switches_the_wrong_server(patch: Any) -> None:
    """The first BMC that comes to mind."""
    patch.setattr(Desk, "_bmcs", _FirstBmc(), raising=False)


def forgets_what_was_asked(patch: Any) -> None:
    """Each datagram is a new request."""
    patch.setattr(Answers, "find", lambda answers, key: None)


def believes_any_sender(patch: Any) -> None:
    """A code that is not right is right enough."""
    patch.setattr("haconn_cli.resetpath.seal.hmac", _NoCodes())


def answers_anew(patch: Any) -> None:
    """Who asks again may hear another result."""
    finished = Responder.finished

    def changing(responder: Responder, operation: bytes, result: Any, now: float) -> None:
        finished(responder, operation, result, now)
        for asked in list(responder._answers._asked.values()):
            if asked.operation == operation:
                asked.answer = Result.of(operation, ResetResult(ResultCode.TIMEOUT))

    patch.setattr(Responder, "finished", changing)


def calls_silence_a_power_off(patch: Any) -> None:
    """An alarm for every BMC that does not answer."""
    heard_nothing = Judge.heard_nothing

    def alarmed(judge: Judge, *words: Any) -> list[Change]:
        return [*heard_nothing(judge, *words), Change.POWER_OFF]

    patch.setattr(Judge, "heard_nothing", alarmed)


def tears_its_record(patch: Any) -> None:
    """Half a line, now and then."""
    join = Record.join

    def torn(record: Record, *words: Any) -> None:
        join(record, *words)
        with record._path.open("a") as file:
            file.write('{"operation": "')

    patch.setattr(Record, "join", torn)


class _NoCodes:
    """In the place of the module `hmac`."""

    def digest(self, *words: Any) -> bytes:
        return hmac.digest(*words)

    def compare_digest(self, one: bytes, other: bytes) -> bool:
        return True


class _FirstBmc:
    """In the place of a desk's BMCs: a descriptor, so that each desk keeps its own."""

    def __set__(self, desk: Desk, bmcs: Any) -> None:
        desk.__dict__["_right_bmcs"] = bmcs

    def __get__(self, desk: Desk, kind: type[Desk]) -> Any:
        bmcs: dict[str, Bmc] = desk.__dict__["_right_bmcs"]
        return dict.fromkeys(bmcs, next(iter(bmcs.values())))


PLANTS: dict[Plant, tuple[str, Table]] = {
    believes_an_acceptance: ("1", SPOILT),
    believes_one_reading: ("1", LIARS),
    takes_silence_for_off: ("1", SILENCES),
    switches_the_wrong_server: ("4", RESETS),
    forgets_what_was_asked: ("3", STEPS),
    believes_any_sender: ("4", ATTACKS),
    answers_anew: ("2", RESETS),
    calls_silence_a_power_off: ("5", SILENCES),
    tears_its_record: ("10", RESETS),
}
"""Each with the invariant that it breaks, and the kind of history in which it does so soon."""
