"""A connector's side of the reset path, sans-IO: who is heard, what is answered, and that a request counts once.

`now` is a monotonic clock's reading in seconds; `randomness` gives that many unpredictable bytes. Path checks are answered on
the spot from what `status` already knows. A reset request becomes one `ResetAsked`; the rest of the daemon answers it with
`accepted` or `refused`, then `progress`, and once `finished`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Sequence
from typing import Any

from haconn_cli.config.model import KeyRing, Servers
from haconn_cli.resetpath.seal import (
    Address,
    Challenges,
    OtherVersion,
    Randomness,
    Rejected,
    Seal,
    connector_name,
    participant_id,
)
from haconn_cli.resetpath.vocabulary import EventKind, ResultCode, Role, ServerStatus, Standing
from haconn_cli.resetpath.wire import messages
from haconn_cli.resetpath.wire.frame import (
    EPOCH_SIZE,
    FLAG_REPLY,
    NO_CHALLENGE,
    REQUEST_SIZE,
    SENDER,
    SMALLEST,
    Frame,
    Malformed,
)
from haconn_cli.resetpath.wire.messages import CHALLENGE_DATAGRAM, Message, Type, parse_body_untrusted
from haconn_daemon.resetpath.arrivals import Arrival, HelloSeen, OtherVersionSeen, SegmentSeen
from haconn_daemon.resetpath.keys import KeysHeard
from haconn_daemon.resetpath.neighbours import Neighbours, Ours
from haconn_daemon.resetpath.notices import EVENT_WAITS
from haconn_daemon.resetpath.peers import Allowance, Peer, Peers, participants
from haconn_daemon.resetpath.resets import Resets
from haconn_daemon.resetpath.segment import Segment

_MOST_REMEMBERED = 256
_ACKNOWLEDGEMENTS = (Type.RESULT_ACK, Type.EVENT_ACK)
_REQUESTS = (Type.HELLO, Type.PATH_CHECK, Type.RESET_REQUEST, Type.RESULT_QUERY)


class Responder(Resets):
    """One life of the connector at that reset-path address."""

    def __init__(
        self,
        keys: KeyRing,
        address: Address,
        servers: Servers,
        randomness: Randomness,
        status: Callable[[float], Sequence[ServerStatus]],
        *,
        own_servers: Callable[[], Sequence[str]] = tuple,
        version: str = "",
        segment: Segment | None = None,
        arbitrates: bool = True,
    ) -> None:
        """`own_servers`: those taken for the server that we stand on. Without `segment` there are no other connectors.

        `arbitrates`: whether a reset is announced to them and may be given up for another; they should agree on that.
        """
        super().__init__(servers)
        self._randomness = randomness
        self._address = address
        self._digest, self._arbitrates = servers.digest(), arbitrates
        self._status = status
        self._version = version
        self._own_servers = own_servers
        self._other_versions: set[tuple[bytes, int]] = set()
        self._cluster = keys.cluster
        self._participants = participants(keys.cluster, servers)
        own_id = participant_id(keys.cluster, Role.CONNECTOR, connector_name(*address))
        self._seal = Seal(keys, own_id, randomness(EPOCH_SIZE), is_connector=True)
        self.keys = keys
        """Those that are accepted; the first one is sent with by ourselves, and in answers the one that was asked with."""
        self.keys_heard = KeysHeard()
        self._challenges = Challenges(randomness)
        self._peers = Peers()
        self._allowance = Allowance()
        self._out: deque[tuple[bytes, Address]] = deque(maxlen=4096)
        self.dropped: Counter[str] = Counter()
        """Datagrams that had no effect, by reason."""
        self.path_checks: Counter[str] = Counter()
        """Path checks answered, by who asked."""
        self._heard_from: dict[Address, None] = {}
        self._neighbours = None
        if segment is not None:
            ours = Ours(self._seal, randomness, self._presence, self._out, self._arrivals, self.dropped, self.keys_heard)
            self._neighbours = Neighbours(keys.cluster, segment, servers, ours, arbitrates)

    def replace_servers(self, servers: Servers, arbitrates: bool = True) -> None:
        """Another list of servers from now on. Requests that were accepted keep their answers; who is gone is heard no more."""
        self._servers, self._digest, self._arbitrates = servers, servers.digest(), arbitrates
        self._participants = participants(self._cluster, servers)
        if self._neighbours is not None:
            self._neighbours.replace_servers(servers, arbitrates)

    def notes(self, now: float) -> tuple[str, ...]:
        """What a person should know of the other connectors, a line each."""
        return () if self._neighbours is None else tuple(self._neighbours.notes(now))

    def note_segment(self, complaints: tuple[str, ...]) -> None:
        """What is wrong with the segment on this host, for the daemon; empty: nothing any more."""
        self._arrivals.append(SegmentSeen(complaints))

    def is_known(self, address: Address) -> bool:
        """Whether somebody who is believed sends from there. Anybody can write that address on a datagram, too."""
        return address in self._heard_from or (self._neighbours is not None and self._neighbours.is_known(address))

    def replace_keys(self, keys: KeyRing) -> None:
        """Other keys of the same cluster from now on; nobody has to say hello anew."""
        self.keys = keys
        self._seal.replace_keys(keys)

    # Time and output.

    def next_deadline(self) -> float | None:
        """When `handle_deadline` has something to do next."""
        deadline = self._notices.next_deadline()
        if self._neighbours is None:
            return deadline
        ours = self._neighbours.next_deadline()
        return ours if deadline is None else min(ours, deadline)

    def handle_deadline(self, now: float) -> None:
        """Send again what nobody acknowledged, and what is to be announced to the other connectors."""
        if self._neighbours is not None:
            self._neighbours.handle_deadline(now)
        for notice in self._notices.take_due(now):
            self._send(notice.peer, notice.message, notice.request)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        """What is due now, and where to."""
        self.handle_deadline(now)
        due = list(self._out)
        self._out.clear()
        return due

    def next_event(self) -> Arrival | None:
        """The next thing that the daemon should know, in order."""
        return self._arrivals.popleft() if self._arrivals else None

    def _send(self, peer: Peer, message: Message, request: bytes) -> None:
        is_reply = not isinstance(message, messages.Event)
        datagram = self._seal.seal(peer.sender, message, request, peer.challenge, reply=is_reply, key_id=peer.key)
        self._out.append((datagram, peer.address))

    def _answer_frame(self, frame: Frame, message: Message, challenge: bytes, address: Address) -> None:
        datagram = self._seal.seal(frame.sender, message, frame.request, challenge, reply=True, key_id=frame.key_id)
        self._out.append((datagram, address))

    # What the daemon says.

    def announce(self, kind: EventKind, server: str, now: float) -> None:
        """Tell every HA Monitor heard of lately until it says that it knows, and the other connectors once."""
        message = messages.Event(kind, server)
        for peer in self._peers.listeners(now):   # an id for each: guests that share a name acknowledge for themselves
            if peer.sender in self._participants:
                self._notices.add(peer, message, self._randomness(REQUEST_SIZE), EVENT_WAITS, now)
        if self._neighbours is not None:
            self._neighbours.announce(message, now)

    def announce_intent(self, target: str, requester: str, priority: int, operation: bytes, now: float) -> None:
        """Tell the other connectors, three times within 0.14 s, that `target` is about to be reset.

        `requester`: the server on whose side we shoot, with its `priority`, 0 to 255; `operation`: 16 bytes.
        """
        if self._neighbours is not None:
            self._neighbours.announce(messages.Intent(target, requester, priority, operation), now)

    def _presence(self) -> messages.Presence:
        return messages.Presence(self._servers.digest(arbitrates=self._arbitrates), self._own_server(), self._version)

    def _own_server(self, *claimed: str) -> str:
        """The server that we stand on, `claimed` counted in; empty where none or more than one is taken for it."""
        own = {*self._own_servers(), *claimed}
        return own.pop() if len(own) == 1 else ""

    # What arrives.

    def receive_datagram_untrusted(self, data: bytes, address: Address, now: float) -> None:
        """Take in what arrived. What is not genuine and for us is counted in `dropped` and never answered."""
        if address == self._address:   # our own broadcast, which comes back
            return
        connector = self._neighbours.id_at(address) if self._neighbours is not None else None
        is_connector = connector is not None and data[SENDER] == connector
        senders: Container[bytes] = (data[SENDER],) if is_connector else self._participants
        try:
            frame = self._seal.unseal_untrusted(data, senders)
        except OtherVersion as other:
            self.dropped[other.reason] += 1
            self._on_other_version(other.frame, address, now, is_connector)
        except Rejected as rejected:
            self.dropped[rejected.reason] += 1
        else:
            self._on_genuine(frame, address, now, is_connector)

    def _on_genuine(self, frame: Frame, address: Address, now: float, is_connector: bool) -> None:
        if is_connector and self._neighbours is not None:
            self._neighbours.receive(frame, address, now)
        elif frame.receiver != self._seal.own:
            self.dropped["receiver"] += 1
        elif frame.type in _ACKNOWLEDGEMENTS:
            self._on_acknowledged(frame)
        elif frame.type in _REQUESTS and SMALLEST + len(frame.body) >= CHALLENGE_DATAGRAM:
            self._on_request(frame, address, now)
        else:
            self.dropped["type"] += 1

    def _on_other_version(self, frame: Frame, address: Address, now: float, is_connector: bool) -> None:
        if is_connector and self._neighbours is not None:
            self._neighbours.receive_other_version(frame, address, now)
        elif frame.receiver == self._seal.own:
            self._tell_version(frame, address, now)

    def _tell_version(self, frame: Frame, address: Address, now: float) -> None:
        if frame.flags & FLAG_REPLY or not self._allowance.take(frame.sender + b"version", now):
            return
        self._answer_frame(frame, messages.MyVersion(), NO_CHALLENGE, address)
        if (frame.sender, frame.version) not in self._other_versions:
            self._other_versions.add((frame.sender, frame.version))
            self._arrivals.append(OtherVersionSeen(self._participants[frame.sender].name, frame.version, address))

    def _on_acknowledged(self, frame: Frame) -> None:
        peer = self._peers.find(frame.sender, frame.epoch)
        if peer is None or not peer.window.accept(frame.sequence):
            self.dropped["replay"] += 1
        elif not self._acknowledge(frame):
            self.dropped["acknowledged"] += 1

    def _on_request(self, frame: Frame, address: Address, now: float) -> None:
        """A challenge for what is not provably fresh.

        That costs the sender no allowance: whoever repeats its old datagrams must not be able to use it up.
        """
        is_fresh = self._challenges.is_valid(frame.challenge, frame.sender, frame.epoch, address, now)
        peer = self._peers.find(frame.sender, frame.epoch)
        if not is_fresh or (peer is None and frame.type != Type.HELLO):
            self.dropped["stale"] += frame.challenge != NO_CHALLENGE
            self._send_challenge(frame, peer, address, now)
        elif peer is not None and not peer.window.accept(frame.sequence):
            self.dropped["replay"] += 1
        else:
            self._on_fresh(frame, peer, address, now)

    def _send_challenge(self, frame: Frame, peer: Peer | None, address: Address, now: float) -> None:
        message = messages.Challenge(self._challenges.issue(frame.sender, frame.epoch, address, now))
        theirs = peer.challenge if peer is not None else NO_CHALLENGE
        self._answer_frame(frame, message, theirs, address)

    def _on_fresh(self, frame: Frame, peer: Peer | None, address: Address, now: float) -> None:
        try:
            message = parse_body_untrusted(frame.type, frame.body)
        except Malformed:
            self.dropped["body"] += 1
            self._refuse(frame, peer, address, ResultCode.POLICY)
            return
        if not self._allowance.take(frame.sender, now) and not self._is_first_reset(message):
            self.dropped["rate"] += 1
            return
        self.keys_heard.note(frame.key_id, str(self._participants[frame.sender]), now)
        if peer is not None:
            peer.address, peer.last_heard, peer.key = address, now, frame.key_id
            self._remember(address)
        if isinstance(message, messages.Hello):
            self._on_hello(frame, message, peer, address, now)
        elif peer is not None:
            _HANDLERS[type(message)](self, frame, message, peer, now)

    def _remember(self, address: Address) -> None:
        self._heard_from.pop(address, None)
        self._heard_from[address] = None
        if len(self._heard_from) > _MOST_REMEMBERED:
            del self._heard_from[next(iter(self._heard_from))]

    def _refuse(self, frame: Frame, peer: Peer | None, address: Address, code: ResultCode) -> None:
        theirs = peer.challenge if peer is not None else NO_CHALLENGE
        self._answer_frame(frame, messages.Refused(code), theirs, address)

    def _on_hello(self, frame: Frame, message: messages.Hello, peer: Peer | None, address: Address, now: float) -> None:
        participant = self._participants[frame.sender]
        if message.name != participant.name or (peer is not None and message.challenge != peer.challenge):
            self._refuse(frame, peer, address, ResultCode.POLICY)
            return
        is_local = participant.role is Role.MONITOR and message.standing is Standing.LOCAL
        if peer is None:
            peer = Peer(frame.sender, participant, message.challenge, address, now, frame.key_id)
            peer.window.accept(frame.sequence)
            if not self._peers.add(frame.epoch, peer, now):
                self.dropped["lives"] += 1
                return
            self._arrivals.append(HelloSeen(message.name, is_local, address, message.digest != self._digest))
        self._send_welcome(frame, peer, self._own_server(*([message.name] if is_local else [])), now)

    def _send_welcome(self, frame: Frame, peer: Peer, own: str, now: float) -> None:
        challenge = self._challenges.issue(frame.sender, frame.epoch, peer.address, now)
        self._send(peer, messages.Welcome(challenge, own, self._version, self._digest), frame.request)

    def _on_path_check(self, frame: Frame, message: messages.PathCheck, peer: Peer, now: float) -> None:
        self.path_checks[peer.participant.name] += 1
        challenge = self._challenges.issue(frame.sender, frame.epoch, peer.address, now)
        self._send(peer, messages.PathStatus(challenge, self._digest, tuple(self._status(now))), frame.request)

    def _on_reset_request(self, frame: Frame, message: messages.ResetRequest, peer: Peer, now: float) -> None:
        if (refused := self._ask_reset(frame, message, peer, now)) is not None:
            self._send(peer, refused, frame.request)

    def _on_result_query(self, frame: Frame, message: messages.ResultQuery, peer: Peer, now: float) -> None:
        if (refused := self._query_result(frame, peer, now)) is not None:
            self._send(peer, refused, frame.request)


_HANDLERS: dict[type, Callable[[Responder, Frame, Any, Peer, float], None]] = {
    messages.PathCheck: Responder._on_path_check,
    messages.ResetRequest: Responder._on_reset_request,
    messages.ResultQuery: Responder._on_result_query,
}
