"""The seal on every datagram: who sent it, to whom, that nobody changed it, and that it is not an old one.

What is proven, to whom, against whom. A datagram that passes `Seal.unseal_untrusted` was made by a holder of the cluster key
who named itself as its sender, for this very receiver, in this cluster, and is unchanged; against everybody without the key,
who may read, stop, change, repeat and invent datagrams at will. It is not proven that it is new: for that the connector asks
for one of its `Challenges` and the requester for its own, and within one life of the sender a `ReplayWindow` lets nothing
through twice. No clock and no source of randomness here: `now` and `randomness` are given.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Container
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haconn_cli.config.model import KeyRing
from haconn_cli.resetpath.vocabulary import Role
from haconn_cli.resetpath.wire.frame import (
    CHALLENGE_SIZE,
    FLAG_REPLY,
    ID_SIZE,
    TAG_SIZE,
    VERSION,
    Frame,
    Malformed,
    build_frame,
    parse_frame_untrusted,
)
from haconn_cli.resetpath.wire.messages import Message, build_body, type_of

Randomness = Callable[[int], bytes]
Address = tuple[str, int]

EVERYONE = b"\xff" * ID_SIZE
"""The receiver id of a datagram for all connectors of the cluster."""
CHALLENGE_PERIOD = 30.0
"""Seconds. A challenge is good in the period it was made in and in the next: 30 to 60 s, many path checks long."""
CHALLENGE_LIFE = 2 * CHALLENGE_PERIOD
REPLAY_WIDTH = 1024
"""Datagrams by which one may be overtaken; at 100 a second, ten seconds."""
_PROTOCOL, _KEY_CLASS = b"HACP", b"reset"
_MOST_DERIVED = 1024
"""Keys kept; strangers whose address is as good as any other must not fill the memory."""


class Rejected(Exception):  # noqa: N818 - errors here are named for the fact
    """A datagram is not to be believed; `reason` is one word to count it under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OtherVersion(Rejected):
    """The datagram is genuine but of another version of the protocol; only its header may be used."""

    def __init__(self, frame: Frame) -> None:
        super().__init__("version")
        self.frame = frame


def participant_id(cluster: bytes, role: Role, name: str) -> bytes:
    """The 8 bytes by which a participant is known in the header."""
    return hashlib.sha256(b"\0".join((cluster, role.encode(), name.encode()))).digest()[:ID_SIZE]


