"""The other connectors: who is there, announcements from us to them and from them to us, and where they differ from us. Sans-IO.

Nobody tells a connector where the others are. Who sends from the cluster's port and knows the key is one: its id must be that of
the address it sends from. What it says counts once its present life is proven (`freshness`); until then the only effect is PROVE,
which is never longer than what came.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from haconn_cli.config.model import Servers
from haconn_cli.resetpath.seal import EVERYONE, Address, Randomness, Seal, connector_name, participant_id
from haconn_cli.resetpath.vocabulary import Role
from haconn_cli.resetpath.wire import messages
from haconn_cli.resetpath.wire.frame import FLAG_REPLY, REQUEST_SIZE, VERSION, Frame, Malformed
from haconn_cli.resetpath.wire.messages import Message, Type, parse_body_untrusted
from haconn_daemon.resetpath import arrivals
from haconn_daemon.resetpath.freshness import Freshness, Verdict, stamp
from haconn_daemon.resetpath.keys import KeysHeard
from haconn_daemon.resetpath.peers import Allowance
from haconn_daemon.resetpath.segment import Segment

PRESENCE_INTERVAL, FIRST_INTERVAL = 10.0, 0.5
"""Seconds between two announcements of oneself; so a new life is known long before it has anything to say that matters. At a
start they come faster, twice as slowly each time, so that one lost datagram does not cost ten seconds."""
SILENCE = 35.0
"""Seconds without a word after which a connector is taken for gone: three announcements lost, and a little."""
INTENT_TIMES = (0.0, 0.06, 0.14)
"""Seconds after the decision at which it is announced: three times, all in the first half of the usual wait."""
MOST_NEIGHBOURS, _MOST_SEEN, _MOST_IDS = 64, 256, 1024


@dataclass(slots=True, eq=False)
class Neighbour:
    """One other connector."""

    id: bytes
    address: Address
    freshness: Freshness = field(default_factory=Freshness)
    heard: float = float("-inf")
    """When it last said something that counts."""
    is_new: bool = False
    """It has not said yet what it is in its present life."""
    seen: dict[bytes, None] = field(default_factory=dict)
    """The ids of what it announced, which comes more than once."""
    difference: str = ""
    differs_since: float = 0.0
    other_version: int | None = None
    other_version_since: float = 0.0
    other_version_heard: float = 0.0


@dataclass(frozen=True, slots=True)
class Ours:
    """What the responder shares with its part for the other connectors."""

    seal: Seal
    randomness: Randomness
    presence: Callable[[], messages.Presence]
    """What we announce of ourselves."""
    out: deque[tuple[bytes, Address]]
    arrivals: deque[arrivals.Arrival]
    dropped: Counter[str]
    keys_heard: KeysHeard


class Neighbours:
    """What a connector has to do with the others."""

    def __init__(self, cluster: bytes, segment: Segment, servers: Servers, ours: Ours, arbitrates: bool) -> None:
        self._cluster, self._segment, self._ours = cluster, segment, ours
        self._configured, self._opposite = segment.configured(servers), servers.digest(arbitrates=not arbitrates)
        self._ids: dict[str, bytes] = {}
        self._known: dict[bytes, Neighbour] = {}
        self._places: set[Address] = set()   # where those are
        self._allowance = Allowance()
        self._next_presence, self._interval = 0.0, FIRST_INTERVAL
        self._due: list[tuple[float, Message, bytes]] = []

    # Who.

    def id_at(self, address: Address) -> bytes | None:
        """The id of a connector that sends from there; None where none may be."""
        host, port = address
        if port != self._segment.port:
            return None
        if host not in self._ids:
            if not self._segment.holds(host):
                return None
            if len(self._ids) >= _MOST_IDS:
                self._ids.clear()
            self._ids[host] = participant_id(self._cluster, Role.CONNECTOR, connector_name(host, port))
        return self._ids[host]

    def is_known(self, address: Address) -> bool:
        """Whether a connector there is believed now."""
        return address in self._places

    def present(self, now: float) -> list[Neighbour]:
        """Those that were heard of lately."""
        return [one for one in self._known.values() if now - one.heard <= SILENCE]

    def replace_servers(self, servers: Servers, arbitrates: bool) -> None:
        """Another list of servers; the others hear of it at once."""
        self._configured, self._opposite = self._segment.configured(servers), servers.digest(arbitrates=not arbitrates)
        self._next_presence, self._interval = 0.0, FIRST_INTERVAL

    # What we say.

    def announce(self, message: messages.Intent | messages.Event, now: float) -> None:
        """Tell all the others: an INTENT again and again in a short time, an EVENT once."""
        request = self._ours.randomness(REQUEST_SIZE)
        times = INTENT_TIMES if isinstance(message, messages.Intent) else (0.0,)
        self._due += [(now + after, message, request) for after in times]

    def next_deadline(self) -> float:
        """When there is something to do next."""
        ends = [one.heard + SILENCE for one in self._known.values() if one.difference]
        ends += [one.other_version_heard + SILENCE for one in self._known.values() if one.other_version is not None]
        return min([self._next_presence, *(when for when, _, _ in self._due), *ends])

    def handle_deadline(self, now: float) -> None:
        """Announce what is due; forget what those said that are silent."""
        if now >= self._next_presence:
            self._next_presence = now + self._interval
            self._interval = min(2 * self._interval, PRESENCE_INTERVAL)
            self._spread(self._ours.presence(), self._ours.randomness(REQUEST_SIZE), now)
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        for _, message, request in due:
            self._spread(message, request, now)
        for one in self._known.values():
            if now >= one.heard + SILENCE:
                self._note_settings(one, "", now)
            if now >= one.other_version_heard + SILENCE:
                self._note_version(one, None, now)

    def _spread(self, message: Message, request: bytes, now: float) -> None:
        """To everyone, and once more to each alone: there are switches that eat broadcasts."""
        everyone = self._segment.everyone
        if everyone is not None:
            self._ours.out.append((self._ours.seal.seal(EVERYONE, message, request, stamp(now)), everyone))
        for address in dict.fromkeys((*(one.address for one in self.present(now)), *self._configured)):
            self._send(address, message, request, now)

    def _send(
        self, address: Address, message: Message, request: bytes, now: float, *, key: int | None = None, is_reply: bool = False
    ) -> None:
        receiver = self.id_at(address)
        assert receiver is not None, "only addresses of the segment get here"
        datagram = self._ours.seal.seal(receiver, message, request, stamp(now), reply=is_reply, key_id=key)
        self._ours.out.append((datagram, address))

    # What they say.

    def receive(self, frame: Frame, address: Address, now: float) -> None:
        """A genuine datagram of the connector at that address."""
        neighbour = self._neighbour(frame.sender, address, now)
        if frame.type == Type.PROVE:
            self._on_prove(frame, neighbour, now)
        elif frame.type == Type.PROOF:
            self._on_proof(frame, neighbour, now)
        elif frame.type in _HANDLERS:
            self._judge(frame, neighbour, now)
        else:
            self._ours.dropped["type"] += 1

    def _neighbour(self, sender: bytes, address: Address, now: float) -> Neighbour:
        """Its place in the table; when that is full, the one goes that was silent longest."""
        if sender not in self._known:
            if len(self._known) >= MOST_NEIGHBOURS:
                gone = min(self._known.values(), key=lambda one: one.heard)
                del self._known[gone.id]
                self._places.discard(gone.address)
            self._known[sender] = Neighbour(sender, address)
            self._places.add(address)
        return self._known[sender]

    def _on_prove(self, frame: Frame, neighbour: Neighbour, now: float) -> None:
        if frame.receiver == EVERYONE:
            self._ours.dropped["type"] += 1
        else:
            self._send(neighbour.address, messages.Proof(), frame.request, now, key=frame.key_id, is_reply=True)

    def _on_proof(self, frame: Frame, neighbour: Neighbour, now: float) -> None:
        proof = neighbour.freshness.take_proof(frame, now)
        if proof is None:
            self._ours.dropped["stale"] += 1
            return
        is_another_life, waited = proof
        is_back = is_another_life or now - neighbour.heard > SILENCE
        neighbour.heard = now
        self._note_version(neighbour, None, now)
        if is_back:
            neighbour.is_new = True
            self._send(neighbour.address, self._ours.presence(), self._ours.randomness(REQUEST_SIZE), now)
        for one in waited:
            self._on_fresh(one, neighbour, now)

    def _judge(self, frame: Frame, neighbour: Neighbour, now: float) -> None:
        verdict = neighbour.freshness.judge(frame, now)
        if verdict is Verdict.NEW:
            self._on_fresh(frame, neighbour, now)
            if neighbour.freshness.wants_renewal(now):
                self._prove(neighbour, frame.key_id, now)
        elif verdict is Verdict.UNPROVEN:
            self._prove(neighbour, frame.key_id, now)
        else:
            self._ours.dropped["replay"] += 1

    def _prove(self, neighbour: Neighbour, key: int, now: float) -> None:
        """Ask for a proof, under the key that the other has."""
        request = self._ours.randomness(REQUEST_SIZE)
        if neighbour.freshness.ask(request, now):
            self._send(neighbour.address, messages.Prove(), request, now, key=key)

    def _on_fresh(self, frame: Frame, neighbour: Neighbour, now: float) -> None:
        try:
            message = parse_body_untrusted(frame.type, frame.body)
        except Malformed:
            self._ours.dropped["body"] += 1
            return
        # The copies of one announcement cost no allowance: 16 resets at once are 600 datagrams a second.
        is_told = frame.request in neighbour.seen
        if not is_told and not self._allowance.take(neighbour.id, now):
            self._ours.dropped["rate"] += 1
            return
        neighbour.heard = now
        self._ours.keys_heard.note(frame.key_id, f"connector {neighbour.address[0]}", now)
        if not is_told:
            neighbour.seen[frame.request] = None
            if len(neighbour.seen) > _MOST_SEEN:
                del neighbour.seen[next(iter(neighbour.seen))]
            _HANDLERS[frame.type](self, message, neighbour, now)

    def _on_presence(self, message: messages.Presence, neighbour: Neighbour, now: float) -> None:
        if neighbour.is_new:
            neighbour.is_new = False
            self._ours.arrivals.append(arrivals.ConnectorSeen(neighbour.address, message.own_server, message.version))
        other = arrivals.OTHER_ARBITRATION if message.digest == self._opposite else arrivals.OTHER_SERVERS
        self._note_settings(neighbour, "" if message.digest == self._ours.presence().digest else other, now)

    def _on_intent(self, message: messages.Intent, neighbour: Neighbour, now: float) -> None:
        sender = connector_name(*neighbour.address)
        heard = arrivals.IntentHeard(sender, message.target, message.requester, message.priority, message.operation)
        self._ours.arrivals.append(heard)

    def _on_event(self, message: messages.Event, neighbour: Neighbour, now: float) -> None:
        self._ours.arrivals.append(arrivals.EventHeard(connector_name(*neighbour.address), message.kind, message.server))

    def receive_other_version(self, frame: Frame, address: Address, now: float) -> None:
        """A genuine datagram of another version, of which only the header is known. What answers PROVE is the proof of it."""
        neighbour = self._neighbour(frame.sender, address, now)
        if frame.flags & FLAG_REPLY:
            if neighbour.freshness.end_ask(frame.request, now) is not None:
                self._note_version(neighbour, frame.version, now)
        elif frame.receiver == EVERYONE:
            self._prove(neighbour, frame.key_id, now)
        else:
            self._send(address, messages.MyVersion(), frame.request, now, key=frame.key_id, is_reply=True)

    # Where they differ.

    def _note_settings(self, neighbour: Neighbour, difference: str, now: float) -> None:
        if difference != neighbour.difference:
            before, neighbour.difference, neighbour.differs_since = neighbour.difference, difference, now
            self._ours.arrivals.append(arrivals.ServersDiffer(neighbour.address, bool(difference), difference or before))

    def _note_version(self, neighbour: Neighbour, version: int | None, now: float) -> None:
        neighbour.other_version_heard = now
        if version != neighbour.other_version:
            before, neighbour.other_version, neighbour.other_version_since = neighbour.other_version, version, now
            self._ours.arrivals.append(arrivals.VersionsDiffer(neighbour.address, version or before or 0, version is not None))

    def notes(self, now: float) -> Iterator[str]:
        """What a person should know of the others, a line each."""
        for one in self._known.values():
            if one.difference:
                yield f"connector {one.address[0]} {one.difference}, for {_duration(now - one.differs_since)}"
            if one.other_version is not None:
                told = f"speaks version {one.other_version} of the reset-path protocol, this one version {VERSION}"
                yield f"connector {one.address[0]} {told}, for {_duration(now - one.other_version_since)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


_HANDLERS: dict[int, Callable[[Neighbours, Any, Neighbour, float], None]] = {
    Type.PRESENCE: Neighbours._on_presence,
    Type.INTENT: Neighbours._on_intent,
    Type.EVENT: Neighbours._on_event,
}
