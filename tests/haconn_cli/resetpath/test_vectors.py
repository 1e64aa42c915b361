"""One known datagram of each type, as bytes in the tree; a second implementation is their witness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haconn_cli.config.model import Key, KeyRing
from haconn_cli.resetpath import vocabulary as v
from haconn_cli.resetpath.seal import Rejected, Seal, connector_name, participant_id
from haconn_cli.resetpath.wire import messages as m
from tests.haconn_cli.resetpath import independent as other

VECTORS: dict[str, str] = json.loads((Path(__file__).parent / "vectors.json").read_text())
KEYS = KeyRing(other.CLUSTER, (Key(7, other.SECRET),))
_STATUSES = (
    v.ServerStatus("PSERVER1", v.Link.OK, v.Status.MONITORING, reset_capable=True, proof_age=0.25),
    v.ServerStatus("PSERVER2", v.Link.NG, v.Status.NOT_YET, reset_capable=False, proof_age=None),
)
_EVIDENCE = v.Evidence(
    (v.Reading(0.1, power_is_on=True), v.Reading(1.5, power_is_on=False)),
    bytes(range(16)),
    17,
    ("power off at 0.012 s: accepted",),
    "seen off twice",
)
MESSAGES: dict[str, m.Message] = {
    "HELLO": m.Hello("PSERVER1", v.Standing.LOCAL, "1.0", other.DIGEST, other.NONCE),
    "WELCOME": m.Welcome(other.NONCE, "PSERVER1", "0.1.0", other.DIGEST),
    "CHALLENGE": m.Challenge(other.NONCE),
    "REFUSED": m.Refused(v.ResultCode.BUSY, 1.0),
    "VERSION": m.MyVersion(),
    "PATH_CHECK": m.PathCheck(),
    "PATH_STATUS": m.PathStatus(other.NONCE, other.DIGEST, _STATUSES),
    "RESET_REQUEST": m.ResetRequest("PSERVER2", v.Action.CYCLE, 60, force=True, reason="failed"),
    "RESET_ACCEPTED": m.Accepted(other.OPERATION, joined=True),
    "RESET_PROGRESS": m.Progress(other.OPERATION, v.Phase.CONFIRMING_OFF, 3),
    "RESET_RESULT": m.Result(other.OPERATION, v.ResultCode.CYCLED_CONFIRMED, back_on=True, evidence=_EVIDENCE),
    "RESULT_ACK": m.ResultAck(),
    "RESULT_QUERY": m.ResultQuery(),
    "EVENT": m.Event(v.EventKind.POWER_OFF, "PSERVER2"),
    "EVENT_ACK": m.EventAck(),
    "INTENT": m.Intent("PSERVER2", "PSERVER1", 7, other.OPERATION),
    "PRESENCE": m.Presence(other.DIGEST, "PSERVER1", "0.1.0"),
    "PROVE": m.Prove(),
    "PROOF": m.Proof(),
}


def test_there_is_one_for_each_type() -> None:
    assert list(VECTORS) == [kind.name for kind in m.Type] == list(MESSAGES)


def test_the_witness_agrees() -> None:
    assert other.vectors() == VECTORS


def test_ids_are_those_of_the_witness() -> None:
    assert participant_id(KEYS.cluster, v.Role.MONITOR, "PSERVER1") == other.MONITOR
    assert participant_id(KEYS.cluster, v.Role.CONNECTOR, connector_name("192.168.0.1", 30000)) == other.CONNECTOR


@pytest.mark.parametrize("name", VECTORS)
def test_built_and_sealed_it_is_the_vector(name: str) -> None:
    _, _, from_connector, reply = other.BODIES[name]
    sender, receiver = (other.CONNECTOR, other.MONITOR) if from_connector else (other.MONITOR, other.CONNECTOR)
    sealed = Seal(KEYS, sender, other.EPOCH).seal(receiver, MESSAGES[name], other.REQUEST, other.HEADER_CHALLENGE, reply=reply)
    assert sealed.hex() == VECTORS[name]


@pytest.mark.parametrize("name", VECTORS)
def test_unsealed_and_parsed_it_is_the_message(name: str) -> None:
    own, sender = (other.MONITOR, other.CONNECTOR) if other.BODIES[name][2] else (other.CONNECTOR, other.MONITOR)
    frame = Seal(KEYS, own, bytes(8)).unseal_untrusted(bytes.fromhex(VECTORS[name]), (sender,))
    assert m.parse_body_untrusted(frame.type, frame.body) == MESSAGES[name]
    assert (frame.epoch, frame.sequence, frame.request) == (other.EPOCH, 1, other.REQUEST)
    assert frame.challenge == other.HEADER_CHALLENGE


@pytest.mark.parametrize("name", VECTORS)
def test_every_single_flipped_bit_is_rejected(name: str) -> None:
    """Of every type, header, body and tag; also those bits that make it another version's."""
    own, sender = (other.MONITOR, other.CONNECTOR) if other.BODIES[name][2] else (other.CONNECTOR, other.MONITOR)
    receiver, datagram = Seal(KEYS, own, bytes(8)), bytes.fromhex(VECTORS[name])
    for bit in range(8 * len(datagram)):
        changed = bytearray(datagram)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Rejected) as caught:
            receiver.unseal_untrusted(bytes(changed), (sender,))
        assert caught.value.reason != "version"
