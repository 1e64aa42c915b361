from __future__ import annotations

import pytest

from ipmi_lan.session.activation import Activation
from ipmi_lan.session.attempt import Attempt
from ipmi_lan.session.states import ACTIVATION, AWAITED_PHASE, HANDSHAKE, PHASES, Happening, Phase, State, State15
from ipmi_lan.wire.codes import PayloadType

WAITING = set(State) - {State.ESTABLISHED, State.FAILED}
WAITING_15 = set(State15) - {State15.ESTABLISHED, State15.FAILED}


def test_every_handler_exists() -> None:
    assert all(callable(getattr(Attempt, move.handler)) for move in HANDSHAKE.values())
    assert all(callable(getattr(Activation, move.handler)) for move in ACTIVATION.values())


def test_every_waiting_state_awaits_one_thing_and_has_a_name() -> None:
    assert sorted(state.value for state, _ in HANDSHAKE) == sorted(state.value for state in WAITING)
    assert sorted(state.value for state, _ in ACTIVATION) == sorted(state.value for state in WAITING_15)
    assert set(AWAITED_PHASE) == WAITING | WAITING_15


@pytest.mark.parametrize("state", [State.ESTABLISHED, State.FAILED])
def test_an_end_is_an_end(state: State) -> None:
    assert not [arrival for where, arrival in HANDSHAKE if where is state]


@pytest.mark.parametrize("state", [State15.ESTABLISHED, State15.FAILED])
def test_an_end_is_an_end_in_1_5(state: State15) -> None:
    assert not [arrival for where, arrival in ACTIVATION if where is state]


def test_each_message_is_awaited_in_one_state_only() -> None:
    assert sorted(arrival for _, arrival in HANDSHAKE) == [
        PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4,
    ]  # fmt: skip
    assert len({arrival for _, arrival in ACTIVATION}) == len(ACTIVATION)


def test_every_move_goes_one_step_on_or_fails() -> None:
    for kind, table in ((State, HANDSHAKE), (State15, ACTIVATION)):
        order = list(kind)
        for (state, _), move in table.items():
            assert set(move.to) == {order[order.index(state) + 1], kind["FAILED"]}


def _reachable(start: Phase, without: frozenset[Happening] = frozenset()) -> set[Phase]:
    found, edge = {start}, [start]
    while edge:
        here = edge.pop()
        for (phase, happening), to in PHASES.items():
            if phase is here and to not in found and happening not in without:
                found.add(to)
                edge.append(to)
    return found


def test_every_phase_is_reached_and_every_one_can_be_closed() -> None:
    assert _reachable(Phase.LOGGING_IN) == set(Phase)
    assert all(Phase.CLOSED in _reachable(phase, frozenset((Happening.ENDED,))) for phase in Phase)
    assert {phase for phase, happening in PHASES if happening is Happening.CLOSE_ASKED} == set(Phase)
    assert {phase for phase, happening in PHASES if happening is Happening.ENDED} == set(Phase)


def test_out_of_closed_leads_nothing() -> None:
    assert _reachable(Phase.CLOSED) == {Phase.CLOSED}


def test_a_lost_session_opens_by_a_new_login_only() -> None:
    assert Phase.OPEN not in _reachable(Phase.LOST, frozenset((Happening.LOGGED_IN,)))
    assert Phase.OPEN not in _reachable(Phase.LOGGING_IN, frozenset((Happening.LOGGED_IN,)))
