"""Refusals are answers like others: a request that was refused stays refused."""

from __future__ import annotations

from dataclasses import replace

from haconn_cli.config.model import BmcAddress, Servers
from haconn_cli.resetpath.vocabulary import Action, ResultCode
from haconn_cli.resetpath.wire import messages as m
from haconn_daemon.resetpath.arrivals import RequestKey, ResetAsked
from tests.haconn_cli.resetpath.cluster import SERVERS
from tests.haconn_daemon.resetpath.network import OFF, make_responder
from tests.haconn_daemon.resetpath.test_responder import MONITOR_ID, OPERATION, Hand, events


def test_what_was_refused_is_not_begun_by_a_late_copy() -> None:
    """The list of servers was changed meanwhile; who asked has its answer, and may have done something else since."""
    hand = Hand(make_responder())
    events(hand.responder)
    unknown = m.ResetRequest("PSERVER9", Action.OFF, 30)
    assert hand.ask(unknown, b"1" * 16) == [m.Refused(ResultCode.UNKNOWN_TARGET)]
    more = (*SERVERS.servers, replace(SERVERS.servers[0], name="PSERVER9", bmc=BmcAddress("192.168.9.9")))
    hand.responder.replace_servers(Servers(more, SERVERS.default_account))
    assert hand.ask(unknown, b"1" * 16) == [m.Refused(ResultCode.UNKNOWN_TARGET)]
    assert events(hand.responder) == []
    assert hand.ask(unknown, b"2" * 16) == []
    assert [type(event) for event in events(hand.responder)] == [ResetAsked]


def test_what_was_done_in_an_earlier_life_counts_more_than_a_refusal() -> None:
    hand = Hand(make_responder())
    key = RequestKey(MONITOR_ID, b"1" * 16)
    assert hand.ask(m.ResetRequest("PSERVER9", Action.OFF, 30), key.request) == [m.Refused(ResultCode.UNKNOWN_TARGET)]
    hand.responder.restore(key, OPERATION, OFF, 0.0)
    assert hand.ask(m.ResultQuery(), key.request) == [m.Result.of(OPERATION, OFF)]
