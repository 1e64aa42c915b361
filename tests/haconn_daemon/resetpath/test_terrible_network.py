"""Resets, path checks and events over a network that loses, repeats, delays, reorders and corrupts, on a virtual clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn_cli.resetpath.outcomes import (
    Accepted,
    EventSeen,
    Failed,
    Finished,
    PathStatus,
    Progress,
    Welcomed,
    Why,
)
from haconn_cli.resetpath.seal import Address
from haconn_cli.resetpath.vocabulary import Action, EventKind, ResetResult, ResultCode
from haconn_daemon.resetpath.arrivals import HelloSeen, ResultAcknowledged
from tests.haconn_cli.resetpath.cluster import MONITOR
from tests.haconn_daemon.resetpath.network import (
    OFF,
    STATUSES,
    Network,
    Weather,
    make_requester,
    make_responder,
)

SECOND: Address = ("192.168.0.2", 40002)
TERRIBLE = Weather(loss=0.2, repeat=0.3, corrupt=0.05, delay=0.001, slowest=0.7)


def void(_: object) -> None:
    """For a lambda that is to return nothing."""


def final(network: Network, address: Address) -> list[Finished | Failed]:
    return [outcome for outcome in network.outcomes[address] if isinstance(outcome, Finished | Failed)]


def test_in_good_weather_a_reset_is_accepted_followed_and_finished() -> None:
    network = Network(make_responder())
    requester = network.add(MONITOR, make_requester())
    request = requester.request_reset("PSERVER2", Action.OFF, 30, network.now, reason="failed")
    network.run(10)
    kinds = [type(outcome) for outcome in network.outcomes[MONITOR]]
    assert kinds == [Welcomed, Accepted, Progress, Progress, Finished]
    assert final(network, MONITOR) == [Finished(request, OFF)]
    (asked,) = network.asked()
    assert (asked.requester, asked.target, asked.action, asked.budget) == ("monitor PSERVER1", "PSERVER2", Action.OFF, 30)
    assert (asked.force, asked.reason) == (False, "failed")
    assert network.arrivals[0] == HelloSeen("PSERVER1", is_local=True, address=MONITOR, digest_differs=False)
    assert network.arrivals[-1] == ResultAcknowledged(asked.request)


def test_the_first_contact_takes_two_round_trips_and_the_next_check_one() -> None:
    network = Network(make_responder())
    requester = network.add(MONITOR, make_requester())
    requester.say_hello(network.now)
    network.run(1)
    assert len(network.captured) == 4
    requester.check_path(network.now)
    network.run(1)
    assert len(network.captured) == 6
    status = network.outcomes[MONITOR][-1]
    assert isinstance(status, PathStatus)
    assert (status.servers, status.digest_differs) == (STATUSES, False)


def test_after_an_hour_of_silence_one_round_trip_more() -> None:
    network = Network(make_responder())
    requester = network.add(MONITOR, make_requester())
    requester.say_hello(network.now)
    network.run(3600)
    sent = len(network.captured)
    requester.check_path(network.now)
    network.run(1)
    assert len(network.captured) - sent == 4
    assert isinstance(network.outcomes[MONITOR][-1], PathStatus)


@pytest.mark.shows("R3")
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_exactly_one_final_answer_in_any_weather(seed: int) -> None:
    """Two hosts ask for the same target; each has one final answer, a success only if the operation was one."""
    network = Network(make_responder(seed), TERRIBLE, seed)
    first, second = network.add(MONITOR, make_requester(seed + 1)), network.add(SECOND, make_requester(seed + 2, "PSERVER3"))
    first.request_reset("PSERVER2", Action.OFF, 30, network.now)
    network.at(network.now + 0.5, lambda: void(second.request_reset("PSERVER2", Action.OFF, 30, network.now)))
    network.run(80)
    for address in (MONITOR, SECOND):
        (outcome,) = final(network, address)
        assert outcome == Finished(outcome.request, OFF) or isinstance(outcome, Failed), f"seed {seed}"
    assert len(network.asked()) == len({asked.request for asked in network.asked()}) <= 2, f"seed {seed}"


def test_at_20_percent_loss_nearly_every_reset_succeeds() -> None:
    succeeded = 0
    for seed in range(100):
        network = Network(make_responder(seed), TERRIBLE, seed)
        network.add(MONITOR, make_requester(seed + 1)).request_reset("PSERVER2", Action.OFF, 30, network.now)
        network.run(40)
        succeeded += isinstance(final(network, MONITOR)[0], Finished)
    assert succeeded >= 99


@pytest.mark.parametrize("number", range(12))
def test_any_one_datagram_lost_changes_nothing_but_the_time(number: int) -> None:
    network = Network(make_responder())
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER2", Action.OFF, 30, network.now)
    carry = network._carry

    def lossy(captured: object) -> None:
        if len(network.captured) == number:
            network.captured.append(captured)  # type: ignore[arg-type]
        else:
            carry(captured)  # type: ignore[arg-type]

    network._carry = lossy  # type: ignore[method-assign]
    network.run(40)
    assert final(network, MONITOR) == [Finished(request, OFF)]
    assert len(network.asked()) == 1
    assert network.arrivals[-1] == ResultAcknowledged(network.asked()[0].request)


@pytest.mark.shows("R3")
@pytest.mark.parametrize("loss", [1.0])
def test_silence_is_a_failure_one_second_after_the_budget(loss: float) -> None:
    network = Network(make_responder(), Weather(loss=loss))
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER2", Action.OFF, 5, network.now)
    network.run(5.9)
    assert final(network, MONITOR) == []
    network.run(0.2)
    assert final(network, MONITOR) == [Failed(request, Why.NO_ANSWER)]


def test_a_result_after_the_deadline_is_acknowledged_and_not_believed() -> None:
    network = Network(make_responder(), duration=10)
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER2", Action.OFF, 5, network.now)
    network.run(20)
    assert final(network, MONITOR) == [Failed(request, Why.NO_ANSWER)]
    assert isinstance(network.arrivals[-1], ResultAcknowledged)


def test_an_event_is_repeated_until_acknowledged_and_told_once() -> None:
    network = Network(make_responder())
    requester = network.add(MONITOR, make_requester())
    requester.say_hello(network.now)
    network.run(1)
    network.weather = Weather(loss=1.0)
    network.responder.announce(EventKind.POWER_OFF, "PSERVER2", network.now)
    network.run(1)
    network.weather = Weather()
    network.run(20)
    seen = [outcome for outcome in network.outcomes[MONITOR] if isinstance(outcome, EventSeen)]
    assert [(event.kind, event.server) for event in seen] == [(EventKind.POWER_OFF, "PSERVER2")]
    assert network.responder.next_deadline() is None


def test_an_event_that_nobody_acknowledges_is_sent_six_times() -> None:
    network = Network(make_responder())
    network.add(MONITOR, make_requester()).say_hello(network.now)
    network.run(1)
    sent, network.weather = len(network.captured), Weather(loss=1.0)
    network.responder.announce(EventKind.POWER_OFF, "PSERVER2", network.now)
    network.run(30)
    assert len(network.captured) - sent == 6


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_event_is_told_at_most_once_in_any_weather(seed: int) -> None:
    network = Network(make_responder(seed), seed=seed)
    network.add(MONITOR, make_requester(seed + 1)).say_hello(network.now)
    network.run(1)
    network.weather = TERRIBLE
    network.responder.announce(EventKind.POWER_ON, "PSERVER4", network.now)
    network.run(30)
    assert len([outcome for outcome in network.outcomes[MONITOR] if isinstance(outcome, EventSeen)]) <= 1


@pytest.mark.shows("R3")
def test_a_connector_that_restarts_answers_what_its_record_says_and_begins_nothing() -> None:
    network = Network(make_responder(1), duration=10)
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER2", Action.OFF, 30, network.now)
    network.run(3)
    (asked,) = network.asked()
    network.restart(make_responder(99))
    interrupted = ResetResult(ResultCode.INTERRUPTED)
    network.responder.restore(asked.request, bytes(16), interrupted, network.now)
    network.run(30)
    assert final(network, MONITOR) == [Finished(request, interrupted)]
    assert len(network.asked()) == 1


def test_a_connector_that_restarts_without_its_record_begins_nothing_either() -> None:
    network = Network(make_responder(1), duration=10)
    request = network.add(MONITOR, make_requester()).request_reset("PSERVER2", Action.OFF, 30, network.now)
    network.run(3)
    network.restart(make_responder(99))
    network.run(30)
    assert final(network, MONITOR) == [Finished(request, ResetResult(ResultCode.UNKNOWN_REQUEST))]
    assert len(network.asked()) == 1


@pytest.mark.shows("M4")
def test_a_path_check_survives_a_restart_of_the_connector() -> None:
    network = Network(make_responder(1))
    requester = network.add(MONITOR, make_requester())
    requester.check_path(network.now)
    network.run(1)
    network.restart(make_responder(99))
    requester.check_path(network.now)
    network.run(1)
    assert [type(outcome) for outcome in network.outcomes[MONITOR]] == [Welcomed, PathStatus, Welcomed, PathStatus]
