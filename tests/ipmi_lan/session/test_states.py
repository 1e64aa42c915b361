from __future__ import annotations

import pytest

from ipmi_lan.session.opening import Opening
from ipmi_lan.session.states import AWAITED_PHASE, TABLE, State, Timer
from ipmi_lan.wire.codes import PayloadType

WAITING = set(State) - {State.ESTABLISHED, State.FAILED}


def test_every_handler_exists() -> None:
    assert all(callable(getattr(Opening, handler)) for handler in TABLE.values())


def test_every_waiting_state_has_a_timer_and_a_name() -> None:
    assert {state for state, arrival in TABLE if arrival is Timer.EXPIRED} == WAITING
    assert set(AWAITED_PHASE) == WAITING


@pytest.mark.parametrize("state", [State.ESTABLISHED, State.FAILED])
def test_an_end_is_an_end(state: State) -> None:
    assert not [arrival for where, arrival in TABLE if where is state]


def test_each_message_is_awaited_in_one_state_only() -> None:
    messages = [arrival for _, arrival in TABLE if isinstance(arrival, PayloadType)]
    assert sorted(messages) == [PayloadType.OPEN_SESSION_RESPONSE, PayloadType.RAKP_2, PayloadType.RAKP_4]
