"""The targets find what they are for: with a fault planted, seeds and a few thousand mutations are enough."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ipmi_lan.transport.device import Arrival
from ipmi_lan.wire.message import Response, parse_response_untrusted
from tests.fuzz.corpus import seeds_of
from tests.fuzz.finding import Broken
from tests.fuzz.mutations import mutations
from tests.fuzz.targets import TARGETS

_MOST = 20_000


def _nothing(*arguments: Any) -> None:
    """Verifies whatever it is given."""


def _always(*arguments: Any) -> bool:
    return True


def _beyond_the_room(octets: bytes, room: bytes) -> Arrival:
    return Arrival(1, 1, 0x07, 0x37, room + b"!")


def _without_check(message: bytes, checks: bool = True) -> Response:
    return parse_response_untrusted(message, checks=False)


_ADMINISTRATOR = property(lambda scene: 4)
_PLANTED: list[tuple[str, str, object]] = [
    ("sealing", "ipmi_lan.crypto.sealing.verify_code", _nothing),
    ("sealing15", "ipmi_lan.crypto.auth15.verify_code", _nothing),
    ("session-open", "ipmi_lan.crypto.sealing.verify_code", _nothing),
    ("session-rakp-2", "ipmi_lan.session.attempt.verify_code", _nothing),
    ("session-rakp-4", "ipmi_lan.session.attempt.verify_code", _nothing),
    ("session-raising", "ipmi_lan.crypto.sealing.verify_code", _nothing),
    ("session15-login", "ipmi_lan.session.activation.verify_code", _nothing),
    ("session15-open", "ipmi_lan.crypto.auth15.verify_code", _nothing),
    ("attempt", "ipmi_lan.session.attempt.verify_code", _nothing),
    ("simulator-login", "ipmi_lan.simulator.login.verify_code", _nothing),
    ("simulator-session", "ipmi_lan.crypto.sealing.verify_code", _nothing),
    ("simulator-authentic", "ipmi_lan.simulator.table.Scene.privilege", _ADMINISTRATOR),
    ("sel-records", "tests.fuzz.local.build_event", _nothing),
    ("local-device", "ipmi_lan.transport.local.parse_arrival_untrusted", _beyond_the_room),
    ("message", "tests.fuzz.wire.parse_response_untrusted", _without_check),
    ("resetpath-seal", "haconn_cli.resetpath.seal.hmac.compare_digest", _always),
    ("resetpath-requester", "haconn_cli.resetpath.seal.hmac.compare_digest", _always),
    ("resetpath-responder", "haconn_cli.resetpath.seal.hmac.compare_digest", _always),
]


@pytest.mark.parametrize(("name", "place", "fault"), _PLANTED, ids=[row[0] for row in _PLANTED])
def test_a_planted_fault_is_found(name: str, place: str, fault: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = seeds_of(name)
    monkeypatch.setattr(place, fault)
    with pytest.raises(Broken):
        _play(name, seeds)


def _play(name: str, seeds: list[bytes]) -> None:
    for data in mutations(seeds, _MOST, random.Random(1)):
        TARGETS[name].run(data)