def connector_name(address: str, port: int) -> str:
    """The name of the connector at that reset-path address: `ADDRESS:PORT`, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Seal:
    """Seals what one participant sends in one life of its, and unseals what it receives."""

    def __init__(self, keys: KeyRing, own: bytes, epoch: bytes, *, is_connector: bool = False) -> None:
        """Only a connector hears what is for `EVERYONE`."""
        self.own = own
        self._receivers = (own, EVERYONE) if is_connector else (own,)
        self._epoch = epoch
        self._cluster = keys.cluster
        self._sequence = 0
        self.replace_keys(keys)

    def replace_keys(self, keys: KeyRing) -> None:
        """From now on these keys, in this very life: the sequence goes on. The cluster must be the same."""
        assert keys.cluster == self._cluster, "everybody's ids are made of it"
        self._secrets = {key.id: key.secret for key in keys.keys}
        self._sending = keys.keys[0].id
        self._derived: dict[tuple[int, bytes, bytes], bytes] = {}

    def seal(
        self,
        receiver: bytes,
        message: Message,
        request: bytes,
        challenge: bytes,
        *,
        reply: bool = False,
        key_id: int | None = None,
    ) -> bytes:
        """The datagram that carries `message`, under the next sequence number.

        `key_id`: of the key that the receiver is known to have; else, or where it is gone, the one that is sent with.
        """
        self._sequence += 1
        frame = Frame(
            type=type_of(message),
            sender=self.own,
            receiver=receiver,
            epoch=self._epoch,
            sequence=self._sequence,
            challenge=challenge,
            request=request,
            body=build_body(message),
            key_id=key_id if key_id in self._secrets else self._sending,
            flags=FLAG_REPLY if reply else 0,
        )
        covered = build_frame(frame)
        return covered + hmac.digest(self._key(frame.key_id, frame.sender, frame.receiver), covered, "sha256")

    def unseal_untrusted(self, datagram: bytes, senders: Container[bytes]) -> Frame:
        """The frame of a genuine datagram for us from one of `senders`. Raises `Rejected`.

        What costs nothing is looked at first; no digest is computed for a sender or a key that there is not.
        """
        try:
            frame = parse_frame_untrusted(datagram)
        except Malformed as error:
            raise Rejected(str(error)) from None
        if frame.receiver not in self._receivers:
            raise Rejected("receiver")
        if frame.sender not in senders:
            raise Rejected("sender")
        if frame.key_id not in self._secrets:
            raise Rejected("key")
        key = self._key(frame.key_id, frame.sender, frame.receiver)
        if not hmac.compare_digest(hmac.digest(key, datagram[:-TAG_SIZE], "sha256"), datagram[-TAG_SIZE:]):
            raise Rejected("tag")
        if frame.version != VERSION:
            raise OtherVersion(replace(frame, body=b""))
        return frame

    def _key(self, key_id: int, sender: bytes, receiver: bytes) -> bytes:
        """The key of this one direction, so that nothing can be turned round or moved to another receiver (RFC 5869)."""
        direction = (key_id, sender, receiver)
        if direction not in self._derived:
            info = b"\0".join((_PROTOCOL, _KEY_CLASS, sender + receiver))
            if len(self._derived) >= _MOST_DERIVED:
                del self._derived[next(iter(self._derived))]
            self._derived[direction] = HKDF(SHA256(), 32, self._cluster, info).derive(self._secrets[key_id])
        return self._derived[direction]


class Challenges:
    """A connector's proofs of freshness; nothing is stored for them but two secrets, and a new process has new ones."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._period: int | None = None
        self._secrets: tuple[bytes, ...] = ()

    def issue(self, sender: bytes, epoch: bytes, address: Address, now: float) -> bytes:
        """A challenge for this life of this sender at this address."""
        self._turn(now)
        return _challenge(self._secrets[0], sender, epoch, address)

    def is_valid(self, challenge: bytes, sender: bytes, epoch: bytes, address: Address, now: float) -> bool:
        """Whether it was issued to them here, in this period or the one before."""
        self._turn(now)
        answers = [hmac.compare_digest(challenge, _challenge(secret, sender, epoch, address)) for secret in self._secrets]
        return any(answers)

    def _turn(self, now: float) -> None:
        period = int(now // CHALLENGE_PERIOD)
        if self._period is not None and period <= self._period:
            return
        still_good = self._secrets[:1] if self._period is not None and period == self._period + 1 else ()
        self._secrets = (self._randomness(32), *still_good)
        self._period = period


def _challenge(secret: bytes, sender: bytes, epoch: bytes, address: Address) -> bytes:
    host, port = address
    return hmac.digest(secret, sender + epoch + f"{host}\0{port}".encode(), "sha256")[:CHALLENGE_SIZE]


class ReplayWindow:
    """The sequence numbers seen in one life of one sender (as RFC 6479): each passes once, and none that is too old."""

    def __init__(self) -> None:
        self._highest = 0
        self._seen = 0

    def is_new(self, sequence: int) -> bool:
        """Whether `accept` would."""
        behind = self._highest - sequence
        return behind < 0 or (behind < REPLAY_WIDTH and sequence > 0 and not self._seen >> behind & 1)

    def accept(self, sequence: int) -> bool:
        """Whether the number is new; it is not the next time. Only for numbers out of genuine datagrams."""
        if not self.is_new(sequence):
            return False
        ahead = sequence - self._highest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, REPLAY_WIDTH) | 1) & ((1 << REPLAY_WIDTH) - 1)
            self._highest = sequence
        else:
            self._seen |= 1 << -ahead
        return True
