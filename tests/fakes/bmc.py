"""BMCs that misbehave in ways of their own, built around the simulated one, and a look at the keys of its sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ipmi_lan.crypto.sealing import Sealing
from ipmi_lan.simulator import SimulatedBmc
from ipmi_lan.simulator.sessions import Session
from ipmi_lan.wire.codes import NetFn, PayloadType
from ipmi_lan.wire.message import Request, Response, build_response, parse_request_untrusted
from ipmi_lan.wire.packet import build_packet, parse_packet_untrusted

Rewrite = Callable[[bytes], bytes | None]
"""The payload to be sent instead, or None for silence."""


class RewritingBmc:
    """A simulated BMC whose login replies pass through `rewrites`, by payload type."""

    def __init__(self, bmc: SimulatedBmc, rewrites: Mapping[PayloadType, Rewrite]) -> None:
        self.bmc = bmc
        self.rewrites = dict(rewrites)

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """The replies to `data`, rewritten."""
        replies = [self._rewrite(reply) for reply in self.bmc.receive_datagram_untrusted(data, address, now)]
        return [reply for reply in replies if reply is not None]

    def _rewrite(self, reply: bytes) -> bytes | None:
        packet = parse_packet_untrusted(reply)
        rewrite = None if packet.authenticated else self.rewrites.get(PayloadType(packet.payload_type))
        if rewrite is None:
            return reply
        payload = rewrite(packet.payload)
        return None if payload is None else build_packet(packet._replace(payload=payload))


def open_session_of(bmc: SimulatedBmc, now: float = 0.0) -> Session:
    """The one session that is open, with its keys."""
    (session,) = bmc._board.sessions.open(now)
    return session


def sealing_of(session: Session) -> Sealing:
    """What the BMC of `session` seals and unseals with; a fresh one, so that the simulator's own stays as it is."""
    assert session.keys is not None
    assert session.login is not None
    return Sealing(session.suite, session.keys, session.login.password, session.console_id, session.bmc_id)


def sealed(session: Session, payload: bytes, sequence: int, payload_type: int = PayloadType.IPMI) -> bytes:
    """A packet to the console as only the BMC of `session` can make it."""
    return sealing_of(session).seal(sequence, payload, lambda count: bytes(range(count)), payload_type)


def sealed_response(session: Session, response: Response, sequence: int) -> bytes:
    """An authentic answer to the console."""
    return sealed(session, build_response(response), sequence)


def is_sealed(datagram: bytes) -> bool:
    """Whether it says that it is of a session."""
    return parse_packet_untrusted(datagram).authenticated


class Mute:
    """A BMC that stops answering when told."""

    def __init__(self, bmc: SimulatedBmc) -> None:
        self.bmc = bmc
        self.from_now = False
        self.drops: Callable[[bytes], bool] = lambda datagram: self.from_now

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """The replies of the BMC, or none."""
        return [] if self.drops(data) else self.bmc.receive_datagram_untrusted(data, address, now)


class WebServer:
    """No BMC at all."""

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """Always the same."""
        return [b"HTTP/1.1 400 Bad Request\r\n"]


class RefusingBmc:
    """A BMC that gives one command another completion code, in every session."""

    def __init__(self, bmc: SimulatedBmc, command: int, code: int) -> None:
        self.bmc, self.command, self.code = bmc, command, code
        self.asked = 0

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """The refusal, or what the BMC says."""
        refusal = self._refusal(data, now) if is_sealed(data) else None
        return self.bmc.receive_datagram_untrusted(data, address, now) if refusal is None else [refusal]

    def _refusal(self, data: bytes, now: float) -> bytes | None:
        session = open_session_of(self.bmc, now)
        packet = sealing_of(session).unseal_untrusted(data)
        request = parse_request_untrusted(packet.payload)
        if request.command != self.command:
            return None
        self.asked += 1
        session.heard_at = now
        session.window.accept(packet.sequence)
        response = Response(request.netfn, request.command, request.sequence, self.code)
        return sealed_response(session, response, session.next_number())


class BmcWithMac(SimulatedBmc):
    """A simulated BMC that tells its MAC address, or refuses to with a completion code, or says nothing (None)."""

    told: bytes | int | None = None
    times_asked = 0

    def receive_datagram_untrusted(self, data: bytes, address: tuple[str, int], now: float) -> list[bytes]:
        """What the BMC says, and to Get LAN Configuration Parameters what is told."""
        if is_sealed(data):
            packet = parse_packet_untrusted(data)
            session = self._board.sessions.find(packet.session_id, now)
            if session is not None:
                request = parse_request_untrusted(sealing_of(session).unseal_untrusted(data).payload)
                if (request.netfn, request.command) == (NetFn.TRANSPORT, 0x02):
                    return self._tell(session, request, packet.sequence, now)
        return super().receive_datagram_untrusted(data, address, now)

    def _tell(self, session: Session, request: Request, sequence: int, now: float) -> list[bytes]:
        self.times_asked += 1
        session.heard_at = now
        session.window.accept(sequence)
        if self.told is None:
            return []
        code, told = (self.told, b"") if isinstance(self.told, int) else (0, b"\x11" + self.told)
        response = Response(request.netfn, request.command, request.sequence, code, told)
        return [sealed_response(session, response, session.next_number())]
